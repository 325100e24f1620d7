--- A simulation that lives: it stops where one wants, can be looked at, changed, branched and taken back.
--   s = oracle.sim "scenarios/quickstart.lua"
--   s:run_until(60)   s:step()   s:run_until(function(s) return s.queue > 100 end)   s:run()
--   s.now, s.queue, s.running, s.replicas[0].kv, s.requests[17], s.series.queue, s.latency.ttft
--   s:set(key, value)   s:reload()   s:fork()   s:rewind(t)   s:what_if { key = { values } }
--   s:breakpoint(name, condition)   s.breakpoints   s:delete(name)   s.changes
--
-- A pause lies after all events of a moment, so the time alone says where a simulation is. Branches and rewinding
-- run the scenario again from its seed, doing the same at the same times: byte for byte the same, at the cost of
-- simulating up to that time once more. What a policy keeps, in the table it is given or in variables of its file, is
-- made anew with it; only one that was typed in shares the variables its functions refer to.
local lazy = require "oracle.lazy"
local breakpoints = lazy "oracle.live.breakpoints"
local console = lazy "oracle.text.console"
local core = require "oracle.core"
local edits = lazy "oracle.live.edits"
local host = lazy.optional "oracle.host"
local planning = lazy "oracle.plan"
local progress = lazy "oracle.text.progress"
local replicas = lazy "oracle.live.replica"
local requests = lazy "oracle.live.request"
local scenario = require "oracle.scenario"
local series = require "oracle.live.series"
local spelling = lazy "oracle.text.spelling"
local summary = lazy "oracle.result.summary"
local units = lazy "oracle.text.units"
local what_if = lazy "oracle.study.what_if"

local live = {}

local NS = 1e9

local inner_of = setmetatable({}, { __mode = "k" })       -- live simulation -> what is behind it

local function fail(...)
  error(string.format(...), 0)
end

local function seconds(ns)
  return ns / NS
end

-- ---- making and going on ----

-- A spec of its own: its knobs can then be changed without anyone else noticing.
local function spec_of(plan, adapt)
  local spec = planning.spec(plan)
  local engine = {}
  for k, v in pairs(spec.engine) do engine[k] = v end
  spec.engine, spec.life, spec.series_interval = engine, true, nil   -- it samples by itself: oracle.live.series
  if adapt then adapt(spec) end
  return spec
end

local function start(inner)
  collectgarbage()                                        -- simulations without a reference are larger than Lua knows
  inner.spec = spec_of(inner.plan, inner.adapt)
  inner.raw = core.sim.new(inner.spec)
  inner.series = series.new(inner.plan.spec.series_interval)
  inner.beside = planning.beside(inner.plan, inner.raw, inner.spec)
  inner.begun, inner.failure = false, nil
  return inner
end

-- Shows how far it is from the second second on, on a terminal.
local function meter_of()
  local h = host()
  if not h or not h.isatty(2) then return nil end
  return progress.new(h.clock, io.stderr)
end

-- Go on to `until_ns` (nil: to the end), sampling on the way. True when it was interrupted. It is held while it does:
-- Ctrl-C ends it between two moments, and what is kept of it stays whole.
local function advance(inner, until_ns, predicate)
  if inner.failure then error(inner.failure, 0) end       -- a process of its has ended it
  local raw, from = inner.raw, inner.raw:now()
  local meter = meter_of()
  local function show(share, now)
    if until_ns then share = (now - from) / math.max(1, until_ns - from) end
    if meter then meter.step(share, seconds(now)) end
  end
  inner.begun = true
  local heard, ask = inner.beside and inner.beside.heard, predicate
  if heard then
    function ask() return heard() or predicate and predicate() end
  end
  local ok, how
  repeat
    local stop = series.next(inner.series)
    if until_ns and until_ns < stop then stop = until_ns end
    local due = inner.beside and inner.beside.due()
    if due and due < stop then stop = due end
    ok, how = pcall(raw.advance, raw, stop, ask, show)
    local now = raw:now()
    local is_told = ok and how == "met" and heard and heard()
    if is_told or ok and how == "reached" and due and due <= now and not raw:status().over then
      local good, why = pcall(inner.beside.run, now)
      if not good then ok, how, inner.failure = false, why, why end
      if good and is_told then how = "reached" end
    end
    series.sample(inner.series, raw, now)
    if meter then show(raw:fraction(), now) end
  until not ok or how ~= "reached" or now == until_ns and not is_told or raw:status().over
  if meter then meter.done() end
  if not ok then error(how, 0) end
  return how == "interrupted"
end

local function advance_whole(inner, until_ns, predicate)
  if core.sim.hold(advance, inner, until_ns, predicate) then
    fail("interrupted at t = %.6f s; s:run_until(t) or s:run() goes on", seconds(inner.raw:now()))
  end
end

-- The same up to the first breakpoint, which is then where it stands: inner.stopped.
local function go_on(self, until_ns, predicate)
  local inner = inner_of[self]
  local list, met = inner.breaks, nil
  inner.stopped = nil
  if #list == 0 then return advance_whole(inner, until_ns, predicate) end
  local function ask()
    met = breakpoints.met(list, self)
    return met or predicate and predicate()
  end
  local next_stop = breakpoints.next(list, inner.raw:now())
  local stop = next_stop and (not until_ns or next_stop < until_ns) and next_stop or until_ns
  advance_whole(inner, stop, (predicate or breakpoints.any(list)) and ask or nil)
  met = met or stop and inner.raw:now() == stop and breakpoints.at(list, stop)
  if met then inner.stopped, met.hits = met.name, met.hits + 1 end
end

-- What was done to a simulation, done to another one.
local function carry_out(inner, entry)
  if entry.engine then
    inner.raw:retune(entry.engine)
    for k, v in pairs(entry.engine) do inner.spec.engine[k] = v end
  elseif entry.policies then
    local spec = {}
    for k, v in pairs(inner.spec) do spec[k] = v end
    for kind, p in pairs(entry.policies) do spec[kind] = planning.fresh(p) end
    inner.raw:swap(spec, entry.anew)
    inner.spec = spec
  else
    inner.raw["until"](inner.raw, entry.duration)
    inner.spec.duration = entry.duration
  end
  inner.scenario, inner.present = entry.scenario, entry.plan
end

-- Remember what is done, with the time it was done at: nil before the first moment.
local function change(inner, entry)
  entry.at = inner.begun and inner.raw:now() or nil
  core.sim.hold(function()                                -- done and remembered, or neither
    carry_out(inner, entry)
    inner.edits[#inner.edits + 1] = entry
  end)
end

-- Go on to a time that has been reached before.
local function go_through(inner, at)
  core.sim.hold(advance, inner, at)
  if inner.raw:now() < at and not inner.raw:status().over then
    fail("interrupted on the way to t = %.6f s; the simulation is where it was", seconds(at))
  end
end

-- Another one at time `at` (ns; nil: not begun), by doing it all again.
local function replay(inner, at)
  if inner.adapt then fail("a served simulation has no branches and no way back: clients do not send again") end
  local again = start { plan = inner.plan, name = inner.name, scenario = inner.origin, origin = inner.origin,
                        present = inner.plan, edits = {}, breaks = {}, from = inner.from }
  for _, entry in ipairs(inner.edits) do
    if entry.at and (not at or entry.at > at) then break end
    if entry.at then go_through(again, entry.at) end
    carry_out(again, entry)
    again.edits[#again.edits + 1] = entry
  end
  if at then go_through(again, at) end
  return again
end

-- ---- what one sees ----

local FIELDS, METHODS = {}, {}

local function see(self, key)
  if METHODS[key] then return METHODS[key] end
  local field = FIELDS[key]
  if field then return field(inner_of[self], self) end
  local near = spelling.find(tostring(key), live.names(self, "."))
    or spelling.find(tostring(key), live.names(self, ":"))
  fail("a simulation has no field %s%s", tostring(key), near and "; did you mean " .. near .. "?" or "")
end

local function deny(_, key)
  fail("s.%s cannot be assigned; s:set(key, value) changes what can change while it runs", tostring(key))
end

local LIVE = { __index = see, __newindex = deny, __name = "oracle.sim" }

local function wrap(inner)
  local self = setmetatable({}, LIVE)
  inner_of[self] = inner
  return self
end

--- A simulation of a scenario, at its beginning.
-- @param what a scenario or the path of one
-- @param adapt function(spec) that changes what the engine is given, or nil; it then cannot be done again, so that it
--   has no branches and no way back
function live.new(what, adapt)
  if type(what) == "string" then what = scenario.open(what) end
  if live.is(what) then what = inner_of[what].origin end
  if not scenario.is(what) then
    fail("sim: a scenario or the path of one expected, got %s", what == nil and "none" or "a " .. type(what))
  end
  if scenario.raw(what).vary then
    fail("sim: this scenario varies keys, and a simulation is one run; set its vary to nil first")
  end
  local copy = what:copy()
  local plan = planning.plan(copy)
  local path = scenario.origin(copy).path
  local name = scenario.raw(copy).name or (path and path:match("([^/]+)%.%a+$")) or "simulation"
  return wrap(start { plan = plan, present = plan, origin = copy, scenario = copy, name = name, edits = {},
                      breaks = {}, adapt = adapt })
end

function live.is(v)
  return inner_of[v] ~= nil
end

--- What is behind one, for who makes it go on in another way: the engine's simulation, and its processes or nil.
function live.engine(self)
  local inner = inner_of[self]
  inner.begun = true
  return inner.raw, inner.beside, inner.plan
end

function FIELDS.now(inner) return seconds(inner.raw:now()) end
function FIELDS.queue(inner) return inner.raw:queue() end
function FIELDS.running(inner) return inner.raw:running() end
function FIELDS.arrived(inner) return inner.raw:status().arrived end
function FIELDS.in_flight(inner) return inner.raw:status().live end
function FIELDS.steps(inner) return inner.raw:status().steps end
function FIELDS.name(inner) return inner.name end

function FIELDS.finished(inner)
  local status = inner.raw:status()
  return status.arrived - status.live
end

--- True once nothing is left to simulate.
function FIELDS.over(inner) return inner.raw:status().over end

--- KV blocks of all replicas: { used =, total = }.
function FIELDS.kv(inner)
  local used, total = inner.raw:memory()
  return replicas.memory { used = used, total = total, free = total - used }
end

--- A copy of the scenario with what s:set changed.
function FIELDS.scenario(inner) return inner.scenario:copy() end

function FIELDS.replicas(inner)
  return replicas.list(inner.raw, inner.raw:status().replicas)
end

--- The name of the breakpoint it stands at, or nil.
function FIELDS.stopped(inner) return inner.stopped end

function FIELDS.breakpoints(inner) return breakpoints.view(inner.breaks) end

--- What was set and reloaded on the way: { { t = s, key =, from =, to =, of = "this branch" or "both" }, ... }.
function FIELDS.changes(inner) return edits.view(inner) end

function FIELDS.requests(inner) return requests.list(inner.raw) end
function FIELDS.series(inner) return series.view(inner.series) end

--- Distributions so far, in ns: ttft, tpot, itl, e2e, queue.
function FIELDS.latency(inner)
  return inner.raw:so_far().latency
end

-- ---- what one does ----

local function time_of(value)
  if type(value) == "string" then
    local parsed, why = units.parse(value, "time")
    if not parsed then fail("a time: %s", why) end
    value = parsed
  end
  if type(value) ~= "number" or value ~= value or value < 0 or value > 9e9 then
    fail("a time in simulated seconds, such as 60 or \"2 min\", expected, got %s",
      value ~= value and "nan" or console.plain(value))
  end
  return math.floor(value * NS + 0.5)
end

local function go_to(self, at)
  local now = inner_of[self].raw:now()
  if at < now then fail("t = %g s has passed (t = %.6f s now); s:rewind(t) goes back", seconds(at), seconds(now)) end
  go_on(self, at)
end

--- Go on to a time (s, or "2 min"), or until f(s) is true, which is asked after every moment something happens.
-- Ends early when all requests have ended. Ctrl-C and breakpoints pause it.
function METHODS.run_until(self, what)
  if type(what) == "function" then
    go_on(self, nil, function() return what(self) end)
  elseif what == nil then
    fail("run_until: a time in simulated seconds or a function expected")
  else
    go_to(self, time_of(what))
  end
  return self
end

--- Go on for so many simulated seconds.
function METHODS.run_for(self, time)
  go_on(self, inner_of[self].raw:now() + time_of(time))
  return self
end

--- Go on until a step of some replica has ended (n: that many times).
function METHODS.step(self, n)
  local inner = inner_of[self]
  n = n or 1
  if math.type(n) ~= "integer" or n < 1 then fail("step: how many steps, a whole number from 1, expected") end
  inner.begun, inner.stopped = true, nil
  for _ = 1, n do
    local before = inner.raw:status().steps
    if inner.beside then
      go_on(self, nil, function() return inner.raw:status().steps > before end)
    else
      core.sim.hold(function()
        inner.raw:step()
        series.sample(inner.series, inner.raw, inner.raw:now())
      end)
    end
    if inner.raw:status().steps == before then break end
  end
  return self
end

--- Go on to the end.
-- @return the summary; raises where a breakpoint stops it, as only a whole run has a result
function METHODS.run(self)
  go_on(self)
  local inner = inner_of[self]
  if inner.stopped then
    fail("breakpoint %s at t = %.6f s; s:run() goes on", inner.stopped, seconds(inner.raw:now()))
  end
  return self:result()
end

--- Stop when a condition becomes true: at a time (s, "2 min"), for fields as in "queue > 100", or f(s).
-- @param name what it is called; nil: the next number
function METHODS.breakpoint(self, name, condition)
  breakpoints.add(inner_of[self].breaks, self, name, condition)
  return self
end

--- Delete the breakpoint of a name; without one all of them.
function METHODS.delete(self, name)
  breakpoints.delete(inner_of[self].breaks, name)
  return self
end

--- The summary of what has happened so far; it can go on.
function METHODS.result(self, set)
  local inner = inner_of[self]
  local raw = inner.raw:so_far()
  local result = summary.new(inner.present, raw, set)
  local meta = getmetatable(result)
  meta.__latency, meta.__series = raw.latency, series.view(inner.series)
  if raw.complete and #inner.edits == 0 then meta.__scenario = inner.origin:copy() end   -- by which it can be run again
  meta.__paused = true                    -- where it is not complete: it was not interrupted
  return result
end

--- A branch: another simulation that is where this one is, and goes its own way.
function METHODS.fork(self)
  local inner = inner_of[self]
  local again = replay(inner, inner.begun and inner.raw:now() or nil)
  again.from = { name = inner.name, at = inner.raw:now(), edits = #again.edits }
  return wrap(again)
end

--- Back to an earlier time; what was set or reloaded after it has not happened.
function METHODS.rewind(self, time)
  local inner = inner_of[self]
  local at = time_of(time)
  if at > inner.raw:now() then
    fail("rewind: t = %g s is still to come (t = %.6f s now); s:run_until(t) goes there", seconds(at),
      seconds(inner.raw:now()))
  end
  local again = replay(inner, at > 0 and at or nil)
  again.breaks, inner_of[self] = inner.breaks, again
  breakpoints.again(again.breaks, self)
  return self
end

--- Change a key while it runs; raises why where that is not possible.
function METHODS.set(self, key, value)
  local inner = inner_of[self]
  change(inner, edits.entry(inner, key, value))
  return self
end

--- Read the policies' files again; what each replica's policy has kept in its `s` stays.
function METHODS.reload(self)
  local inner = inner_of[self]
  change(inner, edits.reloaded(inner))
  return self
end

-- A branch from where the simulation is, with some keys set, to its end.
local function branch(self, set, point)
  local fork = self:fork()
  for _, pair in ipairs(set) do fork:set(pair[1], pair[2]) end
  fork:run()
  return fork:result(point)
end

--- Runs with other values, in one table: from now on where all keys can change while it runs, else from the start.
function METHODS.what_if(self, changes)
  local s = self.scenario
  local going_on = self.now > 0 and not self.over
  return what_if.run(s, changes, going_on and {
    at = self.now, can = function(key) return edits.is_live(key, s) end,
    run = function(set, point) return branch(self, set, point) end,
  } or nil)
end

-- ---- showing ----

--- One line that says where it is.
function live.line(self)
  local inner = inner_of[self]
  local status = inner.raw:status()
  local state = status.failed and ", failed" or status.over and ", over"
    or ""
  return ("%s: t = %.6f s%s; %d arrived, %d ended, %d waiting, %d running"):format(inner.name, seconds(status.now),
    state, status.arrived, status.arrived - status.live, inner.raw:queue(), inner.raw:running())
end

--- Where it is, what of it is its own, and a table of its replicas.
function live.show(self)
  local inner = inner_of[self]
  local stopped = inner.stopped and ("stopped at breakpoint %s\n"):format(inner.stopped) or ""
  return live.line(self) .. "\n" .. stopped .. edits.said(inner) .. replicas.table(self.replicas)
end

LIVE.__show = live.show
LIVE.__tostring = live.line

--- The names that may follow one: fields after ".", methods after ":".
function live.names(_, separator)
  local names = {}
  for name in pairs(separator == ":" and METHODS or FIELDS) do names[#names + 1] = name end
  table.sort(names)
  return names
end

LIVE.__names = live.names

-- Its results so far and what they are called, for comparisons.
function LIVE.__result(self) return self:result(), self.name end

return live
