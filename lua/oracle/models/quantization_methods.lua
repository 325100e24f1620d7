--- Methods of quantisation by the name that `quantization_config` gives them.
-- Each is function(q, m) -> function(a module's name, its part) -> its format (oracle.models.weight_formats), false
-- where it is left out, nil where nothing is said; or nil and what in q is not known.
local json = require("oracle.core").json
local module_names = require "oracle.models.module_names"
local ordered = require "oracle.text.ordered"
local shown = require("oracle.models.config").shown
local spelling = require "oracle.text.spelling"
local weight_formats = require "oracle.models.weight_formats"

local named, fp8, integers, int = weight_formats.named, weight_formats.fp8, weight_formats.integers, weight_formats.int

local methods = {}

-- All but what a list names; the head is what engines leave as it is unless it is named.
local function all_but(list, f, why)
  if not f then return nil, why end
  local left = module_names.list(list)
  return function(name, part) return part ~= "lm_head" and not left:has(name) and f end
end

-- Bits of a weight: `q[key]`, a few of which are possible.
local function bits_of(q, keys, otherwise, valid)
  for _, key in ipairs(keys) do
    local v = q[key]
    if v ~= nil then
      for _, n in ipairs(valid) do
        if v == n then return n end
      end
      return nil, ("%s = %s: one of %s bits expected"):format(key, type(v) == "table" and "an object" or tostring(v),
        table.concat(valid, ", "))
    end
  end
  return otherwise
end

-- Weights in a group: 128 unless told, as AutoGPTQ and AutoAWQ have it; -1: a whole channel.
local function group_of(v)
  if v == nil then return 128 end
  return int(v)
end

-- Bits as bits_of has them, where the file's group is one.
local function bits_in_groups(q, keys, valid)
  local group = q.group_size
  if group ~= nil and group ~= json.null and not int(group) and group ~= -1 then
    return nil, ("group_size = %s: a whole number above 0, or -1, expected"):format(shown(group))
  end
  return bits_of(q, keys, 4, valid)
end

-- ---- compressed-tensors ----

-- Groups in the order of their names: { names =, format = }, and the one that names no modules, or all.
local function groups_of(q)
  local list, whole = {}, nil
  local groups = type(q.config_groups) == "table" and q.config_groups or {}
  for _, name in ipairs(ordered.keys(groups)) do
    local g = groups[name]
    local f, why = weight_formats.compressed(g, type(g) == "table" and g.format or q.format)
    if not f then return nil, ("config_groups.%s.%s"):format(name, why) end
    local targets = type(g.targets) == "table" and g.targets or {}
    if not targets[1] then whole = whole or f end
    for _, t in ipairs(targets) do whole = whole or (t == "Linear" and f) end
    list[#list + 1] = { names = module_names.list(targets), format = f }
  end
  if not list[1] then return nil, "config_groups: no group" end
  return list, whole
end

-- A group counts before one after it. `alone`: a name is that module's alone, not of those in it.
local function by_groups(q, ignore, alone)
  local list, whole = groups_of(q)
  if not list then return nil, whole end
  local left = module_names.list(ignore)
  return function(name)
    if left:has(name, alone) then return false end
    for _, g in ipairs(list) do
      if g.names:has(name, alone) then return g.format end
    end
    -- transformers loads no layers of that name, so that nothing has quantised them.
    if name:find "^mtp%." or name:find "^model%.mtp" then return false end
    return whole or nil
  end
end

methods["compressed-tensors"] = function(q) return by_groups(q, q.ignore, true) end

-- ---- integers ----

function methods.awq(q)
  local bits, why = bits_in_groups(q, { "bits", "w_bit" }, { 4, 8 })
  return all_but(q.modules_to_not_convert, bits and integers(bits, group_of(q.group_size or q.q_group_size),
    q.zero_point ~= false and bits or 0, true), why)
end

-- GPTQModel's `dynamic` leaves out what a pattern after "-:" names; `modules_in_block_to_quantize` is all that is done.
local function left_by_gptq(q)
  local left = {}
  for _, name in ipairs(type(q.modules_to_not_convert) == "table" and q.modules_to_not_convert or {}) do
    left[#left + 1] = name
  end
  for name in pairs(type(q.dynamic) == "table" and q.dynamic or {}) do
    if tostring(name):find "^%-:" then left[#left + 1] = "re:" .. name:sub(3) end
  end
  return left
end

local function inside(list, name)
  for _, entry in ipairs(list) do
    local names = type(entry) == "table" and entry or { entry }
    for _, one in ipairs(names) do
      if ("." .. name):find("." .. tostring(one), 1, true) then return true end
    end
  end
  return false
end

function methods.gptq(q)                                  -- zero points are stored whether they are used or not
  local bits, why = bits_in_groups(q, { "bits" }, { 2, 3, 4, 8 })
  local f = bits and integers(bits, group_of(q.group_size), bits, true)
  local tell = all_but(left_by_gptq(q), f)
  if not tell then return nil, why end
  local only = type(q.modules_in_block_to_quantize) == "table" and q.modules_in_block_to_quantize
  return function(name, part)
    if part == "lm_head" then return q.lm_head == true and f end
    if only and only[1] and not inside(only, name) then return nil end
    return tell(name, part)
  end
end

-- Of auto-round some modules have formats of their own, by name or by pattern.
methods["auto-round"] = function(q, m)
  local kind = tostring(q.data_type)
  local rest, why = methods.gptq(q, m)
  if kind:find "fp" then
    local f = kind:find "nv" and named "fp4" or q.bits == 8 and named(kind:find "mx" and "mxfp8" or "fp8")
      or kind:find "mx" and named "mxfp4"
    rest = f and all_but(nil, f)
    why = ("data_type = %s with %s bits"):format(kind, tostring(q.bits))
  end
  if not rest then return nil, why end
  local own = {}
  for _, name in ipairs(ordered.keys(type(q.extra_config) == "table" and q.extra_config or {})) do
    local bits = type(q.extra_config[name]) == "table" and int(q.extra_config[name].bits)
    if bits then
      own[#own + 1] = { names = module_names.list { name:find "[*\\|]" and "re:" .. name or name },
        format = bits < 16 and integers(bits, group_of(q.extra_config[name].group_size or q.group_size), bits, true) }
    end
  end
  return function(name, part)
    for _, o in ipairs(own) do
      if o.names:has(name) then return o.format end
    end
    return rest(name, part)
  end
end

methods.inc, methods["auto-gptq"], methods.gptq_marlin = methods["auto-round"], methods.gptq, methods.gptq
methods.awq_marlin, methods.moe_wna16, methods.marlin = methods.awq, methods.gptq, methods.gptq

-- HQQ's scale and zero point are of 16 bits (github.com/mobiusml/hqq, core/quantize.py).
function methods.hqq(q)
  local w = type(q.quant_config) == "table" and q.quant_config.weight_quant_params or q
  if type(w) ~= "table" then return nil, "quant_config.weight_quant_params: an object expected" end
  local bits, why = bits_of(w, { "nbits", "bits" }, 4, { 1, 2, 3, 4, 8 })
  return all_but(q.skip_modules, bits and integers(bits, int(w.group_size, 64), 16, true), why)
end

-- MLX's scale and bias are of 16 bits; embedding and head are quantised too (github.com/ml-explore/mlx,
-- mlx.core.quantize).
function methods.mlx(q)
  local mode = q.mode
  local bits, why = bits_of(q, { "bits" }, 4, { 2, 3, 4, 5, 6, 8 })
  local f = (mode == "mxfp4" or mode == "mxfp8") and named(mode) or mode == "nvfp4" and named "fp4"
    or bits and integers(bits, int(q.group_size, 64), 16, true)
  if not f then return nil, why end
  return function(name)
    local own = q[name]
    if own == false then return false end
    if type(own) == "table" and int(own.bits) then return integers(own.bits, int(own.group_size, 64), 16, true) end
    return f
  end
end

-- Two codebooks of 16 bits for 8 weights, or what is told (arXiv:2401.06118, section 3).
function methods.aqlm(q)
  local group = int(q.in_group_size, 8) * int(q.out_group_size, 1)
  return all_but(q.linear_weights_not_to_quantize,
    named("int4", int(q.num_codebooks, 1) * int(q.nbits_per_codebook, 16) / group, true))
end

function methods.w8a8_int8(q) return all_but(q.ignore, named("int8", 8)) end
function methods.eetq(q) return all_but(q.modules_to_not_convert, named("int8", 8, true)) end
function methods.bitnet(q) return all_but(q.modules_to_not_convert, named("int4", 2, true)) end
function methods.experts_int8() return function(_, part) return part == "expert" and named("int8", 8, true) end end

-- NF4: 32 bits for 64 weights, or 8 for 64 and 32 for 256 of those (QLoRA, arXiv:2305.14314, section 3).
function methods.bitsandbytes(q)
  local f = named("int8", 8)
  if q.load_in_8bit ~= true and q._load_in_8bit ~= true then
    if q.load_in_4bit ~= true and q._load_in_4bit ~= true then
      return nil, "neither load_in_4bit nor load_in_8bit is true"
    end
    f = named("int4", q.bnb_4bit_use_double_quant == true and 4 + 8 / 64 + 32 / (64 * 256) or 4 + 32 / 64)
  end
  return all_but(q.llm_int8_skip_modules, f)
end

-- ---- floating point ----

local function left_list(q) return q.modules_to_not_convert or q.ignored_layers or q.ignore end

-- Blocks have a scale of 32 bits, or of 8 (scale_fmt "ue8m0"). DeepSeek-V4's experts are MXFP4 beside it, unless
-- expert_dtype says otherwise (its inference/convert.py).
function methods.fp8(q, m)
  local block = q.weight_block_size
  if block ~= nil and not (type(block) == "table" and int(block[1]) and int(block[2])) then
    return nil, ("weight_block_size = %s: [rows, columns] expected"):format(shown(block))
  end
  local rest = all_but(left_list(q), fp8(q.weight_block_size, q.scale_fmt == "ue8m0" and 8 or 32))
  if not m.narrow_experts then return rest end
  return function(name, part) return part == "expert" and named "mxfp4" or rest(name, part) end
end

methods.fbgemm_fp8, methods.ptpc_fp8, methods.w8a8_fp8 = methods.fp8, methods.fp8, methods.fp8

function methods.mxfp8(q) return all_but(left_list(q), named "mxfp8") end

-- Experts in groups of 4-bit integers beside blocks of FP8 (SGLang, layers/quantization/w4afp8.py).
function methods.w4afp8(q)
  local rest = all_but(left_list(q), fp8(q.weight_block_size or { 128, 128 }, 32))
  return function(name, part)
    return part == "expert" and integers(4, int(q.group_size, 128), 0, true) or rest(name, part)
  end
end

-- The experts alone (vLLM, model_executor/layers/quantization/mxfp4.py; arXiv:2508.10925, section 2.1).
function methods.mxfp4(q)
  local by_name = all_but(q.modules_to_not_convert, named "mxfp4")
  return function(name, part) return part == "expert" and by_name(name) end
end

function methods.fp_quant(q)
  return all_but(q.modules_to_not_convert, named(q.forward_dtype == "nvfp4" and "fp4" or "mxfp4"))
end

-- ---- ModelOpt ----

local function unknown_algorithm(at, name)
  local near = type(name) == "string" and spelling.find(name, weight_formats.algorithms())
  return ("%squant_algo = %s: no known format%s"):format(at, type(name) == "string" and ("%q"):format(name)
    or "none", near and ("; did you mean %s?"):format(near) or "")
end

-- Each layer by its name, or that of what it is in.
local function mixed(q, m)
  if type(q.quantized_layers) ~= "table" then
    if type(q.config_groups) == "table" then return by_groups(q, q.ignore or q.exclude_modules) end
    return nil, "quantized_layers: an object expected (quant_algo is MIXED_PRECISION)"
  end
  local of = {}
  for name, own in pairs(q.quantized_layers) do
    local algo = type(own) == "table" and own.quant_algo or own
    of[name] = weight_formats.algorithm(type(own) == "table" and own or {}, algo)
    if of[name] == nil then return nil, unknown_algorithm(("quantized_layers[%q]: "):format(tostring(name)), algo) end
  end
  local left = module_names.list(q.exclude_modules or q.ignore)
  local rest = m.narrow_experts and fp8({ 128, 128 }, 8) or nil            -- as DeepSeek-V4 was before
  return function(name, part)
    local at = name
    while at do
      if of[at] ~= nil then return of[at] end
      at = at:match "^(.*)%.[^.]*$"
    end
    if left:has(name) then return false end
    if part ~= "lm_head" then return rest end
  end
end

function methods.modelopt(q, m)
  local algo = q.quant_algo
  if type(algo) == "string" and algo:upper() == "MIXED_PRECISION" then return mixed(q, m) end
  local f = weight_formats.algorithm(q, algo)
  if f == nil and algo == nil and type(q.config_groups) == "table" then
    return by_groups(q, q.ignore or q.exclude_modules)
  end
  if f == nil and algo == nil and q.kv_cache_quant_algo then f = false end    -- of the KV cache alone
  if f == nil then return nil, unknown_algorithm("", algo) end
  return all_but(q.exclude_modules or q.ignore, f or named("bf16", 16))
end

methods.modelopt_fp4, methods.nvfp4, methods.modelopt_mixed = methods.modelopt, methods.modelopt, methods.modelopt
methods.modelopt_mxfp8, methods.petit_nvfp4 = methods.modelopt, methods.modelopt

-- ---- quark, torchao ----

local QUARK = { fp8_e4m3 = "fp8", fp8_e5m2 = "fp8", fp4 = "mxfp4", mxfp4 = "mxfp4", fp6_e3m2 = "mxfp6",
                fp6_e2m3 = "mxfp6", int8 = "int8", uint8 = "int8", int4 = "int4", uint4 = "int4" }

-- "weight" of one of its configs; of two stages the one that is stored has the fewer bits.
local function quark_format(config)
  local w = type(config) == "table" and config.weight
  if type(w) ~= "table" then return nil, "weight: an object expected" end
  local best
  for _, one in ipairs(w[1] and w or { w }) do
    local name = type(one) == "table" and QUARK[one.dtype]
    if not name then return nil, ("weight.dtype = %s: no known format"):format(tostring(one.dtype)) end
    local f = name:find "int" and integers(name == "int8" and 8 or 4, int(one.group_size), 0,
      type(config.input_tensors) ~= "table") or named(name)
    if not best or f.bits < best.bits then best = f end
  end
  return best
end

function methods.quark(q)
  local f, why = quark_format(q.global_quant_config)
  if not f then return nil, "global_quant_config." .. why end
  local own = {}
  for _, name in ipairs(ordered.keys(type(q.layer_quant_config) == "table" and q.layer_quant_config or {})) do
    local one, what = quark_format(q.layer_quant_config[name])
    if not one then return nil, ("layer_quant_config[%q].%s"):format(name, what) end
    own[#own + 1] = { names = module_names.list { name }, format = one }
  end
  local left = module_names.list(q.exclude)
  return function(name, part)
    if left:has(name) then return false end
    for _, o in ipairs(own) do
      if o.names:has(name) then return o.format end
    end
    return part ~= "lm_head" and f or nil
  end
end

-- What a type's name tells: Int4WeightOnlyConfig, float8_dynamic_activation_float8_weight.
function methods.torchao(q)
  local t = q.quant_type
  if type(t) == "table" and type(t.default) == "table" then t = t.default end
  local data = type(t) == "table" and t._data
  local kind = tostring(type(t) == "table" and t._type or t):lower():gsub("[_%s]", "")
  local alone = kind:find "weightonly" ~= nil
  local group = int(type(data) == "table" and data.group_size or nil, 128)
  local f = kind:find "int4" and integers(4, group, 16) or kind:find "float8" and fp8(nil, 0, alone)
    or kind:find "int8" and named("int8", 8, alone) or kind:find "mxfp?4" and named "mxfp4"
    or kind:find "nvfp4" and named "fp4"
  return all_but(q.modules_to_not_convert, f, ("quant_type = %s: no known format"):format(kind))
end

local QUANTO = { int8 = 8, int4 = 4, int2 = 2 }

function methods.quanto(q)
  local bits = QUANTO[q.weights]
  local f = bits and integers(bits, 128, 16, true) or q.weights == "float8" and fp8(nil, 0, true)
  return all_but(q.modules_to_not_convert, f, ("weights = %s: no known format"):format(tostring(q.weights)))
end

return methods
