--- Whether latencies are in the milliseconds that they are said to be in.
local latency_unit = {}

local SUSPECT = 300                                       -- times what is predicted, or less: of another unit
local NAMES = { s = "seconds", us = "microseconds" }

--- The unit that latencies seem to be in, by the middle of predicted over measured: "s", "us"; nil: ms.
-- @param ratios a list, which is sorted
function latency_unit.of(ratios)
  if #ratios == 0 then return nil end
  table.sort(ratios)
  local middle = ratios[(#ratios + 1) // 2]
  return middle > SUSPECT and "s" or middle < 1 / SUSPECT and "us" or nil
end

--- The same in a line; nil: they are in ms.
function latency_unit.text(unit)
  return unit and ("latencies seem to be in %s, a thousand off the milliseconds expected"):format(NAMES[unit])
end

return latency_unit
