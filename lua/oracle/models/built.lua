--- What some families are built of beside the rest: changes of a shape that was read by the common rules. Each takes an
-- opened config.json and the shape.
local built = {}

-- ---- before anything is read ----

--- LongCat-Flash (arXiv:2509.01322, section 2.1): a layer of the file is two of attention and MLP, with experts beside
-- the second half.
function built.two_in_one(_, m)
  m.num_hidden_layers = 2 * m.num_hidden_layers
end

--- Llama-3.2 with images (transformers, mllama/modeling_mllama.py): some layers attend to images and nothing else; a
-- text passes them by.
function built.without_cross(c, m)
  local list = c:value "cross_attention_layers"
  if type(list) ~= "table" or #list == 0 then return end
  if #list >= m.num_hidden_layers then
    c:fail("cross_attention_layers: fewer than num_hidden_layers = %d expected", m.num_hidden_layers)
  end
  m.num_hidden_layers = m.num_hidden_layers - #list
end

-- ---- experts ----

--- Its dense MLP works beside the experts, in every layer.
function built.gemma4_experts(_, m)
  m.shared_expert_size, m.num_dense_layers = m.intermediate_size, 0
end

--- Its intermediate_size is the experts', one of them shared.
function built.llama4_experts(c, m)
  m.shared_expert_size = m.moe_intermediate_size
  m.intermediate_size = c:count("intermediate_size_mlp", m.intermediate_size)
end

function built.minimax_m3_experts(c, m)
  m.moe_intermediate_size = c:need "intermediate_size"
  m.shared_expert_size = c:count("num_shared_experts", 0, 0) * c:count("shared_expert_size", m.moe_intermediate_size)
end

function built.longcat_experts(_, m)
  m.shared_expert_size, m.num_dense_layers = m.intermediate_size, m.num_hidden_layers // 2
end

-- ---- the end ----

--- Ernie-4.5-VL (its technical report, 2025-06, section 2.1): experts for images beside those for text, with a router
-- of their own; in memory alone.
function built.ernie_experts(c, m)
  local numbers, widths = c:value "num_experts", c:value "moe_intermediate_size"
  local n = type(numbers) == "table" and math.tointeger(numbers[2])
  local width = type(widths) == "table" and math.tointeger(widths[2])
  if not n or not width or n < 1 or width < 1 then return end
  local h = m.hidden_size
  m.tower_parameters = (m.tower_parameters or 0) + (m.num_hidden_layers - m.num_dense_layers) * n * (3 * h * width + h)
  c:warn("%d experts are for images alone: they count in memory", n)
end

--- Layers that attend to images alone: in memory, with eight more rows of the embedding.
function built.cross(c, m)
  local list = c:value "cross_attention_layers"
  if type(list) ~= "table" or #list == 0 then return end
  local h, kv = m.hidden_size, m.num_key_value_heads * m.head_dim
  local layer = 2 * h * h + 2 * h * kv + 3 * h * m.intermediate_size + 2 * h + 2 * m.head_dim + 2
  m.tower_parameters = (m.tower_parameters or 0) + #list * layer + 8 * h
  c:warn("%d layers attend to images alone: they count in memory, and a text passes them by", #list)
end

-- Per-layer embeddings (Gemma-3n): one table for all layers, a projection to all of them, and in each layer a gate and
-- a way back.
local function per_layer_inputs(c, m)
  local width = c:count("hidden_size_per_layer_input", 0, 0)
  if width == 0 then return end
  local all = width * m.num_hidden_layers
  m.tower_parameters = (m.tower_parameters or 0) + c:count("vocab_size_per_layer_input", m.vocab_size) * all
  m.side_width = (m.side_width or 0) + width
  m.layer_vectors = (m.layer_vectors or 0) + m.hidden_size + m.hidden_size * width
end

--- Gemma-3n (transformers, gemma3n/modeling_gemma3n.py): LAuReL beside the MLP, AltUp's four streams.
function built.gemma3n(c, m)
  local rank, streams = c:count("laurel_rank", 64), c:count("altup_num_inputs", 4)
  m.side_width = rank
  per_layer_inputs(c, m)
  local h = m.hidden_size
  m.layer_vectors = (m.layer_vectors or 0) + h + streams ^ 3 + streams ^ 2 + h * streams + h
  m.tower_parameters = (m.tower_parameters or 0) + 2 * (streams - 1) * h * h
end

--- Gemma-4 (transformers, gemma4/modeling_gemma4.py): MLPs twice as wide in layers that keep no K and V; per-layer
-- embeddings in the small ones.
function built.gemma4(c, m)
  if c:flag "use_double_wide_mlp" and m.num_kv_shared_layers then
    m.intermediate_size = m.intermediate_size * (m.num_hidden_layers + m.num_kv_shared_layers) // m.num_hidden_layers
  end
  per_layer_inputs(c, m)
end

--- DeepSeek-V4: its experts are in four bits where the rest is in eight, unless expert_dtype says otherwise; and its
-- hyper-connections: hc_mult residual streams, mixed before and after attention and MLP (its
-- inference/model.py: hc_attn_fn, hc_ffn_fn).
function built.deepseek_v4(c, m)
  local dtype, streams = c:value "expert_dtype", c:count("hc_mult", 1)
  m.narrow_experts = dtype == nil or dtype == "fp4"
  if streams > 1 then m.layer_vectors = 2 * (2 * streams + streams ^ 2) * streams * m.hidden_size end
end

return built
