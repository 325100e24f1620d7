--- The levels of detail side by side: what each answers, how many events it takes and how much wall time.
local lazy = require "oracle.lazy"
local console = require "oracle.text.console"
local core = require "oracle.core"
local metrics = lazy "oracle.scenario.metrics"
local ordered = require "oracle.text.ordered"
local planning = lazy "oracle.plan"
local scenario = lazy "oracle.scenario"
local summary = require "oracle.result.summary"
local units = require "oracle.text.units"

local lod = {}

local LEVELS = { "high", "medium", "auto" }
local STATISTICS = { "mean", "p50", "p90", "p99" }

-- A short run is repeated, and its best time counts: the rest is what else the machine did.
local LEAST_RUNS, MOST_RUNS, ENOUGH = 3, 50, 0.1          -- s of wall time in all

-- Simulate once; the wall time (s) is that of the simulation alone, without reading and reporting.
local function once(plan, clock, progress)
  local spec = planning.spec(plan, { progress = progress })
  local sim = core.sim.new(spec)
  local start = clock()
  local whole = planning.run(plan, sim, spec)
  return clock() - start, sim:result(), whole
end

local function measure(plan, clock, progress)
  local best, total, raw = math.huge, 0, nil
  for i = 1, MOST_RUNS do
    local wall, result, whole = once(plan, clock, progress)
    best, total, raw = math.min(best, wall), total + wall, result
    if not whole then error("interrupted; no comparison", 0) end
    if total >= ENOUGH and (i >= LEAST_RUNS or wall > ENOUGH) then break end
  end
  return best, raw
end

local function difference(a, b)
  if a == b then return 0 end
  if not a or not b or b == 0 then return nil end
  return 100 * (a / b - 1)
end

local function differences(levels)
  local rows = {}
  local high, medium, auto = levels[1].summary, levels[2].summary, levels[3].summary
  for _, latency in ipairs(metrics.LATENCIES) do
    for _, statistic in ipairs(STATISTICS) do
      local function value(s) return s.latency[latency.name][statistic] end
      if value(high) or value(medium) then
        rows[#rows + 1] = ordered.object {
          { "metric", latency.short .. "." .. statistic },
          { "high_ms", value(high) }, { "medium_ms", value(medium) },
          { "medium_pct", difference(value(medium), value(high)) },
          { "auto_pct", difference(value(auto), value(high)) },
        }
      end
    end
  end
  return rows
end

-- The same pools or groups, without levels of their own.
local function plain(kinds)
  local out = {}
  for key, kind in pairs(kinds) do                        -- order does not matter: each is copied once
    if type(kind) == "table" then
      out[key] = {}
      for k, v in pairs(kind) do out[key][k] = v end
      out[key].lod = nil
    else
      out[key] = kind
    end
  end
  return out
end

--- Give a scenario one level. What `detail` names is only for hybrid, and so are levels of pools and groups.
function lod.choose(s, level)
  s.lod = level
  if level == "hybrid" then return end
  local raw = scenario.raw(s)
  s.detail = nil
  if type(raw.pools) == "table" then s.pools = plain(raw.pools) end
  if type(raw.groups) == "table" then s.groups = plain(raw.groups) end
end

--- Run a scenario at every level.
-- @param s a scenario without `vary`
-- @param options { clock = function returning seconds, progress = function(share, time, run, runs) or nil }
-- @return { levels = { { level, used, events, wall_s, events_per_second, completed }, ... } (high, medium, auto),
--   fewer_events, speed_up (high over medium), differences = { { metric, high_ms, medium_ms, medium_pct, auto_pct } },
--   worst_pct, warnings }
function lod.compare(s, options)
  local levels, plans = {}, {}
  for i, level in ipairs(LEVELS) do
    local one = s:copy()
    lod.choose(one, level)
    one.percentiles = { 50, 90, 99 }
    plans[i] = planning.plan(one)
  end
  for i, level in ipairs(LEVELS) do
    local step = options.progress and function(share, time) options.progress(share, time, i, #LEVELS) end
    local wall, raw = measure(plans[i], options.clock, step)
    local result = summary.new(plans[i], raw)
    levels[i] = ordered.object {
      { "level", level }, { "used", result.oracle.lod }, { "events", raw.events }, { "wall_s", wall },
      { "events_per_second", raw.events / wall }, { "completed", result.requests.successful },
    }
    levels[i].summary = result                            -- not shown: outside the order, dropped below
  end
  local rows, worst = differences(levels), 0
  for _, row in ipairs(rows) do worst = math.max(worst, math.abs(row.medium_pct or 0)) end
  local warnings = levels[2].summary.oracle.warnings
  for _, l in ipairs(levels) do l.summary = nil end
  return ordered.object {
    { "levels", ordered.array(levels) }, { "fewer_events", levels[1].events / levels[2].events },
    { "speed_up", levels[1].wall_s / levels[2].wall_s }, { "differences", ordered.array(rows) }, { "worst_pct", worst },
    { "warnings", warnings },
  }
end

local function percent(v)
  if not v then return "-" end
  return v == 0 and "0" or ("%+.4f"):format(v)
end

--- What lod.compare found, for people.
function lod.text(found)
  local rows, out = {}, {}
  for i, l in ipairs(found.levels) do
    local used = l.used == l.level and l.level or ("%s: %s"):format(l.level, l.used)
    rows[i] = { used, units.thousands(l.events), ("%.3f"):format(1e3 * l.wall_s),
                ("%.1f"):format(1e-6 * l.events_per_second), units.thousands(l.completed) }
  end
  out[1] = console.table({ "level", "events", "wall (ms)", "million events/s", "completed" }, rows)
  out[2] = ("\nmedium executes %sx fewer events than high and is %.0fx faster\n\n"):format(
    units.thousands(math.floor(found.fewer_events)), found.speed_up)
  local latencies = {}
  for i, d in ipairs(found.differences) do
    latencies[i] = { d.metric, ("%.6g"):format(d.high_ms or 0), ("%.6g"):format(d.medium_ms or 0),
                     percent(d.medium_pct), percent(d.auto_pct) }
  end
  out[3] = console.table({ "latency", "high (ms)", "medium (ms)", "medium - high (%)", "auto - high (%)" }, latencies)
  out[4] = ("\nworst difference of medium from high: %.4f %%\n"):format(found.worst_pct)
  return table.concat(out)
end

return lod
