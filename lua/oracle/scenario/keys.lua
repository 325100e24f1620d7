--- The keys of a scenario: their types, units, ranges, defaults and meaning. oracle.scenario.schema checks by them.
-- Those of `engine` are in oracle.scenario.knobs. `fixed` says why a key cannot change while a simulation runs
-- (oracle.live); where it is silent the key is read when a run starts.
local cost_models = require "oracle.cost_model"
local fields = require "oracle.scenario.fields"
local knobs = require "oracle.scenario.knobs"
local lazy = require "oracle.lazy"
local objectives = lazy "oracle.scenario.slo"
local workloads = require "oracle.workload"

local section, seconds = fields.section, fields.seconds

local engine = section { "engine", complete = true, systems = true,
                         fixed = "the engine was started with it",
                         doc = "the serving engine's knobs, named as in vLLM; a system's own names work too",
                         knobs.fields() }

local cost = section { "cost", cost_models.keys(), complete = true, shorthand = "kind",
                       own = cost_models.is_own, fixed = "steps already taken were priced with it",
                       doc = "what a step costs: a kind, a table, a Lua file's path, or a function" }

local slo = section { "slo", fixed = "requests that have ended were judged by it",
                      listed = function(texts) return objectives.list(texts) end,
                      doc = "goodput counts the requests that meet all of these; what all of them together are to meet "
                        .. 'stands beside: { "ttft.p99 <= 1 s", ... }', {
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

local TIERS = { "kv_tiers", "list", most = 4, fixed = knobs.of.kv_loading.fixed,
  doc = "memory below the GPU's, the fastest first, where blocks of the prefix cache go that give way: { { name =, "
    .. "capacity =, bandwidth =, latency = }, ... }, of each GPU",
  of = section { "tier", {
    { "name", "string", required = true, doc = "what results call it" },
    { "capacity", "number", dimension = "bytes", min = 0, open = true, max = 2^60, required = true, doc = "of it" },
    { "bandwidth", "number", dimension = "bytes/s", min = 0, open = true, max = 1e15, required = true,
      doc = "at which blocks come back to the GPU" },
    seconds("latency", "before the first block comes, once per request and tier", { default = 0 }),
  } } }

local DEPLOYED = "the deployment is what it runs on"

return section { "", {
  { "name", "string", doc = "what the scenario is called in results" },
  { "model", "name", required = true, fixed = "the weights were loaded when it started",
    doc = "a name of models/llm, or the path of a Hugging Face config.json" },
  { "approximate", "boolean", default = false, fixed = "the weights were loaded when it started",
    doc = "kinds of layers that are not known are taken as full attention, with a warning" },
  { "hardware", "name", required = true, fixed = DEPLOYED,
    doc = "a GPU of models/hardware, or the path of such a file" },
  engine,
  STAGE_GPUS,
  { "replicas", "count", min = 1, max = 65535, default = 1, fixed = DEPLOYED,
    doc = "independent copies behind the router" },
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
  knobs.of.kv_loading,
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
  { "processes", "list", of = { type = "function" }, fixed = "they have begun",
    doc = "functions(env, cluster) that run beside it on its clock: operators, failures (docs/processes.md)" },
  cost,
  workloads.key(),
  slo,
  seconds("warm_up", "requests that arrive before are left out of counts and latencies; rates are of the time after",
    { default = 0, fixed = "requests that have ended were counted by it" }),
  seconds("duration", "simulated time after which the run stops; until all is answered", { open = true }),
  { "seed", "count", min = 0, max = math.maxinteger, default = 0, doc = "of every random draw",
    fixed = "every draw since the beginning follows from it" },
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
  { "vary", "vary", fixed = "a simulation is one run",
    doc = "{ { key, { value, ... } }, ... }: each combination is one run" },
  { "report", "list", of = { type = "string" }, doc = "columns of the table that `vary` prints" },
} }
