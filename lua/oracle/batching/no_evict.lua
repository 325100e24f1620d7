--- A request that runs is never preempted: one joins only when the blocks of its longest answer are there for it.
-- Source: TensorRT-LLM, capacity scheduler policy GUARANTEED_NO_EVICT (documentation, "Useful Runtime Options").
local policy = require "oracle.policy"

return policy.batching {
  name = "no_evict",

  step = function(b, e)
    local left = e.max_num_batched_tokens - b:continue(e.max_num_batched_tokens)
    if left > 0 then b:fill_reserved(left) end
  end,
}
