--- vLLM. V1 (the default since v0.8) runs prompts and decodes in one step under a token budget and recomputes who gave
-- way; V0 computes waiting prompts first, alone and whole, and may swap.
local system = require "oracle.system"

return system.new {
  name = "vllm",
  also = { "vLLM V1" },
  version = "v0.11",
  source = "github.com/vllm-project/vllm: vllm/engine/arg_utils.py and vllm/v1/core/sched/scheduler.py, v0.11; V0: "
    .. "vllm/engine/arg_utils.py and vllm/core/scheduler.py, v0.6",
  open = function(raw) return raw.use_v1 == false and { "enable_prefix_caching", "enable_chunked_prefill" } or {} end,
  kv_loading = "async",                                   -- OffloadingConnector: WAITING_FOR_REMOTE_KVS
  knobs = {
    { "scheduling_policy", "choice", values = { "fcfs", "priority" }, default = "fcfs",
      doc = "vllm: order of the queue" },
    { "use_v1", "boolean", default = true, doc = "vllm: the V1 engine; false: V0, which puts prompts first" },
  },
  -- V0, v0.6: 256 requests, no prefix caching, whole prompts with a budget of the longest (at least 2048); cut ones
  -- where the context is above 32K.
  fill = function(e)
    if e.use_v1 then return end
    e.enable_prefix_caching = e.enable_prefix_caching or false
    if e.enable_chunked_prefill == nil then e.enable_chunked_prefill = e.max_model_len > 32768 end
    if not e.enable_chunked_prefill then
      e.max_num_batched_tokens = e.max_num_batched_tokens or math.max(2048, e.max_model_len)
    end
    e.max_num_seqs = e.max_num_seqs or math.min(256, e.max_num_batched_tokens or 256)
  end,
  batching = function(e)
    if e.scheduling_policy == "priority" then return "priority" end
    return e.use_v1 and "chunked" or "fcfs"
  end,
}
