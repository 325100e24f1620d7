--- `oracle show model X` and `oracle show hardware X`: one entry of the catalog with what follows from it.
local catalog = require "oracle.models.catalog"
local console = require "oracle.text.console"
local core = require "oracle.core"

local show = {}

local function billions(n)
  return ("%.6g billion"):format(n / 1e9)
end

local function experts(m)
  if m.num_experts == 0 then return nil end
  return ("%d, %d per token, inner size %d"):format(m.num_experts, m.num_experts_per_tok, m.moe_intermediate_size or 0)
end

local function attention(m)
  if (m.kv_lora_rank or 0) > 0 then
    return ("%d heads, latent of rank %d"):format(m.num_attention_heads, m.kv_lora_rank)
  end
  return ("%d heads of %d, %d KV heads"):format(m.num_attention_heads, m.head_dim, m.num_key_value_heads)
end

--- The operations a step of a model is made of, on one GPU: what the medium level of detail adds up.
-- @param name a model's name
-- @param tp GPUs that share each layer
function show.ops(name, tp)
  local m = catalog.model(name)
  local own = m.torch_dtype ~= "fp32" and m.torch_dtype or "bf16"
  local ops = core.cost.ops {
    model = m, layout = { tensor_parallel_size = tp or 1, activations = own },
  }
  local rows = {}
  for i, op in ipairs(ops) do
    rows[i] = { op.name, ("%.6g"):format(op.flops / 1e6), ("%.6g"):format(op.weights / 2 ^ 20),
                ("%.6g"):format(op.bytes / 1024), op.per }
  end
  local title = "%s in %s, %d layers, one of %d GPUs that share each layer\n\n"
  return title:format(m.name, own, m.num_hidden_layers, tp or 1)
    .. console.table({ "operation", { name = "work", unit = "MFLOP" }, { name = "weights a step", unit = "MiB" },
                       { name = "other memory", unit = "KiB" }, "work and memory per" }, rows)
end

--- A model: its shape, and its sizes in 16 bits.
function show.model(name)
  local m = catalog.model(name)
  local cost = core.cost
  local count = cost.parameters(m)
  local layout = { activations = "bf16", weights = "bf16", compute = "bf16", kv = "bf16" }
  local memory = cost.memory { model = m, layout = layout, max_num_batched_tokens = 2048, max_num_seqs = 256 }
  local window = (m.sliding_window or 0) > 0
    and ("%d tokens in %d layers"):format(m.sliding_window, m.num_windowed_layers or 0) or nil
  local rows = {
    { "name", m.name }, { "aliases", table.concat(m.aliases, ", ") }, { "source", m.source },
    { "layers", m.num_hidden_layers }, { "hidden size", m.hidden_size }, { "attention", attention(m) },
    { "sliding window", window }, { "MLP inner size", m.intermediate_size }, { "experts", experts(m) },
    { "vocabulary", m.vocab_size }, { "context (tokens)", m.max_position_embeddings },
    { "parameters", billions(count.total) }, { "active per token", billions(count.active) },
    { "weights in 16 bits (GiB)", ("%.2f"):format(memory.weight_bytes / 2 ^ 30) },
    { "KV cache per token (KiB)", ("%.4g"):format(memory.kv_bytes_per_token / 1024) },
    { "FLOPs per decoded token", ("%.4g G"):format(2 * count.active / 1e9) },
    { "file", m.file },
  }
  local shown = {}
  for _, row in ipairs(rows) do
    if row[2] ~= nil and row[2] ~= "" then shown[#shown + 1] = { row[1], tostring(row[2]) } end
  end
  return console.table({ m.id, "" }, shown)
end

--- An accelerator: every figure with unit, source and date.
function show.hardware(name)
  local h = catalog.hardware(name)
  local rows = {}
  for i, f in ipairs(h.figures) do
    rows[i] = { f.field, ("%.10g %s"):format(f.value, f.unit), (f.source or "") .. (f.date and ", " .. f.date or ""),
                f.estimate and "estimate" or "" }
  end
  return ("%s\naliases: %s\nfile: %s\n\n"):format(h.name, table.concat(h.aliases, ", "), h.file)
    .. console.table({ h.id, "figure", "source", "" }, rows)
end

--- What the catalog lists, one entry per line.
-- @param entries of catalog.models() or catalog.hardwares()
function show.list(entries)
  local rows = {}
  for i, entry in ipairs(entries) do rows[i] = { entry.id, entry.name, entry.about } end
  return console.table({ "id", "name", "" }, rows)
end

return show
