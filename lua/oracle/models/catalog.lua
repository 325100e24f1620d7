--- Models and accelerators by name or by file.
-- A name is looked up in models/index.lua, so that one file is read and not all; case, '-', '_' and blanks do not
-- matter in it. What is not a name is taken as a path.
local cost = require("oracle.core").cost
local hardware_file = require "oracle.models.hardware"
local huggingface = require "oracle.models.huggingface"
local inputs = require "oracle.text.inputs"
local json = require("oracle.core").json
local paths = require "oracle.text.paths"
local quantization = require "oracle.models.quantization"
local spelling = require "oracle.text.spelling"

local catalog = {}

local KINDS = {
  llm = { what = "model", list = "oracle models", file = "config.json" },
  hardware = { what = "hardware", list = "oracle hardware" },
}

-- The index of the shipped files: folded name -> file (models/index.lua). A checkout without it has no names.
local shipped = {}

local function read_index()
  local path = paths.path "models/index.lua"
  local chunk, message = loadfile(path, "t", {})
  if not chunk then error(("%s: %s"):format(path, message), 0) end
  return chunk()
end

local function index()
  return inputs.remember(shipped, "index", read_index)
end

local function shipped_path(kind, stem)
  return paths.path(("models/%s/%s.json"):format(kind, stem))
end

local function read_json(path)
  local f, message = io.open(path, "rb")
  if not f then error(message, 0) end                     -- it begins with the path
  local text = f:read "a"
  f:close()
  if not text then error(path .. ": cannot be read (a folder without the file?)", 0) end
  -- PyTorch's json writes Infinity and NaN, which JSON has not.
  local ok, value = pcall(json.decode, text, path)
  if ok or not text:find "Infinity" and not text:find "NaN" then return ok and value or json.decode(text, path) end
  text = text:gsub("([:%[,]%s*)%-?Infinity", "%1null"):gsub("([:%[,]%s*)NaN", "%1null")
  return json.decode(text, path)
end

-- ModelOpt writes the format of the weights into a file of its own beside config.json.
local function add_quantization(raw, path)
  local beside = paths.folder(path) .. "/hf_quant_config.json"
  if type(raw) ~= "table" or raw.quantization_config or not path:find "config%.json$" or not paths.exists(beside) then
    return
  end
  local own = read_json(beside)
  local q = type(own) == "table" and own.quantization
  if type(q) ~= "table" then error(beside .. ": quantization: an object expected", 0) end
  q.quant_method = "modelopt"
  raw.quantization_config = q
end

-- A path is written as one: it begins with '/', './' or '../', or ends in .json.
local function looks_like_path(name)
  return name:find "^%.?%.?/" ~= nil or name:lower():find "%.json$" ~= nil
end

-- The file a path means: itself, or the file of that kind in the folder it names.
local function file_at(path, kind)
  local inner = KINDS[kind].file
  if inner and paths.exists(path:gsub("/+$", "") .. "/" .. inner) then return path:gsub("/+$", "") .. "/" .. inner end
  if paths.exists(path) then return path end
end

local function last_part(name)
  return name:match "([^/]+)/*$" or name
end

-- The shipped file's stem for a name, or nil.
local function find(entries, name)
  return entries[spelling.fold(name)] or entries[spelling.fold(last_part(name))]
end

local function unknown(kind, entries, name)
  local names = {}
  for folded in pairs(entries) do names[#names + 1] = folded end
  table.sort(names)
  local near = spelling(last_part(name), names)
  error(("unknown %s %q%s; `%s` lists all, and a path to a %s works too"):format(KINDS[kind].what, name,
    near and (": the nearest is %s"):format(entries[near]) or "", KINDS[kind].list,
    kind == "llm" and "config.json" or "hardware file"), 0)
end

-- The file behind a name or path, and the stem where it is a shipped one.
local function resolve(kind, name)
  if type(name) ~= "string" or name == "" then
    error(("%s: a name or the path of a file expected, got %s"):format(KINDS[kind].what,
      name == "" and "an empty text" or "a " .. type(name)), 0)
  end
  if not looks_like_path(name) then
    local stem = find(index()[kind], name)
    if stem then return shipped_path(kind, stem), stem end
  end
  local path = file_at(name, kind)
  if path then return path end
  if looks_like_path(name) then error(name .. ": no such file", 0) end
  return unknown(kind, index()[kind], name)
end

-- What a variant of a shipped model (same shape, other context or format) sets beside its file.
local function variant(raw, name)
  for id, changes in pairs(raw._variants or {}) do        -- names are unique, so order does not matter
    local folded = spelling.fold(name)
    if folded == spelling.fold(id) or folded == spelling.fold(last_part(id)) then return id, changes end
  end
end

-- The Hugging Face id that a name stands for: that of the file, or the one of its aliases that was asked for
-- ("Llama-3.1-8B-Instruct" is meta-llama/Llama-3.1-8B-Instruct and not the base model, though both have one shape).
local function asked_id(raw, name, stem)
  local folded = spelling.fold(name)
  if folded == spelling.fold(stem) then return raw._id end
  for _, id in ipairs { raw._id, table.unpack(raw._aliases or {}) } do
    local same = folded == spelling.fold(id) or folded == spelling.fold(last_part(id))
    if same and id:find("/", 1, true) then return id end
  end
  return raw._id
end

local function merge(changes, overrides)
  local merged = {}
  for _, t in ipairs { changes or {}, overrides or {} } do
    for key, value in pairs(t) do merged[key] = value end
  end
  return merged
end

-- The name of the folder of a config.json; "." and ".." are counted from where the shell says we are.
local function folder_name(path)
  local folder = path == "config.json" and "." or path:match "^(.*)/config%.json$"
  if not folder then return nil end
  local parts = {}
  if not folder:find "^/" then folder = (os.getenv "PWD" or "") .. "/" .. folder end
  for part in folder:gmatch "[^/]+" do
    if part == ".." then parts[#parts] = nil elseif part ~= "." then parts[#parts + 1] = part end
  end
  return parts[#parts]
end

-- B of the weights that a checkpoint in the model's own formats has; layers that predict further tokens with it, each
-- with a projection of two hidden states.
local function checkpoint_bytes(m, extra)
  local whole = {}
  for k, v in pairs(m) do whole[k] = v end
  whole.num_hidden_layers = m.num_hidden_layers + extra
  return cost.memory { model = whole, layout = quantization.layout(m), max_num_batched_tokens = 1, max_num_seqs = 1 }
    .weight_bytes + extra * 4 * m.hidden_size * m.hidden_size
end

-- What the index of a checkpoint's files says they hold, beside what was derived.
local function check_index(m, raw, path)
  local beside = paths.folder(path) .. "/model.safetensors.index.json"
  if not paths.exists(beside) then return end
  local files = read_json(beside)
  local said = type(files) == "table" and type(files.metadata) == "table" and tonumber(files.metadata.total_size)
  if not said or said <= 0 then return end
  local text = type(raw.text_config) == "table" and raw.text_config or raw
  local extra = math.type(text.num_nextn_predict_layers) == "integer" and text.num_nextn_predict_layers or 0
  local derived = checkpoint_bytes(m, math.min(math.max(extra, 0), 8))
  m.checkpoint_bytes = said
  local off = 100 * (derived / said - 1)
  if math.abs(off) > 1 then
    m.warnings[#m.warnings + 1] = ("%s: total_size is %.2f GiB; from config.json %.2f GiB follow (%+.1f %%)"):format(
      beside, said / 2 ^ 30, derived / 2 ^ 30, off)
  end
end

--- A model by name or by its config.json.
-- @tparam string name_or_path a shipped model ("llama-3.1-8b", "meta-llama/Llama-3.1-8B-Instruct", "Llama3-8B"), or
-- the path of a config.json or of the folder that holds it, relative to the current folder
-- @tparam[opt] table overrides values in place of the file's, by config.json's own keys
-- @treturn table the fields of orc_model and `model_type`, `torch_dtype`, `quantization`, `warnings`
-- (oracle.models.huggingface), with `id`, `name` (the Hugging Face id, or the path), `source`, `aliases`, `file`
-- @raise one line that says what, where, and what was expected
function catalog.model(name_or_path, overrides)
  local path, stem = resolve("llm", name_or_path)
  local raw = read_json(path)
  local label = stem and stem .. ".json" or path
  if not stem then add_quantization(raw, path) end
  local id, changes
  if stem then id, changes = variant(raw, name_or_path) end
  local m = huggingface.read(raw, label, merge(changes, overrides))
  m.id = stem or folder_name(path) or last_part(path):gsub("%.json$", "")
  m.name = id or (stem and asked_id(raw, name_or_path, stem)) or (type(raw._name_or_path) == "string"
    and raw._name_or_path ~= "" and raw._name_or_path) or m.id
  m.source = raw._source or path
  m.aliases = raw._aliases or {}
  m.file = path
  if not stem then check_index(m, raw, path) end
  return m
end

--- An accelerator by name or by its file.
-- @tparam string name_or_path a shipped one ("h100-sxm", "A100-80GB", "RTX 4090"), or the path of a hardware file
-- @treturn table the fields of orc_hardware in SI, with `id`, `name`, `aliases`, `figures`
-- (oracle.models.hardware) and `file`
-- @raise one line that says what, where, and what was expected
function catalog.hardware(name_or_path)
  local path, stem = resolve("hardware", name_or_path)
  local h = hardware_file.read(read_json(path), stem and stem .. ".json" or path)
  h.id = h.id or stem or last_part(path):gsub("%.json$", "")
  h.name = h.name or h.id
  h.file = path
  return h
end

-- The stems of all shipped files of a kind, in order, each once.
local function stems(kind)
  local seen, list = {}, {}
  for _, stem in pairs(index()[kind]) do
    if not seen[stem] then
      seen[stem] = true
      list[#list + 1] = stem
    end
  end
  table.sort(list)
  return list
end

--- The shipped models.
-- @treturn {table,...} by id: {id, name, about}, `about` one line
function catalog.models()
  local list = {}
  for i, id in ipairs(stems "llm") do
    local m = catalog.model(id)
    local experts = m.num_experts > 0 and (", %d of %d experts"):format(m.num_experts_per_tok, m.num_experts) or ""
    list[i] = { id = id, name = m.name, about = ("%d layers of %d, %d heads (%d KV)%s, context %d"):format(
      m.num_hidden_layers, m.hidden_size, m.num_attention_heads, m.num_key_value_heads, experts,
      m.max_position_embeddings) }
  end
  return list
end

--- The shipped accelerators.
-- @treturn {table,...} by id: {id, name, about}, `about` one line
function catalog.hardwares()
  local list = {}
  for i, id in ipairs(stems "hardware") do
    local h = catalog.hardware(id)
    list[i] = { id = id, name = h.name, about = ("%.0f GiB at %.0f GB/s, bf16 %.0f TFLOPS dense, %.0f W"):format(
      h.memory / 2 ^ 30, h.bandwidth / 1e9, cost.flops(h, "bf16") / 1e12, h.tdp_watts) }
  end
  return list
end

-- ---- the index ----

local function add(entries, name, stem)
  local folded = spelling.fold(name)
  if entries[folded] and entries[folded] ~= stem then
    error(("the name %s means both %s and %s"):format(name, entries[folded], stem), 0)
  end
  entries[folded] = stem
end

local function names_of(kind, raw, stem)
  local names = { stem }
  local function take(name)
    names[#names + 1] = name
    if kind == "llm" then names[#names + 1] = last_part(name) end
  end
  if kind == "llm" and raw._id then take(raw._id) end
  for _, alias in ipairs(raw._aliases or raw.aliases or {}) do take(alias) end
  for id in pairs(raw._variants or {}) do take(id) end
  return names
end

--- The text of models/index.lua, made from the files themselves (tools/index.lua writes it).
-- @tparam {llm={string,...},hardware={string,...}} files the stems of the files in models/llm and models/hardware
-- @treturn string
-- @raise when one name means two files
function catalog.index_text(files)
  local out = { "-- Name (folded: no case, '-', '_', blanks) -> file. Written by tools/index.lua; do not edit.\n",
                "return {\n" }
  for _, kind in ipairs { "llm", "hardware" } do
    local entries, keys = {}, {}
    for _, stem in ipairs(files[kind]) do
      for _, name in ipairs(names_of(kind, read_json(shipped_path(kind, stem)), stem)) do add(entries, name, stem) end
    end
    for key in pairs(entries) do keys[#keys + 1] = key end
    table.sort(keys)
    out[#out + 1] = ("  %s = {\n"):format(kind)
    for _, key in ipairs(keys) do out[#out + 1] = ("    [%q] = %q,\n"):format(key, entries[key]) end
    out[#out + 1] = "  },\n"
  end
  out[#out + 1] = "}\n"
  return table.concat(out)
end

return catalog
