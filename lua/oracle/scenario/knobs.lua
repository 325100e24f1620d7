--- The knobs of a server: one row each, as oracle.scenario.schema takes fields. What the engine itself reads has its
-- row there (src/replica/knobs.h); a knob that only decides how a server is deployed has it here.
-- Names are vLLM's; defaults those of `vllm serve` (vllm/engine/arg_utils.py) where no version of a system has its own
-- (oracle.system). Where a default depends on the model or the GPU it is absent and filled by oracle.plan.
-- Beside what the schema reads: `fixed`, why it cannot change while a simulation runs, nil: it can; `needs`, the
-- boolean knob without which it has no effect.
local core = require "oracle.core"
local fields = require "oracle.scenario.fields"
local formats = require "oracle.scenario.number_formats"
local speculative = require "oracle.scenario.speculative"
local systems = require "oracle.system"

local knobs = {}

local DTYPES, KV_DTYPES = formats.names("activations", { "auto" }), formats.names("kv", { "auto" })
local QUANTIZATIONS = formats.names("weights", { "none" })

-- cost/collective.h: the names of its algorithms that add up, and what else two of them are called.
local ALL_REDUCES = { "ring", "tree", "halving", "direct", "hierarchical", "in_switch", "auto" }
local ALSO = { recursivehalvingdoubling = "halving", halvingdoubling = "halving", nvls = "in_switch",
               nvlinksharp = "in_switch" }
local function all_reduce_named(name) return ALSO[(name:lower():gsub("[-_]", ""))] end

local STARTED = "the engine was started with it"
local LAID_OUT = "the KV cache was laid out when it started"

local DEPLOYMENT = {
  { "system", "choice", values = systems.names(), also = systems.find, own = systems.is_path, default = "vllm",
    fixed = STARTED,
    doc = "the serving system simulated, or the path of a file that makes one: its defaults, its policies" },
  { "tensor_parallel_size", "count", min = 1, max = 1024, default = 1, fixed = STARTED,
    doc = "GPUs that share each layer" },
  { "pipeline_parallel_size", "count", min = 1, max = 1024, default = 1, fixed = STARTED, doc = "stages of layers" },
  { "pipeline_layers", "layers", fixed = STARTED,
    doc = "layers of each stage: a list, \"even\", \"balanced\" around the LM head; where they do not divide,"
      .. " as vLLM deals" },
  { "data_parallel_size", "count", min = 1, max = 1024, default = 1, fixed = STARTED,
    doc = "attention replicas that share the experts and step together; of a dense model, copies" },
  { "enable_expert_parallel", "boolean", default = false, fixed = STARTED,
    doc = "whole experts on each rank, not a part of each" },
  { "decode_context_parallel_size", "count", min = 1, max = 1024, default = 1, fixed = STARTED,
    doc = "GPUs of a layer that a sequence's KV is dealt out to, of those that would hold the same" },
  { "cp_kv_cache_interleave_size", "count", min = 1, max = 65536, default = 1, fixed = LAID_OUT,
    doc = "tokens in a row that decode_context_parallel_size deals to one of them" },
  { "all2all_backend", "choice", values = { "allgather_reducescatter", "deepep_low_latency", "deepep_high_throughput" },
    default = "allgather_reducescatter", needs = "enable_expert_parallel", fixed = STARTED,
    doc = "how tokens get to whole experts on other ranks and back, as measured, with all_reduce = auto; by formula"
      .. " they are exchanged in pairs" },
  { "enable_sequence_parallelism", "boolean", default = false, fixed = STARTED,
    doc = "norms work on a tp-th of the tokens" },
  { "all_reduce", "choice", values = ALL_REDUCES, also = all_reduce_named, fixed = STARTED,
    doc = "how the GPUs of a layer add up (also: nvls, recursive_halving_doubling); auto: the engine's kernels as"
      .. " measured, where nothing was, the quickest the links offer; ring unless the cost model says otherwise" },
  { "dtype", "choice", values = DTYPES, default = "auto", fixed = STARTED,
    doc = "format of activations and plain weights" },
  { "quantization", "choice", values = QUANTIZATIONS, fixed = STARTED,
    doc = "format of the weight matrices; as the model says" },
  { "kv_cache_dtype", "choice", values = KV_DTYPES, default = "auto", fixed = LAID_OUT,
    doc = "format of the KV cache" },
  { "gpu_memory_utilization", "number", dimension = "ratio", min = 0, open = true, max = 1, default = 0.9,
    fixed = LAID_OUT, doc = "share of the GPU's memory the engine may take" },
  { "kv_cache_memory_bytes", "number", dimension = "bytes", min = 0, open = true, max = 2^60, fixed = LAID_OUT,
    doc = "memory per GPU for the KV cache, in place of what gpu_memory_utilization leaves" },
  { "swap_space", "number", dimension = "bytes", min = 0, max = 2^60, default = 4 * 2^30, fixed = STARTED,
    doc = "host memory per GPU for requests that give way, with preemption = \"swap\"; vLLM V0's --swap-space" },
  speculative.row(STARTED),
  { "enable_lora", "boolean", default = false, fixed = STARTED,
    doc = "requests may have LoRA adapters (workload.lora)" },
  { "max_loras", "count", min = 1, max = 65535, default = 1, fixed = STARTED, needs = "enable_lora",
    doc = "different adapters in a step, each with a slot on the GPU" },
  { "max_lora_rank", "count", min = 1, max = 512, default = 16, fixed = STARTED, needs = "enable_lora",
    doc = "rank that slots have room for, and that their kernels compute with" },
  { "max_cpu_loras", "count", min = 1, max = 65535, fixed = STARTED, needs = "enable_lora",
    doc = "adapters in host memory, those in slots included; max_loras" },
  { "lora_modules", "list", of = { type = "string" }, fixed = STARTED, needs = "enable_lora",
    doc = "names of the adapters; those that requests have" },
  fields.seconds("lora_load_seconds", "until an adapter is in host memory, from storage",
    { default = 0, fixed = STARTED, needs = "enable_lora" }),
  { "num_gpu_blocks_override", "count", min = 1, max = 1000000000, fixed = LAID_OUT,
    doc = "KV blocks, whatever the memory says; vLLM V1 keeps one of them, the null block, to itself" },
}

--- The engine's rows in their order; `giver` says who gives a value: "engine" and "scenario", a key there; "plan",
-- oracle.plan works it out.
knobs.scheduler = core.sim.knobs()

--- Any row by its name.
knobs.of = {}

for _, list in ipairs { DEPLOYMENT, knobs.scheduler } do
  for _, row in ipairs(list) do knobs.of[row[1]] = row end
end

-- A length as vLLM writes it: "32k" is 32,000, "32K" 32,768; "auto" or -1, the longest that fits (0.33,
-- engine/arg_utils.py: human_readable_int, and config/model.py on max_model_len).
local TIMES = { k = 1000, K = 1024, m = 1000000, M = 2^20 }

local function length_of(value)
  if value == -1 or value == "auto" or value == "-1" then return "auto" end
  local number, unit = tostring(value):match "^(%d+%.?%d*)([kKmM])$"
  if type(value) ~= "string" or not number then return nil end
  return math.tointeger(tonumber(number) * TIMES[unit])
end

knobs.of.max_model_len.words = length_of

--- The keys of `engine`, in the order in which they are listed.
function knobs.fields()
  local list = table.move(DEPLOYMENT, 1, #DEPLOYMENT, 1, {})
  for _, row in ipairs(knobs.scheduler) do
    if row.giver == "engine" then list[#list + 1] = row end
  end
  return list
end

--- The keys of `engine` that have no effect as they are set, for the knob they need is off.
-- @param e the checked section
-- @return a list of { key, the knob it needs }
function knobs.idle(e)
  local list = {}
  for _, row in ipairs(knobs.fields()) do
    if row.needs and not e[row.needs] and e[row[1]] ~= row.default then list[#list + 1] = { row[1], row.needs } end
  end
  return list
end

return knobs
