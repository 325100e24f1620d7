--- Charts at the prompt: of simulations, of finished results, of lists of numbers.
local lazy = require "oracle.lazy"
local console = lazy "oracle.text.console"
local live = lazy "oracle.live"
local metrics = lazy "oracle.scenario.metrics"
local ordered = require "oracle.text.ordered"
local plot = lazy "oracle.text.plot"
local shown = require "oracle.repl.shown"

local charts = {}

local function is_live(v)
  return type(v) == "table" and getmetatable(v) ~= nil and live.is(v)
end

-- A result over the first key its points set; of what_if only the values that were asked for.
local function over_points(of, name)
  for _, point in ipairs(of.points) do
    if type(point) ~= "table" or type(point.set) ~= "table" then error("plot: points of a what_if expected", 0) end
  end
  local points = table.move(of.points, (getmetatable(of) or {}).__asked or 1, #of.points, 1, {})
  local column, why = metrics.column(name or "ttft.p99", { 50, 90, 95, 99 })
  if not column then error("plot: " .. why, 0) end
  local key, rows = ordered.keys(points[1].set)[1], {}
  for i, point in ipairs(points) do rows[i] = { point.set[key], metrics.value(point, column) } end
  for _, row in ipairs(rows) do
    if type(row[1]) ~= "number" then error(("plot: %s: numbers expected"):format(key), 0) end
  end
  table.sort(rows, function(a, b) return a[1] < b[1] end)
  local series = { name = column.name, unit = column.unit, xname = key, x = {}, y = {} }
  for i, row in ipairs(rows) do series.x[i], series.y[i] = row[1], row[2] or 0 / 0 end
  return series
end

local COLUMNS = { "finished", "kv", "queue", "running" }

-- What can be drawn: a list of numbers, or { x = list or nil, y = list }; raises otherwise.
local function check_series(v)
  local y = type(v) == "table" and v.y == nil and { y = v } or v
  if type(y) ~= "table" or type(y.y) ~= "table" or y.x ~= nil and type(y.x) ~= "table" then
    error("plot: a simulation, a result, a series { x = {...}, y = {...} } or a list of numbers expected", 0)
  end
  if #y.y == 0 and next(y.y) ~= nil then error("plot: a list of numbers expected; this table has other keys", 0) end
  return y
end

-- How a simulation, or the run behind a result, went over time; nil for anything else.
local function series_of(what)
  if is_live(what) then return what.series end
  local meta = type(what) == "table" and getmetatable(what)
  if type(meta) ~= "table" then return nil end
  if not meta.__series and meta.__latency then
    error("plot: this run kept no series; at the prompt run and sim do, and a scenario's file can: oracle.sim(s):run()",
      0)
  end
  return meta.__series
end

--- Draw something over time, or over what was varied.
-- plot(s or a result [, column, ...]), plot(series, ...), plot(points [, result]), plot(list of numbers [, name]).
function charts.plot(what, ...)
  local chart = plot.chart
  local list = { ... }
  if type(what) == "table" and type(rawget(what, "points")) == "table" and what.points[1] then
    return shown(chart(over_points(what, list[1])))
  end
  local series = series_of(what)
  if series then
    local drawn = {}
    for i, name in ipairs(#list > 0 and list or { "queue", "running" }) do
      local column = type(name) == "string" and series[name]
      if not column then
        error(("plot: %s: one of %s expected"):format(console.plain(name),
          table.concat(COLUMNS, ", ")), 0)
      end
      drawn[i] = chart(column)
    end
    return shown(table.concat(drawn, "\n"))
  end
  if type(what) == "table" and type(what.queue) == "table" and what.queue.y then   -- s.series: all of it
    local all = {}
    for i, name in ipairs(COLUMNS) do all[i] = what[name] end
    what, list = all[1], table.move(all, 2, #all, 1, {})
  end
  check_series(what)
  if what.y == nil then return shown(chart { y = what, name = type(list[1]) == "string" and list[1] or nil }) end
  local drawn = { chart(what) }
  for i, one in ipairs(list) do drawn[i + 1] = chart(check_series(one)) end
  return shown(table.concat(drawn, "\n"))
end

-- The latencies behind a simulation, or behind a result that was made here.
local function latencies_of(what)
  if is_live(what) then return what.latency end
  return type(what) == "table" and (getmetatable(what) or {}).__latency or nil
end

--- Draw a distribution.
-- hist(s or a result [, latency]), hist(distribution), hist(list of numbers [, name [, unit]]).
function charts.hist(what, name, unit)
  local latencies = latencies_of(what)
  if latencies then
    name = name or "ttft"
    if not latencies[name] then
      local names = {}
      for i, latency in ipairs(metrics.LATENCIES) do names[i] = latency.short end
      error(("hist: %s: one of %s expected"):format(tostring(name), table.concat(names, ", ")), 0)
    end
    what = latencies[name]
  end
  if type(what) == "table" and type(what.y) == "table" then
    what, name, unit = what.y, name or what.name, unit or what.unit
  end
  local is_hist = type(what) == "userdata" and (getmetatable(what) or {}).__name == "oracle.hist"
  local fits = is_hist or type(what) == "table" and (#what > 0 or next(what) == nil)
  if not fits then
    error("hist: a simulation, a result, one of its distributions or a list of numbers expected", 0)
  end
  return shown(plot.hist(what, name, unit))
end

return charts
