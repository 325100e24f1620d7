--- The attention of a config.json: heads, latents, compressed entries, what only some layers have, and indexers.
local attention = {}

-- Whether heads mean what head_dim says of them: under latent attention and with compressed entries the file has
-- sizes of its own.
local function has_latent(c) return (c:value "kv_lora_rank" or 0) ~= 0 end

local function key_value_heads(c, heads)
  local family = c.family
  local kv, name = c:raw "num_key_value_heads"
  if c:flag("multi_query", family.multi_query) and not c:flag "new_decoder_architecture" then return 1 end
  if c.model_type == "chatglm" and not c:flag "multi_query_attention" then return heads end
  local absent = kv == nil and not name and family.kv_heads or heads
  return c:count("num_key_value_heads", absent)
end

local function mean(list, n)
  local sum = 0
  for i = 1, n do sum = sum + list[i] end
  return sum / n
end

-- Heads of each layer (OpenELM, DeciLM): the most, and the mean.
local function listed_counts(c, m)
  local n = m.num_hidden_layers
  local most, heads = c:per_layer("num_attention_heads", n, 1)
  local most_kv, kv = c:per_layer("num_key_value_heads_per_layer", n)
  if heads and not kv then most_kv, kv = c:per_layer("num_key_value_heads", n) end
  for i = 1, heads and n or 0 do
    if heads[i] < 1 or kv and (kv[i] < 1 or heads[i] % kv[i] ~= 0) then
      c:fail("layer %d: %d heads, %s KV heads", i - 1, heads[i], kv and tostring(kv[i]) or "no")
    end
  end
  m.mean_attention_heads, m.mean_key_value_heads = heads and mean(heads, n), kv and mean(kv, n)
  return most, most_kv
end

--- Heads and their size.
function attention.heads(c, m)
  local most, most_kv = listed_counts(c, m)
  m.num_attention_heads = most or c:need "num_attention_heads"
  m.num_key_value_heads = most_kv or key_value_heads(c, m.num_attention_heads)
  if m.num_key_value_heads < 1 then c:fail("num_key_value_heads = %d: at least 1 expected", m.num_key_value_heads) end
  if has_latent(c) then m.num_key_value_heads = m.num_attention_heads end  -- all read one latent, whatever is said
  if m.num_attention_heads % m.num_key_value_heads ~= 0 then
    c:fail("num_key_value_heads = %d does not divide num_attention_heads = %d", m.num_key_value_heads,
      m.num_attention_heads)
  end
  m.head_dim = c:count("head_dim", c.family.head_dim or nil)
  if m.head_dim == nil and has_latent(c) then m.head_dim = 1 end  -- attention.latent's to say
  if m.head_dim == nil then
    if m.hidden_size % m.num_attention_heads ~= 0 then
      c:fail("head_dim is missing, and hidden_size = %d is no multiple of num_attention_heads = %d", m.hidden_size,
        m.num_attention_heads)
    end
    m.head_dim = m.hidden_size // m.num_attention_heads
  end
end

--- Multi-head latent attention: DeepSeek-V2, arXiv:2405.04434, section 2.1.
function attention.latent(c, m)
  m.kv_lora_rank = c:count("kv_lora_rank", 0, 0)
  m.q_lora_rank, m.qk_rope_head_dim, m.qk_nope_head_dim, m.v_head_dim = 0, 0, 0, 0
  if m.kv_lora_rank == 0 then
    m.q_lora_rank = c:count("share_q_dim", 0, 0)          -- Step-3's queries (arXiv:2507.19427, section 2)
    return
  end
  m.q_lora_rank = c:count("q_lora_rank", 0, 0)
  for _, field in ipairs { "qk_rope_head_dim", "qk_nope_head_dim" } do m[field] = c:need(field) end
  local v = c.family.even_values and m.hidden_size // m.num_attention_heads or nil
  m.v_head_dim = c:count("v_head_dim", v) or c:missing "v_head_dim"
  m.head_dim = m.qk_nope_head_dim + m.qk_rope_head_dim    -- what a query of one head holds
end

-- ---- what only some layers have ----

-- Gemma-4: full layers have a head size and KV heads of their own.
local function global(c, m)
  local dim, heads = c:count "global_head_dim", c:count "num_global_key_value_heads"
  m.full_head_dim = dim and dim ~= m.head_dim and dim or nil
  m.full_key_value_heads = heads and heads ~= m.num_key_value_heads and heads or nil
  m.full_shares_kv = c:flag "attention_k_eq_v" or nil
end

-- Full layers are as said so far, windowed ones have the heads given.
local function windowed_heads(m, heads, kv)
  if heads and heads ~= m.num_attention_heads then
    m.full_attention_heads, m.num_attention_heads = m.num_attention_heads, heads
  end
  if kv and kv ~= m.num_key_value_heads then
    m.full_key_value_heads, m.num_key_value_heads = m.num_key_value_heads, kv
  end
end

-- MiMo-V2, with a head's values of another size than its keys; Step-3.5.
local function swa(c, m)
  windowed_heads(m, c:count "swa_num_attention_heads", c:count "swa_num_key_value_heads")
  local step = c:inside "attention_other_setting"
  if step then windowed_heads(m, step:count "num_attention_heads", step:count "num_key_value_heads") end
end

-- Laguna: the heads of each layer, one number for each kind.
local function listed_heads(c, m)
  local _, list = c:per_layer("num_attention_heads_per_layer", m.num_hidden_layers)
  local kinds = c:value "layer_types"
  if not list or type(kinds) ~= "table" then return end
  local of = {}
  for i = 1, m.num_hidden_layers do
    local kind = kinds[i] == "sliding_attention" and "windowed" or "full"
    if of[kind] and of[kind] ~= list[i] then
      c:fail("num_attention_heads_per_layer[%d] = %d: %d in layers of its kind before", i - 1, list[i], of[kind])
    end
    of[kind] = list[i]
  end
  m.num_attention_heads = of.full or m.num_attention_heads
  windowed_heads(m, of.windowed)
end

--- What layers without window have of their own, and layers that keep no K and V.
function attention.kinds(c, m)
  if m.kv_lora_rank == 0 then
    local size = c:count("v_head_dim", 0, 0)
    m.v_head_dim = size ~= m.head_dim and size or 0
  end
  if m.num_windowed_layers > 0 then
    global(c, m)
    swa(c, m)
    listed_heads(c, m)
  end
  local shared = c:count("num_kv_shared_layers", 0, 0)
  local together = c:flag "use_cla" and c:count("cla_share_factor", 2) or 1  -- Hunyuan: as many layers share
  if together > 1 then shared = m.num_hidden_layers - (m.num_hidden_layers + together - 1) // together end
  if shared > 0 then m.num_kv_shared_layers = shared end
end

-- ---- sparse attention ----

-- How many layers attend sparsely, in the file's own list of numbers or for all.
local function listed(list, layers)
  if type(list) ~= "table" then return layers end
  local n = 0
  for i = 1, layers do n = n + (list[i] ~= nil and list[i] ~= 0 and 1 or 0) end
  return n
end

-- Layers that attend.
local function attending(m)
  return m.num_hidden_layers - (m.num_mixerless_layers or 0)
    - (m.state_beside_attention and 0 or m.num_state_layers or 0)
end

local function set_sparse(m, topk, layers)
  if topk >= m.max_position_embeddings or layers == 0 then
    m.index_topk, m.num_index_layers = nil, nil
    return
  end
  m.index_topk, m.sliding_window, m.num_windowed_layers = topk, topk, layers
end

-- DeepSeek-V3.2, GLM-5: an indexer beside the latent (DeepSeek-V3.2-Exp's report, section 2.1). Layers may take the
-- choice of one before them (GLM-5.2: indexer_types, or index_topk_freq).
local function latent_indexer(c, m, topk)
  m.index_n_heads, m.index_head_dim = c:need "index_n_heads", c:need "index_head_dim"
  local types, every = c:value "indexer_types", c:count("index_topk_freq", 1)
  if type(types) == "table" then
    local own = 0
    for i = 1, m.num_hidden_layers do own = own + (types[i] == "full" and 1 or 0) end
    m.num_index_layers = own > 0 and own or nil
  elseif every > 1 then
    local first = c:count("index_skip_topk_offset", 1, 0)
    m.num_index_layers = first + (attending(m) - first + every - 1) // every
  end
  set_sparse(m, topk, attending(m))
end

-- MiniMax-M3: blocks of keys beside ordinary heads, chosen by indexers of a few heads whose keys are kept in 16 bits
-- (its modelling code in transformers, minimax_m3_vl; vLLM, models/minimax_m3).
local function block_indexer(c, m)
  local own = c:inside "sparse_attention_config"
  local layers
  if own and own:flag("use_sparse_attention", true) then
    m.index_n_heads, m.index_head_dim = own:need "sparse_num_index_heads", own:need "sparse_index_dim"
    local blocks = own:need "sparse_topk_blocks" + own:count("sparse_local_block", 0, 0)
      + own:count("sparse_init_block", 0, 0)
    m.index_topk = blocks * own:need "sparse_block_size"
    layers = listed(own:value "sparse_attention_freq", m.num_hidden_layers)
  else
    m.index_n_heads, m.index_head_dim = c:need "index_n_heads", c:need "index_head_dim"
    m.index_topk = (c:need "index_topk_blocks" + c:count("index_local_blocks", 0, 0)) * c:need "index_block_size"
    layers = m.num_sparse_layers
  end
  m.index_bytes = 2 * m.index_head_dim
  set_sparse(m, m.index_topk, layers)
end

-- DeepSeek-V4 (its inference/model.py): entries of few tokens, of which an indexer chooses, in some layers, of many
-- tokens in others; all see a short window besides. Layers with nothing but the window count as those of many tokens.
local function compressed(c, m, ratios)
  local least, most, few = math.huge, 0, 0
  if type(ratios) ~= "table" or #ratios < m.num_hidden_layers then
    c:fail("compress_ratios: a list of %d numbers expected", m.num_hidden_layers)
  end
  for i = 1, m.num_hidden_layers do
    local r = ratios[i]
    if math.type(r) ~= "integer" or r < 0 then c:fail("compress_ratios[%d]: a count expected", i - 1) end
    if r > 0 then least, most = math.min(least, r), math.max(most, r) end
  end
  if most == 0 then c:fail("compress_ratios: one above 0 expected") end
  for i = 1, m.num_hidden_layers do few = few + (ratios[i] == least and 1 or 0) end
  m.compress_ratio, m.full_compress_ratio, m.compress_window = least, most, c:need "sliding_window"
  m.o_groups, m.o_lora_rank, m.q_lora_rank = c:need "o_groups", c:need "o_lora_rank", c:need "q_lora_rank"
  m.qk_rope_head_dim = c:need "qk_rope_head_dim"
  m.index_n_heads, m.index_head_dim = c:need "index_n_heads", c:need "index_head_dim"
  local topk = c:need "index_topk" * least
  m.index_topk, m.sliding_window, m.num_windowed_layers = topk, topk, few
end

-- transformers' own form: kinds, and how many tokens an entry of each has.
local RATES = { compressed_sparse_attention = 4, heavily_compressed_attention = 128 }

local function ratios_of(c)
  local list, kinds = c:value "compress_ratios", c:value "layer_types"
  if list ~= nil or type(kinds) ~= "table" then return list end
  local rates, ratios, any = c:object "compress_rates" or {}, {}, false
  for i, kind in ipairs(kinds) do
    ratios[i] = RATES[kind] and (rates[kind] or RATES[kind]) or 0
    any = any or ratios[i] ~= 0
  end
  return any and ratios or nil
end

--- Sparse attention of every kind; where the longest context is no longer than what is chosen, it is full attention.
function attention.sparse(c, m)
  local ratios = ratios_of(c)
  if ratios then return compressed(c, m, ratios) end
  for _, key in ipairs { "sparse_config", "nsa_config", "moba_config" } do
    if type(c:value(key)) == "table" then
      c:warn("%s: sparse attention is taken as full, as servers that do not know it do", key)
    end
  end
  local blocks = c:value "sparse_attention_config"
  if blocks ~= nil or c:value "index_topk_blocks" then return block_indexer(c, m) end
  local topk = c:count("index_topk", 0, 0)
  if topk == 0 then return end
  if m.kv_lora_rank > 0 then return latent_indexer(c, m, topk) end
  if not c.approximate then
    c:fail("index_topk = %d: an indexer beside attention that is not latent is not known; approximate = true takes "
      .. "it as full attention", topk)
  end
  c:warn("index_topk = %d: sparse attention is taken as full", topk)
end

return attention
