--- A measured load simulated on a deployment: what both requests.lua and bench.lua do with theirs.
local deployed = require "oracle.formats.measured.deployed"
local lazy = require "oracle.lazy"
local catalog = lazy "oracle.models.catalog"
local metrics = lazy "oracle.scenario.metrics"
local scenario = lazy "oracle.scenario"
local study = lazy "oracle.study"

local load = {}

local PERCENTILES = { 50, 90, 95, 99 }

-- Positions that a request may take: the engine's bound, or what the model learned; nil: not told.
local function room(raw)
  local bound = type(raw.engine) == "table" and raw.engine.max_model_len
  if bound then return tonumber(bound) or 0 end
  local known, model = pcall(catalog.model, raw.model)
  return known and model.max_position_embeddings or nil
end

--- A load as it was sent: of clients that a result gives one length of answers, theirs differ (deployed.unsteady), for
-- it is a mean, and clients that are simulated in step would see each other's prompts in every time to first token.
-- @param raw a scenario's keys as plain values, @param workload one of bench.read, requests.read or profiles.read
-- @return a workload; the same where there is nothing to spread
function load.sent(raw, workload)
  local w, output = workload, workload.output
  if w.kind ~= "closed_loop" or w.concurrency < 2 or math.type(output) ~= "integer" then return w end
  local most = room(raw)
  local prompt = type(w.prompt) == "number" and w.prompt
  if not prompt then return w end
  local out = {}
  for k, v in pairs(w) do out[k] = v end
  out.output = deployed.unsteady(output, most and math.max(output, most - prompt))
  return out
end

--- Run a workload on a deployment.
-- @param deployment a scenario; its workload, warm-up and duration are replaced
-- @param defaults { model = name where the data says it and the deployment does not; exact = lengths are as told }
-- @return the summary; raises what is wrong, or that no request was answered
function load.run(deployment, defaults, workload)
  local s = deployment and deployment:copy() or scenario.new {}
  local raw = scenario.raw(s)
  raw.model = raw.model or defaults.model
  raw.workload = defaults.exact and workload or load.sent(raw, workload)
  raw.warm_up, raw.duration, raw.vary, raw.report = nil, nil, nil, nil
  raw.percentiles = PERCENTILES
  for _, key in ipairs { "model", "hardware" } do
    if not raw[key] then
      error(("%s: not told by the data; a scenario as second file, or --set %s=NAME, expected"):format(key, key), 0)
    end
  end
  local summary = study.run(s)
  local of = summary.requests
  if of.total > 0 and of.successful == 0 then
    error(("none of its %d requests is answered in the simulation%s"):format(of.total, of.rejected > 0
      and ("; %d are longer than the deployment takes (max_model_len)"):format(of.rejected) or ""), 0)
  end
  return summary
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
