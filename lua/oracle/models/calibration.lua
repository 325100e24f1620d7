--- A calibration file: the effective rates that measurements of one GPU and model gave, in JSON:
--   { "xpu_name", "model_name", "tp_size", "roofline_params": { "prefill_effective_tflops",
--     "prefill_effective_bandwidth_gbs", "prefill_comm_overhead_s", and the same with decode_ } }
-- The rates may also stand at the top.
local lazy = require "oracle.lazy"
local core = require "oracle.core"
local paths = require "oracle.text.paths"
local spelling = lazy "oracle.text.spelling"

local calibration = {}

local RATES = { "prefill_effective_tflops", "prefill_effective_bandwidth_gbs", "decode_effective_tflops",
                "decode_effective_bandwidth_gbs" }
local OVERHEADS = { "prefill_comm_overhead_s", "decode_comm_overhead_s" }
local ABOUT = { "xpu_name", "model_name", "tp_size", "roofline_params" }

--- True for a decoded JSON that holds such rates.
function calibration.is(v)
  if type(v) ~= "table" then return false end
  local p = type(v.roofline_params) == "table" and v.roofline_params or v
  for _, key in ipairs(RATES) do
    if p[key] ~= nil then return true end
  end
  return type(v.roofline_params) == "table"
end

local LEAST = 1e-6                                        -- TFLOP/s, GB/s: slower ones never end

local function number(p, key, least)
  local v = p[key]
  if type(v) ~= "number" or v ~= v or v < least or v >= 1e9 then
    error(("%s: a number of at least %g and below 1e+09 expected"):format(key, least), 0)
  end
  return v
end

local function check_keys(t, lists)
  local known, keys = {}, {}
  for _, list in ipairs(lists) do
    for _, key in ipairs(list) do known[key], known[#known + 1] = true, key end
  end
  for key in pairs(t) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  for _, key in ipairs(keys) do
    if not known[key] and key ~= "metadata" and key ~= "timestamp" and key ~= "vllm_version" then
      local near = spelling.find(key, known)
      error(("%s: unknown key%s"):format(key, near and "; did you mean " .. near .. "?" or ""), 0)
    end
  end
end

--- Check a decoded calibration.
-- @return { xpu =, model =, tp =, prefill = { flops = FLOP/s, bandwidth = B/s, overhead = s }, decode = the same };
-- raises "key: what is wrong"
function calibration.read(v)
  if type(v) ~= "table" then error("an object with roofline_params expected", 0) end
  local nested = type(v.roofline_params) == "table"
  local p = nested and v.roofline_params or v
  if nested then
    check_keys(v, { ABOUT })
    check_keys(p, { RATES, OVERHEADS })
  else
    check_keys(v, { ABOUT, RATES, OVERHEADS })
  end
  local out = { xpu = v.xpu_name, model = v.model_name, tp = v.tp_size }
  for _, phase in ipairs { "prefill", "decode" } do
    local overhead = phase .. "_comm_overhead_s"
    out[phase] = {
      flops = number(p, phase .. "_effective_tflops", LEAST) * 1e12,
      bandwidth = number(p, phase .. "_effective_bandwidth_gbs", LEAST) * 1e9,
      overhead = p[overhead] ~= nil and number(p, overhead, 0) or 0,
    }
  end
  return out
end

--- The same from a file; raises "path: what is wrong".
function calibration.load(path)
  local v = core.json.decode(paths.read(path), path)
  local ok, read = pcall(calibration.read, v)
  if not ok then error(("%s: %s"):format(path, tostring(read):match("^[^\n]*")), 0) end
  return read
end

return calibration
