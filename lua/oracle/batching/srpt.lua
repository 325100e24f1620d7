--- Shortest remaining processing time: whoever needs the fewest further steps runs; others pause and keep their blocks.
-- It must know how many tokens come out, so it is a bound for what others could reach.
-- Source: Schrage, A proof of the optimality of the shortest remaining processing time discipline, Operations Research
-- 16(3), 1968.
local policy = require "oracle.policy"

-- Steps until the last token: those the rest of the prompt takes, then one per token.
local function steps(left, output, budget)
  local prompt = (left + budget - 1) // budget
  return output + (prompt > 1 and prompt - 1 or 0)
end

local function fill(b, s, name, call, budget)
  local c = s[name]
  if not c then
    c = { ids = {}, prompts = {}, computed = {}, generated = {}, outputs = {} }
    s[name] = c
  end
  local n = call(b, c.ids, c.prompts, nil, c.computed, c.generated, nil, nil, c.outputs)
  for i = 1, n do
    local left = c.prompts[i] + c.generated[i] - c.computed[i]
    c.prompts[i] = steps(left, c.outputs[i] - c.generated[i], budget)
  end
  return c, n
end

-- The place of the request with the most (sign 1) or the fewest (sign -1) steps left; of equals the youngest or oldest.
local function extreme(c, n, sign)
  local best
  for i = 1, n do
    if c.ids[i] and (not best or sign * (c.prompts[i] - c.prompts[best]) > 0
        or (c.prompts[i] == c.prompts[best] and sign * (c.ids[i] - c.ids[best]) > 0)) then
      best = i
    end
  end
  return best
end

return policy.batching {
  name = "srpt",
  clairvoyant = true,
  order = function(r, e) return steps(r.prompt, r.output, e.max_num_batched_tokens) end,

  step = function(b, e, s)
    local budget = e.max_num_batched_tokens
    if b:queue() > 0 and b:size() >= e.max_num_seqs then
      local running, n = fill(b, s, "running", b.running, budget)
      local waiting, m = fill(b, s, "waiting", b.waiting, budget)
      while true do
        local worst, best = extreme(running, n, 1), extreme(waiting, m, -1)
        if not worst or not best or waiting.prompts[best] >= running.prompts[worst] then break end
        b:preempt(running.ids[worst], "keep")
        b:key(running.ids[worst], running.prompts[worst])
        running.ids[worst], waiting.ids[best] = false, false
      end
    end
    local left = budget - b:go_on(budget)
    if left > 0 then b:fill(left) end
  end,
}
