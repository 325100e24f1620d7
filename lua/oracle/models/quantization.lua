--- What a checkpoint's `quantization_config` (or ModelOpt's hf_quant_config.json) says of its weights, part by part:
-- bits of a weight with the scales and zero points stored beside it, and the format that most of them have.
local formats = require "oracle.scenario.number_formats"
local module_names = require "oracle.models.module_names"

local quantization = {}

-- A module of each part (src/cost/model.h, orc_part), as transformers names it within a layer; of layers with a state
-- their own.
local MODULES = {
  qkv = { "self_attn.q_proj", "self_attn.q_b_proj", "mixer.q_proj" },
  output = { "self_attn.o_proj", "mixer.o_proj" },
  up = { "mlp.up_proj", "feed_forward.up_proj", "mlp.gate_up_proj", "mixer.up_proj" },
  down = { "mlp.down_proj", "feed_forward.down_proj", "mixer.down_proj" },
  expert = { "mlp.experts.0.up_proj", "feed_forward.experts.0.up_proj", "block_sparse_moe.experts.0.w1",
             "mixer.experts.0.up_proj" },
  shared = { "mlp.shared_experts.up_proj", "mlp.shared_expert.up_proj", "feed_forward.shared_expert.up_proj",
             "mixer.shared_experts.up_proj" },
}
local STATE_MODULES = {
  qkv = { "linear_attn.in_proj_qkvz", "linear_attn.in_proj_qkv", "mamba.in_proj", "mixer.in_proj" },
  output = { "linear_attn.out_proj", "mamba.out_proj", "mixer.out_proj" },
}
local BEFORE = { "model.layers.%d.", "language_model.model.layers.%d.", "model.language_model.layers.%d.",
                 "backbone.layers.%d." }

-- ---- formats: { name = of the engine's table, bits = of a weight with its share of what is beside it } ----

local function format(name, bits)
  return { name = name, bits = bits or formats.of[name].weight_bits }
end

-- Integers in groups that share a scale and, unless symmetric, a zero point of as many bits.
local function integers(bits, group, zero_bits)
  local name = bits == 8 and "int8" or "int4"
  if not group or group <= 0 then return format(name, bits) end
  return format(name, bits + (16 + zero_bits) / group)
end

-- Floating point of 8 bits; blocks share a scale, which is a format of its own.
local function fp8(block, scale_bits)
  local size = type(block) == "table" and math.type(block[1]) == "integer" and math.type(block[2]) == "integer"
    and block[1] * block[2] or 0
  if size == 0 then return format "fp8" end
  return format("fp8_block", 8 + scale_bits / size)
end

local function int(v, otherwise)
  return math.type(v) == "integer" and v > 0 and v or otherwise
end

-- Weights in a group: 128 unless told, as AutoGPTQ and AutoAWQ have it; -1: a whole channel.
local function group_of(v)
  if v == nil then return 128 end
  return int(v)
end

-- "weights" of a group of a compressed-tensors file (github.com/vllm-project/compressed-tensors,
-- quantization/quant_args.py): NVFP4 is a "tensor_group" of 16 with FP8 scales, MXFP4 a group of 32 with 8-bit ones.
local function compressed(w, packing)
  if type(w) ~= "table" then return nil end
  local bits, group = int(w.num_bits), int(w.group_size)
  if w.type == "float" then
    if bits == 8 then return group == 32 and format "mxfp8" or fp8(w.block_structure, 16) end
    if bits ~= 4 then return nil end
    local mx = group == 32 or tostring(packing):find "mxfp4"
    return format(mx and "mxfp4" or "fp4")
  end
  if bits ~= 4 and bits ~= 8 then return nil end
  return integers(bits, w.strategy == "group" and group or nil, w.symmetric == false and bits or 0)
end

-- ModelOpt's names (nvidia/Model-Optimizer, modelopt/torch/export/quant_utils.py).
local ALGORITHMS = {
  FP8 = function() return fp8() end,
  FP8_PER_CHANNEL_PER_TOKEN = function() return fp8() end,
  FP8_PB_WO = function() return fp8({ 128, 128 }, 32) end,
  NVFP4 = function() return format "fp4" end,
  NVFP4_AWQ = function() return format "fp4" end,
  W4A16_NVFP4 = function() return format "fp4" end,
  MXFP4 = function() return format "mxfp4" end,
  MXFP8 = function() return format "mxfp8" end,
  W4A16_AWQ = function(q) return integers(4, int(q.group_size, 128), 0) end,
  W4A8_AWQ = function(q) return integers(4, int(q.group_size, 128), 0) end,
  W8A8_SQ_PER_CHANNEL = function() return format("int8", 8) end,
  INT8_SQ = function() return format("int8", 8) end,
}

local function algorithm(q, name)
  local f = ALGORITHMS[tostring(name):upper()]
  return f and f(q)
end

-- ---- methods: function(q) -> what tells the format of a module by its name, false where it is left out, nil where
-- nothing is said ----

local METHODS = {}

local function all_but(list, f)
  if not f then return nil end
  local left = module_names.list(list)
  return function(name) return not left:has(name) and f end
end

METHODS["compressed-tensors"] = function(q)
  local names, groups = {}, type(q.config_groups) == "table" and q.config_groups or {}
  for name in pairs(groups) do names[#names + 1] = tostring(name) end
  table.sort(names)
  local list, whole = {}, nil
  for _, name in ipairs(names) do
    local g = groups[name]
    local f = type(g) == "table" and compressed(g.weights, g.format or q.format)
    if f then
      local targets = type(g.targets) == "table" and g.targets or {}
      if not targets[1] then whole = whole or f end
      for _, t in ipairs(targets) do whole = whole or (t == "Linear" and f) end
      list[#list + 1] = { names = module_names.list(targets), format = f }
    end
  end
  if not list[1] then return nil end
  local left = module_names.list(q.ignore)
  return function(name)
    if left:has(name) then return false end
    for _, g in ipairs(list) do
      if g.names:has(name) then return g.format end
    end
    return whole or nil
  end
end

function METHODS.awq(q)
  local zeros = q.zero_point ~= false and int(q.bits or q.w_bit, 4) or 0
  return all_but(q.modules_to_not_convert,
    integers(int(q.bits or q.w_bit, 4), group_of(q.group_size or q.q_group_size), zeros))
end

function METHODS.gptq(q)                                  -- zero points are stored whether they are used or not
  return all_but(q.modules_to_not_convert, integers(int(q.bits, 4), group_of(q.group_size), int(q.bits, 4)))
end

METHODS["auto-round"] = METHODS.gptq
METHODS.gptq_marlin, METHODS.awq_marlin, METHODS.hqq = METHODS.gptq, METHODS.awq, METHODS.gptq

function METHODS.fp8(q)
  return all_but(q.modules_to_not_convert or q.ignored_layers, fp8(q.weight_block_size, 32))
end

METHODS.fbgemm_fp8 = METHODS.fp8

-- NF4: 32 bits for 64 weights, or 8 for 64 and 32 for 256 of those (QLoRA, arXiv:2305.14314, section 3).
function METHODS.bitsandbytes(q)
  local f = format("int8", 8)
  if q.load_in_8bit ~= true and q._load_in_8bit ~= true then
    f = format("int4", q.bnb_4bit_use_double_quant == true and 4 + 8 / 64 + 32 / (64 * 256) or 4 + 32 / 64)
  end
  return all_but(q.llm_int8_skip_modules, f)
end

-- The experts alone (vLLM, model_executor/layers/quantization/mxfp4.py; arXiv:2508.10925, section 2.1).
function METHODS.mxfp4(q)
  local by_name = all_but(q.modules_to_not_convert, format "mxfp4")
  return function(name, part) return part == "expert" and by_name(name) end
end

function METHODS.modelopt(q)
  local left = module_names.list(q.exclude_modules or q.ignore)
  if tostring(q.quant_algo):upper() ~= "MIXED_PRECISION" then
    local f = algorithm(q, q.quant_algo)
    if not f and type(q.config_groups) == "table" then return METHODS["compressed-tensors"](q) end
    return f and function(name) return not left:has(name) and f end
  end
  local of = {}
  for name, own in pairs(type(q.quantized_layers) == "table" and q.quantized_layers or {}) do
    of[name] = type(own) == "table" and algorithm(own, own.quant_algo) or nil
  end
  return function(name)
    local at = name
    while at do
      if of[at] then return of[at] end
      at = at:match "^(.*)%.[^.]*$"
    end
  end
end

METHODS.modelopt_fp4, METHODS.nvfp4 = METHODS.modelopt, METHODS.modelopt

local QUARK = { fp8_e4m3 = "fp8", fp4 = "mxfp4", int8 = "int8", int4 = "int4" }

function METHODS.quark(q)
  local whole = type(q.global_quant_config) == "table" and q.global_quant_config.weight
  if type(whole) == "table" and whole[1] then whole = whole[1] end
  local name = type(whole) == "table" and QUARK[whole.dtype]
  if not name then return nil end
  return all_but(q.exclude, name:find "int" and integers(name == "int8" and 8 or 4, int(whole.group_size), 0)
    or format(name))
end

function METHODS.w8a8_int8(q) return all_but(q.ignore, format("int8", 8)) end

-- ---- parts ----

-- What is said of one layer's module, whatever it is called: false where it is left out under any of its names.
local function layer_format(tell, modules, part, i)
  local found
  for _, module in ipairs(modules) do
    for _, before in ipairs(BEFORE) do
      local f = tell(before:format(i) .. module, part)
      if f == false then return false end
      found = found or f
    end
  end
  return found
end

-- Whether any text in the settings counts layers; where none does, all layers are alike.
local function counts_layers(t, depth)
  for k, v in pairs(t) do
    if type(k) == "string" and k:find "%d%." then return true end
    if type(v) == "string" and v:find "layers[%.\\]*[%d%[\\(]" then return true end
    if type(v) == "table" and depth < 4 and counts_layers(v, depth + 1) then return true end
  end
  return false
end

-- Mean bits of the part in the layers that have it, `having` in range = { first, end }, and the format of
-- those that are quantised.
local function mean_bits(tell, modules, part, range, having, plain)
  local left, told, f = 0, 0, nil
  for i = range[1], range[2] - 1 do
    local one = layer_format(tell, modules, part, i)
    if one == false then left = left + 1 end
    if one then told, f = told + 1, one end
  end
  if not f then return plain end
  local share = left > 0 and 1 - math.min(1, left / having) or math.min(1, told / having)
  return share * f.bits + (1 - share) * plain, f.name
end

-- Layers that have each part.
local function parts_of(m)
  local mlps = m.num_hidden_layers - (m.num_mixerless_layers or 0)
  local states = m.num_state_layers or 0
  local attention = mlps - (m.state_beside_attention and 0 or states)
  local experts = m.num_experts > 0 and m.num_hidden_layers - (m.num_mlpless_layers or 0) - m.num_dense_layers or 0
  local dense = m.num_hidden_layers - (m.num_mlpless_layers or 0) - experts
  return { { "qkv", attention, states }, { "output", attention, states }, { "up", dense }, { "down", dense },
           { "expert", experts }, { "shared", m.shared_expert_size > 0 and experts or 0 } }
end

-- Where a part may be: a few dense layers are the first ones (DeepSeek's first_k_dense_replace), more of them anywhere.
local function range_of(m, part)
  local dense = m.num_dense_layers
  if m.num_experts == 0 or dense == 0 or dense > 4 then return { 0, m.num_hidden_layers } end
  if part == "expert" or part == "shared" then return { dense, m.num_hidden_layers } end
  return { 0, (part == "up" or part == "down") and dense or m.num_hidden_layers }
end

-- Experts, or else the MLP, are most of the weights.
local WEIGHT = { expert = 1e6, up = 1e3, down = 1e3 }

--- What the settings say of the parts of a shape.
-- @param q the decoded settings
-- @param m the shape
-- @return { format = the one of most weights, block_scaled = whether blocks of them share a scale,
--   bits = { part = bits }, kv = "fp8" or nil }; nil and the method's name where it is not known
function quantization.read(q, m)
  local method = tostring(q.quant_method or (q.quant_algo and "modelopt") or "not given"):lower()
  local known = METHODS[method] or (q.config_groups and METHODS["compressed-tensors"])
    or (q.quant_algo and METHODS.modelopt)
  local tell = known and known(q)
  if not tell then return nil, method end
  local bits, format_of, most = {}, nil, 0
  local alike = not counts_layers(q, 0)
  local function mean(modules, part, having)
    if alike then return mean_bits(tell, modules, part, { 0, 1 }, 1, 16) end
    return mean_bits(tell, modules, part, range_of(m, part), having, 16)
  end
  for _, row in ipairs(parts_of(m)) do
    local part, layers, states = row[1], row[2], row[3] or 0
    if layers + states > 0 then
      local name
      bits[part] = 16
      if layers > 0 then bits[part], name = mean(MODULES[part], part, layers) end
      if states > 0 then
        local own, also = mean(STATE_MODULES[part], part, states)
        bits[part], name = (layers * bits[part] + states * own) / (layers + states), name or also
      end
      if name and (WEIGHT[part] or 1) > most then format_of, most = name, WEIGHT[part] or 1 end
    end
  end
  local kv = q.kv_cache_quant_algo
    or (type(q.kv_cache_scheme) == "table" and q.kv_cache_scheme.num_bits == 8 and "FP8")
  local block = format_of == "fp8_block"
  return { format = block and "fp8" or format_of, block_scaled = block or nil, bits = bits,
           kv = tostring(kv):upper() == "FP8" and "fp8" or nil }
end

--- Bits of the parts that are not as the format `weights` says, for a layout (oracle.core's cost); one scale per block
-- of 128 x 128 is nothing that counts. What is not quantised is as wide as the activations.
-- @param model of oracle.models.huggingface
-- @return { part = bits } or nil
function quantization.part_bits(model, weights, activations)
  local row, bits = formats.of[weights], {}
  for part, n in pairs(model.weight_bits or {}) do
    if n == 16 then n = formats.of[activations].bits end
    if math.abs(n - row.weight_bits) > 1e-3 * row.bits then bits[part] = n end
  end
  return next(bits) and bits
end

--- The format of the weights of a model where `asked` is the one asked for, or its own where that is nil: its blocks
-- share their scales whatever a server calls it.
function quantization.weights(model, asked)
  local name = asked or model.quantization
  return name == "fp8" and model.quantization == "fp8" and model.block_scaled and "fp8_block" or name
end

--- How a model lies on one GPU in its own formats.
-- @return a layout for oracle.core's cost
function quantization.layout(model)
  local own = model.torch_dtype or "bf16"
  local weights = quantization.weights(model) or own
  return { activations = own, weights = weights, kv = model.kv_cache_dtype or own,
           compute = formats.of[weights].weight_only and own or weights,
           weight_bits = quantization.part_bits(model, weights, own) }
end

return quantization
