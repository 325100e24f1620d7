--- Shortest remaining processing time: the requests that need the least further time run; others pause and keep their
-- blocks.
-- It must know how many tokens come out, so it is a bound for what others could reach.
-- Source: Schrage, A proof of the optimality of the shortest remaining processing time discipline, Operations Research
-- 16(3), 1968.
local policy = require "oracle.policy"

-- s until the last token: those of the steps that the rest of the prompt takes, the last of which yields a token, and
-- of one per further token. A step takes what its tokens do, or as long as one without any to speak of.
local function seconds(left, output, e)
  local budget = e.max_num_batched_tokens
  local rest = left % budget
  return left // budget * math.max(e.step_seconds, budget * e.token_seconds)
    + (rest > 0 and math.max(e.step_seconds, rest * e.token_seconds) or 0) + (output - 1) * e.step_seconds
end

local function fill(b, s, name, call, e)
  local c = s[name]
  if not c then
    c = { ids = {}, prompts = {}, computed = {}, generated = {}, outputs = {} }
    s[name] = c
  end
  local n = call(b, c.ids, c.prompts, nil, c.computed, c.generated, nil, nil, c.outputs)
  for i = 1, n do
    local left = c.prompts[i] + c.generated[i] - c.computed[i]
    c.prompts[i] = seconds(left, c.outputs[i] - c.generated[i], e)
  end
  return c, n
end

-- The place of the request with the most (sign 1) or the least (sign -1) time left; of equals the youngest or oldest.
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
  order = function(r, e) return seconds(r.prompt, r.output, e) end,

  step = function(b, e, s)
    local budget = e.max_num_batched_tokens
    if b:queue() > 0 and b:size() >= e.max_num_seqs then
      local running, n = fill(b, s, "running", b.running, e)
      local waiting, m = fill(b, s, "waiting", b.waiting, e)
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
