--- Measured data against predictions, for `oracle validate FILE`: what a file holds is told by its content.
--   requests     a CSV with a row per request, as --csv writes it, or AIPerf's records: the same arrivals and lengths
--                are simulated
--   bench        the JSON result of `vllm bench serve`: the same load is simulated
--   profile      the JSON of AIPerf or of guidellm: the same
--   collectives  a table of collectives' times by bytes and group, or of an engine's or NCCL's kernels: against what is
--                predicted on that GPU, or, where none is told, a line through each group
--   calibration  effective rates of one GPU and model: against the data sheet's
-- The first three need a deployment: a scenario, or at least `--set hardware=NAME` (and model, for a CSV).
local lazy = require "oracle.lazy"
local aiperf_records = lazy "oracle.formats.measured.aiperf_records"
local calibration = lazy "oracle.models.calibration"
local collective_rows = lazy "oracle.formats.measured.collective_rows"
local core = require "oracle.core"

local measured = {}

local bench = lazy "oracle.formats.measured.bench"
local profiles = lazy "oracle.formats.measured.profiles"
local rates = lazy "oracle.formats.measured.calibration"
local requests = lazy "oracle.formats.measured.requests"

-- How the data of each kind is compared.
local COMPARE = { requests = function(...) return requests.compare(...) end,
                  bench = function(...) return bench.compare(...) end,
                  profile = function(...) return profiles.compare(...) end,
                  collectives = lazy "oracle.formats.measured.collectives",
                  calibration = function(...) return rates.compare(...) end }

--- The object that a text holds as JSON, nil where it holds none. What Python writes and JSON has not - Infinity, NaN -
-- is read as "inf" and as null.
function measured.decoded(text)
  if not text:match("^%s*{") then return nil end
  local ok, v = pcall(core.json.decode, text, "JSON")
  if not ok and (text:find("Infinity", 1, true) or text:find("NaN", 1, true)) then
    text = text:gsub("([:,%[]%s*)Infinity", '%1"inf"'):gsub("([:,%[]%s*)NaN", "%1null")
    ok, v = pcall(core.json.decode, text, "JSON")
  end
  return ok and type(v) == "table" and v or nil
end

--- What kind of measured data a text is: "requests", "collectives", "bench", "calibration", or nil; and its JSON.
function measured.kind(text)
  local head = text:match("^[^\r\n]*")
  if head:find("request_id,", 1, true) and head:find("arrival_time%f[^%w_]") then return "requests" end
  if collective_rows.is(head) then return "collectives" end
  if aiperf_records.is(text) then return "requests" end
  local v = measured.decoded(text)
  if not v then return nil end
  if calibration.is(v) then return "calibration", v end
  if profiles.is_aiperf(v) or profiles.is_guidellm(v) then return "profile", v end
  if v.request_throughput ~= nil or v.mean_ttft_ms ~= nil or v.median_ttft_ms ~= nil then return "bench", v end
  return nil
end

--- Compare.
-- @param kind as measured.kind says, @param text the file's content, @param json its JSON
-- @param deployment a scenario without a workload of its own (its workload is replaced), or nil
-- @param path the file's name
-- @return { title =, text = the report for people, rows = of it for JSON, overall = error over all of them, where there
--   is one }; raises what is wrong in one line
function measured.compare(kind, text, json, deployment, path)
  return COMPARE[kind](text, json, deployment, path)
end

return measured
