--- vLLM. V1 (the default since v0.8) runs prompts and decodes in one step under a token budget and recomputes who gave
-- way; V0 computes waiting prompts first, alone and whole, and may swap.
local system = require "oracle.system"

return system.new {
  name = "vllm",
  version = "v0.11",
  source = "vllm/engine/arg_utils.py and vllm/v1/core/sched/scheduler.py, v0.11; V0: vllm/core/scheduler.py, v0.6",
  kv_loading = "async",                                   -- OffloadingConnector: WAITING_FOR_REMOTE_KVS
  knobs = {
    { "scheduling_policy", "choice", values = { "fcfs", "priority" }, default = "fcfs",
      doc = "vllm: order of the queue" },
    { "use_v1", "boolean", default = true, doc = "vllm: the V1 engine; false: V0, which puts prompts first" },
  },
  batching = function(e)
    if e.scheduling_policy == "priority" then return "priority" end
    return e.use_v1 and "chunked" or "fcfs"
  end,
}
