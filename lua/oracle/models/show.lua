--- `oracle show model X` and `oracle show hardware X`: one entry of the catalog with what follows from it.
local catalog = require "oracle.models.catalog"
local checkpoint = require "oracle.models.checkpoint"
local console = require "oracle.text.console"
local core = require "oracle.core"
local formats = require "oracle.scenario.number_formats"
local kept = require "oracle.models.kept"
local quantization = require "oracle.models.quantization"

local show = {}

local function billions(n)
  return ("%.6g billion"):format(n / 1e9)
end

local function experts(m)
  if m.num_experts == 0 then return nil end
  local more = {}
  if (m.zero_experts or 0) > 0 then more[#more + 1] = (", %d more that do nothing"):format(m.zero_experts) end
  if (m.shared_expert_size or 0) > 0 then more[#more + 1] = (", shared %d"):format(m.shared_expert_size) end
  local width = m.routed_expert_hidden_size or 0
  if width > 0 then more[#more + 1] = (", of width %d"):format(width) end
  return ("%d, %d per token, inner size %d%s"):format(m.num_experts, m.num_experts_per_tok,
    m.moe_intermediate_size or 0, table.concat(more))
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

local PARTS = { { "attention, in", "qkv" }, { "attention, out", "output" }, { "MLP, up and gate", "up" },
                { "MLP, down", "down" }, { "router", "router" }, { "experts", "expert" },
                { "shared experts", "shared" } }

-- Parameters of each part, the bits of one, and what they take.
local function parts_table(count, layout)
  local wide, plain = formats.of[layout.activations].bits, formats.of[layout.weights].weight_bits
  local rows, rest = {}, count.total
  local function add(name, n, bits)
    if n <= 0 then return end
    rows[#rows + 1] = { name, ("%.6g"):format(n / 1e6), ("%.4g"):format(bits), ("%.2f"):format(n * bits / 8 / 2 ^ 30) }
  end
  for _, part in ipairs(PARTS) do
    local key = part[2]
    local n = count.parts[key]
    add(part[1], n, layout.weight_bits and layout.weight_bits[key] or key == "router" and wide or plain)
    rest = rest - n
  end
  local head = count.total - count.layer - count.embedding - count.tower
  local told = layout.weight_bits or {}
  add("embedding", count.embedding, told.embedding or wide)
  if head >= count.lm_head then add("LM head", count.lm_head, told.lm_head or wide) end
  add("encoders and tables", count.tower, wide)
  rest = rest - count.embedding - count.tower - (head >= count.lm_head and count.lm_head or 0)
  add("norms, biases, convolutions", rest, wide)
  return console.table({ "part", { name = "parameters", unit = "million" }, "bits of one",
                         { name = "weights", unit = "GiB" } }, rows)
end

-- Layers that predict further tokens, which a run has only where it drafts with them.
local function further(m)
  local n = checkpoint.mtp_parameters(m)
  return n > 0 and ("%d more layer%s, %s parameters, in the checkpoint"):format(m.num_nextn_predict_layers,
    m.num_nextn_predict_layers > 1 and "s" or "",
    billions(n)) or nil
end

local CONTEXTS = { 1024, 32768, 131072 }

-- What one sequence keeps, by kind of layer, at several lengths.
local function kinds_table(m, layout)
  local rows = {}
  for i, k in ipairs(kept.kinds(m, layout)) do
    rows[i] = { k.name, ("%d"):format(k.layers), k.per_token and ("%.4g"):format(k.layers * k.per_token / 1024) or "" }
    for j, tokens in ipairs(CONTEXTS) do rows[i][3 + j] = ("%.4g"):format(k.layers * k.at(tokens) / 2 ^ 20) end
  end
  return console.table({ "layers of a kind", "number", { name = "per token", unit = "KiB" },
    { name = "1k tokens", unit = "MiB" }, { name = "32k", unit = "MiB" }, { name = "128k", unit = "MiB" } }, rows)
end

local function windows(m)
  local list = {}
  for _, k in ipairs(m.layer_kinds) do
    list[#list + 1] = ("%d %s%s"):format(k.layers, k.kind, k.tokens and (" (%d tokens)"):format(k.tokens) or "")
  end
  return table.concat(list, ", ")
end

local function notes(list)
  local out = {}
  for i, w in ipairs(list) do out[i] = "warning: " .. w .. "\n" end
  return #out > 0 and "\n" .. table.concat(out) or ""
end

--- A model: its shape, its parameters by part with the format of each, its KV cache by kind of layer, and every warning
-- that reading it gave.
function show.model(name)
  local m = catalog.model(name)
  local count, layout = core.cost.parameters(m), quantization.layout(m)
  local memory = core.cost.memory { model = m, layout = layout, max_num_batched_tokens = 2048, max_num_seqs = 256 }
  local rows = {
    { "name", m.name }, { "aliases", table.concat(m.aliases, ", ") }, { "source", m.source },
    { "layers", m.num_hidden_layers }, { "kinds of layers", windows(m) },
    { "hidden size", m.hidden_size }, { "attention", attention(m) },
    { "MLP inner size", m.intermediate_size }, { "experts", experts(m) },
    { "vocabulary", m.vocab_size }, { "context (tokens)", m.max_position_embeddings },
    { "parameters", billions(count.total) }, { "active per token", billions(count.active) },
    { "further tokens", further(m) },
    { "weights", ("%s, %.2f GiB"):format(layout.weights, memory.weight_bytes / 2 ^ 30) },
    { "checkpoint's index", m.checkpoint_bytes and ("%.2f GiB"):format(m.checkpoint_bytes / 2 ^ 30) },
    { "KV cache per token", ("%s, %.4g KiB"):format(layout.kv, memory.kv_bytes_per_token / 1024) },
    { "FLOPs per decoded token", ("%.4g G"):format(2 * count.active / 1e9) },
    { "file", m.file },
  }
  local shown = {}
  for _, row in ipairs(rows) do
    if row[2] ~= nil and row[2] ~= "" then shown[#shown + 1] = { row[1], tostring(row[2]) } end
  end
  return console.table({ m.id, "" }, shown) .. "\n" .. parts_table(count, layout) .. "\n" .. kinds_table(m, layout)
    .. notes(m.warnings)
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
