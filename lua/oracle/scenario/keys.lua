--- The keys of a scenario: their types, units, ranges, defaults and meaning. oracle.scenario.schema checks by them.
-- Engine knobs carry vLLM's names; their defaults are those of vLLM V1 as of v0.11 (vllm/engine/arg_utils.py),
-- `vllm serve`. Where a default depends on the model or the GPU it is absent here and filled by oracle.plan.
local fields = require "oracle.scenario.fields"
local formats = require "oracle.scenario.number_formats"
local cost_models = require "oracle.cost_model"
local systems = require "oracle.system"
local workloads = require "oracle.workload"

local section, seconds = fields.section, fields.seconds

local DTYPES, KV_DTYPES = formats.names("activations", { "auto" }), formats.names("kv", { "auto" })
local QUANTIZATIONS = formats.names("weights", { "none" })

-- cost/collective.h: the names of its algorithms that add up, and what else two of them are called.
local ALL_REDUCES = { "ring", "tree", "halving", "direct", "hierarchical", "in_switch", "auto" }
local ALSO = { recursivehalvingdoubling = "halving", halvingdoubling = "halving", nvls = "in_switch",
               nvlinksharp = "in_switch" }
local function all_reduce_named(name) return ALSO[(name:lower():gsub("[-_]", ""))] end

local engine = section { "engine", complete = true, systems = true,
                         doc = "the serving engine's knobs, named as in vLLM; a system's own names work too", {
  { "system", "choice", values = systems.names(), also = systems.find, own = systems.is_path, default = "vllm",
    doc = "the serving system simulated, or the path of a file that makes one: its defaults, its policies" },
  { "tensor_parallel_size", "count", min = 1, max = 1024, default = 1, doc = "GPUs that share each layer" },
  { "pipeline_parallel_size", "count", min = 1, max = 1024, default = 1, doc = "stages of layers" },
  { "pipeline_layers", "layers",
    doc = "layers of each stage: a list, \"even\" (also where they do not divide), \"balanced\" around the LM head" },
  { "data_parallel_size", "count", min = 1, max = 1024, default = 1,
    doc = "attention replicas that share the experts and step together; of a dense model, copies" },
  { "enable_expert_parallel", "boolean", default = false, doc = "whole experts on each rank, not a part of each" },
  { "enable_sequence_parallelism", "boolean", default = false, doc = "norms work on a tp-th of the tokens" },
  { "all_reduce", "choice", values = ALL_REDUCES, also = all_reduce_named, default = "ring",
    doc = "how the GPUs of a layer add up; auto: by bytes, the quickest their links offer (also: nvls,"
      .. " recursive_halving_doubling)" },
  { "dtype", "choice", values = DTYPES, default = "auto", doc = "format of activations and plain weights" },
  { "quantization", "choice", values = QUANTIZATIONS, doc = "format of the weight matrices; as the model says" },
  { "kv_cache_dtype", "choice", values = KV_DTYPES, default = "auto", doc = "format of the KV cache" },
  { "max_num_seqs", "count", min = 1, max = 1000000,
    doc = "requests in one step; 1024 on GPUs of 70 GiB and more but the A100, else 256" },
  { "max_num_batched_tokens", "count", dimension = "tokens", min = 1, max = 100000000,
    doc = "token budget of one step; 8192 on GPUs of 70 GiB and more but the A100, else 2048" },
  { "max_model_len", "count", dimension = "tokens", min = 1, max = 1000000000,
    doc = "longest prompt + output; the model's context" },
  { "block_size", "count", min = 1, max = 65536, default = 16, doc = "tokens in one KV block" },
  { "gpu_memory_utilization", "number", dimension = "ratio", min = 0, open = true, max = 1, default = 0.9,
    doc = "share of the GPU's memory the engine may take" },
  { "enable_chunked_prefill", "boolean", default = true, doc = "cut prompts to what is left of the budget" },
  { "long_prefill_token_threshold", "count", dimension = "tokens", min = 0, max = 1000000000, default = 0,
    doc = "tokens of one prompt in a step at most; 0: as many as the budget leaves" },
  { "num_microbatches_per_request", "count", min = 1, max = 1000000, default = 1,
    doc = "parts a prompt is computed in, which may be in several pipeline stages at a time" },
  { "enable_prefix_caching", "boolean", default = true, doc = "reuse KV blocks of equal prefixes" },
  { "enable_cross_request_caching", "boolean", default = true,
    doc = "of any request's prompts; false: only what earlier turns of the same session left" },
  { "min_prefix_cache_length", "count", dimension = "tokens", min = 0, max = 1000000000, default = 0,
    doc = "shorter prefixes of other requests' prompts are no hit" },
  { "prefix_cache_blocks", "count", min = 0, max = 1000000000, default = 0,
    doc = "KV blocks the prefix cache keeps at most, the least recently used give way; 0: as many as fit" },
  { "recompute_last_block", "boolean", default = false,
    doc = "a prompt found whole computes its last block again, as vLLM V1 does, not its last token alone" },
  { "swap_space", "number", dimension = "bytes", min = 0, max = 2^60, default = 4 * 2^30,
    doc = "host memory per GPU for requests that give way, with preemption = \"swap\"; vLLM V0's --swap-space" },
  { "num_gpu_blocks_override", "count", min = 1, max = 1000000000, doc = "KV blocks, whatever the memory says" },
} }

local cost = section { "cost", cost_models.keys(), complete = true, shorthand = "kind",
                       own = cost_models.is_own,
                       doc = "what a step costs: a kind, a table, a Lua file's path, or a function" }

local slo = section { "slo", doc = "goodput counts the requests that meet all of these", {
  seconds("ttft", "time to first token", { open = true }),
  seconds("tpot", "time per output token after the first", { open = true }),
  seconds("e2e", "arrival to last token", { open = true }),
} }

-- The same keys without defaults: what is absent is as elsewhere.
local function partial(node, doc)
  local list = {}
  for _, key in ipairs(node.order) do
    local f = {}
    for k, v in pairs(node.fields[key]) do f[k] = v end
    f.default, f.complete = nil, nil
    list[#list + 1] = f
  end
  return section { node[1], list, doc = doc }
end

local STAGE_GPUS = { "stages", "list", doc = "pipeline stages on different GPUs: { { hardware = }, ... }, one for each",
                     of = section { "stage", { { "hardware", "name", required = true, doc = "of its GPUs" } } } }

local autoscaling = section { "autoscaling", shorthand = "policy", doc = "replicas that come and go", {
  { "policy", "policy", folder = "scaling", required = true, doc = "how many replicas there should be" },
  { "min", "count", min = 0, max = 65535, default = 1, doc = "replicas at least" },
  { "max", "count", min = 1, max = 65535, required = true, doc = "replicas at most" },
  seconds("interval", "between two questions; 15 s as in Kubernetes", { open = true, default = 15 }),
  seconds("cold_start", "from the decision until a replica serves", { required = true }),
} }

local function pool(name, doc)
  return section { name, doc = doc, {
    { "replicas", "count", min = 1, max = 65535, default = 1, doc = "of this pool" },
    { "hardware", "name", doc = "its GPUs, where they are others" }, STAGE_GPUS,
    partial(engine, "knobs that differ from the scenario's"), autoscaling,
    { "lod", "choice", values = { "auto", "medium", "high" }, doc = "its level of detail, where it is another" },
  } }
end

local TIERS = { "kv_tiers", "list", most = 4,
  doc = "memory below the GPU's, the fastest first, where blocks of the prefix cache go that give way: { { name =, "
    .. "capacity =, bandwidth =, latency = }, ... }, of each GPU",
  of = section { "tier", {
    { "name", "string", required = true, doc = "what results call it" },
    { "capacity", "number", dimension = "bytes", min = 0, open = true, max = 2^60, required = true, doc = "of it" },
    { "bandwidth", "number", dimension = "bytes/s", min = 0, open = true, max = 1e15, required = true,
      doc = "at which blocks come back to the GPU" },
    seconds("latency", "before the first block comes, once per request and tier", { default = 0 }),
  } } }

return section { "", {
  { "name", "string", doc = "what the scenario is called in results" },
  { "model", "name", required = true, doc = "a name of models/llm, or the path of a Hugging Face config.json" },
  { "hardware", "name", required = true, doc = "a GPU of models/hardware, or the path of such a file" },
  engine,
  STAGE_GPUS,
  { "replicas", "count", min = 1, max = 65535, default = 1, doc = "independent copies behind the router" },
  section { "pools", doc = "some replicas compute prompts, others decode; KV goes over the network", {
    pool("prefill", "replicas that compute prompts, each up to its first token"),
    pool("decode", "replicas that generate the other tokens"),
    { "transfer", "choice", values = { "end", "layerwise" }, default = "end",
      doc = "when a prompt's KV goes: all when it is computed, or each layer as soon as it is" },
  } },
  { "groups", "list", doc = "different replicas behind one router: { { replicas =, hardware =, engine = }, ... }",
    of = pool("group", "") },
  { "network", "network", doc = "how GPUs are joined: a topology's name or a table (oracle.topology); without it each"
    .. " pair has the hardware's own link to itself" },
  { "placement", "list", of = { type = "string" },
    doc = "GPUs of the network, replica by replica, stage by stage, rank by rank; the first ones in order" },
  { "router", "policy", folder = "routing",
    doc = "which replica a request goes to; as the system does, else round_robin" },
  { "batching", "policy", folder = "batching", doc = "what each step computes; as the system does, chunked for vllm" },
  { "admission", "policy", folder = "admission", doc = "which arrivals are served; all" },
  { "eviction", "policy", folder = "eviction", doc = "which cached KV blocks give way first; lru" },
  { "preemption", "choice", values = { "recompute", "swap" }, default = "recompute",
    doc = "what becomes of a request's KV blocks when it gives way" },
  TIERS,
  { "kv_loading", "choice", values = { "blocking", "layerwise", "async" },
    doc = "how blocks come back from kv_tiers: the step waits; layer by layer while it computes; before their request "
      .. "is admitted, while others compute; as the system does" },
  autoscaling,
  section { "failures", doc = "replicas that fail; their requests go to others and are computed again", {
    seconds("mtbf", "mean time a replica works between failures (exponential)", { min = 1e-3 }),
    seconds("mttr", "until it is back", { default = 0 }),
    { "outages", "list", doc = "failures to come: { { at =, lasts =, replica = }, ... }", of = section { "outage", {
      seconds("at", "when", { required = true }), seconds("lasts", "how long", { required = true }),
      { "replica", "count", min = 0, max = 65534, required = true, doc = "which, from 0" },
      { "pool", "string", doc = "of which it is counted: prefill, decode, or group1 and so on; of all" },
    } } },
  } },
  cost,
  workloads.key(),
  slo,
  seconds("warm_up", "requests that arrive before are left out of every number", { default = 0 }),
  seconds("duration", "simulated time after which the run stops; until all is answered", { open = true }),
  { "seed", "count", min = 0, max = math.maxinteger, default = 0, doc = "of every random draw" },
  { "lod", "choice", values = { "auto", "medium", "high", "hybrid" }, default = "auto",
    doc = "level of detail; auto: high where links are shared; hybrid: high for what `detail` names" },
  { "detail", "list", of = { type = "string" }, doc = "lod hybrid: replicas (replica0), GPUs and links" },
  seconds("series_interval", "samples of GPU busy share, KV use and queue lengths; without it there are none",
    { min = 1e-6 }),
  section { "client_link", doc = "the clients' way to the server, which prompts share first in, first out", {
    seconds("latency", "of a message", { default = 0 }),
    { "bandwidth", "number", dimension = "bytes/s", min = 0, open = true, max = 1e15, required = true, doc = "of it" },
    { "bytes_per_token", "number", min = 0, max = 1e6, default = 2, doc = "a prompt's size on it" },
  } },
  { "percentiles", "list", of = { type = "number", min = 0, open = true, max = 100 },
    default = { 50, 90, 95, 99 }, doc = "shown of every latency" },
  { "vary", "vary", doc = "{ { key, { value, ... } }, ... }: each combination is one run" },
  { "report", "list", of = { type = "string" }, doc = "columns of the table that `vary` prints" },
} }
