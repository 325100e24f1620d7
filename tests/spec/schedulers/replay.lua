--- Schedules of real engines against those of a second scheduler: where they differ, and a table of it.
local replay = {}

local NEAR = 1e-6                                         -- ms: times are written with six digits

local function near(a, b) return a == b or a and b and math.abs(a - b) < NEAR end

local function named(tokens)
  local list = {}
  for name, n in pairs(tokens) do list[#list + 1] = ("%s %d"):format(name, n) end
  table.sort(list)
  return table.concat(list, ", ")
end

local function same_tokens(a, b)
  for name, n in pairs(a) do
    if b[name] ~= n then return false end
  end
  for name in pairs(b) do
    if not a[name] then return false end
  end
  return true
end

local function in_order(names)
  local list = table.move(names or {}, 1, #(names or {}), 1, {})
  table.sort(list)
  return table.concat(list, " ")
end

-- How a step differs: nil, or "schedule" or "memory", and in words.
local function step_difference(i, want, have)
  if not want then return "schedule", ("step %d at %s is one too many"):format(i, have[1]) end
  if not have then return "schedule", ("step %d at %s is missing"):format(i, want[1]) end
  local preempted, own = in_order(want[4]), in_order(have[4])
  if not near(want[1], have[1]) or not near(want[5] or want[1], want[5] and have[5] or have[1]) then
    return "schedule", ("step %d starts at %s, not %s"):format(i, have[1], want[1])
  elseif not same_tokens(want[2], have[2]) then
    return "schedule", ("step %d at %s: {%s}, not {%s}"):format(i, want[1], named(have[2]), named(want[2]))
  elseif own ~= preempted then
    return "schedule", ("step %d at %s preempts {%s}, not {%s}"):format(i, want[1], own, preempted)
  elseif want[3] ~= have[3] then
    return "memory", ("step %d at %s: %d blocks in use, not %d"):format(i, want[1], have[3], want[3])
  end
end

local OF_SCHEDULE = { "arrival_ms", "prompt_tokens", "first_token_ms", "finish_ms", "preemptions" }

local function request_difference(name, want, have)
  if not have then return "schedule", ("request %s is missing"):format(name) end
  for _, key in ipairs(OF_SCHEDULE) do
    if want[key] and not near(want[key], have[key]) then
      return "schedule", ("%s of %s: %s, not %s"):format(key, name, have[key], want[key])
    end
  end
  if (want.tokens_after_end or 0) ~= have.tokens_after_end then
    return "schedule", ("tokens after the end of %s: %d, not %d"):format(name, have.tokens_after_end,
                                                                         want.tokens_after_end or 0)
  elseif want.cached_tokens ~= have.cached_tokens then
    return "memory", ("cached tokens of %s: %d, not %d"):format(name, have.cached_tokens, want.cached_tokens)
  end
end

local TIMES = { "first_token_ms", "finish_ms", "preemptions" }

-- Whether first token, finish and preemptions of all requests are as expected.
local function times_right(want, have)
  for name, r in pairs(want.requests) do
    for _, key in ipairs(TIMES) do
      if not have.requests[name] or not near(r[key], have.requests[name][key]) then return false end
    end
  end
  return true
end

-- nil where an outcome is as expected; else "schedule" or, where only blocks or cached tokens differ, "memory", the
-- first difference in words, and whether the times of the requests are right all the same.
function replay.compare(want, have)
  local kind, words
  local function note(k, w)
    if k == "schedule" and kind ~= "schedule" or not kind then kind, words = k, w end
  end
  for i = 1, math.max(#want.steps, #have.steps) do
    note(step_difference(i, want.steps[i], have.steps[i]))
    if kind == "schedule" then return kind, words, times_right(want, have) end
  end
  local names = {}
  for name in pairs(want.requests) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do note(request_difference(name, want.requests[name], have.requests[name])) end
  return kind, words, kind ~= "schedule" or times_right(want, have)
end

-- Cases by family, which is their id without its number, in order of appearance: { name, cases, exact, memory,
-- schedule, times (of the requests are right), first (the first difference), preemptions }.
-- @param compare replay.compare, or one that returns the same; "exact" may stand for nil
function replay.families(cases, run, compare)
  local families, by_name = {}, {}
  for _, case in ipairs(cases) do
    local name = case.id:gsub("%-%d+$", "")
    local f = by_name[name]
    if not f then
      f = { name = name, cases = 0, exact = 0, memory = 0, schedule = 0, times = 0, steps = 0, preemptions = 0 }
      families[#families + 1], by_name[name] = f, f
    end
    local ok, have = pcall(run, case)
    local kind, words, right = "schedule", have, false
    if ok then kind, words, right = compare(case.expect, have) end
    kind = kind or "exact"
    f.cases, f.steps, f.times = f.cases + 1, f.steps + #case.expect.steps, f.times + (right and 1 or 0)
    f[kind] = f[kind] + 1
    if kind ~= "exact" and not f.first then f.first = ("%s: %s"):format(case.id, words) end
    for _, r in pairs(case.expect.requests) do
      f.preemptions = f.preemptions + (r.preemptions or r.retractions)
    end
  end
  return families
end

local ROW = "%-24s %-20s %6s %8s %9s %7s %8s %9s %12s\n"

-- The table of one file, and the first difference of each family that has one. Returns the counts exact, all.
function replay.write(out, file, families, headed)
  if not headed then
    out:write(ROW:format("file", "family", "cases", "steps", "preempted", "exact", "memory", "schedule",
                         "times right"))
  end
  local exact, all = 0, 0
  for _, f in ipairs(families) do
    out:write(ROW:format(file, f.name, f.cases, f.steps, f.preemptions, f.exact, f.memory, f.schedule, f.times))
    exact, all = exact + f.exact, all + f.cases
  end
  for _, f in ipairs(families) do
    if f.first then out:write("  ", f.first, "\n") end
  end
  return exact, all
end

return replay
