--- What a checkpoint holds beside the model that answers: layers that predict further tokens; and its bytes.
local core = require "oracle.core"
local formats = require "oracle.scenario.number_formats"
local quantization = require "oracle.models.quantization"

local checkpoint = {}

-- One layer of the kind that such layers are: the model's attention, with its experts or a dense MLP.
local function one_layer(m)
  local one = {}
  for k, v in pairs(m) do one[k] = v end
  one.num_hidden_layers, one.vocab_size = 1, 1
  one.num_state_layers, one.state_beside_attention, one.num_mixerless_layers, one.num_mlpless_layers = 0, false, 0, 0
  one.num_kv_shared_layers, one.num_shared_blocks, one.num_index_layers, one.tower_parameters = 0, 0, 0, 0
  one.num_windowed_layers = (m.mtp_windowed or m.index_topk and not m.compress_ratio) and 1 or 0
  one.num_dense_layers = 0
  if m.mtp_dense then one.num_experts, one.num_experts_per_tok, one.num_dense_layers = 0, 0, 0 end
  return one
end

--- Parameters of the layers that predict further tokens (DeepSeek-V3, arXiv:2412.19437, section 2.2): each a layer of
-- the model with a projection of two hidden states, and copies of embedding and head where the family brings them.
-- @param m of oracle.models.huggingface
function checkpoint.mtp_parameters(m)
  local n = m.num_nextn_predict_layers or 0
  if n == 0 then return 0 end
  local h = m.hidden_size
  return n * (core.cost.parameters(one_layer(m)).layer + 2 * h * h + 4 * h + (m.mtp_tables or 0) * m.vocab_size * h)
end

local function weight_bytes(m, layout)
  return core.cost.memory { model = m, layout = layout, max_num_batched_tokens = 1, max_num_seqs = 1 }.weight_bytes
end

--- B of the layers that predict further tokens, in the checkpoint's formats.
function checkpoint.mtp_bytes(m)
  local n = m.num_nextn_predict_layers or 0
  if n == 0 then return 0 end
  local layout, h = quantization.layout(m, m.further_bits), m.hidden_size
  local wide = formats.of[layout.activations].bits / 8
  local tables = 2 * h * h + (m.mtp_tables or 0) * m.vocab_size * h
  return n * (weight_bytes(one_layer(m), layout) + tables * wide)
end

--- B of the weights that a checkpoint in the model's own formats has.
function checkpoint.bytes(m)
  return weight_bytes(m, quantization.layout(m)) + checkpoint.mtp_bytes(m)
end

return checkpoint
