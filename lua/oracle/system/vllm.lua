--- vLLM. V1 (the default since v0.8) runs prompts and decodes in one step under a token budget and recomputes
-- preempted requests; V0 computes waiting prompts first, alone and whole, and may swap.
local system = require "oracle.system"
local versions = require "oracle.system.versions.vllm"

-- Speculation with steps in flight: none in 0.11 (config: "not supported with async scheduling"); later not where the
-- text is searched for drafts (config/vllm.py, "Async scheduling not supported with ngram-based speculative decoding").
local function may_overlap(e)
  local c = e.speculative_config
  return not c or e.modelled_version ~= "0.11" and c.method ~= "ngram"
end

-- Versions since 0.11 have no V0.
local function check_v0(e)
  if e.version == versions.DEFAULT then return end        -- maybe not given
  if not tostring(e.version):match "^[vV]?%d+%.%d+" then versions.choose(e) end
  local newer = versions.nearest(e.version)
  if newer then
    error(("engine.use_v1: false: vLLM %s has V1 alone; a version up to 0.10 expected"):format(e.version), 0)
  end
end

local function check_overlap(e)
  local c = e.speculative_config
  if c and e.async_scheduling and not may_overlap(e) then
    error(("engine.async_scheduling: not with speculative_config.method = %q in vLLM %s"):format(c.method,
      e.modelled_version), 0)
  end
end

-- A draft model's first pass has one token more of each sequence than the step, for which room is kept (0.33
-- config/vllm.py: max_num_scheduled_tokens).
local function spare_tokens(e)
  local c = e.speculative_config
  return c and c.method == "draft_model" and e.modelled_version ~= "0.11"
end

-- Tokens that blocks are multiples of where layers have an indexer (v1/attention/backends/mla/indexer.py:285,
-- flashmla_sparse.py:158) or keep a state (platforms/interface.py:1060-1106).
local INDEXED, WITH_STATE = 64, 16

local function check_blocks(e, model)
  local of, what = 1, nil
  if model.index_topk then
    of, what = INDEXED, ("layers whose indexer chooses %d tokens"):format(model.index_topk)
  elseif (model.state_bytes or 0) > 0 then
    of, what = WITH_STATE, ("attention beside layers that keep a state of %d B"):format(model.state_bytes)
  end
  if e.block_size % of == 0 then return end
  error(("engine.block_size: %d: a multiple of %d expected for %s"):format(e.block_size, of, what), 0)
end

return system.new {
  name = "vllm",
  also = { "vLLM V1" },
  versions = versions,
  version = "v0.33 and v0.11",
  source = "github.com/vllm-project/vllm: vllm/engine/arg_utils.py and vllm/v1/core/sched/scheduler.py, v0.33 and "
    .. "v0.11; V0: vllm/engine/arg_utils.py and vllm/core/scheduler.py, v0.6",
  open = function(raw)
    local open = { "block_size", "recompute_last_block", "gpu_memory_utilization" }
    if raw.use_v1 ~= false then return open end
    table.move({ "enable_prefix_caching", "enable_chunked_prefill" }, 1, 2, 4, open)
    return open
  end,
  kv_loading = "async",                                   -- OffloadingConnector: WAITING_FOR_REMOTE_KVS
  knobs = {
    { "scheduling_policy", "choice", values = { "fcfs", "priority" }, default = "fcfs",
      doc = "vllm: order of the queue" },
    { "version", "string", default = versions.DEFAULT, example = versions.DEFAULT,
      doc = "vllm: of the engine; one between two that are modelled is the older of them" },
    { "usage_context", "choice", values = { "OPENAI_API_SERVER", "LLM_CLASS" }, default = "OPENAI_API_SERVER",
      doc = "vllm: whose defaults of max_num_batched_tokens hold, the server's or the offline LLM class's" },
    { "watermark", "number", min = 0, max = 1, default = 0,
      doc = "vllm: share of the KV blocks that admission leaves free while others run" },
    { "prefill_schedule_interval", "count", min = 1, max = 1000000, default = 1,
      doc = "vllm: steps from one with prompts to the next while others decode" },
    { "async_scheduling", "boolean",
      doc = "vllm: two steps in flight, the next formed while one runs; as the version does" },
    { "scheduler_reserve_full_isl", "boolean",
      doc = "vllm: a request is admitted when all that is known of it fits; as the version does" },
    { "use_v1", "boolean", default = true, doc = "vllm: the V1 engine; false: V0, which puts prompts first" },
  },
  -- V0, v0.6: 256 requests, no prefix caching, whole prompts with a budget of the longest (at least 2048); cut ones
  -- where the context is above 32K.
  fill = function(e, _, model)
    e.block_size = e.block_size or (model.index_topk and INDEXED or 16)
    if e.speculative_config and not e.use_v1 then
      error("engine.speculative_config: of V1 alone; use_v1 = false is given", 0)
    end
    if e.use_v1 then
      versions.choose(e)
      check_overlap(e)
      check_blocks(e, model)
      if e.recompute_last_block == nil then e.recompute_last_block = e.enable_prefix_caching end
      return
    end
    check_v0(e)
    e.recompute_last_block = e.recompute_last_block or false
    e.enable_prefix_caching = e.enable_prefix_caching or false
    if e.enable_chunked_prefill == nil then e.enable_chunked_prefill = e.max_model_len > 32768 end
    if not e.enable_chunked_prefill then
      e.max_num_batched_tokens = e.max_num_batched_tokens or math.max(2048, e.max_model_len)
    end
    e.max_num_seqs = e.max_num_seqs or math.min(256, e.max_num_batched_tokens or 256)
  end,
  rules = function(e)
    if not e.use_v1 then return nil end
    local rules = versions.rules(e.modelled_version)
    rules.watermark, rules.prefill_interval = e.watermark, e.prefill_schedule_interval
    if e.async_scheduling ~= nil then rules.schedules_ahead = e.async_scheduling end
    if not may_overlap(e) then rules.schedules_ahead = false end
    if e.scheduler_reserve_full_isl ~= nil then rules.whole_sequence_must_fit = e.scheduler_reserve_full_isl end
    return rules
  end,
  settle = function(e)
    if spare_tokens(e) and e.max_num_batched_tokens >= 2 * e.max_num_seqs then
      e.max_num_batched_tokens = e.max_num_batched_tokens - e.max_num_seqs
    end
  end,
  batching = function(e)
    if e.scheduling_policy == "priority" then return "priority" end
    return e.use_v1 and "chunked" or "fcfs"
  end,
}
