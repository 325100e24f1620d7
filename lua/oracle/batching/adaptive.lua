--- Chunked prefill with a budget that follows the clock: prompts get as many tokens as keep a step near a target time.
-- The budget grows by a step while steps are short enough and shrinks by a share when one was too long.
-- Source: the token budget from a target on TBT is that of Sarathi-Serve (Agrawal et al., OSDI 2024, section 4.3),
-- found here while serving; additive increase, multiplicative decrease after Chiu and Jain, Computer Networks 17(1),
-- 1989.
local policy = require "oracle.policy"

return policy.batching {
  name = "adaptive",
  params = { target = 0.05, least = 64, increase = 64, decrease = 0.7 }, -- s; tokens; tokens; factor

  step = function(b, e, s)
    local p, most = s.params, e.max_num_batched_tokens
    local seconds, tokens = b:last()
    local budget = s.budget or most
    if s.prompts and tokens > 0 then                      -- the last step held prompts: it tells something
      if seconds > p.target then
        budget = budget * p.decrease // 1
      else
        budget = budget + p.increase
      end
    end
    if budget > most then budget = most end
    if budget < p.least then budget = p.least end
    s.budget = budget
    local decodes = b:decode()
    local left = (budget < most - decodes and budget or most - decodes) // 1 | 0
    local before = left
    if left > 0 then left = left - b:resume(left) end
    while left > 0 do
      local granted = b:admit(left)
      if granted == 0 then break end
      left = left - granted
    end
    s.prompts = left < before
    if not s.prompts and decodes == 0 then s.prompts = b:admit(most) > 0 end -- one that is not to be cut goes alone
  end,
}
