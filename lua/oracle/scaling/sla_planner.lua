--- Scales to targets of TTFT and of the time between tokens: what load goes with which latency is learnt on the way,
-- and the load that just meets the target is the threshold. Pools that compute prompts look at TTFT, those that decode
-- at the time between tokens, replicas that do both at both.
-- Source: NVIDIA Dynamo, SLA planner, load-based scaling (docs/pages/design-docs/planner-design.md, "Load-Based
-- Scaling"): linear regressions of TTFT over pending prefill tokens + input length and of ITL over active KV blocks,
-- solved for the target; one more when all workers are above it, one less when all are below it times
-- (workers - 1) / workers x sensitivity / 100. Defaults (SLAPlannerDefaults): TTFT 0.5 s, ITL 0.05 s, learning window
-- 50, sensitivity 80, at least 5 observations, asked every 5 s. Until it has learnt enough, or where load does not
-- raise latency, latency stands for the load.
local policy = require "oracle.policy"

-- What one question to the next adds: x load, y latency in s; the last `window` of them count.
local function learn(m, x, y, window)
  local n = #m + 1
  m[n] = { x, y }
  if n > window then table.remove(m, 1) end
end

-- The load at which the line through all points meets the target; nil without a rising line.
local function solve(m, target, least)
  local n, sx, sy, sxx, sxy = #m, 0, 0, 0, 0
  if n < least then return nil end
  for _, p in ipairs(m) do
    sx, sy, sxx, sxy = sx + p[1], sy + p[2], sxx + p[1] * p[1], sxy + p[1] * p[2]
  end
  local spread = n * sxx - sx * sx
  local slope = spread > 0 and (n * sxy - sx * sy) / spread or 0
  if slope <= 0 then return nil end
  local most = (target - (sy - slope * sx) / n) / slope
  return most > 0 and most or nil
end

-- 1: all are above, -1: all are far enough below, 0: neither.
local function judge(loads, most, workers, sensitivity)
  local above, below = true, true
  local low = most * (workers - 1) / workers * sensitivity / 100
  for i = 1, #loads do
    above, below = above and loads[i] > most, below and loads[i] < low
  end
  return above and 1 or below and -1 or 0
end

-- One of the two objectives. count, time: of tokens so far; load(i): of a replica.
local function look(c, s, key, target, count, time, load)
  local p, n = s.params, c:size()
  local m = s[key] or { count = 0, time = 0 }
  s[key] = m
  local latency = count > m.count and (time - m.time) / (count - m.count) or nil
  m.count, m.time = count, time
  local loads, mean = {}, 0
  for i = 1, n do
    loads[i] = load(i)
    mean = mean + loads[i] / n
  end
  if latency then learn(m, mean, latency, p.window) end
  local most = solve(m, target, p.observations)
  if most then return judge(loads, most, n, p.sensitivity) end
  if not latency then return mean > 0 and 0 or -1 end
  return judge({ latency }, target, n, p.sensitivity)
end

return policy.autoscaler {
  name = "sla_planner",
  params = {
    ttft = 0.0, itl = 0.0,                                -- s; 0: the scenario's slo.ttft and slo.tpot, else 0.5, 0.05
    window = 50, observations = 5, sensitivity = 80,
  },

  scale = function(c, s)
    local p, n, role = s.params, c:size(), c:role()
    local present = n + c:starting()
    if n == 0 then return math.max(1, present) end
    local ttft, itl = p.ttft > 0 and p.ttft or p.slo.ttft or 0.5, p.itl > 0 and p.itl or p.slo.tpot or 0.05
    local firsts, first_time, gaps, gap_time = c:answered()
    local requests, tokens = c:arrived()
    local length = requests > 0 and tokens / requests or 0
    local prompts, answers
    if role ~= "decode" then
      prompts = look(c, s, "prefill", ttft, firsts, first_time, function(i) return c:backlog(i) + length end)
    end
    if role ~= "prefill" then
      answers = look(c, s, "decode", itl, gaps, gap_time, function(i)
        local free, total = c:free(i)
        return total - free
      end)
      if c:held() > 0 then answers = 1 end                -- KV caches wait for room
    end
    if c:starting() > 0 then return present end           -- one at a time
    if prompts == 1 or answers == 1 then return present + 1 end
    if (prompts or -1) < 0 and (answers or -1) < 0 then return math.max(1, present - 1) end
    return present
  end,
}
