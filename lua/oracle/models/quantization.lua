--- What a checkpoint's `quantization_config` (or ModelOpt's hf_quant_config.json) says of its weights, part by part:
-- bits of a weight with the scales and zero points stored beside it, and the format that most of them have.
local lazy = require "oracle.lazy"
local formats = require "oracle.scenario.number_formats"
local json = require("oracle.core").json
local methods = lazy "oracle.models.quantization_methods"
local ordered = require "oracle.text.ordered"
local quantized_parts = lazy "oracle.models.quantized_parts"
local spelling = require "oracle.text.spelling"

local quantization = {}

local LISTS = { "ignore", "modules_to_not_convert", "exclude_modules", "ignored_layers", "llm_int8_skip_modules",
                "exclude" }
local OBJECTS = { "config_groups", "quantized_layers", "layer_quant_config", "global_quant_config", "extra_config" }

-- The settings without null, checked as far as all methods share them; or nil and what is wrong.
local function settings(raw)
  local q = {}
  for key, v in pairs(raw) do
    if v ~= json.null then q[key] = v end
  end
  for _, key in ipairs(LISTS) do
    if q[key] ~= nil and (type(q[key]) ~= "table" or next(q[key]) and #q[key] == 0) then
      return nil, key .. ": a list of names expected"
    end
  end
  for _, key in ipairs(OBJECTS) do
    if q[key] ~= nil and type(q[key]) ~= "table" then return nil, key .. ": an object expected" end
  end
  return q
end

-- What a file without quant_method is told by.
local function method_of(q)
  if q.quant_method ~= nil then return q.quant_method end
  if q.quant_algo then return "modelopt" end
  if q.config_groups then return "compressed-tensors" end
  if q.load_in_4bit ~= nil or q.load_in_8bit ~= nil then return "bitsandbytes" end
  if q.bits and q.group_size then return "mlx" end
  return nil
end

-- Those that most checkpoints have.
local COMMON = "auto-round, awq, bitsandbytes, compressed-tensors, fp8, gptq, modelopt, mxfp4, quark, torchao"

local function unknown_method(method)
  local near = type(method) == "string" and spelling.find(method, ordered.keys(methods))
  return ("quant_method = %s: no known method%s"):format(
    type(method) == "string" and ("%q"):format(method) or method == nil and "none" or type(method),
    near and ("; did you mean %s?"):format(near) or "; known are " .. COMMON .. " and others")
end

-- The KV cache's format; and what is not known of it.
local function cache_format(q)
  local scheme, v = q.kv_cache_scheme, q.kv_cache_quant_algo
  if v == nil and type(scheme) == "table" and scheme.num_bits == 8 then v = scheme.type == "int" and "INT8" or "FP8" end
  if v == nil and type(scheme) == "table" and scheme.num_bits then v = tostring(scheme.num_bits) .. " bits" end
  if v == nil or v == "" or v == "NONE" then return nil end
  local name = ({ FP8 = "fp8", INT8 = "int8" })[tostring(v):upper()]
  return name, not name and tostring(v) or nil
end

--- What the settings say of the parts of a shape.
-- @param raw the decoded settings
-- @param m the shape
-- @return { format = the one of most weights, block_scaled = whether blocks of them share a scale,
--   weight_only = whether products run in the activations' format, bits = { part = bits }, further = the same of layers
--   that predict further tokens, kv = "fp8" or nil, unknown_kv = a name or nil, without_mtp = whether the layers that
--   predict further tokens are left out }; nil and what in them is not known
function quantization.read(raw, m)
  local q, why = settings(raw)
  if not q then return nil, why end
  local method = method_of(q)
  local known = type(method) == "string" and methods[method:lower()]
  if not known then return nil, unknown_method(method) end
  local tell
  tell, why = known(q, m)
  if not tell then return nil, why end
  local bits, f, further = quantized_parts.bits(tell, q, m, method == "mlx")
  local format_of = f and f.bits < 16 and f.name or nil
  local kv, unknown_kv = cache_format(q)
  local block = format_of == "fp8_block"
  return { format = block and "fp8" or format_of, block_scaled = block or nil, bits = bits, further = further,
           weight_only = format_of and f.weight_only or nil, kv = kv, unknown_kv = unknown_kv,
           without_mtp = method == "mlx" or nil }
end

--- Bits of the parts that are not as the format `weights` says, for a layout (oracle.core's cost); one scale per block
-- of 128 x 128 is nothing that counts. What is not quantised is as wide as the activations.
-- @param model of oracle.models.huggingface
-- @param own bits of the parts, nil: those of its layers
-- @return { part = bits } or nil
function quantization.part_bits(model, weights, activations, own)
  local row, bits = formats.of[weights], {}
  for part, n in pairs(own or model.weight_bits or {}) do
    if n == 16 then n = formats.of[activations].bits end
    local own_format = part == "lm_head" or part == "embedding"
    if own_format or math.abs(n - row.weight_bits) > 1e-3 * row.bits then bits[part] = n end
  end
  return next(bits) and bits
end

--- The format of the weights of a model where `asked` is the one asked for, or its own where that is nil: its blocks
-- share their scales whatever a server calls it.
function quantization.weights(model, asked)
  local name = asked or model.quantization
  return name == "fp8" and model.quantization == "fp8" and model.block_scaled and "fp8_block" or name
end

--- The format that products run in where the weights are in that one: the activations' where they are unpacked on the
-- way (vLLM's docs, "Quantization").
-- @param asked the format asked for, nil: the checkpoint's own
function quantization.compute(model, asked, weights, activations)
  local own = asked == nil or asked == model.quantization
  if formats.of[weights].weight_only or own and model.weight_only then return activations end
  return weights
end

--- How a model lies on one GPU in its own formats.
-- @param part_bits those of the parts, nil: of its layers
-- @return a layout for oracle.core's cost
function quantization.layout(model, part_bits)
  local own = model.torch_dtype or "bf16"
  local weights = quantization.weights(model) or own
  return { activations = own, weights = weights, kv = model.kv_cache_dtype or own,
           compute = quantization.compute(model, nil, weights, own),
           weight_bits = quantization.part_bits(model, weights, own, part_bits) }
end

return quantization
