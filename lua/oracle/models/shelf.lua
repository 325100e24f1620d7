--- How shipped files stand: the index of their names, and the form of a model's file. tools/index.lua and
-- tools/model.lua write both; a run only reads them (oracle.models.catalog).
local json = require("oracle.core").json
local ordered = require "oracle.text.ordered"
local spelling = require "oracle.text.spelling"

local shelf = {}

-- ---- the index ----

local function last_part(name)
  return name:match "([^/]+)/*$" or name
end

local function add(entries, name, stem)
  local folded = spelling.fold(name)
  local other = entries[folded]
  if other and other.stem ~= stem then
    error(("the name %s means both %s and %s"):format(name, other.stem, stem), 0)
  end
  if not other then entries[folded] = { stem = stem, name = name } end
end

local function names_of(kind, raw, stem)
  local names = { stem }
  local function take(name)
    names[#names + 1] = name
    if kind == "llm" then names[#names + 1] = last_part(name) end
  end
  if kind == "llm" and raw._id then take(raw._id) end
  for _, alias in ipairs(raw._aliases or raw.aliases or {}) do take(alias) end
  for _, id in ipairs(ordered.keys(raw._variants or {})) do take(id) end
  return names
end

--- The text of models/index.txt: a line for each name, "kind, the name folded, the file's stem, the name" with tabs
-- between.
-- @tparam {llm={{stem=,raw=},...},hardware={...}} files the decoded files of models/llm and models/hardware
-- @treturn string
-- @raise when one name means two files
function shelf.index(files)
  local lines = { "" }                                    -- each line begins after a line's end
  for _, kind in ipairs { "hardware", "llm" } do
    local entries = {}
    for _, file in ipairs(files[kind]) do
      for _, name in ipairs(names_of(kind, file.raw, file.stem)) do add(entries, name, file.stem) end
    end
    for _, folded in ipairs(ordered.keys(entries)) do
      local entry = entries[folded]
      lines[#lines + 1] = ("%s\t%s\t%s\t%s"):format(kind, folded, entry.stem, entry.name)
    end
  end
  lines[#lines + 1] = ""
  return table.concat(lines, "\n")
end

-- ---- the form of a model's file ----

-- Words of a text.
local function words(text)
  local list = {}
  for word in text:gmatch "%S+" do list[#list + 1] = word end
  return list
end

-- Keys in this order, then the others by name. Those that begin with "_" are ours.
local FIRST = words [[_id _source _parameters _remark _aliases _variants model_type torch_dtype dtype text_config
  num_hidden_layers hidden_size intermediate_size num_attention_heads num_key_value_heads head_dim vocab_size
  max_position_embeddings tie_word_embeddings]]

-- What changes neither shape nor format: tokens, training, generation, code.
local LEFT_OUT = words [[token_id$ token_index$ ^token_ ^pad_token ^bo[ai]_ ^eo[ai]_ ^image_token ^video_ ^placeholder
  dropout ^initializer _eps$ _epsilon$ aux_loss ^seq_aux$ ^time_step ^rescale_ ^residual_in logit
  ^rope_theta$ ^rotary_ ^partial_rotary _multiplier$ ^swiglu_ ^norm_topk_prob$ ^routed_scaling ^scoring_func$ ^topk_
  ^n_group$ ^use_mamba ^pretraining_tp$ ^ep_size$ ^auto_map$ ^architectures$ ^_name_or_path$ ^transformers_version$
  ^producer$ ^use_cache$ ^output_ ^return_ ^is_ ^task_ ^id2label$ ^label2id$ ^bad_words ^begin_ ^top_[kp]$
  ^temperature$ ^typical_p$ ^num_beam]]

local RANK = {}
for i, key in ipairs(FIRST) do RANK[key] = i end

local function kept(key)
  if key:sub(1, 1) == "_" then return RANK[key] ~= nil end
  if key == "block_ffn_dim_multiplier" or key == "projector_hidden_act" then return true end
  for _, pattern in ipairs(LEFT_OUT) do
    if key:find(pattern) then return false end
  end
  return true
end

local function keys_of(t)
  local keys = {}
  for key in pairs(t) do
    if kept(key) then keys[#keys + 1] = key end
  end
  table.sort(keys, function(a, b)
    local x, y = RANK[a] or #FIRST + 1, RANK[b] or #FIRST + 1
    return x < y or x == y and a < b
  end)
  return keys
end

local LINE = 100                                          -- bytes; a list that is longer stands one entry a line

local write

local function write_list(list, indent)
  local parts, length, plain = {}, 0, true
  for i, v in ipairs(list) do
    parts[i] = write(v, indent .. "  ")
    length, plain = length + #parts[i] + 2, plain and type(v) ~= "table"
  end
  if plain and length <= LINE then return "[" .. table.concat(parts, ", ") .. "]" end
  local lines, line = {}, ""
  for i, part in ipairs(parts) do                         -- as many to a line as go there
    part = part .. (i < #parts and "," or "")
    if line ~= "" and (not plain or #line + #part + 1 > LINE) then
      lines[#lines + 1], line = line, ""
    end
    line = line == "" and part or line .. " " .. part
  end
  lines[#lines + 1] = line
  local inner = "\n" .. indent .. "  "
  return "[" .. inner .. table.concat(lines, inner) .. "\n" .. indent .. "]"
end

local function write_object(t, indent)
  local parts, length = {}, 0
  for i, key in ipairs(keys_of(t)) do
    parts[i] = json.encode(key) .. ": " .. write(t[key], indent .. "  ")
    length = length + #parts[i] + 2
  end
  local short = indent ~= "" and length <= LINE and not table.concat(parts):find "\n"
  if short then return "{" .. table.concat(parts, ", ") .. "}" end
  local inner = "\n" .. indent .. "  "
  return "{" .. inner .. table.concat(parts, "," .. inner) .. "\n" .. indent .. "}"
end

function write(v, indent)
  if type(v) ~= "table" then return json.encode(v) end
  if getmetatable(v) == json.array then return write_list(v, indent) end
  return write_object(v, indent)
end

--- A model's file in the form that all have: what the reader needs, in one order.
-- @tparam table raw the decoded file; keys that change neither shape nor format fall away
-- @treturn string
function shelf.form(raw)
  return write(raw, "") .. "\n"
end

return shelf
