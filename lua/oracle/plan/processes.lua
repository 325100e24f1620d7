--- Processes of a scenario: functions that run beside its simulation, on the same clock, as those of oracle.des do
-- (docs/processes.md).
--   processes = { function(env, cluster) env:sleep(36000) cluster:drain(0) end }
-- Those of a moment run after all that the servers do then; what they change counts from there on.
local core = require "oracle.core"
local des = require "oracle.des"
local knobs = require "oracle.scenario.knobs"
local lazy = require "oracle.lazy"
local spelling = lazy "oracle.text.spelling"
local systems = lazy "oracle.system"
local units = lazy "oracle.text.units"

local processes = {}

local NS = 1e9
local STILL_MOST = 100000                                 -- events at one moment that are taken for an endless loop
local GUARDED = 1000                                      -- events for which the limits of policies hold together
local IDLE_MOST = 300000                                  -- and of processes that keep a run going without requests

local function fail(...) error(string.format(...), 0) end

-- ---- what a process sees of the servers, and does to them ----

local FIELDS, METHODS = {}, {}

function FIELDS.now(raw) return raw:now() / NS end
function FIELDS.queue(raw) return raw:queue() end
function FIELDS.running(raw) return raw:running() end
function FIELDS.arrived(raw) return raw:status().arrived end
function FIELDS.in_flight(raw) return raw:status().live end
function FIELDS.over(raw) return raw:status().over end

function FIELDS.finished(raw)
  local status = raw:status()
  return status.arrived - status.live
end

local function unknown(what, key, known)
  local names = {}
  for name in pairs(known) do names[#names + 1] = name end
  local near = spelling.find(tostring(key), names)
  error(("%s has no field %s%s"):format(what, tostring(key), near and "; did you mean " .. near .. "?" or ""), 3)
end

local REPLICA = { __index = function(r, key) unknown("a replica", key, r) end }

-- Replicas from 0, as the engine tells of them: queue, running, kv { used, free, total }, phase ...
function FIELDS.replicas(raw)
  local n = raw:status().replicas
  local function get(_, i)
    if math.type(i) ~= "integer" or i < 0 or i >= n then
      fail("cluster.replicas: a replica from 0 to %d expected, got %s", n - 1, tostring(i))
    end
    return setmetatable(raw:replica(i), REPLICA)
  end
  local function following(list, i)
    i = i and i + 1 or 0
    if i < n then return i, list[i] end
  end
  return setmetatable({}, { __index = get, __len = function() return n end,
                            __pairs = function(list) return following, list end })
end

local function replica_of(raw, verb, i)
  local n = raw:status().replicas
  if math.type(i) == "integer" and i >= 0 and i < n then return i end
  fail("cluster:%s: a replica from 0 to %d expected, got %s", verb, n - 1, tostring(i))
end

--- It takes no more requests, and is off once it has none. False where it is not ready.
function METHODS.drain(raw, _, i) return raw:drain(replica_of(raw, "drain", i)) end

--- One that drains or is off takes requests again: at once, or after its cold start. False where it is neither.
function METHODS.restore(raw, _, i) return raw:restore(replica_of(raw, "restore", i)) end

--- It loses all it had, and its requests go to others; it is back after `lasts` (s, or "10 min"; nil: never). False
-- where it does not work.
function METHODS.fail(raw, _, i, lasts)
  local seconds = lasts
  if type(lasts) == "string" then seconds = units.parse(lasts, "time") end
  if lasts ~= nil and not (type(seconds) == "number" and seconds >= 0 and seconds <= 1e9) then
    fail("cluster:fail: how long, in s or such as \"10 min\", expected, got %s", tostring(lasts))
  end
  return raw:fail(replica_of(raw, "fail", i), seconds and math.floor(seconds * NS + 0.5))
end

-- The knobs of engines that can change while they run.
local function changeable()
  local names = {}
  for _, row in ipairs(knobs.fields()) do
    if not row.fixed then names[#names + 1] = "engine." .. row[1] end
  end
  table.sort(names)
  return names
end

-- The canonical name of a knob that can change.
local function knob_of(plan, key)
  local name = type(key) == "string" and key:match "^engine%.([%w_]+)$"
  name = name and (systems.get(plan.scenario.engine.system).aliases[name] or name)
  local names = changeable()
  for _, other in ipairs(names) do
    if name and other == "engine." .. name then return name end
  end
  local near = type(key) == "string" and spelling.find(key, names)
  fail("cluster:set: %s cannot change while it runs%s", tostring(key), near and "; did you mean " .. near .. "?"
    or " (what can: " .. table.concat(names, ", ") .. ")")
end

--- A knob of all replicas has another value from their next step on, checked as in a scenario.
function METHODS.set(raw, plan, key, value)
  local name = knob_of(plan, key)
  local changed = plan.of:copy()
  for k, v in pairs(plan.changed) do changed:set(k, v) end
  changed:set(key, value)
  local e = plan.again(changed).spec.engine
  raw:retune { [name] = e[name] }
  plan.changed[key] = value
end

--- One more request, as `answered` of a generator returns it: its times count from now.
-- @return an event that happens when it has ended, with what `answered` learns of it; nil: none comes any more
function METHODS.send(raw, plan, request)
  if not plan.sent then
    fail('cluster:send: no requests are sent here; workload = oracle.workload.sent {}, or a part of a mix, expected')
  end
  if type(request) ~= "table" then
    fail("cluster:send: a request { prompt =, output = } expected, got %s", tostring(request))
  end
  local row, event = {}, plan.env:event()
  for k, v in next, request do row[k] = v end
  row.data = { event = event, data = request.data }
  if not raw:send(row) then return nil end
  plan.under_way = plan.under_way + 1
  return event
end

local function cluster_of(plan, raw)
  local cluster, bound = {}, {}
  for name, method in pairs(METHODS) do
    bound[name] = function(self, ...)
      if self ~= cluster then error(("cluster:%s(...) expected, not cluster.%s"):format(name, name), 2) end
      local ok, result = pcall(method, raw, plan, ...)
      if not ok then error(result, 2) end
      return result
    end
  end
  local function see(_, key)
    if bound[key] then return bound[key] end
    if FIELDS[key] then return FIELDS[key](raw) end
    local known = {}
    for _, of in ipairs { FIELDS, METHODS } do
      for name in pairs(of) do known[name] = true end
    end
    unknown("a cluster", key, known)
  end
  return setmetatable(cluster, { __index = see, __name = "oracle.cluster", __newindex = function(_, key)
    error(("cluster.%s cannot be assigned; cluster:set(key, value) changes a knob"):format(tostring(key)), 2)
  end })
end

-- ---- time ----

-- The answers to what processes send, in a spec: nil where none are sent.
local function answers_of(workload)
  if workload[1] == nil then return workload.answers end
  for _, part in ipairs(workload) do
    if part.answers then return part.answers end
  end
end

--- The processes of a plan beside a simulation of it, none of which has begun; nil where it has none.
-- @param plan of oracle.plan
-- @param again function(scenario) -> its plan
-- @param raw of oracle.core's sim.new
-- @param spec what it was made from
-- @return { due = function() -> ns of their next event, nil: none comes,
--           heard = function() -> whether an answer came that they do not know of,
--           run = function(ns): tells them, and the events up to then; raises what goes wrong }
function processes.start(plan, again, raw, spec)
  local list = plan.scenario.processes
  if not list or #list == 0 then return nil end
  local env = des.environment { seed = plan.scenario.seed }
  local answers = answers_of(spec.workload)
  local of = { scenario = plan.scenario, of = plan.of, again = again, changed = {}, env = env, sent = answers ~= nil,
               under_way = 0 }
  local cluster = cluster_of(of, raw)
  for _, f in ipairs(list) do env:process(f, env, cluster) end
  local beside, idle = {}, 0

  function beside.due()
    local at = env:peek()
    if at < math.huge then return math.floor(at * NS + 0.5) end
    if answers and of.under_way == 0 then raw:close() end  -- no process is left that could send one
  end

  beside.heard = answers and function() return answers[1] ~= nil end

  local function answer(event, request)
    of.under_way = of.under_way - 1
    event:succeed(request)
  end

  -- A client may see an answer later than it is there.
  local function tell(ns)
    env:run(math.max(env.now, ns / NS))
    for i, request in ipairs(answers) do
      local event, later = request.data.event, request.ended - env.now
      answers[i], request.data = nil, request.data.data
      if later > 0.5 / NS then
        env:process(function()
          env:sleep(later)
          answer(event, request)
        end)
      else
        answer(event, request)
      end
    end
  end

  -- Some of the events up to `ns`. Returns how many, and whether there may be more.
  local function run_some(ns)
    local events = 0
    if answers and answers[1] then tell(ns) end
    for at in beside.due do
      if at > ns then break end
      env:step()
      events = events + 1
      if events == GUARDED then return events, true end
    end
    return events, false
  end

  -- The limits of time and memory hold for so many events at a time, for many may be due.
  local function run_through(ns)
    local events, more = 0, true
    while more do
      local ok, n
      ok, n, more = core.sim.guard(pcall, run_some, ns)
      if not ok then error(n, 0) end
      events = events + n
      if events > STILL_MOST then fail("%d events in a row, and the clock stands still", STILL_MOST) end
    end
    local is_idle = answers and not plan.scenario.duration and of.under_way == 0 and raw:status().live == 0
    idle = is_idle and idle + events or 0
    if idle > IDLE_MOST then
      fail("%d events in a row, and no request is sent; the scenario's duration would end them", IDLE_MOST)
    end
  end

  function beside.run(ns)
    local ok, why = pcall(run_through, ns)
    if ok then return end
    why = tostring(why):gsub("^%S*oracle/plan/processes%.lua:%d+: ", ""):gsub("^the policy took", "a process took")
    error(why:match "^at t=" and why or ("at t=%.6f s, processes: %s"):format(ns / NS, why), 0)
  end

  return beside
end

--- A simulation and its processes to the end.
-- @return whether it was not interrupted
function processes.run(beside, raw, progress)
  while true do
    local due = beside.due()
    if not raw:run(due, progress, beside.heard) then return false end
    local now = raw:now()
    local heard = beside.heard and beside.heard()
    local is_due = due and due <= now and not raw:status().over
    if not heard and not is_due then return true end
    beside.run(now)
  end
end

return processes
