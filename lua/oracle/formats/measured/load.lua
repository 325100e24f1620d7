--- A measured load simulated on a deployment: what both requests.lua and bench.lua do with theirs.
local lazy = require "oracle.lazy"
local metrics = lazy "oracle.scenario.metrics"
local scenario = lazy "oracle.scenario"
local study = lazy "oracle.study"

local load = {}

local PERCENTILES = { 50, 90, 95, 99 }

--- Run a workload on a deployment.
-- @param deployment a scenario; its workload, warm-up and duration are replaced
-- @param defaults { model = name } where the data says it and the deployment does not
-- @return the summary
function load.run(deployment, defaults, workload)
  local s = deployment and deployment:copy() or scenario.new {}
  local raw = scenario.raw(s)
  raw.model = raw.model or defaults.model
  raw.workload, raw.warm_up, raw.duration, raw.vary, raw.report = workload, nil, nil, nil, nil
  raw.percentiles = PERCENTILES
  for _, key in ipairs { "model", "hardware" } do
    if not raw[key] then
      error(("%s: not told by the data; a scenario as second file, or --set %s=NAME, expected"):format(key, key), 0)
    end
  end
  return study.run(s)
end

--- The statistics that are compared of a distribution.
load.STATISTICS = { "mean", "p50", "p90", "p95", "p99" }

--- Rows of the comparison.
-- @param measured short name of a metric -> a number, or { mean =, p50 =, ... } of a distribution
function load.rows(measured, summary)
  local rows = {}
  local function add(metric, label, name, value)
    rows[#rows + 1] = { label, metric.unit, value, metrics.value(summary, metrics.column(name, PERCENTILES)) }
  end
  for _, metric in ipairs(metrics.ALL) do
    local of = measured[metric.short]
    for _, key in ipairs(metric.name and of and load.STATISTICS or {}) do
      add(metric, ("%s %s (%s)"):format(metric.short:upper(), key, metric.unit), metric.short .. "." .. key, of[key])
    end
    if of and not metric.name then add(metric, metric.label, metric.short, of) end
  end
  return rows
end

--- One line that says what was compared with what.
function load.title(what, summary)
  local d = summary.deployment
  return ("%s, against %s on %d x %s"):format(what, d.model, d.gpus, d.hardware)
end

return load
