--- What if: the same run with other values of some keys, one row each.
--   what_if { s, ["engine.max_num_seqs"] = { 32, 64 }, router = "least_loaded" }
local lazy = require "oracle.lazy"
local console = lazy "oracle.text.console"
local metrics = lazy "oracle.scenario.metrics"
local planning = lazy "oracle.plan"
local report = lazy "oracle.result.report"
local scenario = require "oracle.scenario"
local summary = require "oracle.result.summary"

local what_if = {}

local MOST = 1000                                         -- combinations; more is a sweep, not a question

local function fail(...)
  error(string.format(...), 0)
end

-- { key = value or { values } } as sorted axes { { key, { value, ... } }, ... }.
local function axes_of(changes)
  local axes = {}
  for key, values in pairs(changes) do
    if type(key) ~= "string" then fail("what_if: { [\"engine.max_num_seqs\"] = { 32, 64 }, ... } expected") end
    local list = type(values) == "table" and #values > 0 and values or { values }
    axes[#axes + 1] = { key, list }
  end
  if #axes == 0 then fail("what_if: at least one key with its values expected") end
  table.sort(axes, function(a, b) return a[1] < b[1] end)
  return axes
end

local function combinations(axes)
  local points = { {} }
  for _, axis in ipairs(axes) do
    local longer = {}
    for _, point in ipairs(points) do
      for _, value in ipairs(axis[2]) do
        local p = table.move(point, 1, #point, 1, {})
        p[#p + 1] = { axis[1], value }
        longer[#longer + 1] = p
      end
    end
    points = longer
    if #points > MOST then fail("what_if: more than %d combinations", MOST) end
  end
  return points
end

-- What the keys are now: a row of its own, unless it is asked for anyway.
local function as_it_is(base, plan, axes)
  local point, asked = {}, true
  for i, axis in ipairs(axes) do
    local value = base:get(axis[1])
    if value == nil then
      local name = axis[1]:match("^engine%.(.+)$")
      value = name and plan.spec.engine[name]
    end
    local listed = false
    for _, v in ipairs(axis[2]) do listed = listed or v == value end
    asked = asked and listed
    point[i] = { axis[1], value == nil and "as it is" or value }
  end
  return not asked and point or nil
end

-- A whole run, from the start.
local function anew(base, set, point)
  local s = base:copy()
  for _, pair in ipairs(set) do s:set(pair[1], pair[2]) end
  local plan = planning.plan(s)
  local raw = planning.simulate(plan)
  if not raw.complete then fail("interrupted") end
  return summary.new(plan, raw, point)
end

local PERCENTILES = { 50, 90, 95, 99 }

local function show(r)
  local names = {}
  for _, name in ipairs(metrics.table "what_if") do
    local column = metrics.column(name, PERCENTILES)
    if not column.metric.optional or metrics.value(r.points[1], column) then names[#names + 1] = name end
  end
  return r.title .. "\n" .. report.points_of(r.points, names)
end

-- Every change is checked before the first run.
local function check(base, points)
  for _, point in ipairs(points) do
    local s = base:copy()
    for _, pair in ipairs(point) do s:set(pair[1], pair[2]) end
    s.percentiles = PERCENTILES
    planning.plan(s)
  end
end

--- Run the combinations, and the run as it is.
-- @param base a scenario, or the path of one
-- @param changes { key = value, or a list of values }
-- @param going_on a simulation of it that has begun (oracle.live): { at = s it has reached, can = function(key) whether
--   a key can change while it runs, run = function(set, point) -> the summary of a branch after the pairs of `set` };
--   taken where all keys can; else, and where it is nil, runs start anew
-- @return { title =, points = { a summary with `set` each } }; prints as a table
function what_if.run(base, changes, going_on)
  if type(changes) ~= "table" then fail("what_if: a table of keys and values expected") end
  if type(base) == "string" then base = scenario.open(base) end
  if not scenario.is(base) then fail("what_if: a simulation or a scenario expected first") end
  local axes = axes_of(changes)
  local points = combinations(axes)
  check(base, points)
  for _, axis in ipairs(axes) do going_on = going_on and going_on.can(axis[1]) and going_on or nil end
  local run = going_on and going_on.run or function(set, point) return anew(base, set, point) end
  local present = as_it_is(base, planning.plan(base), axes)
  if present then table.insert(points, 1, present) end
  local results = {}
  for i, point in ipairs(points) do
    results[i] = run(present and i == 1 and {} or point, point)
  end
  local r = summary.points(results, #results)
  r.title = going_on and ("whole runs; changes take effect at t = %.6f s"):format(going_on.at)
    or "whole runs from the start"
  getmetatable(r).__show, getmetatable(r).__asked = show, present and 2 or 1
  console.printable(getmetatable(r))
  return r
end

return what_if
