--- Reads Hugging Face's config.json into the shape the cost model wants (the fields of orc_model).
-- Any published file of a decoder-only transformer works unchanged. Where the file is silent, what transformers
-- itself would take holds (oracle.models.families).
local lazy = require "oracle.lazy"
local attention = require "oracle.models.attention"
local config = require "oracle.models.config"
local context = lazy "oracle.models.context"
local experts = require "oracle.models.experts"
local families = require "oracle.models.families"
local formats = require "oracle.scenario.number_formats"
local json = require("oracle.core").json
local layers = require "oracle.models.layers"
local per_layer = require "oracle.models.per_layer"
local quantization = require "oracle.models.quantization"
local towers = require "oracle.models.towers"
local spelling = require "oracle.text.spelling"

local huggingface = {}

local LONGEST = 1000000000                                -- tokens of context

-- Not decoder-only transformers: the formulas would be wrong, so they are refused and not guessed at.
local OTHER_KINDS = {}
for kind in ("albert bart bert blip clip deberta deberta-v2 distilbert electra falcon_mamba longformer m2m_100 "
  .. "mamba mamba2 marian mbart mt5 pegasus recurrent_gemma roberta rwkv rwkv6 siglip t5 umt5 vit wav2vec2 "
  .. "whisper xlm-roberta xlstm"):gmatch("%S+") do
  OTHER_KINDS[kind] = true
end

-- ---- which family ----

-- An entry with everything it is `like` filled in.
local function family_of(name)
  local entry, result = families[name], {}
  while entry do
    for k, v in pairs(entry) do
      if result[k] == nil then result[k] = v end
    end
    entry = families[entry.like]
  end
  return result
end

local function known_types()
  local names = {}
  for name in pairs(families) do names[#names + 1] = name end
  table.sort(names)
  return names
end

-- model_type of files that only name their class: "LlamaForCausalLM" is llama.
local function type_from_class(raw)
  local class = type(raw.architectures) == "table" and raw.architectures[1]
  local stem = type(class) == "string" and (class:match("^(%w-)For") or class:match("^(%w-)LMHead"))
  if not stem then return nil end
  for _, name in ipairs(known_types()) do
    if spelling.fold(name) == stem:lower() then return name end
  end
  return nil
end

local function text_part(raw)
  for _, key in ipairs { "text_config", "llm_config", "language_config", "thinker_config" } do
    local part = raw[key]
    if type(part) == "table" and type(part.text_config) == "table" then part = part.text_config end  -- Qwen3-Omni
    if type(part) == "table" and (part.num_hidden_layers or not raw.num_hidden_layers) then return part end
  end
end

-- Keys of layers that are not llama's.
local FOREIGN = { "^mamba_", "^ssm_", "^linear_.*head", "^linear_attn", "^rwkv", "^attn_type_list$", "^compress_ratio",
                  "^hybrid_", "^layers_block_type$", "^index_", "^attn_layer_", "^full_attn_idxs$", "^lightning",
                  "^block_configs$", "^blocksparse", "^kda_", "^gqa_layers$", "^sparse_attention", "^nsa_",
                  "^zero_expert", "^num_kv_shared_layers$", "^cross_attention_layers$", "^time_step", "_per_layer$",
                  "^conv_", "^conv1d_", "^lru_", "^layer_group_size$" }

-- A file of a model_type that is not known may be like llama; not one with such keys.
local function refuse_foreign(c)
  local keys = {}
  for key, value in pairs(c.parts[1]) do
    for _, pattern in ipairs(FOREIGN) do
      if value ~= json.null and tostring(key):find(pattern) then keys[#keys + 1] = key end
    end
  end
  table.sort(keys)
  if not keys[1] or c.approximate then return end
  c:fail("model_type %s is not known, and its %s tells of layers that are not llama's; approximate = true takes it as"
    .. " built like llama", c.model_type, keys[1])
end

-- Opens the file's table: which parts to look into, of which family.
local function open(raw, file)
  local c = setmetatable({ file = file, warnings = {} }, config)
  if type(raw) ~= "table" or getmetatable(raw) == json.array then c:fail("an object expected, as config.json has") end
  local inner = text_part(raw)
  c.is_nested = inner ~= nil
  c.parts = { inner or raw }
  for _, key in ipairs { "attn_config", "ffn_config" } do
    if type(c.parts[1][key]) == "table" then c.parts[#c.parts + 1] = c.parts[1][key] end
  end
  c.outer = raw
  local model_type = inner and type(inner.model_type) == "string" and inner.model_type or raw.model_type
  if model_type == json.null then model_type = nil end
  if model_type ~= nil and type(model_type) ~= "string" then
    c:fail("model_type = %s: a text expected", config.shown(model_type))
  end
  if model_type == nil then model_type = type_from_class(inner or raw) or "not given" end
  c.model_type = model_type
  local name = model_type:gsub("_text$", "")
  if OTHER_KINDS[name] or raw.is_encoder_decoder == true then
    c:fail("model_type %s is not a decoder-only transformer; those are what this program knows", model_type)
  end
  if towers.any(raw) then
    c:warn("only the language model is simulated, without vision or sound; the memory of encoders counts")
  end
  c.name = families[name] and name or "llama"
  c.family = family_of(c.name)
  c.approximate = raw.approximate == true or inner ~= nil and inner.approximate == true
  if not families[name] then
    refuse_foreign(c)
    c.family.context = 0
    local near = spelling(name, known_types())
    c:warn("model_type %s is not known%s; taken as built like llama", model_type,
      near and (" (nearest: %s)"):format(near) or "")
  end
  c:check_needs(c.family.needs or {})
  if c.family.routed then c:check_needs { "num_experts" } end
  return c
end

-- ---- the parts of the shape ----

local function read_traits(c, m)
  local family = c.family
  m.gated_mlp = family.gated ~= false
  m.attention_gate = c:flag("attention_gate", family.attention_gate) or nil
  m.learned_positions = family.learned == true
  m.norms_per_layer = family.norms or 2
  m.norm_bias = family.norm_bias == true
  m.linear_bias = c:flag("linear_bias", family.linear_bias)
  m.attention_bias = not m.linear_bias and c:flag("attention_bias", family.attention_bias)
  m.qk_norm = c.name ~= "llama4" and c:flag("qk_norm", family.qk_norm)  -- llama4's norm has no weights
  local tied = c:value "tie_word_embeddings"
  if tied == nil and c.is_nested then
    tied = c.outer.tie_word_embeddings
    if tied == json.null then tied = nil end
  end
  if tied == nil then tied = family.tied == true end
  if type(tied) ~= "boolean" then c:fail("tie_word_embeddings = %s: true or false expected", config.shown(tied)) end
  m.tie_word_embeddings = tied
  if family.parallel and not c:flag "new_decoder_architecture" and c:flag("parallel_attn", true) then
    m.norms_per_layer = 1
  end
end

-- A width, or the mean of one for each layer (Gemma-3n).
local function one_width(c, field, count)
  local most, list = c:per_layer(field, count)
  if not list then return c:count(field) end
  local sum = 0
  for i = 1, count do sum = sum + list[i] end
  return most > 0 and sum // count or nil
end

local function mlp_width(c, m)
  if c.family.mlp_key then
    local own = c:count(c.family.mlp_key)
    if own then return c.family.mlp_of(c, own) end
  end
  local width = one_width(c, "intermediate_size", m.num_hidden_layers)
  if width then return c.family.both_halves and width // 2 or width end
  if c.name == "mpt" then return c:count("expansion_ratio", 4) * m.hidden_size end
  if c.family.mlp then return c.family.mlp * m.hidden_size end
  return c:count "moe_intermediate_size" or c:need "intermediate_size"
end

-- ---- formats ----

local function either(c, key)
  for _, part in ipairs { c.parts[1], c.outer } do
    local v = part[key]
    if v ~= nil and v ~= json.null then return v end
  end
end

local function read_dtype(c)
  local v = either(c, "torch_dtype") or either(c, "dtype")
  if v == nil then return nil end
  local dtype = type(v) == "string" and formats.find("tensors", (v:gsub("^torch%.", "")))
  if not dtype then c:warn("torch_dtype %s is not known; ignored", config.shown(v)) end
  return dtype or nil
end

-- The settings by the keys they go by; ModelOpt's file beside this one is put in by oracle.models.catalog.
local SETTINGS = { "quantization_config", "compression_config", "quantization", "hf_quant_config.json: quantization" }

-- The format of most weights, bits of each part and the KV cache's format, into the shape.
local function read_quantization(c, m)
  local key, q
  for _, name in ipairs(SETTINGS) do
    key, q = name, either(c, name)
    if q ~= nil then break end
  end
  if q == nil then return end
  if type(q) ~= "table" then c:fail("%s: an object expected", key) end
  local found, why = quantization.read(q, m)
  if not found then
    if not c.approximate then
      c:fail("%s: %s; approximate = true takes the weights as not quantised", key, why)
    end
    c:warn("%s: %s; the weights are taken as not quantised", key, why)
    return
  end
  if found.unknown_kv then c:warn("%s: a KV cache of %s is not known; ignored", key, found.unknown_kv) end
  m.quantization, m.kv_cache_dtype = found.format, found.kv
  m.weight_bits, m.block_scaled = found.format and found.bits or nil, found.block_scaled
  m.weight_only, m.further_bits = found.weight_only, found.format and found.further or nil
  if found.without_mtp then m.num_nextn_predict_layers = nil end
end

-- ---- the whole ----

local function override(raw, overrides, file)
  local known = {}
  for _, names in pairs(config.NAMES) do
    for _, name in ipairs(names) do known[#known + 1] = name end
  end
  for _, name in ipairs(config.OTHERS) do known[#known + 1] = name end
  table.sort(known)
  local target, copy = text_part(raw) or raw, {}
  for key, value in pairs(target) do copy[key] = value end
  for key, value in pairs(overrides) do
    if target[key] == nil and raw[key] == nil and not config.contains(known, key) then
      local near = spelling(tostring(key), known)
      error(("%s: override %s: no such field of a config.json%s"):format(file, tostring(key),
        near and ("; did you mean %s?"):format(near) or ""), 0)
    end
    for _, names in pairs(config.NAMES) do                       -- whatever name the file uses for it
      if config.contains(names, key) then
        for _, name in ipairs(names) do copy[name] = nil end
      end
    end
    copy[key] = value
  end
  if target == raw then return copy end
  local outer = {}
  for key, value in pairs(raw) do outer[key] = value == target and copy or value end
  return outer
end

-- Layers that predict further tokens and stand in the checkpoint; a family says which of them do not.
local function predicted_layers(c)
  if c.family.mtp == 0 then return nil end
  local n = c:count("num_nextn_predict_layers", nil, 0, 64) or c:count("mtp_num_hidden_layers", nil, 0, 64)
    or c.family.mtp
  return n and n > 0 and n or nil
end

local function read_towers(c, m)
  local n, silent = towers.parameters(c.outer, m)
  m.tower_parameters = (m.tower_parameters or 0) + n
  for _, part in ipairs(silent) do c:warn("%s: an encoder of no known size; its memory does not count", part) end
end

--- The shape of a model from its config.json.
-- @tparam table raw the decoded file
-- @tparam string file its name, for messages
-- @tparam[opt] table overrides values in place of the file's, by config.json's own keys
-- @treturn table the fields of orc_model (src/cost/model.h), and `model_type`; `layer_kinds` (oracle.models.layers);
-- `torch_dtype`:
-- "bf16", "fp16", "fp32", or nil when the file does not say; `quantization`: the format of most weights, "fp8", "fp4",
-- "mxfp4", "int8", "int4" ..., or nil, with `weight_bits`, `block_scaled` and `weight_only`
-- (oracle.models.quantization); `kv_cache_dtype`: or nil; `warnings`: a list of texts
-- @raise "FILE: FIELD ...: what was expected"
function huggingface.read(raw, file, overrides)
  if overrides and next(overrides) ~= nil and type(raw) == "table" then raw = override(raw, overrides, file) end
  local c, m = open(raw, file), {}
  m.num_hidden_layers = c:need "num_hidden_layers"
  m.hidden_size = c:need "hidden_size"
  m.vocab_size = c:need "vocab_size"
  m.max_position_embeddings = context (c, LONGEST)
  if c.family.before then c.family.before(c, m) end
  m.intermediate_size = mlp_width(c, m)
  attention.heads(c, m)
  attention.latent(c, m)
  per_layer.read(c, m)
  experts.read(c, m)
  layers.read(c, m)
  read_traits(c, m)
  if c.family.finish then c.family.finish(c, m) end
  read_towers(c, m)
  m.num_nextn_predict_layers = predicted_layers(c)
  m.mtp_dense, m.mtp_tables = c.family.mtp_dense, c.family.mtp_tables
  m.model_type = c.model_type
  m.torch_dtype = read_dtype(c)
  read_quantization(c, m)
  m.warnings = c.warnings
  return m
end

return huggingface
