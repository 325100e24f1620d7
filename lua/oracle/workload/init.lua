--- Workloads: what asks, when, and for how many tokens. `oracle.workload.poisson { rate = "4 req/s", ... }` makes
-- the table a scenario holds; the file of each kind turns the checked table into the engine's form.
-- A kind's file returns `engine(w, run)`: w the checked workload, run = { duration =, find = }; the
-- result is a table for the engine, or nil and a message "key: what".
local workload = {}

local KINDS = { "batch", "closed_loop", "constant", "gamma", "poisson", "trace" }

for _, kind in ipairs(KINDS) do
  workload[kind] = function(t)
    if type(t) ~= "table" then error(("workload.%s: a table expected, got a %s"):format(kind, type(t)), 2) end
    local w = { kind = kind }
    for k, v in pairs(t) do w[k] = v end
    return w
  end
end

--- The engine's form of a checked workload; nil and a message where its parts do not go together.
function workload.engine(w, run)
  local out, why = require("oracle.workload." .. w.kind).engine(w, run)
  if not out then return nil, why end
  out.kind, out.prompt, out.output = w.kind, w.prompt, w.output
  out.timeout, out.cancel, out.priority = w.timeout, w.cancel, w.priority
  return out
end

--- The arrivals of an open loop: a rate or stages, and something that ends them.
function workload.arrivals(w, run)
  if w.rate and w.stages then return nil, "stages: rate is given too; leave one out" end
  if not w.rate and not w.stages then return nil, "rate: missing; requests per second, or stages" end
  if w.stages then
    local some = false
    for _, stage in ipairs(w.stages) do some = some or stage.rate > 0 end
    if not some then return nil, "stages: at least one needs a rate above 0" end
  end
  if not (w.count or w.duration or w.stages or run.duration) then
    return nil, "count: missing; arrivals need an end: count or duration here, or the scenario's duration"
  end
  return { rate = w.rate, stages = w.stages, count = w.count, duration = w.duration }
end

return workload
