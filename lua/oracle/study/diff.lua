--- Results side by side: what each measured, and how far it is from the first.
local lazy = require "oracle.lazy"
local console = require "oracle.text.console"
local metrics = lazy "oracle.scenario.metrics"
local scenario = lazy "oracle.scenario"

local diff = {}

local function fail(...)
  error(string.format(...), 0)
end

-- A summary of whatever it is: a result, a simulation so far, a scenario that is run for it.
local function result_of(v, which)
  if type(v) == "string" then v = scenario.open(v) end
  local meta = type(v) == "table" and getmetatable(v)
  if type(meta) == "table" and meta.__result then return meta.__result(v) end   -- a live simulation
  if scenario.is(v) then v = v:run() end
  if type(v) == "table" and rawget(v, "oracle") and rawget(v, "latency") then return v, rawget(v, "name") end
  fail("compare: %s: a result, a simulation or a scenario expected", which)
end

-- compare(a, b, ...) or compare { name = a, other = b }.
local function named(...)
  local list, first = {}, ...
  local is_table = type(first) == "table" and getmetatable(first) == nil and select("#", ...) == 1
  if is_table and #first == 0 then
    for name in pairs(first) do list[#list + 1] = { name = tostring(name), of = first[name] } end
    table.sort(list, function(a, b) return a.name < b.name end)
  else
    for i, v in ipairs(is_table and first or { ... }) do list[i] = { of = v } end
  end
  return list
end

local function head(name, i, seen)
  local text = name or ("%d"):format(i)
  if seen[text] then text = ("%s %d"):format(text, i) end
  seen[text] = true
  return text
end

-- In per cent, and whether that is better or worse where the metric says.
local function difference(value, base, better)
  if value == nil or base == nil then return nil end
  if value == base then return "same" end
  if base == 0 then return "-" end
  local which = better and ((value < base) == (better == "lower") and ", better" or ", worse") or ""
  return ("%+.1f %%%s"):format(100 * (value - base) / math.abs(base), which)
end

--- The table of two or more results.
-- @return the text; raises what is wrong
function diff.table(...)
  local list, seen, heads = named(...), {}, { "", "unit" }
  if #list < 2 then fail("compare: at least two results expected: compare(a, b) or compare { name = a, other = b }") end
  for i, item in ipairs(list) do
    local name
    item.result, name = result_of(item.of, item.name or ("#" .. i))
    item.name = head(item.name or name, i, seen)
    heads[#heads + 1] = item.name
    if i > 1 then heads[#heads + 1] = "vs " .. list[1].name end
  end
  local rows = {}
  for _, row in ipairs(metrics.table "compare_at_prompt") do
    local column = metrics.column(row, { 50, 99 })
    local base = metrics.value(list[1].result, column)
    local cells, any = { row, column.unit or "" }, base ~= nil
    for i, item in ipairs(list) do
      local value = metrics.value(item.result, column)
      any = any or value ~= nil
      local at = i == 1 and 3 or 2 * i
      cells[at] = value
      if i > 1 then cells[at + 1] = difference(value, base, column.metric.better) end
    end
    if any then rows[#rows + 1] = cells end
  end
  return console.table(heads, rows)
end

return diff
