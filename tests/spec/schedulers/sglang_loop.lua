--- SGLang's loops over its scheduler on a clock where every step takes the same time: what a case asks for, and what
-- comes of it. A case is { sglang = version, knobs, step_ms, overlap, requests }; the outcome has the steps
-- { start, kind, { request = tokens }, tokens in use or locked, tokens cached and evictable, new_token_ratio,
-- { retracted } or nil } and by request first_token_ms, finish_ms, retractions, cached_tokens.
local Scheduler = require "schedulers.sglang"

local function arrivals(case)
  local list = {}
  for i, q in ipairs(case.requests) do list[i] = { q, i } end
  table.sort(list, function(a, b)
    if a[1].arrival_ms ~= b[1].arrival_ms then return a[1].arrival_ms < b[1].arrival_ms end
    return a[2] < b[2]
  end)
  return list
end

local function describe(s, step, now)
  local tokens, gone = {}, nil
  for i, r in ipairs(step.requests) do tokens[r.name] = step[i] end
  for i, r in ipairs(step.retracted or {}) do
    gone = gone or {}
    gone[i] = r.name
  end
  return { now, step.kind, tokens, s.cache:in_use(), s.cache.evictable, s.ratio, gone }
end

-- No step could be formed. In 0.5.5 whoever waits may be admitted in the next try, once the last ones who had ended
-- have left. Returns the time at which to go on.
local function nothing(s, now, next_arrival)
  s:idle()
  if #s.waiting + #s.running.requests == 0 then
    s.tried = nil
    return next_arrival or now
  end
  assert(s.tried ~= now, "nothing can be scheduled")
  s.tried = now
  return now
end

-- The normal loop: a step is formed when the one before is over (scheduler.py 0.5.23:2026-2057).
local function normal(s, case, come, steps)
  local now, more = 0, true
  while more do
    more = come(now)
    local step = s:form()
    if step then
      steps[#steps + 1] = describe(s, step, now)
      now = now + case.step_ms
      s:apply(step, now)
    else
      now = nothing(s, now, more)
    end
    s.last, more = step, more or step or #s.waiting > 0
  end
end

-- The overlap loop: a step is formed while the one before runs, knowing what came of the one before that
-- (scheduler.py 0.5.5:977-1005; 0.5.23:2060-2124).
local function overlapped(s, case, come, steps)
  local now, more = 0, true
  while more do
    more = come(now)
    s.in_flight = s.last and s.last.requests and s.last or nil
    local step = s:form()
    local over = s.last and s.last.over
    if step then
      local start = over or now
      steps[#steps + 1] = describe(s, step, start)
      step.over = start + case.step_ms
    end
    if s.last then
      s:apply(s.last, over)
      now = over
    elseif not step then
      now = nothing(s, now, more)
    end
    more = more or step or s.last or #s.waiting > 0
    s.last = step
  end
end

--- Runs the case.
local function run(case)
  local s = Scheduler.new(case.sglang, case.knobs)
  local list, next_one, steps, requests = arrivals(case), 1, {}, {}
  local function come(now)                                -- takes in who has come; when the next one comes
    while list[next_one] and list[next_one][1].arrival_ms <= now do
      local r = s:arrive(list[next_one][1])
      requests[r.name], next_one = r, next_one + 1
    end
    return list[next_one] and list[next_one][1].arrival_ms
  end
  (case.overlap and overlapped or normal)(s, case, come, steps)
  local outcome = {}
  for name, r in pairs(requests) do
    outcome[name] = { arrival_ms = r.arrival, prompt_tokens = r.prompt, first_token_ms = r.first, finish_ms = r.finish,
                      retractions = r.retractions, cached_tokens = r.cached }
  end
  return { steps = steps, requests = outcome }
end

return { run = run }
