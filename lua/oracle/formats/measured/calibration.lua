--- A calibration file: its rates beside those of the data sheet, and what either makes of two steps.
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

return function(_, json, deployment)
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
  return report.table(("calibration of %s on %s, against the data sheet's roofline"):format(d.names.model,
    d.names.hardware), rows_of(found, d, predicted, fitted))
end
