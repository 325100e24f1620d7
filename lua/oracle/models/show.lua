--- `oracle show model X` and `oracle show hardware X`: one entry of the catalog with what follows from it.
local catalog = require "oracle.models.catalog"
local checkpoint = require "oracle.models.checkpoint"
local console = require "oracle.text.console"
local core = require "oracle.core"
local formats = require "oracle.scenario.number_formats"
local kept = require "oracle.models.kept"
local quantization = require "oracle.models.quantization"

local show = {}

local wrapped = console.wrapped

local function billions(n)
  return ("%.6g billion"):format(n / 1e9)
end

local function experts(m)
  if m.num_experts == 0 then return nil end
  local more = {}
  if (m.zero_experts or 0) > 0 then more[#more + 1] = (", %d idle"):format(m.zero_experts) end
  if (m.shared_expert_size or 0) > 0 then more[#more + 1] = (", shared %d"):format(m.shared_expert_size) end
  local width = m.routed_expert_hidden_size or 0
  if width > 0 then more[#more + 1] = (", of width %d"):format(width) end
  return ("%d, %d per token, inner %d%s"):format(m.num_experts, m.num_experts_per_tok,
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
  local layout = quantization.layout(m)
  layout.tensor_parallel_size = tp or 1
  local own, formed = layout.activations, layout.weights
  local ops = core.cost.ops { model = m, layout = layout }
  local formed_as = formed == own and own or ("%s, weights in %s"):format(own, formed)
  local rows = {}
  for i, op in ipairs(ops) do
    rows[i] = { op.name, ("%.6g"):format(op.flops / 1e6), ("%.6g"):format(op.weights / 2 ^ 20),
                ("%.6g"):format(op.bytes / 1024), op.per }
  end
  local title = "%s in %s, %d layers, one of %d GPUs that share each layer\n\n"
  return console.narrow(title:format(m.name, formed_as, m.num_hidden_layers, tp or 1))
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
  return n > 0 and ("%d layer%s of the checkpoint, %s"):format(m.num_nextn_predict_layers,
    m.num_nextn_predict_layers > 1 and "s" or "",
    billions(n)) or nil
end

local CONTEXTS = { 1024, 32768, 131072 }

-- Four digits, or all before the point.
local function digits(n) return (n < 1000 and "%.4g" or "%.0f"):format(n) end

-- What one sequence keeps, by kind of layer, at several lengths.
local function kinds_table(m, layout)
  local rows = {}
  for i, k in ipairs(kept.kinds(m, layout)) do
    rows[i] = { k.name, ("%d"):format(k.layers), k.per_token and digits(k.layers * k.per_token / 1024) or "" }
    for j, tokens in ipairs(CONTEXTS) do rows[i][3 + j] = digits(k.layers * k.at(tokens) / 2 ^ 20) end
  end
  return console.table({ "layers of a kind", "number", { name = "token", unit = "KiB" },
    { name = "1k", unit = "MiB" }, { name = "32k", unit = "MiB" }, { name = "128k", unit = "MiB" } }, rows)
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
  for i, w in ipairs(list) do out[i] = wrapped("warning: ", w, "  ") end
  return #out > 0 and "\n" .. table.concat(out) or ""
end

local function names(first, list)
  return list and list[1] and wrapped(first, table.concat(list, ", "), "  ") or ""
end

local function published(m)
  return math.type(m.published) == "integer" and billions(m.published) or m.published
end

--- A model: its shape, its parameters by part with the format of each, its KV cache by kind of layer, and every warning
-- that reading it gave.
function show.model(name)
  local m = catalog.model(name)
  local count, layout = core.cost.parameters(m), quantization.layout(m)
  local memory = core.cost.memory { model = m, layout = layout, max_num_batched_tokens = 2048, max_num_seqs = 256 }
  local rows = {
    { "layers", m.num_hidden_layers }, { "kinds of layers", windows(m) },
    { "hidden size", m.hidden_size }, { "attention", attention(m) },
    { "MLP inner size", m.intermediate_size }, { "experts", experts(m) },
    { "vocabulary", m.vocab_size }, { "context (tokens)", m.max_position_embeddings },
    { "parameters", billions(count.total) }, { "published", published(m) },
    { "active per token", billions(count.active) }, { "further tokens", further(m) },
    { "weights", ("%s, %.2f GiB"):format(layout.weights, memory.weight_bytes / 2 ^ 30) },
    { "checkpoint's index", m.checkpoint_bytes and ("%.2f GiB"):format(m.checkpoint_bytes / 2 ^ 30) },
    { "KV cache per token", ("%s, %.4g KiB"):format(layout.kv, memory.kv_bytes_per_token / 1024) },
    { "FLOPs per token", ("%.4g G"):format(2 * count.active / 1e9) },
  }
  local shown = {}
  for _, row in ipairs(rows) do
    if row[2] ~= nil and row[2] ~= "" then shown[#shown + 1] = { row[1], tostring(row[2]) } end
  end
  return m.name .. "\n" .. names("aliases: ", m.aliases) .. names("variants: ", m.variants)
    .. wrapped("source: ", m.source, "  ") .. ("file: %s\n\n"):format(m.file)
    .. console.table({ "shape", "" }, shown) .. "\n" .. parts_table(count, layout) .. "\n" .. kinds_table(m, layout)
    .. notes(m.warnings)
end

--- An accelerator: every figure with its unit, and where it is from.
function show.hardware(name)
  local h = catalog.hardware(name)
  local rows, sources, numbers = {}, {}, {}
  for i, f in ipairs(h.figures) do
    local source = (f.source or "no source") .. (f.date and ", " .. f.date or "") .. (f.note and "; " .. f.note or "")
    if not numbers[source] then
      numbers[source] = #sources + 1
      sources[#sources + 1] = wrapped(("[%d] "):format(#sources + 1), source, "    ")
    end
    rows[i] = { f.field, ("%.10g %s"):format(f.value, f.unit),
                ("[%d]%s"):format(numbers[source], f.estimate and " estimate" or "") }
  end
  return h.name .. "\n" .. (h.aliases[1] and wrapped("aliases: ", table.concat(h.aliases, ", "), "  ") or "")
    .. (h.generation and "generation: " .. h.generation .. "\n" or "") .. ("file: %s\n\n"):format(h.file)
    .. console.table({ h.id, "figure", "source" }, rows) .. "\n" .. table.concat(sources)
end

-- As short as a column of a list takes it: 671, 7.6, 0.49.
local function short(v, unit)
  if not v or v == 0 then return "-" end
  v = v / unit
  return (v >= 100 and "%.0f" or v >= 1 and "%.1f" or "%.2f"):format(v)
end

local function model_row(e)
  return { e.id, short(e.parameters, 1e9), short(e.active, 1e9), short(e.weight_bytes, 2 ^ 30),
           short(e.kv_bytes_per_token, 1024), ("%d"):format(e.context) }
end

local function hardware_row(e)
  local h = e.hardware
  local f = h.flops
  return { e.id, short(h.memory, 2 ^ 30), ("%.2f"):format(h.bandwidth / 1e12), short(core.cost.flops(h, "bf16"), 1e12),
           short(f.fp8 or f.int8, 1e12), short(f.fp4, 1e12), short(h.nvlink.bandwidth, 1e9), short(h.tdp_watts, 1),
           h.usd_per_hour > 0 and ("%.2f"):format(h.usd_per_hour) or "-" }
end

local LISTS = {
  models = { row = model_row, columns = { "id", "billion", "active", "weights GiB", "KV KiB",
                                          "context" } },
  hardware = { row = hardware_row, columns = { "id", "GiB", "TB/s", "bf16", "fp8/int8", "fp4", "link GB/s", "W",
                                               "USD/h" } },
}

-- All columns but the first set to the right, in place.
local function right(columns, rows)
  local heads = table.move(columns, 1, #columns, 1, {})
  for c = 2, #columns do
    local width = #heads[c]
    for _, row in ipairs(rows) do width = math.max(width, #row[c]) end
    heads[c] = (" "):rep(width - #heads[c]) .. heads[c]
    for _, row in ipairs(rows) do row[c] = (" "):rep(width - #row[c]) .. row[c] end
  end
  return heads
end

--- What the catalog lists, one entry per line; then the names that were looked for.
-- @param what "models" or "hardware"
-- @param entries of catalog.models() or catalog.hardwares()
-- @param searched whether words were looked for in names, which are then shown
function show.list(what, entries, searched)
  local rows, found = {}, {}
  for i, e in ipairs(entries) do
    rows[i] = LISTS[what].row(e)
    if searched and e.names[1] then found[#found + 1] = wrapped(e.id .. ": ", table.concat(e.names, ", "), "  ") end
  end
  local columns = right(LISTS[what].columns, rows)
  return console.table(columns, rows) .. (found[1] and "\nnames\n" .. table.concat(found) or "")
end

return show
