--- The load of a scenario as one number: the rate of an open loop, the clients of a closed one, how much faster a trace
-- or a mix goes; or the replicas that share it. What is measured at each is long enough to be the steady state.
local scenario = require "oracle.scenario"
local workloads = require "oracle.workload"

local load = {}

local WARM_UP = 0.1                                       -- share of an open loop's requests that are not counted
local SHORT = 4                                           -- requests of a trace, which says nothing of one kind alone
local TURNS = 20                                          -- requests of each client of a closed loop, at least

local function fail(...)
  error(string.format(...), 0)
end

-- Make a workload, or a profile of a mix, faster. Returns false where nothing of it can be.
-- @param w as it was written, @param r the same in SI units
local function faster(w, r, factor)
  if type(r.rate) == "function" then
    w.rate = function(...) return factor * r.rate(...) end
    w.rate_max = r.rate_max and factor * r.rate_max
  elseif r.stages then
    w.stages = {}
    for i, stage in ipairs(r.stages) do w.stages[i] = { rate = factor * stage.rate, duration = stage.duration } end
  elseif r.rate then
    w.rate = factor * r.rate
  elseif r.kind == "trace" then
    w.rate_scale = factor * r.rate_scale
  else
    return false
  end
  return true
end

local function copied(t)
  local own = {}
  for k, v in pairs(t) do own[k] = v end
  return own
end

-- A copy of a scenario, and its workload in full, whose own keys (and profiles) may be changed.
local function copy(s)
  local one = s:copy()
  one.vary, one.report = nil, nil
  local w = copied(workloads.in_full(scenario.raw(one).workload))
  for i, p in ipairs(w.profiles or {}) do
    if i == 1 then w.profiles = copied(w.profiles) end
    w.profiles[i] = copied(p)
  end
  scenario.raw(one).workload = w
  return one, w
end

-- As many requests as are to be measured, and no shorter than the scenario's own; the first of them as a warm-up. In
-- sessions a rate is of those that open.
-- @param r the scenario in SI units
local function lengthen(one, w, r, rate, requests)
  local own = r.workload.duration or r.duration or 0
  local span = math.max(requests / rate, own, (r.workload.count or 0) / rate)
  if r.workload.kind == "sessions" then
    w.duration, w.count = span, nil
  else
    w.duration, w.count = nil, math.ceil(span * rate)
  end
  one.warm_up = math.max(r.warm_up, WARM_UP * span)
  if r.duration and r.duration < span then one.duration = nil end
end

local KINDS = {}

function KINDS.rate(s, r)
  return { key = "workload.rate", unit = "req/s", from = r.workload.rate, apply = function(x, requests)
    local one, w = copy(s)
    w.rate = x
    lengthen(one, w, r, x, requests)
    return one
  end }
end

-- A pattern in time, a trace or a mix keeps its shape.
function KINDS.scale(s, r)
  local resolved = r.workload
  local recorded = workloads.is_recorded(resolved)
  return { key = "workload", unit = "x", from = 1, fixed = true, recorded = recorded, apply = function(x)
    local one, w = copy(s)
    local any = false
    for i, part in ipairs(resolved.profiles or { resolved }) do
      any = faster(w.profiles and w.profiles[i] or w, part, x) or any
    end
    if resolved.profiles and resolved.rate then w.rate, any = x * resolved.rate, true end
    if not any then fail("workload: %s: no profile of it has a rate; --over KEY names what to raise", w.kind) end
    return one
  end }
end

function KINDS.clients(s, r)
  return { key = "workload.concurrency", unit = "clients", whole = true, from = r.workload.concurrency,
           apply = function(x, requests)
    local one, w = copy(s)
    w.concurrency = x
    if not w.duration then w.count = math.max(r.workload.count or 0, requests, TURNS * x) end
    return one
  end }
end

local function kind_of(w)
  if w.kind == "closed_loop" then return "clients" end
  if w.kind == "trace" or w.kind == "mix" or w.stages or type(w.rate) == "function" then return "scale" end
  return w.rate and "rate" or nil
end

--- The same load for fewer requests, which a first look takes: no end of its own keeps a run longer.
-- @param s the scenario, @param r the same resolved
-- @param requests so many, where the kind of workload can say it; a trace has its first, and sessions, of which the
--   later turns are part of the load, last as long as they do
function load.short(s, r, requests)
  local one, w = copy(s)
  local own, kind = r.workload, kind_of(r.workload)
  if own.kind == "sessions" then
    w.duration = own.duration and own.duration * math.max(0.5, math.min(1, requests / 1000))
    return one
  end
  one.duration, one.warm_up = nil, nil
  if kind == "rate" or kind == "clients" or own.count and not own.duration then
    w.duration, w.count = nil, math.min(own.count or math.huge, requests)
  elseif own.kind == "trace" then
    w.count = math.min(own.count or math.huge, SHORT * requests)
  else
    one.duration, one.warm_up = scenario.raw(s).duration, scenario.raw(s).warm_up
  end
  return one
end

--- What a search raises in a scenario.
-- @param s the scenario, without `vary`
-- @param r the same resolved (oracle.plan)
-- @param over a key that stands for the load, or nil: the workload's own
-- @return { key =, unit =, whole = true for counts, from = where to begin, recorded = true where seeds change nothing,
--   fixed = true where a run is as long as it is,
--   apply = function(x, requests) -> a scenario with load x that lasts for so many requests }; raises why there is none
function load.of(s, r, over)
  if over then return load.key(s, over) end
  local kind = kind_of(r.workload)
  if not kind then
    fail("workload: %s has no rate to raise; poisson, constant, gamma, sessions, closed_loop, a trace or a mix "
      .. "expected, or --over KEY", r.workload.kind)
  end
  return KINDS[kind](s, r)
end

--- The same of any key that holds a number.
function load.key(s, key)
  local value = tonumber(s:get(key))
  if not value or value <= 0 then fail("--over %s: a key with a number above 0 expected", key) end
  local whole = math.type(value) == "integer"
  return { key = key, unit = "", whole = whole, from = value, fixed = true, apply = function(x)
    local one = s:copy()
    one.vary, one.report = nil, nil
    return one:set(key, x)
  end }
end

--- The replicas of a scenario, its load as it is.
function load.replicas(s, r)
  if r.pools or r.groups or r.autoscaling then
    fail("--replicas: %s: replicas of one kind, without autoscaling, expected; oracle plan searches pools",
      r.pools and "pools" or r.groups and "groups" or "autoscaling")
  end
  local w = r.workload
  local open = type(w.rate) == "number" and w.kind ~= "mix"
  return { key = "replicas", unit = "replicas", whole = true, from = r.replicas, recorded = workloads.is_recorded(w),
           apply = function(x, requests)
    local one, own = copy(s)
    if open then lengthen(one, own, r, w.rate, requests) end
    return one:set("replicas", x)
  end }
end

return load
