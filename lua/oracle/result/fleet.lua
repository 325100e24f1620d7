--- Replicas as a whole: what the replicas of a pool measured together, and how many served when - what scaled and what
-- failed.
local lazy = require "oracle.lazy"
local ordered = require "oracle.text.ordered"
local pools = lazy "oracle.plan.pools"

local fleet = {}

local SECONDS_PER_HOUR = 3600

-- ---- results of several replicas as one ----

-- What of a replica's result (src/bind/sim/result.c) adds up; the latencies in it are histograms.
local ADDED = { "requests", "tokens", "window", "latency" }

local function plus(a, b)
  if a == nil or b == nil then return a or b end
  if type(a) == "number" then return a + b end
  if type(a) == "userdata" then return a:plus(b) end
  local sum = {}
  for k, v in pairs(a) do sum[k] = plus(v, b[k]) end
  return sum
end

--- The replicas first .. last (places from 1) of a result as one, with the fields that add up.
function fleet.merged(raw, first, last)
  local one = {}
  for _, key in ipairs(ADDED) do
    one[key] = raw.replicas[first][key]
    for i = first + 1, last do one[key] = plus(one[key], raw.replicas[i][key]) end
  end
  return one
end

-- ---- time ----

local function hours(raw, key, seconds, first, last)
  local total = 0
  for i = first or 1, last or #raw.replicas do total = total + (raw.replicas[i][key] or seconds) end
  return total / SECONDS_PER_HOUR
end

--- Hours that replicas were there (rented, also while they start, drain or have failed), after the warm-up.
-- @param seconds how long that is
-- @param first, last places of replicas; nil: of all
function fleet.replica_hours(raw, seconds, first, last)
  return hours(raw, "rented_s", seconds, first, last)
end

-- Events of both kinds in one list, by time; those of one moment as they were noted.
local function in_order(raw)
  local list = {}
  for _, kind in ipairs { raw.scaling_events or {}, raw.failure_events or {} } do
    for _, e in ipairs(kind) do list[#list + 1] = e end
  end
  for i, e in ipairs(list) do list[i] = { e, i } end
  table.sort(list, function(a, b)
    if a[1].t ~= b[1].t then return a[1].t < b[1].t end
    return a[2] < b[2]
  end)
  for i, pair in ipairs(list) do list[i] = pair[1] end
  return list
end

-- What a count was at least and at most: of `began` (replica = weight) at the start, more by a replica's weight with
-- events that `counts` has as true, less with those it has as false.
local function range_of(list, began, weights, counts)
  local is, now = {}, 0
  for replica, weight in pairs(began) do is[replica], now = true, now + weight end
  local least, most = now, now
  for _, e in ipairs(list) do
    local becomes = counts[e.what]
    if becomes ~= nil and becomes ~= (is[e.replica] or false) then
      now = now + (becomes and 1 or -1) * weights[e.replica]
      is[e.replica] = becomes
    end
    least, most = math.min(least, now), math.max(most, now)
  end
  return ordered.object { { "least", least }, { "most", most } }
end

local SERVES = { ready = true, recovered = true, starting = false, draining = false, off = false, failed = false }
local RENTED = { starting = true, off = false }

-- By the first replica (from 0) of every unit: 1, and its GPUs; the same of those that serve when the run begins.
local function units_of(plan)
  local ones, gpus, ones_began, gpus_began = {}, {}, {}, {}
  for _, part in ipairs(pools.parts(plan.deployment)) do
    local d = part.deployment
    for first = part.first - 1, part.first + part.room - 2, d.group do
      ones[first], gpus[first] = 1, d.gpus_per_replica * d.group
      if first < part.first - 1 + d.replicas then ones_began[first], gpus_began[first] = 1, gpus[first] end
    end
  end
  return ones, gpus, ones_began, gpus_began
end

local function events(list)
  local out = {}
  for i, e in ipairs(list or {}) do
    out[i] = ordered.object { { "t", e.t }, { "replica", e.replica }, { "what", e.what } }
  end
  return ordered.array(out)
end

local function scales(r)
  if r.autoscaling then return true end
  for _, kind in ipairs(r.groups or { (r.pools or {}).prefill, (r.pools or {}).decode }) do
    if kind.autoscaling then return true end
  end
  return false
end

--- When replicas came and went; nil where none can.
-- @return { events =, replica_hours = as rented, ready = units that took requests: { least =, most = }, gpus = those
--   there, likewise, left_out = of events of both kinds, those beyond the first 10,000 (src/cluster/unit_log.h) }
function fleet.scaling(plan, raw, seconds)
  if not scales(plan.scenario) and #(raw.scaling_events or {}) == 0 then return nil end
  local list = in_order(raw)
  local ones, gpus, ones_began, gpus_began = units_of(plan)
  return ordered.object { { "events", events(raw.scaling_events) },
                          { "replica_hours", fleet.replica_hours(raw, seconds) },
                          { "ready", range_of(list, ones_began, ones, SERVES) },
                          { "gpus", range_of(list, gpus_began, gpus, RENTED) },
                          { "left_out", raw.unit_events_left_out or 0 } }
end

--- When replicas failed and came back; nil where none can.
-- @return { events =, replica_hours = in which replicas had failed, count = failures }
function fleet.failures(plan, raw)
  if not plan.scenario.failures and #(raw.failure_events or {}) == 0 then return nil end
  return ordered.object { { "events", events(raw.failure_events) }, { "replica_hours", hours(raw, "down_s", 0) },
                          { "count", raw.failures or 0 } }
end

return fleet
