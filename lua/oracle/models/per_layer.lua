--- Models whose layers have sizes of their own: one list of sizes becomes the mean of the layers that have the part,
-- so that parameters, FLOPs and the KV cache of all of them come out; which layer has how much does not.
local per_layer = {}

local function set_mean_mlp(m, sum, layers)
  m.intermediate_size = layers > 0 and math.floor(sum / layers + 0.5) or 0
end

-- OpenELM (apple/OpenELM, configuration_openelm.py): multipliers of the MLP's width, in whole steps.
local function openelm(c, m)
  local n, wide, step = m.num_hidden_layers, c:value "ffn_multipliers", c:count("ffn_dim_divisor", 1)
  if type(wide) ~= "table" or #wide < n then c:fail("ffn_multipliers: a list of %d numbers expected", n) end
  local sum = 0
  for i = 1, n do
    if type(wide[i]) ~= "number" or not (wide[i] > 0 and wide[i] < 1000) then
      c:fail("ffn_multipliers[%d]: a number above 0 expected", i - 1)
    end
    local exact = wide[i] * m.hidden_size
    local whole = math.max(step, math.floor(exact + step / 2) // step * step)
    sum = sum + (whole < 0.9 * exact and whole + step or whole)
  end
  set_mean_mlp(m, sum, n)
end

local function nas_mlp(m, mult)
  return (math.floor(2 * mult * m.hidden_size / 3) + 255) // 256 * 256
end

-- Llama-Nemotron's NAS models (their configuration_decilm.py, block_configs): attention with its own number of KV heads
-- or none, an MLP of its own width or none; either may be one matrix in its place.
local function nas(c, m)
  local blocks = c:value "block_configs"
  if type(blocks) ~= "table" or #blocks ~= m.num_hidden_layers then
    c:fail("block_configs: a list of %d objects expected (needed for model_type %s)", m.num_hidden_layers,
      c.model_type)
  end
  local t = { attention = 0, kv = 0, most = 0, mlp = 0, wide = 0, linear = 0 }
  for i, block in ipairs(blocks) do
    local own = type(block) == "table" and block.attention
    local ffn = type(block) == "table" and block.ffn
    if type(own) ~= "table" or type(ffn) ~= "table" then
      c:fail("block_configs[%d]: attention and ffn expected", i - 1)
    end
    if own.replace_with_linear == true then t.linear = t.linear + 1
    elseif own.no_op ~= true then
      local group = math.type(own.n_heads_in_group) == "integer" and own.n_heads_in_group or 0
      if group < 1 or m.num_attention_heads % group ~= 0 then
        c:fail("block_configs[%d].attention.n_heads_in_group: a divisor of %d expected", i - 1, m.num_attention_heads)
      end
      local kv = m.num_attention_heads // group
      t.attention, t.kv, t.most = t.attention + 1, t.kv + kv, math.max(t.most, kv)
    end
    if ffn.replace_with_linear == true then t.linear = t.linear + 1
    elseif ffn.no_op ~= true then
      if type(ffn.ffn_mult) ~= "number" or not (ffn.ffn_mult > 0 and ffn.ffn_mult < 1000) then
        c:fail("block_configs[%d].ffn.ffn_mult: a number above 0 expected", i - 1)
      end
      t.mlp, t.wide = t.mlp + 1, t.wide + nas_mlp(m, ffn.ffn_mult)
    end
  end
  return t
end

-- Layers that lack both halves are none of a kind that a model may have: the layers are those with attention, and the
-- others an MLP alone.
local function decilm(c, m)
  local t = nas(c, m)
  if t.attention == 0 or t.mlp == 0 then c:fail("block_configs: neither attention nor MLP in any layer") end
  m.num_hidden_layers = math.max(t.attention, t.mlp)
  m.num_mixerless_layers = m.num_hidden_layers - t.attention
  m.num_mlpless_layers = m.num_hidden_layers - t.mlp
  m.num_key_value_heads, m.mean_key_value_heads = t.most, t.kv / t.attention
  set_mean_mlp(m, t.wide, t.mlp)
  m.layer_vectors = t.linear * m.hidden_size ^ 2 / m.num_hidden_layers
end

local READERS = { openelm = openelm, blocks = decilm }

--- Sizes of single layers into the shape `m`, whose layers, hidden size and heads are known.
-- @param c an opened config.json
function per_layer.read(c, m)
  local reader = READERS[c.family.per_layer]
  if reader then reader(c, m) end
end

return per_layer
