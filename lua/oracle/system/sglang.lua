--- SGLang: prompts go first and alone, in chunks; admission spares the memory that running requests are expected to
-- need, and those with the fewest tokens generated are sent back when it was too little.
local system = require "oracle.system"
local versions = require "oracle.system.versions.sglang"

local MiB, GiB = 2^20, 2^30

-- Defaults that go by the GPU's memory (server_args.py, _handle_gpu_memory_settings): below so many GiB the size of a
-- chunk, and the largest batch whose CUDA graphs are kept, for fewer than 4 GPUs and for more. 0.5.23 differs in the
-- second row (arg_groups/memory_hook.py:89-180).
local BY_MEMORY = { { 20, 2048, 8, 8 }, { 35, 2048, 24, 80 }, { 60, 4096, 32, 160 }, { 160, 8192, 256, 512 },
                    { math.huge, 16384, 512, 512 } }
local SECOND = { ["0.5.23"] = { 35, 4096, 48, 160 } }

-- What is gone of a GPU's memory, as nvidia-smi has it, when weights are loaded: the driver's part and CUDA's context;
-- with more ranks what communication takes, most of it over NVLink. Printed as "Load weight begin. avail mem", GiB:
-- 78.43, 78.48 and 78.81 of 79.65 (H100, one GPU), 77.33 and 77.43 (8 x H100), 137.29 and 137.90 of 140.40 (8 x H200),
-- 94.01 of 95.59 (4 x RTX PRO 6000, PCIe); public logs of 0.4 to 0.5.
local TAKEN, TAKEN_PCIE, TAKEN_NVLINK = 1.1 * GiB, 1.6 * GiB, 2.5 * GiB

local function free_before_loading(e, gpu)
  local alone = e.tensor_parallel_size * e.pipeline_parallel_size == 1
  return math.max(0, gpu.memory - (alone and TAKEN or gpu.nvlink and TAKEN_NVLINK or TAKEN_PCIE))
end

local undecided = setmetatable({}, { __mode = "k" })      -- engines that were not told max_num_seqs

local function is_old(e) return e.modelled_version == "0.5.5" end

return system.new {
  name = "sglang",
  version = "v0.5.23 and v0.5.5",
  versions = versions,
  source = "github.com/sgl-project/sglang v0.5.23 and v0.5.5, python/sglang/srt: managers/scheduler.py, "
    .. "managers/schedule_policy.py; server_args.py and model_executor/model_runner.py of v0.5.5, "
    .. "arg_groups/memory_hook.py and mem_cache/kv_cache_configurator.py of v0.5.23",
  -- The radix cache holds single tokens unless --page-size says otherwise.
  defaults = { block_size = 1, recompute_last_block = true },
  open = function() return { "gpu_memory_utilization" } end,
  aliases = {
    tp_size = "tensor_parallel_size", pp_size = "pipeline_parallel_size", dp_size = "data_parallel_size",
    context_length = "max_model_len", chunked_prefill_size = "max_num_batched_tokens",
    max_running_requests = "max_num_seqs", mem_fraction_static = "gpu_memory_utilization", page_size = "block_size",
  },
  off = { chunked_prefill_size = "enable_chunked_prefill" },
  knobs = {
    { "version", "string", default = versions.DEFAULT, example = versions.DEFAULT,
      doc = "sglang: of the server; one between two that are modelled is the older of them" },
    { "schedule_policy", "choice", values = { "fcfs", "lpm", "dfs-weight", "lof", "random" }, default = "fcfs",
      doc = "sglang: order of the queue: first come, longest cached prefix, depth first through the prefix tree, "
        .. "longest output, random" },
    { "schedule_conservativeness", "number", min = 0, open = true, max = 10, default = 1.0,
      doc = "sglang: above 1 admits less, so that fewer are sent back" },
    { "max_prefill_tokens", "count", min = 1, max = 100000000, default = 16384,
      doc = "sglang: prompt tokens admitted in one step" },
    { "disable_overlap_schedule", "boolean", default = false,
      doc = "sglang: a step is formed when the one before is over, not while it runs" },
    { "disable_radix_cache", "boolean", default = false, doc = "sglang: no KV blocks of equal prefixes are reused" },
  },
  fill = function(e, hardware)
    versions.choose(e)
    if e.disable_radix_cache then e.enable_prefix_caching = false end
    local memory, i = hardware.memory / MiB, 1
    while memory >= BY_MEMORY[i][1] * 1024 do i = i + 1 end
    local row = i == 2 and SECOND[e.modelled_version] or BY_MEMORY[i]
    local chunk, graphs = row[2], row[e.tensor_parallel_size < 4 and 3 or 4]
    -- Uncut, prompts enter a step up to max_prefill_tokens, or a longer one alone.
    local whole = not e.enable_chunked_prefill and not e.max_num_batched_tokens
    if whole then chunk = math.max(e.max_prefill_tokens, e.max_model_len) end
    e.max_num_batched_tokens = e.max_num_batched_tokens or chunk
    if not e.gpu_memory_utilization then
      -- MiB that are kept for other things: metadata, activations of a chunk, CUDA graphs, communication.
      local computed = whole and e.max_prefill_tokens or e.max_num_batched_tokens
      local kept = 512 + 1.5 * math.max(computed, 2048) + 2 * graphs
        + 1024 * e.tensor_parallel_size * e.pipeline_parallel_size / 8
      if memory > 60 * 1024 then kept = math.max(kept, 10 * 1024) end
      e.gpu_memory_utilization = math.max(0.001, math.floor(1000 * (memory - kept) / memory + 0.5) / 1000)
    end
    -- server_args.py, _handle_speculative_decoding
    if e.speculative_config and not e.max_num_seqs then e.max_num_seqs = 48 end
    if e.max_num_seqs then return end
    undecided[e] = true
    e.max_num_seqs = is_old(e) and math.min(2048, e.max_num_batched_tokens) or 2048
  end,
  kv_loading = "layerwise",                               -- HiCache
  computed_only = true,                                   -- prompts enter the radix cache when their step is over
  -- mem_fraction_static is what weights and KV cache take of the memory that is free before they are loaded;
  -- activations live in the rest (model_runner.py, profile_max_num_token). Llama-3.1-8B, H100: 0.88 of 78.81 GiB, of
  -- which 54.26 of KV.
  room = function(e, gpu, weights)
    local usable = e.gpu_memory_utilization * free_before_loading(e, gpu)
    return usable - weights, usable
  end,
  -- 512 requests for each of the longest length that fits, 2048 to 4096; 0.5.5 no more than the tokens of a chunk
  -- (model_runner.py), 0.5.23 one for every two tokens of the KV cache (mem_cache/kv_cache_configurator.py:3123-3132).
  settle = function(e, tokens)
    if not undecided[e] then return end
    local most = math.min(math.max(512 * tokens // e.max_model_len, 2048), 4096)
    e.max_num_seqs = math.max(1, math.min(most, is_old(e) and e.max_num_batched_tokens or tokens // 2))
  end,
  -- Verifying drafts, it forms a step when the one before is over (server_args.py; SGLANG_ENABLE_SPEC_V2 is off).
  rules = function(e)
    return { schedules_ahead = not e.disable_overlap_schedule and not e.speculative_config, radix_tree = true,
             caps_answers = true }
  end,
  batching = function(e)
    return { "sglang", schedule_policy = e.schedule_policy, schedule_conservativeness = e.schedule_conservativeness,
             max_prefill_tokens = e.max_prefill_tokens, rules = versions.rules(e.modelled_version) }
  end,
}
