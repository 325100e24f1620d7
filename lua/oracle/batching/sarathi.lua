--- Stall-free batching: decodes always take part, prompts begun go on, and new ones join with what a small token budget
-- leaves, so that no decode waits for a long prompt.
-- Source: Agrawal et al., Taming Throughput-Latency Tradeoff in LLM Inference with Sarathi-Serve, OSDI 2024, algorithm
-- 3; token budgets of 512 and 2048 in its section 5.
local policy = require "oracle.policy"

return policy.batching {
  name = "sarathi",
  params = { token_budget = 512 },

  step = function(b, e, s)
    local budget = s.params.token_budget
    if budget > e.max_num_batched_tokens then budget = e.max_num_batched_tokens end
    local left = budget - b:continue(budget)
    if left > 0 then left = left - b:fill(left) end
    if left == budget then b:fill(e.max_num_batched_tokens) end -- a prompt that is not to be cut goes alone
  end,
}
