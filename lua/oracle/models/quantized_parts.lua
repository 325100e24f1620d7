--- The parts of a model whose weights a checkpoint's settings tell of: what transformers calls their modules, in which
-- layers they are, and the mean of what is said of them.
local quantized_parts = {}

-- A module of each part (src/cost/model.h, orc_part) as it is called within a layer; of layers with a state their own.
local MODULES = {
  qkv = { "self_attn.q_proj", "self_attn.q_b_proj", "mixer.q_proj", "attn.wq_b", "attention.query_key_value" },
  output = { "self_attn.o_proj", "mixer.o_proj", "attn.wo_b", "attention.dense" },
  up = { "mlp.up_proj", "feed_forward.up_proj", "mixer.up_proj", "ffn.w1" },
  down = { "mlp.down_proj", "feed_forward.down_proj", "mixer.down_proj", "ffn.w2" },
  expert = { "mlp.experts.0.up_proj", "feed_forward.experts.0.up_proj", "block_sparse_moe.experts.0.w1",
             "mixer.experts.0.up_proj", "ffn.experts.0.w1", "mlp.experts.gate_up_proj" },
  shared = { "mlp.shared_experts.up_proj", "mlp.shared_expert.up_proj", "feed_forward.shared_expert.up_proj",
             "block_sparse_moe.shared_experts.up_proj", "mixer.shared_experts.up_proj", "ffn.shared_experts.w1" },
}
local FUSED = { phi3 = true, phi4 = true, glm = true, glm4 = true }        -- gate and up are one module

local STATE_MODULES = {
  qkv = { "linear_attn.in_proj_qkvz", "linear_attn.in_proj_qkv", "mamba.in_proj", "mixer.in_proj",
          "self_attn.q_proj" },
  output = { "linear_attn.out_proj", "mamba.out_proj", "mixer.out_proj", "self_attn.o_proj" },
}
local BEFORE = { "model.layers.%d.", "language_model.model.layers.%d.", "model.language_model.layers.%d.",
                 "backbone.layers.%d.", "layers.%d.", "transformer.h.%d." }
local BEFORE_FURTHER = { "mtp.layers.0.", "model.mtp.layers.0.", "mtp.0.", "model.mtp_layers.0." }
local TABLE = "model.embed_tokens"
local HEADS = { "lm_head", "language_model.lm_head", "model.lm_head" }

-- What is said of one layer's module, whatever it is called: false where it is left out under any of its names.
local function layer_format(tell, modules, part, i, befores)
  local found
  for _, module in ipairs(modules) do
    for _, before in ipairs(befores or BEFORE) do
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
local function mean_bits(tell, modules, part, range, having)
  local left, told, f = 0, 0, nil
  for i = range[1], range[2] - 1 do
    local one = layer_format(tell, modules, part, i)
    if one == false then left = left + 1 end
    if one then told, f = told + 1, one end
  end
  if not f then return 16 end
  local share = left > 0 and 1 - math.min(1, left / having) or math.min(1, told / having)
  return share * f.bits + (1 - share) * 16, f
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

-- Of the layers that predict further tokens: they come after the others, or have names of their own.
local function further_bits(tell, m, bits)
  local of = {}
  for part in pairs(bits) do
    local f = layer_format(tell, MODULES[part], part, m.num_hidden_layers)
    if f then f = layer_format(tell, MODULES[part], part, 0, BEFORE_FURTHER) ~= false and f end
    of[part] = f and f.bits or 16
  end
  return of
end

-- Bits of the LM head; nil: it is not quantised.
local function head_bits(tell)
  local head
  for _, name in ipairs(HEADS) do
    local f = tell(name, "lm_head")
    if f == false then return nil end
    head = head or f
  end
  return head and head.bits or nil
end

--- @param tell function(a module's name, its part) -> its format, false where it is left out, nil where nothing is said
-- @param q the settings
-- @param m the shape
-- @param tables whether the embedding's table is quantised as modules are
-- @return { part = bits }, with lm_head and embedding where those are quantised too; and the format of most weights,
--   nil: none is; and the bits of the parts of layers that predict further tokens
function quantized_parts.bits(tell, q, m, tables)
  local alike = not counts_layers(q, 0)
  local function mean(modules, part, having)
    if alike then return mean_bits(tell, modules, part, { 0, 1 }, 1) end
    return mean_bits(tell, modules, part, range_of(m, part), having)
  end
  local bits, format_of, most = {}, nil, 0
  for _, row in ipairs(parts_of(m)) do
    local part, layers, states = row[1], row[2], row[3] or 0
    if layers + states > 0 then
      local f
      bits[part] = 16
      local modules = part == "up" and FUSED[m.model_type] and { "mlp.gate_up_proj" } or MODULES[part]
      if layers > 0 then bits[part], f = mean(modules, part, layers) end
      if states > 0 then
        local own, also = mean(STATE_MODULES[part], part, states)
        bits[part], f = (layers * bits[part] + states * own) / (layers + states), f or also
      end
      if f and (WEIGHT[part] or 1) > most then format_of, most = f, WEIGHT[part] or 1 end
    end
  end
  local further = (m.num_nextn_predict_layers or 0) > 0 and further_bits(tell, m, bits) or nil
  bits.lm_head = not m.tie_word_embeddings and head_bits(tell) or nil
  local f = tables and tell(TABLE, "embedding")
  if f then bits.embedding, bits.lm_head = f.bits, m.tie_word_embeddings and f.bits or bits.lm_head end
  return bits, format_of, further
end

return quantized_parts
