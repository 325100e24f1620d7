--- Of what kind each layer of a config.json is: full attention, within a window or chunk, a state of fixed size, an MLP
-- alone. The files say it in many ways; all become one list.
local attention = require "oracle.models.attention"
local states = require "oracle.models.states"

local layers = {}

local LONGEST = 1000000000                                -- tokens of a window

-- Names that files give to kinds -> ours.
local KINDS = {
  full_attention = "full", attention = "full", full = "full", global = "full", global_attention = "full",
  sliding_attention = "windowed", sliding = "windowed", sliding_window = "windowed", ["local"] = "windowed",
  sliding_window_attention = "windowed", chunked_attention = "windowed",
  linear_attention = "state", mamba = "state", mamba2 = "state", conv = "state", short_conv = "state",
  lightning_attention = "state", kda = "state",
  mlp = "mlp", moe = "experts", hybrid = "hybrid",        -- Zamba2: a state, and what all such layers share
  minimax_m3_sparse = "sparse", deepseek_sparse_attention = "sparse",
  compressed_sparse_attention = "full", heavily_compressed_attention = "full",
}

-- Nemotron-H's letters (its configuration_nemotron_h.py, hybrid_override_pattern).
local LETTERS = { M = "state", ["*"] = "full", ["-"] = "mlp", E = "experts" }

local function each(n, kind_of)
  local list = {}
  for i = 1, n do list[i] = kind_of(i) end
  return list
end

local function set_of(list, offset)
  local set = {}
  for _, v in ipairs(list) do
    if math.type(v) == "integer" then set[v + offset] = true end
  end
  return set
end

-- Full where the list says so, a state elsewhere.
local function full_at(m, list, offset)
  local full = set_of(list, offset)
  return each(m.num_hidden_layers, function(i) return full[i] and "full" or "state" end)
end

-- ---- the ways to say it ----

-- A list may go on with the layers that predict further tokens.
local function check_length(c, m, key, list)
  if #list < m.num_hidden_layers then
    c:fail("%s: %d layers, num_hidden_layers is %d", key, #list, m.num_hidden_layers)
  end
end

local function named(c, m, key)
  local list = c:value(key)
  if type(list) ~= "table" or #list == 0 then return nil end
  check_length(c, m, key, list)
  return each(m.num_hidden_layers, function(i)
    local name = list[i]
    local kind = KINDS[name]
    if not kind then
      if not c.approximate then
        c:fail("%s[%d] = %s: no known kind of layer; approximate = true takes it as full attention", key, i - 1,
          type(name) == "string" and ("%q"):format(name) or tostring(name))
      end
      c:warn("%s: %s is taken as full attention", key, tostring(name))
      kind = "full"
    end
    return kind
  end)
end

local SAID = {}                                           -- in this order; the first that answers counts

SAID[1] = function(c, m)
  local text = c:value "hybrid_override_pattern"
  if type(text) ~= "string" then return nil end
  if #text ~= m.num_hidden_layers then
    c:fail("hybrid_override_pattern: %d layers, num_hidden_layers is %d", #text, m.num_hidden_layers)
  end
  return each(#text, function(i)
    return LETTERS[text:sub(i, i)]
      or c:fail("hybrid_override_pattern: %q at %d: M, *, - or E expected", text:sub(i, i), i)
  end)
end

SAID[2] = function(c, m) return named(c, m, "layers_block_type") end

SAID[3] = function(c, m) return named(c, m, "layer_types") end

SAID[4] = function(c, m)                                  -- Bamba; LFM2; Solar
  local list = c:value "attn_layer_indices" or c:value "full_attn_idxs" or c:value "gqa_layers"
  return type(list) == "table" and c.family.state and full_at(m, list, 1) or nil
end

SAID[5] = function(c, m)                                  -- MiniMax-Text-01: 0 lightning, 1 softmax
  local list = c:value "attn_type_list"
  if type(list) ~= "table" then return nil end
  check_length(c, m, "attn_type_list", list)
  return each(m.num_hidden_layers, function(i) return list[i] == 0 and "state" or "full" end)
end

SAID[6] = function(c, m)                                  -- Kimi Linear, counted from 1
  local own = c:value "linear_attn_config"
  if type(own) ~= "table" or type(own.full_attn_layers) ~= "table" then return nil end
  return full_at(m, own.full_attn_layers, 0)
end

SAID[7] = function(c, m)                                  -- Jamba
  local period = c.family.state and c.name ~= "zamba" and c:count "attn_layer_period"
  if not period then return nil end
  local offset = c:count("attn_layer_offset", 0, 0)
  return each(m.num_hidden_layers, function(i) return (i - 1) % period == offset and "full" or "state" end)
end

SAID[8] = function(c, m)                                  -- Qwen3-Next
  local every = c.family.state == "delta_net" and c:count("full_attention_interval", 4) or nil
  if not every then return nil end
  return each(m.num_hidden_layers, function(i) return i % every == 0 and "full" or "state" end)
end

SAID[9] = function(c, m)                                  -- MiMo-V2: 1 a window
  local list = c:value "hybrid_layer_pattern"
  if type(list) ~= "table" then return nil end
  return each(m.num_hidden_layers, function(i) return list[i] == 1 and "windowed" or "full" end)
end

SAID[10] = function(c, m)                                 -- layers within a window, counted from 0
  local list = c:value "local_layer_ids" or c:value "sliding_window_layers"
  if type(list) ~= "table" then return nil end
  local set = set_of(list, 1)
  return each(m.num_hidden_layers, function(i) return set[i] and "windowed" or "full" end)
end

-- Zamba, counted from 0; without a list as transformers v4.57 has it (zamba/configuration_zamba.py, _layers_block_type;
-- zamba2/configuration_zamba2.py: that of 54 layers).
local HYBRIDS_OF_54 = { 6, 12, 18, 24, 30, 36, 42, 47, 51 }

SAID[11] = function(c, m)
  if c.name ~= "zamba" and c.name ~= "zamba2" then return nil end
  local n, list = m.num_hidden_layers, c:value "hybrid_layer_ids"
  if type(list) ~= "table" and c.name == "zamba2" then
    if n ~= 54 then c:missing "layers_block_type" end
    list = HYBRIDS_OF_54
  end
  local set = type(list) == "table" and set_of(list, 1)
  local period, offset = c:count("attn_layer_period", 6), c:count("attn_layer_offset", 4, 0)
  return each(n, function(i)
    local hybrid = i == 3 or i > 3 and (i - 4) % period == offset
    if set then hybrid = set[i] end
    return hybrid and "hybrid" or "state"
  end)
end

-- ---- windows ----

local WINDOWED = {}                                       -- family.window -> layers covered, of m.num_hidden_layers

function WINDOWED.all(_, m) return m.num_hidden_layers end

function WINDOWED.even(_, m) return (m.num_hidden_layers + 1) // 2 end

function WINDOWED.qwen(c, m)
  if not c:flag "use_sliding_window" then return 0 end
  return math.max(0, m.num_hidden_layers - c:count("max_window_layers", 28, 0))
end

function WINDOWED.chunked(c, m)
  local rope = c:value "no_rope_layers"                   -- 1: a layer with positions, which sees one chunk
  if type(rope) ~= "table" or #rope == 0 then return m.num_hidden_layers - m.num_hidden_layers // 4 end
  local n = 0
  for _, v in ipairs(rope) do n = n + (v == 1 and 1 or 0) end
  return n
end

function WINDOWED.listed(c, m)
  local kinds, n = c:value "attention_layers", 0
  if type(kinds) ~= "table" then return m.num_hidden_layers // 2 end
  for _, kind in ipairs(kinds) do n = n + (kind == "local" and 1 or 0) end
  return n
end

-- All but every `every`-th layer; the file may give another number, or a string such as "LLLG".
local function patterned(c, m, every)
  local given = c:value "window_pattern"
  if type(given) == "string" and #given > 0 then
    local n = 0
    for i = 0, m.num_hidden_layers - 1 do
      local at = i % #given + 1
      n = n + (given:sub(at, at) == "L" and 1 or 0)
    end
    return n
  end
  every = c:count("window_pattern", every)
  return m.num_hidden_layers - m.num_hidden_layers // every
end

-- The window's width and the name it has in the file; nil where there is none.
local function width_of(c, chunked)
  local field = chunked and "attention_chunk_size" or "sliding_window"
  local width, name = c:raw(field)
  if width == nil and not name then return c.family.window and c.family.window_size or nil end
  width = c:count(field, 0, 0, LONGEST)
  return width > 0 and width or nil, name
end

local function count(list, kind)
  local n = 0
  for _, k in ipairs(list or {}) do n = n + (k == kind and 1 or 0) end
  return n
end

local function read_window(c, m, list)
  m.sliding_window, m.num_windowed_layers = 0, 0
  local rule = c.family.window
  local types = c:value "layer_types"
  local chunked = rule == "chunked" or type(types) == "table" and types[1] == "chunked_attention"
  local width, name = width_of(c, chunked)
  if not width or rule == "none" then
    if not width and count(list, "windowed") > 0 then c:fail("sliding_window is missing (needed for layer_types)") end
    return
  end
  local covered = list and count(list, "windowed")
  if not covered and rule then
    covered = WINDOWED[rule] and WINDOWED[rule](c, m) or patterned(c, m, rule)
  end
  if not covered then c:warn("%s = %d is ignored: which layers it covers is not known", name, width) end
  if not covered or covered == 0 then return end
  if width > m.max_position_embeddings then
    c:warn("%s = %d is longer than the context of %d: its layers keep all of it", name or "the window", width,
      m.max_position_embeddings)
  end
  if width >= m.max_position_embeddings then return end
  m.sliding_window, m.num_windowed_layers = width, math.min(covered, m.num_hidden_layers)
  if chunked then
    m.chunked_window = true
    c:warn("attention in chunks of %d is taken as a sliding window of as many tokens", width)
  end
end

-- ---- states ----

local function read_state(c, m, list)
  local beside = c.family.state_beside == true
  local n = beside and m.num_hidden_layers or count(list, "state")
  if n == 0 then return end
  local reader = states[c.family.state]
  if not reader then
    if not c.approximate then
      c:fail("%d layers are no attention, and what they are in model_type %s is not known; approximate = true takes "
        .. "them as full attention", n, c.model_type)
    end
    c:warn("%d layers that are no attention are taken as full attention", n)
    return
  end
  local s = reader(c, m)
  m.num_state_layers, m.state_beside_attention = n, beside
  m.state_inputs, m.state_outputs, m.state_vectors = s.inputs, s.outputs, s.vectors
  m.state_bytes, m.state_values = s.bytes, s.values
end

-- Zamba: every layer has a state; some begin with attention and an MLP that all of them share in turns (Zamba2,
-- arXiv:2411.15242, section 2), with a projection of their own and, where the file says so, adapters of low rank. Those
-- parts count as layers beside.
local function read_hybrids(c, m, list)
  local hybrids, n = count(list, "hybrid"), m.num_hidden_layers
  if hybrids == 0 then return list end
  m.num_shared_blocks = c:count("num_mem_blocks", 1)
  m.attention_inputs = 2 * m.hidden_size                  -- hidden state and embedding side by side
  local own, rank = m.hidden_size ^ 2, c:count("adapter_rank", 128)
  if c:flag "use_shared_mlp_adapter" or c.family.mlp_adapter then
    own = own + rank * (m.hidden_size + 2 * m.intermediate_size)
  end
  if c:flag "use_shared_attention_adapter" then own = own + 3 * rank * 2 * m.attention_inputs end
  m.num_hidden_layers, m.num_mlpless_layers = n + hybrids, n
  m.layer_vectors = hybrids * own / m.num_hidden_layers
  return each(n + hybrids, function(i) return i <= n and "state" or "full" end)
end

-- Layers that are a mixer or an MLP alone.
local function read_halves(c, m, list)
  local mlps = count(list, "mlp") + count(list, "experts")
  if count(list, "experts") > 0 and m.num_experts == 0 then c:missing "num_experts" end
  if c.family.halves and list and mlps > 0 then
    m.num_mixerless_layers, m.num_mlpless_layers = mlps, m.num_hidden_layers - mlps
    m.num_dense_layers = m.num_experts > 0 and count(list, "mlp") or 0
  elseif mlps > 0 then
    c:fail("layers of an MLP alone are not known in model_type %s", c.model_type)
  end
end

-- Runs of equal layers, for people: { { kind =, layers =, ... } ... }.
local function summary(m)
  local out = {}
  local function add(kind, n, more)
    if n <= 0 then return end
    more = more or {}
    more.kind, more.layers = kind, n
    out[#out + 1] = more
  end
  local mixers = m.num_hidden_layers - (m.num_mixerless_layers or 0)
  local state = m.num_state_layers or 0
  local attending = mixers - (m.state_beside_attention and 0 or state)
  local latent = m.kv_lora_rank > 0
  if m.compress_ratio then
    add("compressed, sparse", m.num_windowed_layers, { tokens = m.index_topk })
    add("compressed", attending - m.num_windowed_layers)
  else
    local kind = m.index_topk and "sparse" or m.chunked_window and "chunked" or "sliding"
    add(kind, m.num_windowed_layers, { tokens = m.sliding_window })
    add(latent and "latent" or "full", attending - m.num_windowed_layers)
  end
  add("state", state)
  add("mlp", m.num_mixerless_layers or 0)
  return out
end

--- Read the kinds of layers into the shape `m`: windows, states, halves, sparse attention; and `layer_kinds`, a list of
-- { kind = "full" | "latent" | "sliding" | "chunked" | "sparse" | "compressed" | "state" | "mlp", layers =, tokens = }.
-- @param c an opened config.json (oracle.models.huggingface)
function layers.read(c, m)
  local list
  for _, way in ipairs(SAID) do
    list = list or way(c, m)
  end
  m.num_sparse_layers = count(list, "sparse")
  read_window(c, m, list)
  list = read_hybrids(c, m, list)
  read_state(c, m, list)
  read_halves(c, m, list)
  attention.kinds(c, m)
  attention.sparse(c, m)
  m.num_sparse_layers = nil
  m.layer_kinds = summary(m)
end

return layers
