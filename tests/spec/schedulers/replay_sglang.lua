--- Replays recorded schedules of the real SGLang scheduler against the plain one and says where they differ.
-- usage: LUA_PATH="tests/spec/?.lua;;" lua5.4 tests/spec/schedulers/replay_sglang.lua [FILE.json ...] [family ...]
-- (default: $ORACLE_DATA/schedule/sglang-*.json)
local loop = require "schedulers.sglang_loop"

local Replay = {}

-- The files state the ratio to six digits.
local function same(a, b)
  if type(a) == "number" and type(b) == "number" then return math.abs(a - b) < 1e-6 end
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do
    if not same(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

local function text(v)
  if type(v) ~= "table" then return math.type(v) == "float" and ("%.6g"):format(v) or tostring(v) end
  local parts, keys = {}, {}
  for k in pairs(v) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for i, k in ipairs(keys) do parts[i] = (type(k) == "string" and k .. "=" or "") .. text(v[k]) end
  return "[" .. table.concat(parts, " ") .. "]"
end

-- Fields of a step that say who is scheduled: start, kind, tokens, retracted; the others are memory and ratio.
local WHO, MEMORY = { 1, 2, 3, 7 }, { 4, 5, 6 }
local TIMES = { "first_token_ms", "finish_ms", "retractions" }

local function fields_differ(a, b, fields)
  for _, k in ipairs(fields) do
    if not same(a[k], b[k]) then return true end
  end
  return false
end

-- What the engine does not tell (schedulers.simulated_sglang) is not compared.
local function memory_differs(a, b)
  for _, k in ipairs(MEMORY) do
    if b[k] ~= nil and not same(a[k], b[k]) then return true end
  end
  return false
end

--- Compares. Returns "exact", "memory" (only tokens in use or cached, or the ratio differ) or "schedule", the first
-- difference in words, and whether first token, finish and retractions of every request are right.
function Replay.compare(expected, found)
  local kind, first, times = "exact", nil, true
  local function differs(how, what)
    first = first or what
    if kind ~= "schedule" then kind = how end
  end
  for i = 1, math.max(#expected.steps, #found.steps) do
    local a, b = expected.steps[i], found.steps[i]
    if not a or not b or fields_differ(a, b, WHO) then
      differs("schedule", ("step %d: real %s, here %s"):format(i, text(a), text(b)))
      break
    elseif memory_differs(a, b) then
      differs("memory", ("step %d: real %s, here %s"):format(i, text(a), text(b)))
    end
  end
  for name, a in pairs(expected.requests) do
    local b = found.requests[name] or {}
    if fields_differ(a, b, TIMES) then
      times = false
      differs("schedule", ("request %s: real %s, here %s"):format(name, text(a), text(b)))
    elseif a.cached_tokens ~= b.cached_tokens then
      differs("memory", ("request %s: real %s, here %s"):format(name, text(a), text(b)))
    end
  end
  return kind, first, times
end

--- Replays the cases of one file's table. Calls row(family, counts) for each family, in the file's order, where counts
-- has exact, memory, schedule, times, cases and first, the first difference. `run`: of a case, the plain one unless
-- given. Returns how many are exact, of how many.
function Replay.cases(cases, wanted, row, run)
  local families, order, exact, all = {}, {}, 0, 0
  for _, case in ipairs(cases) do
    local family = case.id:match "^(.*)%-%d+$" or case.id
    if not next(wanted) or wanted[family] or wanted[case.id] then
      if not families[family] then
        families[family] = { exact = 0, memory = 0, schedule = 0, times = 0, cases = 0 }
        order[#order + 1] = family
      end
      local n = families[family]
      local ok, found = pcall(run or loop.run, case)
      local kind, first, times
      if ok then
        kind, first, times = Replay.compare(case.expect, found)
      else
        kind, first, times = "schedule", found, false
      end
      n[kind], n.cases, n.times = n[kind] + 1, n.cases + 1, n.times + (times and 1 or 0)
      if first and not n.first then n.first = case.id .. ": " .. first end
      exact, all = exact + (kind == "exact" and 1 or 0), all + 1
    end
  end
  for _, family in ipairs(order) do row(family, families[family]) end
  return exact, all
end

--- Reads a file of recorded cases.
function Replay.read(path)
  local f = assert(io.open(path))
  local content = f:read "a"
  f:close()
  return assert(require("dkjson").decode(content))
end

local function main(args)
  local files, wanted = {}, {}
  for _, a in ipairs(args) do
    if a:match "%.json$" then files[#files + 1] = a else wanted[a] = true end
  end
  if #files == 0 then
    files[1] = (os.getenv "ORACLE_DATA" or "../shared/data") .. "/schedule/sglang-0.5.23.json"
  end
  local exact, all, right = 0, 0, 0
  for _, path in ipairs(files) do
    print(path)
    print(("  %-20s %6s %6s %8s %10s   %s"):format("family", "cases", "exact", "memory", "schedule", "times right"))
    local firsts = {}
    local e, n = Replay.cases(Replay.read(path).cases, wanted, function(family, c)
      print(("  %-20s %6d %6d %8d %10d   %6d"):format(family, c.cases, c.exact, c.memory, c.schedule, c.times))
      firsts[#firsts + 1], right = c.first, right + c.times
    end)
    for _, first in ipairs(firsts) do print("  first difference in " .. first) end
    exact, all = exact + e, all + n
  end
  print(("%d of %d right by first token, finish and retractions"):format(right, all))
  print(("%d of %d exact"):format(exact, all))
  return exact == all
end

if arg and arg[0] and arg[0]:match "replay_sglang%.lua$" then os.exit(main(arg)) end

return Replay
