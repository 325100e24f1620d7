--- What a run used of the hardware: energy and rent.
local lazy = require "oracle.lazy"
local pools = lazy "oracle.plan.pools"

local price = {}

-- The hardware of each GPU of a replica of this kind, stage by stage.
local function gpus_of(d)
  local list, stages = {}, d.stages
  for g = 0, d.gpus_per_replica - 1 do
    list[g + 1] = stages and stages[g * #stages // d.gpus_per_replica + 1] or d.hardware
  end
  return list
end

-- each(replica's result, its GPUs), in order, until it returns false.
local function every(d, raw, each)
  for _, part in ipairs(pools.parts(d)) do
    local gpus = part.deployment.hardware and gpus_of(part.deployment)
    for i = part.first, part.name and part.first + part.room - 1 or #raw.replicas do
      if not gpus or not each(raw.replicas[i], gpus) then return false end
    end
  end
  return true
end

--- Energy of all GPUs: each draws its idle power while it is there, and more while it works (cost/hardware.h,
-- orc_hardware_watts; docs/costs.md, "Energy").
-- @param d the deployment of a plan
-- @param raw the engine's result, of the time after the warm-up
-- @param seconds how long that is
-- @return J; W that a GPU drew on average while it was there; W of the step that drew most; nil where some GPU's power
--   is unknown
function price.joules(d, raw, seconds)
  local total, time, peak = 0, 0, 0
  if seconds <= 0 then return nil end
  local known = every(d, raw, function(replica, gpus)
    local joules, watts, rented = replica.joules or {}, replica.peak_watts or {}, replica.rented_s or seconds
    for g, gpu in ipairs(gpus) do
      if (gpu.tdp_watts or 0) == 0 then return false end
      local stage = (g - 1) * #joules // #gpus + 1
      total, time = total + gpu.idle_watts * rented + (joules[stage] or 0), time + rented
      peak = math.max(peak, gpu.idle_watts, watts[stage] or 0)
    end
    return true
  end)
  if not known then return nil end
  return total, time > 0 and total / time or nil, peak
end

--- Rent of all GPUs at their list price, for the time they are there: a replica that starts, drains or has failed is.
-- @param d, raw, seconds as above
-- @return USD; nil where some GPU's price is unknown
function price.usd(d, raw, seconds)
  local total = 0
  if seconds <= 0 then return nil end
  local known = every(d, raw, function(replica, gpus)
    for _, gpu in ipairs(gpus) do
      if (gpu.usd_per_hour or 0) == 0 then return false end
      total = total + gpu.usd_per_hour * (replica.rented_s or seconds) / 3600
    end
    return true
  end)
  return known and total or nil
end

return price
