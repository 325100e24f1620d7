--- Models and accelerators by name or by file.
-- A name is looked up in models/index.txt, so that one file is read and not all; the index is searched as it is. In a
-- name case, '-', '_' and blanks do not matter. What is not a name is taken as a path.
local lazy = require "oracle.lazy"
local checkpoint = require "oracle.models.checkpoint"
local config = require "oracle.models.config"
local core = require "oracle.core"
local hardware_file = require "oracle.models.hardware"
local huggingface = require "oracle.models.huggingface"
local inputs = require "oracle.text.inputs"
local ordered = require "oracle.text.ordered"
local paths = require "oracle.text.paths"
local quantization = lazy "oracle.models.quantization"
local schemes = lazy "oracle.models.schemes"
local spelling = require "oracle.text.spelling"

local catalog = {}

local cost, json = core.cost, core.json

local KINDS = {
  llm = { what = "model", list = "oracle models", file = "config.json" },
  hardware = { what = "hardware", list = "oracle hardware" },
}

-- The index of the shipped files (oracle.models.shelf), its text as it is. A checkout without it has no names.
local shipped = {}

local function read_index()
  local path = paths.path "models/index.txt"
  local f, message = io.open(path, "rb")
  if not f then error(message, 0) end
  local text = f:read "a"
  f:close()
  return text
end

local function index()
  return inputs.remember(shipped, "index", read_index)
end

-- The stem of the file that a folded name stands for, and the name as people write it.
local function entry(kind, folded)
  local text = index()
  local _, at = text:find(("\n%s\t%s\t"):format(kind, folded), 1, true)
  if at then return text:match("^(%S+)\t([^\n]*)", at + 1) end
end

local function shipped_path(kind, stem)
  return paths.path(("models/%s/%s.json"):format(kind, stem))
end

local MOST = 64 << 20             -- bytes; the index of the largest checkpoints has a fifth of that

local function read_json(path)
  inputs.note(path)
  local text, why = core.read_file(path, MOST)
  if not text then error(("%s: %s"):format(path, why), 0) end
  -- PyTorch's json writes Infinity and NaN, which JSON has not.
  local ok, value = pcall(json.decode, text, path)
  if ok or not text:find "Infinity" and not text:find "NaN" then return ok and value or json.decode(text, path) end
  text = text:gsub("([:%[,]%s*)%-?Infinity", "%1null"):gsub("([:%[,]%s*)NaN", "%1null")
  return json.decode(text, path)
end

-- A file of that name in a folder, or the same compressed; nil: there is none.
local function file_in(folder, name)
  for _, path in ipairs { folder .. "/" .. name, folder .. "/" .. name .. ".gz" } do
    if paths.exists(path) then return path end
  end
end

-- ModelOpt writes the format of the weights into a file of its own beside config.json.
local function add_quantization(raw, path)
  local beside = path:find "config%.json" and file_in(paths.folder(path), "hf_quant_config.json")
  if type(raw) ~= "table" or not beside then return end
  local own = read_json(beside)
  local q = type(own) == "table" and own.quantization
  if type(q) ~= "table" then error(beside .. ": quantization: an object expected", 0) end
  q.quant_method = "modelopt"
  raw["hf_quant_config.json: quantization"] = q
end

-- A path is written as one: it begins with '/', './' or '../', or ends in .json or .json.gz.
local function looks_like_path(name)
  return name:find "^%.?%.?/" ~= nil or name:lower():gsub("%.gz$", ""):find "%.json$" ~= nil
end

-- The file a path means: itself, or the file of that kind in the folder it names.
local function file_at(path, kind)
  local inner = KINDS[kind].file
  local found = inner and file_in((path:gsub("/+$", "")), inner)
  if found or not paths.exists(path) then return found end
  if inner and core.list(path) then error(("%s: a folder without %s"):format(path, inner), 0) end
  return path
end

local function last_part(name)
  return name:match "([^/]+)/*$" or name
end

-- The shipped file's stem for a name, or nil.
local function find(kind, name)
  return entry(kind, spelling.fold(name)) or entry(kind, spelling.fold(last_part(name)))
end

local function unknown(kind, name)
  local names = {}
  for folded in index():gmatch("\n" .. kind .. "\t(%S+)") do names[#names + 1] = folded end
  local near = spelling(last_part(name), names) or spelling.holding(last_part(name), names)
  error(("unknown %s %q%s; `%s` lists all, and a path to a %s works too"):format(KINDS[kind].what, name,
    near and (": the nearest is %s"):format((select(2, entry(kind, near)))) or "", KINDS[kind].list,
    kind == "llm" and "config.json" or "hardware file"), 0)
end

-- The file behind a name or path, and the stem where it is a shipped one.
local function resolve(kind, name)
  if type(name) ~= "string" or name == "" then
    error(("%s: a name or the path of a file expected, got %s"):format(KINDS[kind].what,
      name == "" and "an empty text" or "a " .. type(name)), 0)
  end
  if not looks_like_path(name) then
    local stem = find(kind, name)
    if stem then return shipped_path(kind, stem), stem end
  end
  local path = file_at(name, kind)
  if path then return path end
  if looks_like_path(name) then error(name .. ": no such file", 0) end
  return unknown(kind, name)
end

-- What a variant of a shipped model (same shape, other context or format) sets beside its file. Its format, which may
-- be the name of a scheme, goes into the file's table in place of the one there.
local function variant(raw, name)
  local folded = spelling.fold(name)
  for id, changes in pairs(raw._variants or {}) do        -- names are unique, so order does not matter
    if folded == spelling.fold(id) or folded == spelling.fold(last_part(id)) then
      local format = changes.quantization_config
      if format ~= nil then
        if type(format) == "string" then
          format = schemes[format] or error(("%s: no scheme %s"):format(id, format), 0)
        end
        raw.quantization_config, changes.quantization_config = format, nil
        if type(raw.text_config) == "table" then raw.text_config.quantization_config = nil end
      end
      return id, changes
    end
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
  path = path:gsub("%.gz$", "")
  local folder = path == "config.json" and "." or path:match "^(.*)/config%.json$"
  if not folder then return nil end
  local parts = {}
  if not folder:find "^/" then folder = (os.getenv "PWD" or "") .. "/" .. folder end
  for part in folder:gmatch "[^/]+" do
    if part == ".." then parts[#parts] = nil elseif part ~= "." then parts[#parts + 1] = part end
  end
  return parts[#parts]
end

-- What a file calls its model: an id. Where it lay on another machine when it was written is no name.
local function told_name(raw)
  local name = raw._name_or_path
  if type(name) ~= "string" then return nil end
  if name:find "^[%w_.-]+/?[%w_.-]*$" and not name:find "^%." and not name:find "/$" then return name end
  return nil
end

-- What the index of a checkpoint's files says they hold, beside what was derived.
local function check_index(m, path)
  local beside = file_in(paths.folder(path), "model.safetensors.index.json")
  if not beside then return end
  local files = read_json(beside)
  if type(files) ~= "table" then error(beside .. ": an object expected, as Hugging Face writes it", 0) end
  local said = type(files.metadata) == "table" and files.metadata.total_size
  if said == nil or said == false or said == json.null then return end
  local bytes = tonumber(said)
  if not bytes or bytes <= 0 then
    error(("%s: metadata.total_size = %s: bytes above 0 expected"):format(beside, config.shown(said)), 0)
  end
  said = bytes
  local derived = checkpoint.bytes(m)
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
-- (oracle.models.huggingface), with `id`, `name` (the Hugging Face id, or the path), `source`, `aliases`, `variants`,
-- `published` (the published number of parameters), `file`
-- @raise one line that says what, where, and what was expected
function catalog.model(name_or_path, overrides)
  local path, stem = resolve("llm", name_or_path)
  local raw = read_json(path)
  local label = stem and stem .. ".json" or path
  if not stem then add_quantization(raw, path) end
  local id, changes
  if stem then id, changes = variant(raw, name_or_path) end
  local m = huggingface.read(raw, label, merge(changes, overrides))
  m.id = stem or folder_name(path) or last_part(path):gsub("%.gz$", ""):gsub("%.json$", "")
  m.name = id or (stem and asked_id(raw, name_or_path, stem)) or told_name(raw) or m.id
  m.source = raw._source or path
  m.aliases, m.variants, m.published = raw._aliases or {}, ordered.keys(raw._variants or {}), raw._parameters
  m.file = path
  if not stem then check_index(m, path) end
  return m
end

-- Sections that a file may change in part.
local SECTIONS = { flops = true, nvlink = true, c2c = true, pcie = true }

-- The table with the figures of the accelerator it is `like` where it says nothing itself.
local function based(raw, file)
  if type(raw) ~= "table" or raw.like == nil then return raw end
  local ok, path = pcall(resolve, "hardware", raw.like)
  if not ok then error(("%s: like: %s"):format(file, path), 0) end
  local base = read_json(path)
  if type(base) ~= "table" or base.like ~= nil then
    error(("%s: like: %s is no whole accelerator of its own"):format(file, raw.like), 0)
  end
  local whole = {}
  for _, t in ipairs { base, raw } do
    for key, value in pairs(t) do
      local both = SECTIONS[key] and type(value) == "table" and type(whole[key]) == "table"
      whole[key] = both and merge(whole[key], value) or value
    end
  end
  whole.id, whole.aliases, whole.like = raw.id, raw.aliases, nil
  whole.name = raw.name or type(base.name) == "string" and base.name .. ", changed" or nil
  return whole
end

--- An accelerator of one's own.
-- @tparam table raw what its file would hold; `like`: the name or file of another, whose figures hold where this one
-- says nothing
-- @tparam string file its name, for messages
-- @treturn table as catalog.hardware's
function catalog.own_hardware(raw, file)
  return hardware_file.read(based(raw, file), file)
end

--- An accelerator by name or by its file.
-- @tparam string name_or_path a shipped one ("h100-sxm", "A100-80GB", "RTX 4090"), or the path of a hardware file
-- @treturn table the fields of orc_hardware in SI, with `id`, `name`, `aliases`, `figures`
-- (oracle.models.hardware) and `file`
-- @raise one line that says what, where, and what was expected
function catalog.hardware(name_or_path)
  local path, stem = resolve("hardware", name_or_path)
  local h = catalog.own_hardware(read_json(path), stem and stem .. ".json" or path)
  h.id = h.id or stem or last_part(path):gsub("%.gz$", ""):gsub("%.json$", "")
  h.name = h.name or h.id
  h.file = path
  return h
end

-- A name as words are looked for in it: "qwen3-" is no part of qwen-32b.
local function spaced(name)
  return (name:lower():gsub("[_%s]", "-"))
end

-- The shipped files of a kind of which some name has all the words in it: { stem, names = {name, ...} } in order.
local function matching(kind, words)
  local found, list = {}, {}
  for stem, name in index():gmatch("\n" .. kind .. "\t%S+\t(%S+)\t([^\n]*)") do
    local all = true
    for _, word in ipairs(words or {}) do all = all and spaced(name):find(spaced(word), 1, true) ~= nil end
    if all then
      if not found[stem] then
        found[stem] = { stem, names = {} }
        list[#list + 1] = found[stem]
      end
      -- a name stands once by itself and once behind its organisation
      if kind ~= "llm" or name:find("/", 1, true) then table.insert(found[stem].names, name) end
    end
  end
  if #list == 0 then
    error(("no %s has %s in its name; `%s` lists all"):format(KINDS[kind].what, table.concat(words, " and "),
      KINDS[kind].list), 0)
  end
  table.sort(list, function(x, y) return x[1] < y[1] end)
  return list
end

--- The names under which models or accelerators come along, for completion.
-- @tparam string kind "llm" or "hardware"
-- @treturn {string,...} stems of files and published names
function catalog.names(kind)
  local names = {}
  for stem, name in index():gmatch("\n" .. kind .. "\t%S+\t(%S+)\t([^\n]*)") do
    names[#names + 1] = stem
    if name ~= stem then names[#names + 1] = name end
  end
  return names
end

--- The shipped models.
-- @tparam[opt] {string,...} words only those of which some name has all of them
-- @treturn {table,...} by id: {id, name, about, names, parameters, active, weight_bytes, kv_bytes_per_token, context},
-- `about` one line, `names` those that have the words
function catalog.models(words)
  local list = {}
  for i, found in ipairs(matching("llm", words)) do
    local m = catalog.model(found[1])
    local count = cost.parameters(m)
    local memory = cost.memory { model = m, layout = quantization.layout(m), max_num_batched_tokens = 1,
                                 max_num_seqs = 1 }
    local experts = m.num_experts > 0 and (", %d of %d experts"):format(m.num_experts_per_tok, m.num_experts) or ""
    list[i] = {
      id = found[1], name = m.name, names = found.names, parameters = count.total, active = count.active,
      weight_bytes = memory.weight_bytes, kv_bytes_per_token = memory.kv_bytes_per_token,
      context = m.max_position_embeddings,
      about = ("%d layers of %d, %d heads (%d KV)%s, context %d"):format(m.num_hidden_layers, m.hidden_size,
        m.num_attention_heads, m.num_key_value_heads, experts, m.max_position_embeddings),
    }
  end
  return list
end

--- The shipped accelerators.
-- @tparam[opt] {string,...} words only those of which some name has all of them
-- @treturn {table,...} by id: {id, name, about, names, hardware}, `about` one line, `names` those that have the words,
-- `hardware` all of it
function catalog.hardwares(words)
  local list = {}
  for i, found in ipairs(matching("hardware", words)) do
    local h = catalog.hardware(found[1])
    list[i] = {
      id = found[1], name = h.name, names = found.names, hardware = h,
      about = ("%.0f GiB at %.0f GB/s, bf16 %.0f TFLOPS dense, %.0f W"):format(h.memory / 2 ^ 30, h.bandwidth / 1e9,
        cost.flops(h, "bf16") / 1e12, h.tdp_watts),
    }
  end
  return list
end

return catalog
