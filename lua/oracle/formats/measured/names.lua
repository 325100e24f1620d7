--- What measurements call models, accelerators, engines and number formats, as the catalogue and the systems know them.
-- Published tables write a checkpoint's format into its name, or beside it, and a card's memory or socket into the
-- card's.
local catalog = require "oracle.models.catalog"
local core = require "oracle.core"
local formats = require "oracle.scenario.number_formats"
local spelling = require "oracle.text.spelling"
local systems = require "oracle.system"

local names = {}

-- ---- number formats ----

-- What tables call the format of weights -> the engine's name; "" is what the model has.
local FORMATS = {
  fp8_block = "fp8_block", fp8block = "fp8_block", nvfp4 = "fp4", w4a16 = "int4", int4wo = "int4", int4_wo = "int4",
  w8a8 = "int8", mxfp4 = "mxfp4", fp4 = "fp4", fp8 = "fp8", int8 = "int8", int4 = "int4", bf16 = "bf16", fp16 = "fp16",
  bfloat16 = "bf16",
  float16 = "fp16", awq = "int4", gptq = "int4",
}

--- The engine's name of a weight format, "bf16" ...; nil where it is not known.
function names.format(name)
  if not name or name == "" then return nil end
  return FORMATS[name:lower()] or formats.find("weights", name)
end

-- ---- accelerators ----

local LEFT_OUT = { "nvidia", "amd", "instinct", "intel", "geforce", "tesla", "hbm3e", "hbm3", "hbm2e", "sxm6", "sxm5",
                   "sxm4", "sxm", "tensorcoregpu", "gpu", "habana", "gaudi hl" }

-- A card's memory where a table names the card alone: the one that data centres mostly have.
local ALONE = { a100 = "a100-80gb", h100 = "h100-sxm", h200 = "h200", rtxpro6000 = "rtx-pro-6000",
                rtx6000pro = "rtx-pro-6000", rtxpro6000blackwell = "rtx-pro-6000",
                rtxpro6000server = "rtx-pro-6000", rtxpro6000blackwellserveredition = "rtx-pro-6000",
                rtxpro6000ws = "rtx-pro-6000", b300ac = "b300", v100 = "v100-32gb",
                rtx6000ada = "rtx-6000-ada", l40s = "l40s" }

local found_gpus, found_models = {}, {}

local function hardware(name)
  local ok, h = pcall(catalog.hardware, name)
  return ok and h or nil
end

local function resolve_gpu(name)
  local folded = spelling.fold(name)
  local short = folded
  for _, word in ipairs(LEFT_OUT) do short = short:gsub(word, "", 1) end
  for _, candidate in ipairs { folded, ALONE[folded] or "", short, ALONE[short] or "", (short:gsub("%d+gb$", "")) } do
    local h = candidate ~= "" and not candidate:find "[/.]" and hardware(candidate)
    if h then return h end
  end
  return false
end

--- The accelerator a table means, as the catalogue has it; nil where it has none.
function names.gpu(name)
  if not name or name == "" then return nil end
  if found_gpus[name] == nil then found_gpus[name] = resolve_gpu(name) end
  return found_gpus[name] or nil
end

--- The accelerator that the name of a file begins with: "h100-dgx.csv"; nil where it begins otherwise.
function names.gpu_of_file(path)
  local words = {}
  for word in (path or ""):match("([^/]*)$"):gmatch "[%w]+" do words[#words + 1] = word end
  for n = #words, 1, -1 do
    local found = hardware(table.concat(words, "-", 1, n))
    if found then return found end
  end
end

-- ---- engines ----

local ENGINES = { trtllm = "trtllm", tensorrtllm = "trtllm", tensorrt = "trtllm", vllm = "vllm", sglang = "sglang" }

--- The serving system a table means: "vllm", "sglang", "trtllm"; nil where it is none of them.
-- "vLLM (Ray Serve LLM)" is vllm; what stands before it does not decide how steps are made.
function names.engine(name)
  if not name then return nil end
  local plain = spelling.fold((name:gsub("%b()", "")))
  return ENGINES[plain] or systems.find(plain)
end

--- A version as numbers and dots: "v0.5.12-cu130" is 0.5.12; nil where it tells none.
function names.version(text)
  return text and text:match "^[vV]?(%d+%.%d+%.?%d*)"
end

-- ---- models ----

-- Words at the end of a checkpoint's name, and the format each tells.
local TAIL = {
  { "kv" }, { "fp8", "fp8" }, { "nvfp4", "fp4" }, { "fp4", "fp4" }, { "mxfp4", "mxfp4" }, { "int4", "int4" },
  { "awq", "int4" }, { "gptq", "int4" }, { "w8a8", "int8" }, { "int8", "int8" }, { "bf16" }, { "dynamic" },
  { "instruct" }, { "chat" }, { "it" }, { "hf" }, { "base" }, { "v2" },
}

-- A name without its last word, and the format that the word tells; nil where the last word tells nothing.
local function shorter(name)
  local head, last = name:match "^(.+)[-_]([%w.]+)$"
  if not head then return nil end
  last = last:lower()
  for _, word in ipairs(TAIL) do
    if last == word[1] then return head, word[2] end
  end
  if last:match "^%d%d%d%d$" then return head, nil end    -- a month, as in -0528 and -2507
  return nil
end

local function model(name)
  local ok, m = pcall(catalog.model, name)
  return ok and m or nil
end

-- The catalogue's model for a name, and the format in which the name says its weights are.
local function find_model(name)
  local at, told = name:gsub("^.*/", ""), nil
  if model(name) then
    local _, own = shorter(at)
    return name, own
  end
  at = at:gsub("^[Mm]eta%-", "")
  while at do
    if model(at) then return at, told end
    if model(at .. "-Instruct") then return at .. "-Instruct", told end
    local head, format = shorter(at)
    at, told = head, told or format
  end
  return nil
end

-- Formats a checkpoint is published in -> how its name ends.
local SUFFIX = { fp8 = { "-FP8" }, fp8_block = { "-FP8" }, fp4 = { "-NVFP4", "-FP4" },
                 int4 = { "-INT4", "-AWQ", "-w4a16" }, mxfp4 = { "-MXFP4" } }

-- The checkpoint of a model in a format, where the catalogue has it.
local function checkpoint(name, format)
  local base = name:gsub("^.*/", "")
  for _ = 1, 4 do
    for _, suffix in ipairs(SUFFIX[format] or {}) do
      for _, middle in ipairs { "", "-Instruct" } do
        local m = model(base .. middle .. suffix)
        local has = m and m.quantization
        if has and has:gsub("_block$", "") == format:gsub("_block$", "") then return base .. middle .. suffix, has end
      end
    end
    local head = shorter(base)
    if not head then return nil end
    base = head
  end
end

-- NVFP4 checkpoints of models with experts keep attention projections and the head in 16 bits, and KV in fp8: the
-- exclude_modules of nvidia/DeepSeek-R1-NVFP4, nvidia/Kimi-K2.5-NVFP4 and others, hf_quant_config.json, 2026.
local NVFP4 = { quant_method = "modelopt", quant_algo = "NVFP4", kv_cache_quant_algo = "FP8",
                exclude_modules = { "lm_head", "*self_attn*", "*linear_attn*" } }

-- A 4-bit checkpoint of a model that the catalogue has in another format: its own description with those settings.
local function converted(m)
  local f = io.open(m.file, "rb")
  local raw = f and core.json.decode(f:read "a", m.file)
  if f then f:close() end
  if not raw then return nil end
  raw._variants, raw._aliases, raw._name_or_path = nil, nil, m.name
  raw.quantization_config = NVFP4
  if type(raw.text_config) == "table" then raw.text_config.quantization_config = nil end
  return raw
end

-- What the table's words come to, as names.model returns it; false where the catalogue has no such model.
local function resolve_model(name, format)
  local base, told = find_model(name)
  if not base then return false end
  local m = model(base)
  local wanted = names.format(format) or told
  local own = m.quantization or "bf16"
  if m.name:find("gpt-oss", 1, true) then wanted = nil end -- published in MXFP4 alone
  if wanted == "fp16" then wanted = own == "bf16" and "bf16" or nil end
  -- Tables that say fp8 of a checkpoint whose fp8 is block-scaled mean that one, and the other way round.
  if wanted and own:gsub("_block$", "") == wanted:gsub("_block$", "") then wanted = own end
  local found = { model = base, name = m.name, format = wanted or own, context = m.max_position_embeddings }
  if not wanted or wanted == own then return found end
  local there, in_it = checkpoint(base, wanted)
  if there then
    found.model, found.format = there, in_it
  elseif wanted == "fp4" and (m.num_experts or 0) > 0 then
    found.model = converted(m)
  else
    found.quantization = wanted == "bf16" and "none" or wanted
  end
  return found
end

--- The model a table means.
-- @param name of it, @param format of its weights as the table says it, or nil
-- @return { model =, quantization = for a scenario, name = the catalogue's, format = of the weights, context = its
--   longest, tokens }; nil: unknown
function names.model(name, format)
  if not name or name == "" then return nil end
  local key = name .. "\0" .. (format or "")
  if found_models[key] == nil then found_models[key] = resolve_model(name, format) end
  return found_models[key] or nil
end

return names
