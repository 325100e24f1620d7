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

-- Columns of requests, for the verb `call` to fill; left holds the s each still takes.
local function look(b, s, name, call, e)
  local c = s[name]
  if not c then
    c = { of = b:columns { "id", "prompt", "computed", "generated", "output" }, left = {} }
    c.id = c.of.id
    s[name] = c
  end
  local n, of = call(b, c.of), c.of
  for i = 1, n do
    local tokens = of.prompt[i] + of.generated[i] - of.computed[i]
    c.left[i] = seconds(tokens, of.output[i] - of.generated[i], e)
  end
  return c, n
end

-- The place of the request with the most (sign 1) or the least (sign -1) time left; of equals the youngest or oldest.
local function extreme(c, n, sign)
  local best
  for i = 1, n do
    if c.id[i] and (not best or sign * (c.left[i] - c.left[best]) > 0
        or (c.left[i] == c.left[best] and sign * (c.id[i] - c.id[best]) > 0)) then
      best = i
    end
  end
  return best
end

return policy.batching {
  name = "srpt",
  clairvoyant = true,
  order = function(r, e) return seconds(r.prompt + r.generated - r.computed, r.output - r.generated, e) end,

  step = function(b, e, s)
    local budget = e.max_num_batched_tokens
    if b:queue() > 0 and b:size() >= e.max_num_seqs then
      local running, n = look(b, s, "running", b.running, e)
      local waiting, m = look(b, s, "waiting", b.waiting, e)
      while true do
        local worst, best = extreme(running, n, 1), extreme(waiting, m, -1)
        if not worst or not best or waiting.left[best] >= running.left[worst] then break end
        b:pause(running.id[worst])
        b:requeue(running.id[worst], running.left[worst])
        running.id[worst], waiting.id[best] = false, false
      end
    end
    local left = budget - b:continue(budget)
    if left > 0 then b:fill(left) end
  end,
}
