--- The same roofline with rates that were measured: those of a calibration file, prefill and decode apart.
local lazy = require "oracle.lazy"
local calibration = lazy "oracle.models.calibration"
local core = require "oracle.core"
local cost_model = require "oracle.cost_model"
local spelling = lazy "oracle.text.spelling"

local function share(name, effective, limit, unit, scale)
  if effective > limit then
    error(("cost.calibration: %s is %.6g %s, above the chip's peak of %.6g"):format(name, effective / scale, unit,
      limit / scale), 0)
  end
  return effective / limit
end

-- What the file says it was measured on, and what it is used for.
local function compare(found, context)
  local warnings, fold = {}, spelling.fold
  local names = context.names
  local function differ(what, measured, used)
    if type(measured) == "string" and used and not fold(used):find(fold(measured), 1, true) then
      warnings[#warnings + 1] = ("cost.calibration: measured on %s %s, used for %s"):format(what, measured, used)
    end
  end
  differ("model", found.model, names and names.asked_model or names and names.model)
  differ("accelerator", found.xpu, names and names.hardware)
  local tp = context.layout.tensor_parallel_size
  if found.tp and found.tp ~= tp then
    warnings[#warnings + 1] = ("cost.calibration: measured with tensor_parallel_size %s, used for %d"):format(
      tostring(found.tp), tp)
  end
  return warnings
end

local function parameters(c, context)
  if not c.calibration then
    error("cost.calibration: missing; kind vllm_roofline takes the JSON of effective rates (--calibration-data)", 0)
  end
  local path, why = c.calibration, nil
  if context.find then path, why = context.find(c.calibration) end
  if not path then error(("cost.calibration: %s: %s"):format(c.calibration, why), 0) end
  local ok, found = pcall(calibration.load, path)
  if not ok then error("cost.calibration: " .. tostring(found):match("^[^\n]*"), 0) end
  local flops = core.cost.flops(context.hardware, context.layout.compute)
  local out = {}
  for k, v in pairs(c) do out[k] = v end
  out.kind, out.calibration = "roofline", nil
  for _, phase in ipairs { "prefill", "decode" } do
    local rates = found[phase]
    out[phase .. "_mfu"] = share(phase .. "_effective_tflops", rates.flops, flops, "TFLOPS", 1e12)
    out[phase .. "_mbu"] = share(phase .. "_effective_bandwidth_gbs", rates.bandwidth, context.hardware.bandwidth,
      "GB/s", 1e9)
    out[phase .. "_comm_overhead"] = rates.overhead
  end
  return out, { fit = path:match("([^/]+)%.json$") or path, warnings = compare(found, context) }
end

return {
  keys = { { "calibration", "path", doc = "kind vllm_roofline: the JSON of effective rates" } },
  without = { { cost_model.SHARES, "kind vllm_roofline has its rates from the calibration; leave it out" } },
  parameters = parameters,
}
