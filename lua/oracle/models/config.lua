--- One config.json, looked into: a field by any of the names it goes by, in any of the parts it may stand in.
local json = require("oracle.core").json
local spelling = require "oracle.text.spelling"

local config = {}
config.__index = config

local MOST = 10000000                                     -- no layer count or width is larger

--- Our name of a field -> the names it goes by. The first that is there counts.
config.NAMES = {
  num_hidden_layers = { "num_hidden_layers", "n_layer", "n_layers", "num_layers", "num_transformer_layers" },
  hidden_size = { "hidden_size", "n_embd", "d_model", "n_embed", "hidden_dim", "model_dim" },
  num_attention_heads = { "num_attention_heads", "n_head", "n_heads", "num_heads", "num_query_heads" },
  num_key_value_heads = { "num_key_value_heads", "num_kv_heads", "n_head_kv", "kv_n_heads", "multi_query_group_num",
                          "num_attention_groups" },
  head_dim = { "head_dim", "kv_channels", "attention_head_dim", "head_size" },
  intermediate_size = { "intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size", "ff_intermediate_size" },
  vocab_size = { "vocab_size", "padded_vocab_size" },
  max_position_embeddings = { "max_position_embeddings", "n_positions", "max_sequence_length", "max_seq_len",
                              "seq_length", "n_ctx", "model_max_length", "max_context_length" },
  num_experts = { "num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts" },
  num_experts_per_tok = { "num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_top_k", "moe_k",
                          "top_k_experts", "moe_topk" },
  moe_intermediate_size = { "moe_intermediate_size", "expert_ffn_hidden_size" },
  num_shared_experts = { "n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert" },
  shared_expert_size = { "shared_expert_intermediate_size", "moe_shared_expert_intermediate_size",
                         "shared_intermediate_size", "share_expert_dim" },
  routed_expert_hidden_size = { "routed_expert_hidden_size", "moe_latent_size" },
  zero_experts = { "zero_expert_num" },
  first_dense = { "first_k_dense_replace", "moe_layer_start_index", "num_dense_layers" },
  moe_step = { "moe_layer_freq", "decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_interval" },
  kv_lora_rank = { "kv_lora_rank" }, q_lora_rank = { "q_lora_rank" },
  qk_rope_head_dim = { "qk_rope_head_dim" }, qk_nope_head_dim = { "qk_nope_head_dim" }, v_head_dim = { "v_head_dim" },
  sliding_window = { "sliding_window", "sliding_window_size", "window_size" },
  window_pattern = { "sliding_window_pattern", "_sliding_window_pattern" },
  attention_bias = { "attention_bias", "qkv_bias", "use_qkv_bias", "add_qkv_bias", "attention_qkv_bias" },
  linear_bias = { "use_bias", "bias", "add_bias_linear", "enable_bias" },
  qk_norm = { "use_qk_norm", "qk_layernorm", "qk_norm", "normalize_qk_projections" },
  attention_gate = { "attn_output_gate", "mla_use_output_gate", "attention_output_gate" },
  tie_word_embeddings = { "tie_word_embeddings", "tie_embedding", "share_input_output_layers" },
}

--- Keys that an override may set beside those above.
config.OTHERS = { "approximate", "attention_chunk_size", "full_attention_interval", "index_topk",
  "dtype", "expansion_ratio", "layer_types", "max_window_layers", "mlp_only_layers", "multi_query",
  "num_nextn_predict_layers", "quantization_config", "rope_scaling", "torch_dtype", "use_sliding_window" }

--- What a field holds, for messages.
function config.shown(v)
  return type(v) == "table" and "a list or object" or type(v) == "string" and ("%q"):format(v) or tostring(v)
end

function config:fail(format, ...)
  error(("%s: %s"):format(self.file, format:format(...)), 0)
end

function config:warn(format, ...)
  self.warnings[#self.warnings + 1] = ("%s: %s"):format(self.file, format:format(...))
end

--- The raw value of a field and the name it has in the file; nil when absent. null comes back as json.null.
function config:raw(field)
  for _, name in ipairs(config.NAMES[field] or { field }) do
    for _, part in ipairs(self.parts) do
      if part[name] ~= nil then return part[name], name end
    end
  end
  local nested = self.family.nested
  if self.is_nested and nested and nested[field] ~= nil then return nested[field], field end
end

--- As raw, but null is absent too.
function config:value(field)
  local v, name = self:raw(field)
  if v == json.null then return nil, name end
  return v, name
end

local function whole_number(c, name, v, least, most)
  local whole = math.type(v) and math.tointeger(v)
  if not whole or whole < least or whole > most then
    c:fail("%s = %s: a whole number from %d to %d expected", name, config.shown(v), least, most)
  end
  return whole
end

--- A whole number in [least, most], or `otherwise` when absent.
function config:count(field, otherwise, least, most)
  local v, name = self:value(field)
  if v == nil then return otherwise end
  return whole_number(self, name, v, least or 1, most or MOST)
end

local KNOWN = {}                                          -- names that mean some field
for _, names in pairs(config.NAMES) do
  for _, name in ipairs(names) do KNOWN[name] = true end
end

--- Raises that a field is missing, with the key of the file that may be meant for it.
-- @param ... the names it may go by, the first is shown
function config:missing(...)
  local strange, near = {}, nil
  for key in pairs(self.parts[1]) do
    if not KNOWN[key] then strange[#strange + 1] = tostring(key) end
  end
  table.sort(strange)
  for _, name in ipairs { ... } do near = near or spelling.find(name, strange) end
  self:fail("%s is missing (needed for model_type %s)%s", (...), self.model_type,
    near and ("; is %s meant for it?"):format(near) or "")
end

--- A whole number that must be there.
function config:need(field, most)
  return self:count(field, nil, 1, most) or self:missing(field)
end

--- Fields that must be there, if only as null: "a|b" is one of both.
function config:check_needs(list)
  for _, names in ipairs(list) do
    local there, all = false, {}
    for name in names:gmatch "[^|]+" do
      there = there or self:raw(name) ~= nil
      all[#all + 1] = name
    end
    if not there then self:missing(table.unpack(all)) end
  end
end

--- A whole number, or a list of one for each layer; nil when absent.
-- @return the greatest of them, and the list where there is one
function config:per_layer(field, layers, least)
  local v, name = self:value(field)
  if type(v) ~= "table" then return self:count(field, nil, least or 0), nil end
  if #v < layers then
    self:fail("%s = %s: a whole number from %d to %d expected, or a list with one for each of the %d layers", name,
      config.shown(v), least or 0, MOST, layers)
  end
  local most = 0
  for i = 1, layers do
    most = math.max(most, whole_number(self, ("%s[%d]"):format(name, i - 1), v[i], least or 0, MOST))
  end
  return most, v
end

function config:flag(field, otherwise)
  local v, name = self:value(field)
  if v == nil then return otherwise or false end
  if type(v) ~= "boolean" then self:fail("%s = %s: true or false expected", name, config.shown(v)) end
  return v
end

--- An object in the file; nil when absent.
function config:object(field)
  local v, name = self:value(field)
  if v ~= nil and (type(v) ~= "table" or getmetatable(v) == json.array) then
    self:fail("%s = %s: an object expected", name, config.shown(v))
  end
  return v
end

--- An object of the file as a config of its own, whose messages begin with its name.
function config:inside(field)
  local own = self:object(field)
  if not own then return nil end
  return setmetatable({ file = ("%s: %s"):format(self.file, field), warnings = self.warnings, parts = { own },
                        family = {}, model_type = self.model_type }, config)
end

--- Whether a list has a value.
function config.contains(list, wanted)
  for _, v in ipairs(list) do
    if v == wanted then return true end
  end
  return false
end

return config
