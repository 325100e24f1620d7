--- Time series of a run as CSV: one row per sample and replica.
local series = {}

local HEAD = "time,replica,gpu_busy,kv_usage,waiting,running\n"

--- The text of a series.
-- @param raw the engine's `series`: { interval = s, time = { s, ... }, replicas = { { gpu_busy =, kv_usage =,
-- waiting =, running = lists }, ... } }; gpu_busy is the share of the time since the sample before, kv_usage that of
-- the blocks
function series.csv(raw)
  local lines = { HEAD }
  for i, time in ipairs(raw and raw.time or {}) do
    for r, of in ipairs(raw.replicas) do
      lines[#lines + 1] = ("%.9g,%d,%.6g,%.6g,%d,%d\n"):format(time, r - 1, of.gpu_busy[i], of.kv_usage[i],
        of.waiting[i], of.running[i])
    end
  end
  return table.concat(lines)
end

return series
