--- Reads Hugging Face's config.json into the shape the cost model wants (the fields of orc_model).
-- Any published file of a decoder-only transformer works unchanged. Where the file is silent, what transformers
-- itself would take holds (oracle.models.families).
local lazy = require "oracle.lazy"
local context = lazy "oracle.models.context"
local families = require "oracle.models.families"
local formats = require "oracle.scenario.number_formats"
local json = require("oracle.core").json
local layers = require "oracle.models.layers"
local quantization = require "oracle.models.quantization"
local towers = require "oracle.models.towers"
local spelling = require "oracle.text.spelling"

local huggingface = {}

local MOST = 10000000                                     -- no layer count or width is larger
local LONGEST = 1000000000                                -- tokens of context

-- Our name of a field -> the names it goes by. The first that is there counts.
local NAMES = {
  num_hidden_layers = { "num_hidden_layers", "n_layer", "n_layers", "num_layers" },
  hidden_size = { "hidden_size", "n_embd", "d_model", "n_embed", "hidden_dim" },
  num_attention_heads = { "num_attention_heads", "n_head", "n_heads", "num_heads" },
  num_key_value_heads = { "num_key_value_heads", "num_kv_heads", "n_head_kv", "kv_n_heads", "multi_query_group_num" },
  head_dim = { "head_dim", "kv_channels", "attention_head_dim", "head_size" },
  intermediate_size = { "intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size" },
  vocab_size = { "vocab_size", "padded_vocab_size" },
  max_position_embeddings = { "max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len",
                              "seq_length", "n_ctx", "model_max_length" },
  num_experts = { "num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts" },
  num_experts_per_tok = { "num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_top_k", "moe_k",
                          "top_k_experts" },
  moe_intermediate_size = { "moe_intermediate_size" },
  num_shared_experts = { "n_shared_experts", "num_shared_experts", "moe_num_shared_experts" },
  shared_expert_size = { "shared_expert_intermediate_size", "moe_shared_expert_intermediate_size",
                         "shared_intermediate_size" },
  first_dense = { "first_k_dense_replace", "moe_layer_start_index" },
  moe_step = { "moe_layer_freq", "decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_interval" },
  kv_lora_rank = { "kv_lora_rank" }, q_lora_rank = { "q_lora_rank" },
  qk_rope_head_dim = { "qk_rope_head_dim" }, qk_nope_head_dim = { "qk_nope_head_dim" }, v_head_dim = { "v_head_dim" },
  sliding_window = { "sliding_window", "sliding_window_size", "window_size" },
  window_pattern = { "sliding_window_pattern", "_sliding_window_pattern" },
  attention_bias = { "attention_bias", "qkv_bias", "use_qkv_bias", "add_qkv_bias", "attention_qkv_bias" },
  linear_bias = { "use_bias", "bias", "add_bias_linear", "enable_bias" },
  qk_norm = { "use_qk_norm", "qk_layernorm" },
}

-- Keys that an override may set beside those above.
local OTHERS = { "approximate", "attention_chunk_size", "full_attention_interval", "index_topk",
  "dtype", "expansion_ratio", "layer_types", "max_window_layers",
  "mlp_only_layers", "multi_query", "quantization_config", "rope_scaling", "tie_word_embeddings",
  "torch_dtype", "use_sliding_window" }

-- Not decoder-only transformers: the formulas would be wrong, so they are refused and not guessed at.
local OTHER_KINDS = {}
for kind in ("albert bart bert blip clip deberta deberta-v2 distilbert electra falcon_mamba longformer m2m_100 "
  .. "mamba mamba2 marian mbart mt5 pegasus recurrent_gemma roberta rwkv siglip t5 umt5 vit wav2vec2 "
  .. "whisper xlm-roberta zamba zamba2"):gmatch("%S+") do
  OTHER_KINDS[kind] = true
end

-- ---- one config.json, looked into ----

local config = {}
config.__index = config

function config:fail(format, ...)
  error(("%s: %s"):format(self.file, format:format(...)), 0)
end

function config:warn(format, ...)
  self.warnings[#self.warnings + 1] = ("%s: %s"):format(self.file, format:format(...))
end

-- The raw value of a field and the name it has in the file; nil when absent. null comes back as json.null.
function config:raw(field)
  for _, name in ipairs(NAMES[field] or { field }) do
    for _, part in ipairs(self.parts) do
      if part[name] ~= nil then return part[name], name end
    end
  end
  local nested = self.family.nested
  if self.is_nested and nested and nested[field] ~= nil then return nested[field], field end
end

-- As raw, but null is absent too.
function config:value(field)
  local v, name = self:raw(field)
  if v == json.null then return nil, name end
  return v, name
end

-- A whole number in [least, most], or `otherwise` when absent.
-- What a field holds, for messages.
local function shown(v)
  return type(v) == "table" and "a list or object" or type(v) == "string" and ("%q"):format(v) or tostring(v)
end

function config:count(field, otherwise, least, most)
  local v, name = self:value(field)
  if v == nil then return otherwise end
  local whole = math.type(v) and math.tointeger(v)
  least, most = least or 1, most or MOST
  if not whole or whole < least or whole > most then
    self:fail("%s = %s: a whole number from %d to %d expected", name, shown(v), least, most)
  end
  return whole
end

-- A whole number that must be there.
function config:need(field, most)
  local v = self:count(field, nil, 1, most)
  if v == nil then self:fail("%s is missing (needed for model_type %s)", field, self.model_type) end
  return v
end

function config:flag(field, otherwise)
  local v, name = self:value(field)
  if v == nil then return otherwise or false end
  if type(v) ~= "boolean" then self:fail("%s = %s: true or false expected", name, shown(v)) end
  return v
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
  for _, key in ipairs { "text_config", "llm_config", "language_config" } do
    if type(raw[key]) == "table" and (raw[key].num_hidden_layers or not raw.num_hidden_layers) then return raw[key] end
  end
end

-- Keys of layers that are not llama's.
local FOREIGN = { "^mamba_", "^ssm_", "^linear_.*head", "^linear_attn", "^rwkv", "^attn_type_list$", "^compress_ratio",
                  "^hybrid_", "^layers_block_type$", "^index_topk$", "^attn_layer_", "^full_attn_idxs$",
                  "^lightning" }

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
    c:fail("model_type = %s: a text expected", shown(model_type))
  end
  if model_type == nil then model_type = type_from_class(inner or raw) or "not given" end
  c.model_type = model_type
  local name = model_type:gsub("_text$", "")
  if OTHER_KINDS[name] or raw.is_encoder_decoder == true then
    c:fail("model_type %s is not a decoder-only transformer; those are what this program knows", model_type)
  end
  if type(raw.vision_config) == "table" then
    c:warn("only the language model is simulated, without vision; the memory of its encoder counts")
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
  return c
end

-- ---- the parts of the shape ----

local function read_heads(c, m)
  local family = c.family
  m.num_attention_heads = c:need "num_attention_heads"
  local kv, name = c:raw "num_key_value_heads"
  if c:flag("multi_query", family.multi_query) and not c:flag "new_decoder_architecture" then
    m.num_key_value_heads = 1
  elseif c.model_type == "chatglm" and not c:flag "multi_query_attention" then
    m.num_key_value_heads = m.num_attention_heads
  else
    local absent = kv == nil and not name and family.kv_heads or m.num_attention_heads
    m.num_key_value_heads = c:count("num_key_value_heads", absent)
  end
  if m.num_attention_heads % m.num_key_value_heads ~= 0 then
    c:fail("num_key_value_heads = %d does not divide num_attention_heads = %d", m.num_key_value_heads,
      m.num_attention_heads)
  end
  m.head_dim = c:count("head_dim", family.head_dim or nil)
  if m.head_dim == nil and (c:value "kv_lora_rank" or 0) ~= 0 then m.head_dim = 1 end  -- read_latent's to say
  if m.head_dim == nil then
    if m.hidden_size % m.num_attention_heads ~= 0 then
      c:fail("head_dim is missing, and hidden_size = %d is no multiple of num_attention_heads = %d", m.hidden_size,
        m.num_attention_heads)
    end
    m.head_dim = m.hidden_size // m.num_attention_heads
  end
end

-- Multi-head latent attention: DeepSeek-V2, arXiv:2405.04434, section 2.1.
local function read_latent(c, m)
  m.kv_lora_rank = c:count("kv_lora_rank", 0, 0)
  m.q_lora_rank, m.qk_rope_head_dim, m.qk_nope_head_dim, m.v_head_dim = 0, 0, 0, 0
  if m.kv_lora_rank == 0 then return end
  m.q_lora_rank = c:count("q_lora_rank", 0, 0)
  for _, field in ipairs { "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim" } do m[field] = c:need(field) end
  m.head_dim = m.qk_nope_head_dim + m.qk_rope_head_dim    -- what a query of one head holds
end

local function contains(list, wanted)
  for _, v in ipairs(list) do
    if v == wanted then return true end
  end
  return false
end

-- How many layers hold experts.
local function expert_layers(c, m)
  local listed = c:value "moe_layers"
  if type(listed) == "table" and #listed > 0 then return math.min(#listed, m.num_hidden_layers) end
  local period = c:count "expert_layer_period"            -- Jamba
  if period then
    local offset, n = c:count("expert_layer_offset", 0, 0), 0
    for i = 0, m.num_hidden_layers - 1 do n = n + (i % period == offset and 1 or 0) end
    return n
  end
  local step, step_name = c:value "moe_step"
  local dense, n = c:value "mlp_only_layers", 0
  if type(step) == "table" then                           -- one number per layer, 0: dense
    for _, v in ipairs(step) do n = n + (v ~= 0 and 1 or 0) end
    return math.min(n, m.num_hidden_layers)
  end
  local first = c:count("first_dense", 0, 0)
  local offset = step_name == "moe_layer_freq" and 0 or 1 -- counted from the first layer, or the one before it
  step = c:count("moe_step", 1)
  for i = 0, m.num_hidden_layers - 1 do
    local sparse = i >= first and (i + offset) % step == 0
    if sparse and not (type(dense) == "table" and contains(dense, i)) then n = n + 1 end
  end
  return n
end

local function read_experts(c, m)
  m.num_experts = c:count("num_experts", 0, 0)
  m.num_experts_per_tok, m.moe_intermediate_size, m.shared_expert_size, m.num_dense_layers = 0, 0, 0, 0
  if m.num_experts <= 1 then                              -- some dense files write num_experts 0 or 1
    m.num_experts = 0
    return
  end
  m.num_experts_per_tok = c:need("num_experts_per_tok", m.num_experts)
  m.moe_intermediate_size = c:count("moe_intermediate_size", m.intermediate_size)
  local own = c:count("shared_expert_size", 0, 0)
  m.shared_expert_size = own > 0 and own or c:count("num_shared_experts", 0, 0) * m.moe_intermediate_size
  m.num_dense_layers = m.num_hidden_layers - expert_layers(c, m)
  if c.name == "gemma4" then                              -- its dense MLP works beside the experts
    m.shared_expert_size, m.num_dense_layers = m.intermediate_size, 0
  end
  if c.name == "llama4" then                              -- its intermediate_size is the experts', one of them shared
    m.shared_expert_size = m.moe_intermediate_size
    m.intermediate_size = c:count("intermediate_size_mlp", m.intermediate_size)
  end
end

local function read_traits(c, m)
  local family = c.family
  m.gated_mlp = family.gated ~= false
  m.attention_gate = c:flag("attn_output_gate", family.attention_gate) or nil
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
  if type(tied) ~= "boolean" then c:fail("tie_word_embeddings = %s: true or false expected", shown(tied)) end
  m.tie_word_embeddings = tied
  if family.parallel and not c:flag "new_decoder_architecture" and c:flag("parallel_attn", true) then
    m.norms_per_layer = 1
  end
end

local function mlp_width(c, m)
  if c.family.mlp_key then
    local own = c:count(c.family.mlp_key)
    if own then return c.family.mlp_of(c, own) end
  end
  local width = c:count "intermediate_size"
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
  if not dtype then c:warn("torch_dtype %s is not known; ignored", shown(v)) end
  return dtype or nil
end

-- The format of most weights, bits of each part and the KV cache's format, into the shape.
local function read_quantization(c, m)
  local q = either(c, "quantization_config") or either(c, "compression_config")
  if q == nil then return end
  if type(q) ~= "table" then c:fail("quantization_config: an object expected") end
  local found, method = quantization.read(q, m)
  if not found then
    c:warn("quantization method %s is not known; weights are taken as unquantised", method)
    return
  end
  m.quantization, m.kv_cache_dtype = found.format, found.kv
  m.weight_bits, m.block_scaled = found.format and found.bits or nil, found.block_scaled
end

-- ---- the whole ----

local function override(raw, overrides, file)
  local known = {}
  for _, names in pairs(NAMES) do
    for _, name in ipairs(names) do known[#known + 1] = name end
  end
  for _, name in ipairs(OTHERS) do known[#known + 1] = name end
  table.sort(known)
  local target, copy = text_part(raw) or raw, {}
  for key, value in pairs(target) do copy[key] = value end
  for key, value in pairs(overrides) do
    if target[key] == nil and raw[key] == nil and not contains(known, key) then
      local near = spelling(tostring(key), known)
      error(("%s: override %s: no such field of a config.json%s"):format(file, tostring(key),
        near and ("; did you mean %s?"):format(near) or ""), 0)
    end
    for _, names in pairs(NAMES) do                       -- whatever name the file uses for it
      if contains(names, key) then
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

--- The shape of a model from its config.json.
-- @tparam table raw the decoded file
-- @tparam string file its name, for messages
-- @tparam[opt] table overrides values in place of the file's, by config.json's own keys
-- @treturn table the fields of orc_model (src/cost/model.h), and `model_type`; `layer_kinds` (oracle.models.layers);
-- `torch_dtype`:
-- "bf16", "fp16", "fp32", or nil when the file does not say; `quantization`: the format of most weights, "fp8", "fp4",
-- "mxfp4", "int8", "int4" ..., or nil, with `weight_bits` and `block_scaled` (oracle.models.quantization);
-- `kv_cache_dtype`: or nil; `warnings`: a list of texts
-- @raise "FILE: FIELD ...: what was expected"
function huggingface.read(raw, file, overrides)
  if overrides and next(overrides) ~= nil and type(raw) == "table" then raw = override(raw, overrides, file) end
  local c, m = open(raw, file), {}
  m.num_hidden_layers = c:need "num_hidden_layers"
  m.hidden_size = c:need "hidden_size"
  m.vocab_size = c:need "vocab_size"
  m.max_position_embeddings = context (c, LONGEST)
  m.intermediate_size = mlp_width(c, m)
  read_heads(c, m)
  read_latent(c, m)
  read_experts(c, m)
  layers.read(c, m)
  read_traits(c, m)
  m.tower_parameters = towers.parameters(c.outer, m)
  m.model_type = c.model_type
  m.torch_dtype = read_dtype(c)
  read_quantization(c, m)
  m.warnings = c.warnings
  return m
end

return huggingface
