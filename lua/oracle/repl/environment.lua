--- What can be said at the prompt: live simulations, questions about them, charts.
local lazy = require "oracle.lazy"
local console = lazy "oracle.text.console"
local diff = lazy "oracle.study.diff"
local live = lazy "oracle.live"
local metrics = lazy "oracle.scenario.metrics"
local ordered = require "oracle.text.ordered"
local paths = lazy "oracle.text.paths"
local plot = lazy "oracle.text.plot"
local scenario = lazy "oracle.scenario"
local what_if = lazy "oracle.study.what_if"

local environment = {}

-- A scenario of that path, or of that name among those that come with oracle.
local function load_scenario(path)
  if type(path) ~= "string" then error("load: a path expected, such as \"scenarios/quickstart.lua\"", 0) end
  if not paths.exists(path) and paths.exists(paths.path(path)) then path = paths.path(path) end
  return scenario.open(path)
end

local function of_path(what)
  return type(what) == "string" and load_scenario(what) or what
end

local TEXT = console.printable { __show = function(t) return t.text end }

-- A text that prints as it is, not as a quoted string.
local function shown(text)
  return setmetatable({ text = text }, TEXT)
end

local HELP = [=[
s = sim "scenarios/quickstart.lua"    a simulation at its beginning; s shows where it is
s:run_until(60)  s:run_for("10 s")    go on to a simulated time, or for some
s:run_until(function(s) return s.queue > 100 end)
s:step()  s:step(100)  s:run()        a step of some replica; to the end and its result
s.now  s.queue  s.running  s.kv  s.replicas[0]  s.replicas[0].kv  s.requests[17]  s.requests
s:result()                            what was measured so far
s:set("engine.max_num_seqs", 64)      change what can change while it runs
s:reload()                            read the policies' files again
f = s:fork()  s:rewind(30)            branch; go back (simulates up to there once more)
what_if { ["engine.max_num_seqs"] = { 32, 64, 128 } }   of the last simulation, or what_if { s, ... }
compare(a, b)                         results or simulations side by side
plot(s)  plot(s, "kv")  plot(list)    over time; any list of numbers
plot(what_if { ["engine.max_num_seqs"] = { 4, 8, 16 } }, "ttft.p99")
hist(s, "ttft")  hist(list)           distributions: ttft, tpot, itl, e2e, queue
c = load "scenarios/quickstart.lua"   a scenario: c.engine.max_num_seqs = 64; c:run(); run(c)
]=]

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
    error("plot: a simulation, a series { x = {...}, y = {...} } or a list of numbers expected", 0)
  end
  if #y.y == 0 and next(y.y) ~= nil then error("plot: a list of numbers expected; this table has other keys", 0) end
  return y
end

-- plot(s [, column, ...]), plot(series, ...), plot(points [, result]), plot(list of numbers [, name]).
local function draw(what, ...)
  local chart = plot.chart
  local list = { ... }
  if type(what) == "table" and type(rawget(what, "points")) == "table" and what.points[1] then
    return shown(chart(over_points(what, list[1])))
  end
  if is_live(what) then
    local series, charts = what.series, {}
    for i, name in ipairs(#list > 0 and list or { "queue", "running" }) do
      local column = type(name) == "string" and series[name]
      if not column then
        error(("plot: %s: one of %s expected"):format(console.plain(name),
          table.concat(COLUMNS, ", ")), 0)
      end
      charts[i] = chart(column)
    end
    return shown(table.concat(charts, "\n"))
  end
  if type(what) == "table" and type(what.queue) == "table" and what.queue.y then   -- s.series: all of it
    local all = {}
    for i, name in ipairs(COLUMNS) do all[i] = what[name] end
    what, list = all[1], table.move(all, 2, #all, 1, {})
  end
  check_series(what)
  if what.y == nil then return shown(chart { y = what, name = type(list[1]) == "string" and list[1] or nil }) end
  local charts = { chart(what) }
  for i, series in ipairs(list) do charts[i + 1] = chart(check_series(series)) end
  return shown(table.concat(charts, "\n"))
end

-- The latencies behind a simulation, or behind a result that was made here.
local function latencies_of(what)
  if is_live(what) then return what.latency end
  return type(what) == "table" and (getmetatable(what) or {}).__latency or nil
end

-- hist(s or a result [, latency]), hist(distribution), hist(list of numbers [, name [, unit]]).
local function draw_hist(what, name, unit)
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
    error("hist: a simulation, one of its distributions or a list of numbers expected", 0)
  end
  return shown(plot.hist(what, name, unit))
end

-- what_if { base, key = values } or, of the simulation or scenario last made, what_if { key = values }.
local function ask_what_if(latest, question)
  if type(question) ~= "table" then error("what_if: { [\"engine.max_num_seqs\"] = { 32, 64 } } expected", 0) end
  local changes = {}
  for key, values in pairs(question) do
    if key ~= 1 then changes[key] = values end
  end
  local base = question[1] or latest
  if not base then error("what_if: no simulation yet; s = sim \"scenarios/quickstart.lua\"", 0) end
  if live.is(base) then return base:what_if(changes) end
  return what_if.run(base, changes)
end

--- The globals of a prompt: oracle and its parts, and what help() lists; what is typed goes there too.
-- @param oracle the module of this name, which sees all
-- @param s a live simulation or nil: the prompt's s
function environment.new(oracle, s)
  local latest                                            -- the simulation or scenario last made
  local function kept(v)
    latest = v
    return v
  end
  local globals = setmetatable({
    oracle = oracle, scenario = oracle.scenario, dist = oracle.dist, workload = oracle.workload,
    load = function(path) return kept(load_scenario(path)) end,
    run = function(what, options) return oracle.run(of_path(what), options) end,
    sim = function(what) return kept(oracle.sim(of_path(what))) end,
    what_if = function(question) return ask_what_if(latest, question) end,
    compare = function(...) return shown(diff.table(...)) end,
    plot = draw, hist = draw_hist, help = function() return shown(HELP) end,
  }, { __index = _G })
  if s then globals.s = kept(s) end
  return globals
end

return environment
