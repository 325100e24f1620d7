--- A database of models as `model_characteristics_db_path` names one: model id -> shape and derived figures.
-- Times are computed from the shape alone. A derived figure (KV bytes, FLOPs, bytes per token) that the shape
-- contradicts is named in a warning and not used.
local lazy = require "oracle.lazy"
local catalog = lazy "oracle.models.catalog"
local core = require "oracle.core"
local document = lazy "oracle.formats.document"
local fields = require "oracle.formats.fields"
local huggingface = lazy "oracle.models.huggingface"
local join = require("oracle.formats.problems").join
local paths = lazy "oracle.text.paths"
local problems = require "oracle.formats.problems"
local scenario = lazy "oracle.scenario"
local spelling = lazy "oracle.text.spelling"

local model_db = {}

local NEEDS = { "parameters", "hidden_size", "num_layers", "num_attention_heads", "num_kv_heads", "intermediate_size",
                "vocab_size" }
local KNOWN = { "parameters", "parameter_bytes_fp16", "hidden_size", "num_layers", "num_attention_heads",
                "num_kv_heads", "intermediate_size", "vocab_size", "num_experts", "num_experts_per_tok",
                "prefill_op_stats", "decode_op_stats", "aggregated_ops", "kv_cache_bytes_per_token_per_layer",
                "layer_types", "head_dim", "max_position_embeddings", "description", "name" }
local STATS = { "flops_per_token", "memory_bytes_per_token" }
local WHOLE = { type = "count", min = 1, max = 1e15 }

local CONTEXT = 4096                                      -- of a model whose entry does not say; Llama 2's

local METHODS = {}
METHODS.__index = METHODS

-- ---- the rules of an entry ----

local function op_stats(p, path, t)
  for _, key in ipairs { "prefill_op_stats", "decode_op_stats" } do
    local stats = fields.map(p, path, t, key, "Missing " .. key)
    if stats then fields.complete(p, join(path, key), stats, key, STATS) end
  end
end

local function layer_types(p, path, t)
  local types = fields.map(p, path, t, "layer_types")
  for _, name in ipairs(types and { "attention", "mlp" } or {}) do
    if types[name] == nil then p:add(join(path, "layer_types"), "Missing layer type '%s'", name) end
  end
end

local function check_entry(p, id, t)
  if not fields.entry(p, id, t) then return end
  fields.known(p, id, t, KNOWN)
  fields.complete(p, id, t, "Model " .. id, NEEDS, "missing required fields")
  for _, key in ipairs(NEEDS) do fields.value(p, id, t, key, WHOLE) end
  for _, key in ipairs { "num_experts", "num_experts_per_tok", "head_dim", "max_position_embeddings" } do
    fields.value(p, id, t, key, WHOLE)
  end
  local bytes = fields.value(p, id, t, "parameter_bytes_fp16", { type = "number", min = 0, max = 1e18 })
  if t.parameters == nil and bytes == nil then p:add(id, "Missing both parameters and parameter_bytes_fp16") end
  if bytes and type(t.parameters) == "number" and math.abs(bytes - 2 * t.parameters) > 1000 then
    p:add(join(id, "parameter_bytes_fp16"), "Inconsistent parameter_bytes_fp16 (%.0f != %.0f)", bytes, 2 * t.parameters)
  end
  op_stats(p, id, t)
  layer_types(p, id, t)
  if t.kv_cache_bytes_per_token_per_layer == nil
    and not (t.hidden_size and t.num_kv_heads and t.num_attention_heads) then
    p:add(id, "Cannot calculate KV cache size")
  end
end

--- What is wrong with the entries: a list of problems.
function METHODS:check()
  local p = problems.new {}
  local ids = {}
  for id in pairs(self.entries) do ids[#ids + 1] = id end
  table.sort(ids)
  for _, id in ipairs(ids) do check_entry(p, id, self.entries[id]) end
  return p.errors
end

-- ---- a model of it ----

local function shape_of(t)
  local experts = t.num_experts
  return {
    model_type = experts and "mixtral" or "llama", torch_dtype = "float16",
    hidden_size = t.hidden_size, num_hidden_layers = t.num_layers, num_attention_heads = t.num_attention_heads,
    num_key_value_heads = t.num_kv_heads, intermediate_size = t.intermediate_size, vocab_size = t.vocab_size,
    head_dim = t.head_dim, max_position_embeddings = t.max_position_embeddings or CONTEXT,
    num_local_experts = experts, num_experts_per_tok = t.num_experts_per_tok, tie_word_embeddings = false,
  }
end

local SHAPE = { hidden_size = "hidden_size", num_layers = "num_hidden_layers",
                num_attention_heads = "num_attention_heads", num_kv_heads = "num_key_value_heads",
                intermediate_size = "intermediate_size", vocab_size = "vocab_size" }
local SHAPE_ORDER = { "hidden_size", "num_layers", "num_attention_heads", "num_kv_heads", "intermediate_size",
                      "vocab_size" }

local FAR = 0.05                                          -- published sizes are rounded; more is a contradiction

local function contradict(p, path, key, given, true_value, how)
  if type(given) ~= "number" or true_value == 0 then return end
  if math.abs(given / true_value - 1) <= (how and 0 or FAR) then return end
  p:warn(join(path, key), "%.6g contradicts the architecture, which gives %.6g; the architecture is used", given,
    true_value)
end

-- Figures that follow from the shape: KV bytes (K and V of 2 bytes), 2 FLOPs per weight that a token meets; a prompt
-- meets the LM head at its last token alone.
local function check_derived(p, path, t, m)
  local count = core.cost.parameters(m)
  contradict(p, path, "parameters", t.parameters, count.total)
  contradict(p, path, "kv_cache_bytes_per_token_per_layer", t.kv_cache_bytes_per_token_per_layer,
    2 * m.num_key_value_heads * m.head_dim * 2, true)
  local flops_of = { prefill_op_stats = 2 * (count.active - count.lm_head), decode_op_stats = 2 * count.active }
  for _, key in ipairs { "prefill_op_stats", "decode_op_stats" } do
    local flops = flops_of[key]
    local stats = t[key]
    if type(stats) == "table" then contradict(p, join(path, key), "flops_per_token", stats.flops_per_token, flops) end
  end
  local decode = t.decode_op_stats
  -- A step reads every weight it uses once, whatever the batch.
  if type(decode) == "table" then
    contradict(p, join(path, "decode_op_stats"), "memory_bytes_per_token", decode.memory_bytes_per_token,
      2 * count.active)
  end
end

-- The model of the catalog under that id, and what the entry says otherwise.
local function published(p, path, id, t)
  local ok, m = pcall(catalog.model, id)
  if not ok then return nil end
  for _, key in ipairs(SHAPE_ORDER) do contradict(p, path, key, t[key], m[SHAPE[key]], true) end
  return m
end

--- A model by its id, as oracle.scenario's `model`.
-- @param p where what is wrong is noted, below `path`
function METHODS:model(p, path, id)
  local t = self.entries[id]
  if t == nil then
    local ids = {}
    for known in pairs(self.entries) do ids[#ids + 1] = known end
    table.sort(ids)
    local near = spelling.find(id, ids)
    return p:add(path, "Unknown model profile: %s; %s", id, near and ("did you mean %s?"):format(near)
      or "known: " .. table.concat(ids, ", "))
  end
  local own = problems.new {}
  check_entry(own, id, t)
  for _, e in ipairs(own.errors) do p:add(path, "%s: %s", self.path, problems.text(e)) end
  if #own.errors > 0 then return nil end
  local below = ("%s: %s"):format(self.path, id)
  local m = published(p, below, id, t)
  if m then
    check_derived(p, below, t, m)
    return id
  end
  local ok, made = pcall(huggingface.read, shape_of(t), "model")
  if not ok then return p:add(path, "%s: %s: %s", self.path, id, scenario.first_line(made)) end
  check_derived(p, below, t, made)
  local shape = shape_of(t)
  shape._name_or_path = id
  return shape
end

local ABOVE = 3                                           -- folders over the configuration's that are looked in

-- Files say the path from the folder they are run in, which is one over theirs, or say it of a database beside them.
local function find(path, folder)
  local found = paths.find(path, folder, true)
  if found or not folder or path:sub(1, 1) == "/" then return found end
  local at = folder
  for _ = 1, ABOVE do
    at = at .. "/.."
    if paths.exists(at .. "/" .. path) then return at .. "/" .. path end
  end
  local beside = folder .. "/" .. path:match("[^/]*$")
  return paths.exists(beside) and beside or nil
end

--- Open a database.
-- @param folder of the configuration; the path is looked for there and in the folders above it too
-- @return the database; nil after noting what is wrong
function model_db.open(p, path, folder)
  local found = find(path, folder)
  if not found then return p:add("model_characteristics_db_path", "Model database not found: %s", path) end
  local text, why = document.text(found)
  if not text then return p:add("model_characteristics_db_path", why) end
  local v, wrong = document.read(text, "json")
  if type(v) ~= "table" or document.is_list(v) then
    return p:add("model_characteristics_db_path", "%s: %s", path, v == nil and wrong.message
      or "an object, model id to figures, expected")
  end
  return setmetatable({ path = path, entries = v }, METHODS)
end

return model_db
