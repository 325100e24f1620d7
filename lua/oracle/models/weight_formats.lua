--- Formats of weights as checkpoints store them: { name = of the engine's table, bits = of one weight with its share of
-- what is beside it, weight_only = whether products run in the format of the activations }.
local formats = require "oracle.scenario.number_formats"

local weight_formats = {}

function weight_formats.named(name, bits, weight_only)
  return { name = name, bits = bits or formats.of[name].weight_bits,
           weight_only = weight_only or formats.of[name].weight_only }
end

local named = weight_formats.named

function weight_formats.int(v, otherwise)
  return math.type(v) == "integer" and v > 0 and v or otherwise
end

local int = weight_formats.int

--- Integers in groups that share a scale and, unless symmetric, a zero point of as many bits; 8 bits are multiplied as
-- they are unless `weight_only`.
function weight_formats.integers(bits, group, zero_bits, weight_only)
  local beside = group and group > 0 and (16 + zero_bits) / group or 0
  return named(bits > 4 and "int8" or "int4", bits + beside, weight_only)
end

-- Floating point of 8 bits; blocks share a scale, which is a format of its own.
function weight_formats.fp8(block, scale_bits, weight_only)
  local size = type(block) == "table" and math.type(block[1]) == "integer" and math.type(block[2]) == "integer"
    and block[1] * block[2] or 0
  if size <= 0 then return named("fp8", nil, weight_only) end
  return named("fp8_block", 8 + scale_bits / size, weight_only)
end

--- "weights" of a group of a compressed-tensors file (github.com/vllm-project/compressed-tensors,
-- quantization/quant_args.py): NVFP4 is a "tensor_group" of 16 with FP8 scales, MXFP4 a group of 32 with 8-bit ones.
-- @param g the group, whose activations may be in 16 bits
-- @return the format; or nil and why it is none
function weight_formats.compressed(g, packing)
  local w = type(g) == "table" and g.weights
  if type(w) ~= "table" then return nil, "weights: an object expected" end
  local bits, group = int(w.num_bits), int(w.group_size)
  local alone = type(g.input_activations) ~= "table"
  if w.type == "float" and bits == 8 then
    return group == 32 and named "mxfp8" or weight_formats.fp8(w.block_structure, 16, alone)
  end
  if w.type == "float" and bits == 4 then
    return named(((group == 32 or tostring(packing):find "mxfp4") and "mxfp4" or "fp4"), nil, alone)
  end
  if w.type == "float" or not bits or bits > 8 then
    return nil, ("weights: %s bits of type %s are no known format"):format(tostring(w.num_bits), tostring(w.type))
  end
  local zeros = w.symmetric == false and bits or 0
  return weight_formats.integers(bits, w.strategy == "group" and group or nil, zeros, alone)
end

-- ModelOpt's names (nvidia/Model-Optimizer, modelopt/torch/export/quant_utils.py).
local function group_of(q) return int(q.group_size, 128) end

local ALGORITHMS = {
  FP8 = function() return weight_formats.fp8() end,
  FP8_PER_CHANNEL_PER_TOKEN = function() return weight_formats.fp8() end,
  FP8_PB_REAL = function() return weight_formats.fp8({ 128, 128 }, 32) end,
  FP8_PB_WO = function() return weight_formats.fp8({ 128, 128 }, 32, true) end,
  FP8_BLOCK_SCALES = function() return weight_formats.fp8({ 128, 128 }, 32) end,
  NVFP4 = function() return named "fp4" end,
  NVFP4_AWQ = function() return named "fp4" end,
  NVFP4_SVD = function() return named "fp4" end,
  W4A16_NVFP4 = function() return named("fp4", nil, true) end,
  W4A8_NVFP4_FP8 = function() return named "fp4" end,
  MXFP4 = function() return named "mxfp4" end,
  W4A8_MXFP4_FP8 = function() return named "mxfp4" end,
  W4A8_MXFP4_MXFP8 = function() return named "mxfp4" end,
  W4A16_MXFP4 = function() return named("mxfp4", nil, true) end,
  MXFP8 = function() return named "mxfp8" end,
  INT4_AWQ = function(q) return weight_formats.integers(4, group_of(q), 0) end,
  W4A16_AWQ = function(q) return weight_formats.integers(4, group_of(q), 0) end,
  W4A8_AWQ = function(q) return weight_formats.integers(4, group_of(q), 0) end,
  W4A16 = function(q) return weight_formats.integers(4, group_of(q), 0) end,
  W8A16 = function() return named("int8", 8, true) end,
  W8A8_SQ_PER_CHANNEL = function() return named("int8", 8) end,
  INT8_SQ = function() return named("int8", 8) end,
  NONE = function() return false end, UNQUANTIZED = function() return false end,
}

--- The names that `algorithm` knows.
function weight_formats.algorithms()
  local list = {}
  for name in pairs(ALGORITHMS) do list[#list + 1] = name end
  table.sort(list)
  return list
end

--- ModelOpt's format of that name; false: none; nil: not known.
-- @param q the object that names it, with its group_size
function weight_formats.algorithm(q, name)
  local f = type(name) == "string" and ALGORITHMS[name:upper()]
  if f then return f(q) end
  return nil
end

return weight_formats
