--- What if: the same run with other values of some keys, one row each.
--   what_if { s, ["engine.max_num_seqs"] = { 32, 64 }, router = "least_loaded" }
local scenario = require "oracle.scenario"
local summary = require "oracle.summary"

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

-- Whole runs, from the start.
local function anew(base, point, first)
  local s = base:copy()
  for _, pair in ipairs(first and {} or point) do s:set(pair[1], pair[2]) end
  local experiment = require "oracle.experiment"
  local plan = experiment.plan(s)
  local raw = experiment.simulate(plan)
  if not raw.complete then fail("interrupted") end
  return summary.new(plan, raw, point)
end

-- A branch from where the simulation is.
local function branch(sim, point, first)
  local fork = sim:fork()
  for _, pair in ipairs(first and {} or point) do fork:set(pair[1], pair[2]) end
  fork:run()
  return fork:result(point)
end

local COLUMNS = { "throughput", "output_throughput", "ttft.mean", "ttft.p99", "tpot.mean", "tpot.p99", "e2e.mean",
                  "preemptions" }

local function show(r)
  local report = require "oracle.report"
  local names = table.move(COLUMNS, 1, #COLUMNS, 1, {})
  if r.points[1].throughput.goodput_rps then table.insert(names, 3, "goodput") end
  return r.title .. "\n" .. report.points_of(r.points, names)
end

-- Every change is checked before the first run.
local function check(base, points)
  local experiment = require "oracle.experiment"
  for _, point in ipairs(points) do
    local s = base:copy()
    for _, pair in ipairs(point) do s:set(pair[1], pair[2]) end
    s.percentiles = { 50, 90, 95, 99 }
    experiment.plan(s)
  end
end

--- Run the combinations, and the run as it is.
-- @param base a scenario, the path of one, or a live simulation: branched from where it is when it has begun, is not
--   over, and all keys can change while it runs; else run anew from the start
-- @param changes { key = value, or a list of values }
-- @return { title =, points = { a summary with `set` each } }; prints as a table
function what_if.run(base, changes)
  local live = require "oracle.live"
  if type(changes) ~= "table" then fail("what_if: a table of keys and values expected") end
  if type(base) == "string" then base = require("oracle").load(base) end
  local sim = live.is(base) and base or nil
  if not sim and not scenario.is(base) then fail("what_if: a simulation or a scenario expected first") end
  if sim then base = sim.scenario end
  local axes = axes_of(changes)
  local points = combinations(axes)
  check(base, points)
  local from_now = sim ~= nil and sim.now > 0 and not sim.over
  for _, axis in ipairs(axes) do from_now = from_now and require("oracle.live.set").is_live(axis[1], base) end
  local present = as_it_is(base, require("oracle.experiment").plan(base), axes)
  if present then table.insert(points, 1, present) end
  local results = {}
  for i, point in ipairs(points) do
    local first = present ~= nil and i == 1
    results[i] = from_now and branch(sim, point, first) or not from_now and anew(base, point, first) or nil
  end
  local title = from_now and ("whole runs; changes take effect at t = %.6f s"):format(sim.now)
    or "whole runs from the start"
  local r = summary.points(results, #results)
  r.title = title
  getmetatable(r).__show, getmetatable(r).__asked = show, present and 2 or 1
  require("oracle.console").printable(getmetatable(r))
  return r
end

return what_if
