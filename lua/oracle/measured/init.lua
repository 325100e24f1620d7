--- Measured data against predictions, for `oracle validate FILE`: what a file holds is told by its content.
--   requests     a CSV with a row per request, as --csv writes it: the same arrivals and lengths are simulated
--   bench        the JSON result of `vllm bench serve`: the same load is simulated
--   collectives  a CSV of collectives' times by bytes and group: a line is fitted through each group
--   calibration  effective rates of one GPU and model: against the data sheet's
-- The first two need a deployment: a scenario, or at least `--set hardware=NAME` (and model, for a CSV).
local measured = {}

local function decoded(text)
  if not text:match("^%s*{") then return nil end
  local ok, v = pcall(require("oracle.core").json.decode, text, "JSON")
  return ok and type(v) == "table" and v or nil
end

--- What kind of measured data a text is: "requests", "collectives", "bench", "calibration", or nil; and its JSON.
function measured.kind(text)
  local head = text:match("^[^\r\n]*")
  if head:find("request_id,", 1, true) and head:find("arrival_time%f[^%w_]") then return "requests" end
  if head:find("collective", 1, true) and head:find("ranks", 1, true) and head:find("bytes", 1, true) then
    return "collectives"
  end
  local v = decoded(text)
  if not v then return nil end
  if require("oracle.performance.calibration").is(v) then return "calibration", v end
  if v.request_throughput ~= nil or v.mean_ttft_ms ~= nil or v.median_ttft_ms ~= nil then return "bench", v end
  return nil
end

local function percent(predicted, actual)
  if not predicted or not actual or actual == 0 then return nil end
  return 100 * (predicted - actual) / actual
end

--- The comparison as text.
-- @param rows { { name, unit, measured number or nil, predicted number or nil }, ... }
function measured.report(title, rows)
  local shown, sum, n = {}, 0, 0
  for _, row in ipairs(rows) do
    if row[3] and row[4] then
      local error_pct = percent(row[4], row[3])
      shown[#shown + 1] = { row[1], row[3], row[4], error_pct and ("%+.1f"):format(error_pct) or "-" }
      if error_pct then sum, n = sum + math.abs(error_pct), n + 1 end
    end
  end
  local text = title .. "\n\n" .. require("oracle.console").table({ "", "measured", "predicted", "error (%)" }, shown)
  if n > 0 then text = text .. ("mean absolute error: %.1f %% over %d figures\n"):format(sum / n, n) end
  return text
end

--- Compare.
-- @param kind as measured.kind says, @param text the file's content, @param json its JSON
-- @param deployment a scenario without a workload of its own (its workload is replaced), or nil
-- @return the report as text; raises what is wrong in one line
function measured.compare(kind, text, json, deployment)
  return require("oracle.measured." .. kind)(text, json, deployment)
end

return measured
