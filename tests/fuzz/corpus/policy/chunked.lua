--- Chunked prefill: running requests first, then prompts cut to what is left.
-- Source: Agrawal et al., Sarathi-Serve, OSDI 2024, section 4; vLLM v0.11, vllm/v1/core/sched/scheduler.py, which
-- admits no request in a step in which one was preempted, and without chunked prefill passes over prompts that are
-- too long for what is left.
local policy = require "oracle.policy"

return policy.batching {
  name = "chunked",

  -- Called once per step of a replica, never per token. `b` is valid only here;
  -- `e` holds the engine's knobs (max_num_seqs, max_num_batched_tokens, ...).
  step = function(b, e)
    local budget = e.max_num_batched_tokens
    local granted, sent_back = b:continue(budget)           -- one token per decode, then prompts begun
    if sent_back > 0 and granted > 0 then return end
    if granted < budget then b:fill_skipping(budget - granted) end -- the queue, as far as it fits
  end,
}
