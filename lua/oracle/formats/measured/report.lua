--- Measured and predicted figures side by side.
local console = require "oracle.text.console"
local latency_unit = require "oracle.text.latency_unit"
local ordered = require "oracle.text.ordered"

local report = {}

local function percent(predicted, actual)
  if not predicted or not actual or actual == 0 then return nil end
  return 100 * (predicted - actual) / actual
end

--- The comparison.
-- @param rows { { name, unit, measured number or nil, predicted number or nil }, ... }
-- @return { title =, text = for people, rows = objects for JSON }
function report.table(title, rows)
  local shown, objects, ratios, sum, n = {}, {}, {}, 0, 0
  for _, row in ipairs(rows) do
    if row[3] and row[4] then
      local error_pct = percent(row[4], row[3])
      shown[#shown + 1] = { row[1], row[3], row[4], error_pct and ("%+.1f"):format(error_pct) or "-" }
      objects[#objects + 1] = ordered.object { { "figure", row[1] }, { "measured", row[3] }, { "predicted", row[4] },
                                               { "error_pct", error_pct } }
      if error_pct then sum, n = sum + math.abs(error_pct), n + 1 end
      if error_pct and row[2] == "ms" then ratios[#ratios + 1] = row[4] / row[3] end
    end
  end
  local text = title .. "\n\n" .. console.table({ "", "measured", "predicted", "error (%)" }, shown)
  if n > 0 then text = text .. ("mean absolute error: %.1f %% over %d figures\n"):format(sum / n, n) end
  local unit = latency_unit.text(latency_unit.of(ratios))
  if unit then text = text .. unit .. "\n" end
  return { title = title, text = text, rows = objects }
end

return report
