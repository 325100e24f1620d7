--- A calibration file: its rates beside those of the data sheet, and what either makes of two steps; or what it says of
-- closed loops, for a fit.
local lazy = require "oracle.lazy"
local calibration = lazy "oracle.models.calibration"
local core = require "oracle.core"
local planning = lazy "oracle.plan"
local report = require "oracle.formats.measured.report"
local scenario = lazy "oracle.scenario"

local PROMPT, CONTEXT = 512, 512                          -- tokens of the two steps

local function shape_seconds(d, params, shape)
  local t = core.cost.step { model = d.model, hardware = d.hardware, layout = d.layout, cost = params, shape = shape }
  return t.total
end

local function rows_of(found, d, predicted, fitted)
  local flops = core.cost.flops(d.hardware, "bf16")
  local rows = {}
  for _, phase in ipairs { "prefill", "decode" } do
    rows[#rows + 1] = { phase .. " rate (TFLOPS)", "", found[phase].flops / 1e12,
                        predicted[phase .. "_mfu"] * flops / 1e12 }
    rows[#rows + 1] = { phase .. " bandwidth (GB/s)", "", found[phase].bandwidth / 1e9,
                        predicted[phase .. "_mbu"] * d.hardware.bandwidth / 1e9 }
  end
  local chunks = { { tokens = PROMPT, samples = true } }
  local steps = { { ("prefill of %d tokens (ms)"):format(PROMPT), { chunks = chunks } },
                  { ("decode of 1 sequence at %d (ms)"):format(CONTEXT),
                    { decode_seqs = 1, decode_context = CONTEXT } },
                  { ("decode of 32 sequences at %d (ms)"):format(CONTEXT),
                    { decode_seqs = 32, decode_context = 32 * CONTEXT } } }
  for _, step in ipairs(steps) do
    rows[#rows + 1] = { step[1], "ms", 1000 * shape_seconds(d, fitted, step[2]),
                        1000 * shape_seconds(d, predicted, step[2]) }
  end
  return rows
end

-- The deployment that a calibration is of, planned with the data sheet's roofline, and its rates in place of that.
local function opened(json, deployment)
  local found = calibration.read(json)
  local raw = deployment and scenario.raw(deployment) or {}
  local model, xpu = raw.model or found.model, raw.hardware or found.xpu
  for key, value in pairs { model_name = model or false, xpu_name = xpu or false } do
    if type(value) ~= "string" then error(("%s: a name expected"):format(key), 0) end
  end
  local s = deployment and deployment:copy() or scenario.new {}
  local own = scenario.raw(s)
  own.model, own.hardware, own.vary = model, xpu, nil
  own.workload = own.workload or { kind = "batch", count = 1, prompt = PROMPT, output = 1 }
  if found.tp and not (raw.engine and raw.engine.tensor_parallel_size) then
    own.engine = own.engine or {}
    own.engine.tensor_parallel_size = found.tp
  end
  own.cost = "roofline"
  local plan = planning.plan(s)
  local d, predicted, fitted = plan.deployment, plan.spec.cost, {}
  for k, v in pairs(predicted) do fitted[k] = v end
  local flops = core.cost.flops(d.hardware, "bf16")
  for _, phase in ipairs { "prefill", "decode" } do
    fitted[phase .. "_mfu"] = math.min(1, found[phase].flops / flops)
    fitted[phase .. "_mbu"] = math.min(1, found[phase].bandwidth / d.hardware.bandwidth)
    fitted[phase .. "_comm_overhead"] = found[phase].overhead
  end
  return found, d, predicted, fitted, own
end

local measured = {}

local CLIENTS, ANSWER = { 1, 8, 32, 128 }, 128            -- closed loops whose steps stand for a calibration

--- What a calibration says of closed loops of a few sizes, as runs of a benchmark: TPOT by its decode rates, and of a
-- client alone TTFT by its prefill rates.
-- @return { { workload =, measured = }, ... }, and the deployment: { model =, hardware =, engine = }
function measured.runs(json, deployment)
  local _, d, _, fitted, own = opened(json, deployment)
  local runs = {}
  for i, clients in ipairs(CLIENTS) do
    local context = clients * (PROMPT + ANSWER // 2)
    local decode = shape_seconds(d, fitted, { decode_seqs = clients, decode_context = context })
    local prefill = shape_seconds(d, fitted, { chunks = { { tokens = PROMPT, samples = true } } })
    runs[i] = { workload = { kind = "closed_loop", concurrency = clients, count = 4 * clients, prompt = PROMPT,
                             output = ANSWER },
                measured = { tpot = { mean = 1000 * decode },
                             ttft = clients == 1 and { mean = 1000 * prefill } or nil } }
  end
  return runs, own
end

--- The comparison, as oracle.formats.measured makes it.
function measured.compare(_, json, deployment)
  local found, d, predicted, fitted = opened(json, deployment)
  return report.table(("calibration of %s on %s, against the data sheet's roofline"):format(d.names.model,
    d.names.hardware), rows_of(found, d, predicted, fitted))
end

return measured
