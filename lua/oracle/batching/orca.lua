--- Iteration-level scheduling: after every iteration those who have ended leave and those who wait join, first come
-- first served, up to a batch size; each is given the KV memory of its longest answer when it joins.
-- Source: Yu et al., Orca: A Distributed Serving System for Transformer-Based Generative Models, OSDI 2022, algorithm
-- 1.
local policy = require "oracle.policy"

return policy.batching {
  name = "orca",

  step = function(b, e)
    local left = e.max_num_batched_tokens - b:continue(e.max_num_batched_tokens)
    if left > 0 then b:fill_reserved(left) end
  end,
}
