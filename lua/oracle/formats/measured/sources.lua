--- Measurements that a fit may be made of, whatever the file: a list of rows as oracle.formats.measured.tables has
-- them.
--  Results of benchmarks and requests are of a deployment that a scenario says.
local lazy = require "oracle.lazy"
local bench = lazy "oracle.formats.measured.bench"
local catalog = lazy "oracle.models.catalog"
local core = require "oracle.core"
local load = require "oracle.formats.measured.load"
local measured = lazy "oracle.formats.measured"
local profiles = lazy "oracle.formats.measured.profiles"
local rates = lazy "oracle.formats.measured.calibration"
local recognise = lazy "oracle.formats.measured.recognise"
local scenario = lazy "oracle.scenario"
local systems = lazy "oracle.system"
local tables = lazy "oracle.formats.measured.tables"
local requests = lazy "oracle.formats.measured.requests"

local sources = {}

local METRICS = { "ttft", "tpot", "e2e" }

-- Means, or medians, of what was measured.
local function figures(found)
  local out, statistic = { throughput = found.output_throughput }, {}
  for _, metric in ipairs(METRICS) do
    local of = found[metric]
    if type(of) == "table" then
      out[metric], statistic[metric] = of.mean or of.p50, of.mean and "mean" or of.p50 and "p50" or nil
    end
  end
  return out, statistic
end

-- Kinds of loads whose requests come whatever becomes of those before.
local OPEN = { poisson = true, constant = true, gamma = true, requests = true }

-- A row of one's own deployment.
-- @param run { workload =, measured =, model = of the data, or nil, exact = its lengths are as they are told }
local function own_row(path, i, deployment, run)
  local raw = {}
  for k, v in pairs(scenario.raw(deployment)) do raw[k] = v end
  raw.model = raw.model or run.model
  raw.warm_up, raw.duration, raw.vary, raw.report, raw.cost = nil, nil, nil, nil, nil
  for _, key in ipairs { "model", "hardware" } do
    if not raw[key] then
      error(("%s: not told by the data; a scenario, or --set %s=NAME, expected"):format(key, key), 0)
    end
  end
  raw.workload = run.exact and run.workload or load.sent(raw, run.workload)
  local values, statistic = figures(run.measured)
  local engine = raw.engine or {}
  local model = type(raw.model) == "string" and catalog.model(raw.model).name or "own"
  local gpu = type(raw.hardware) == "string" and catalog.hardware(raw.hardware).id or "own"
  local w = run.workload
  local closed = w.kind == "closed_loop"
    or w.kind == "paced" and w.max_concurrency and not (w.rate or w.ramp_up_strategy)
  return { id = ("%s %d"):format(path, i), line = i, model = model, gpu = gpu, own = true,
           engine = systems.find and systems.find(engine.system or "vllm") or engine.system or "vllm",
           version = engine.version, format = engine.quantization or "own",
           layout = "tp" .. (engine.tensor_parallel_size or 1),
           load = w.concurrency or w.max_concurrency or w.rate or w.count or w.requests and #w.requests or 1,
           arrival = closed and "closed concurrency" or w.kind, statistic = statistic,
           open = OPEN[w.kind] or nil, measured = values, scenario = raw,
           lengths = "own" }
end

local READ = {}

function READ.bench(path, _, v, deployment)
  local workload, found, model, _, exact = bench.read(v)
  return { own_row(path, 1, deployment, { workload = workload, measured = found, model = model, exact = exact }) }
end

function READ.profile(path, _, v, deployment)
  local rows = {}
  for i, run in ipairs(profiles.read(v)) do
    if type(run.model) ~= "string" then run.model = nil end
    rows[i] = own_row(path, i, deployment, run)
  end
  return rows
end

function READ.requests(path, text, _, deployment)
  local workload, found = requests.read(text)
  return { own_row(path, 1, deployment, { workload = workload, measured = found }) }
end

-- What a calibration says of steps, as runs of the deployment that it names.
function READ.calibration(path, _, v, deployment)
  local runs, own = rates.runs(v, deployment)
  local s, rows = deployment:copy(), {}
  local raw = scenario.raw(s)
  raw.model, raw.hardware, raw.engine = own.model, own.hardware, own.engine
  for i, run in ipairs(runs) do
    run.exact = true                                      -- times of steps of that very shape
    rows[i] = own_row(path, i, s, run)
  end
  return rows
end

local LONGEST = 1 << 30                                   -- bytes of a table, not compressed

local function gunzipped(path, text)
  if text:sub(1, 2) ~= "\31\139" then return text end
  local plain, why = core.inflate(text, LONGEST)
  if not plain then error(("%s: %s"):format(path, why), 0) end
  return plain
end

--- What a file holds.
-- @param path, @param text its content, @param deployment a scenario, for results that say none
-- @return { kind =, rows =, skipped =, text = plain }: rows of tables and results; kind "collectives", "kernels": no
--   rows; raises "path: what is wrong"
function sources.read(path, text, deployment)
  text = gunzipped(path, text)
  if text:match "^%s*$" then error(path .. ": empty", 0) end
  local kind, json = measured.kind(text)
  local ok, rows, skipped
  if READ[kind] then
    ok, rows = pcall(READ[kind], path, text, json, deployment)
  elseif kind then
    return { kind = kind, rows = {}, skipped = {}, text = text, json = json }
  else
    kind = tables.kind(text)
    if not kind and text:match "^gpu," and text:find("latency_ms", 1, true) then
      return { kind = "kernels", rows = {}, skipped = {}, text = text }
    end
    local other = not kind and recognise.tell(text, path)
    if other then error(("%s: %s"):format(path, other), 0) end
    if not kind and text:match "^%s*{" then core.json.decode(text, path) end -- raises where it is broken
    if not kind then
      error(("%s: no measurements; a table of measured configurations, of kernels, a CSV of requests, or the JSON of"
        .. " vllm bench serve, AIPerf or guidellm expected"):format(path), 0)
    end
    ok, rows, skipped = pcall(tables.read, kind, text, path)
  end
  if not ok then error(scenario.about(path, scenario.first_line(rows)), 0) end
  if #rows == 0 and #(skipped or {}) == 0 then error(path .. ": no measurements below the header", 0) end
  return { kind = kind, rows = rows, skipped = skipped or {}, text = text, own = READ[kind] ~= nil }
end


return sources
