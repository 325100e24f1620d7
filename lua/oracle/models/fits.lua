--- Fits: what measurements say of an engine and of kernels on a generation of chips, as files of models/fits. One of an
-- engine is
--   { "id", "name", "engine": "vllm", "kernels": "kernels" or such a file's generations,
--     "versions": { "newer": the first version of the newer generation, "older_factor",
--       "older": the first version of the older one, "oldest_factor" of what was before },
--     "factors": { parameter: what the engine makes of the kernels' },
--     "common": { PARAMETERS }, "generations": { "hopper": { PARAMETERS }, ... },
--     "error": { a generation or "all": { "ttft" | "tpot" | "e2e" | "throughput": { "median", "mean", "p80", "bias",
--       "interval": half-width of the 80 % one, all in %, "n" } } }, cross-validated,
--     "unseen": { a generation or "all": [ PARAMETERS, or "gemm_bandwidth.fp4", that no data of it determined ] },
--     "range": { "sequences": the most that decode at a time in the data }, "provenance": {} }
-- PARAMETERS are those of src/cost/calibrated.h in SI units, and api_time, stream_interval. What a generation says
-- counts before what is common, and that before the kernels'.
local core = require "oracle.core"
local formats = require "oracle.scenario.number_formats"
local hardware = require "oracle.models.hardware"
local inputs = require "oracle.text.inputs"
local json = core.json
local ordered = require "oracle.text.ordered"
local paths = require "oracle.text.paths"
local spelling = require "oracle.text.spelling"

local fits = {}

local NUMBERS, TABLES = core.cost.calibration_fields()
local CLIENT = { "api_time", "stream_interval" }          -- not of a step: what a client sees

local KIND = {}                                           -- parameter -> "number" or "formats"
for _, name in ipairs(NUMBERS) do KIND[name] = "number" end
for _, name in ipairs(CLIENT) do KIND[name] = "number" end
for _, name in ipairs(TABLES) do KIND[name] = "formats" end
local PARAMETERS = ordered.keys(KIND)

local METRICS = { "ttft", "tpot", "e2e", "throughput" }
local FIGURES = { "median", "mean", "p80", "bias", "interval", "n" }

-- Where a format's shares are not known they are taken from the next that is: alike in bits or in how it computes.
local LIKE = { fp32 = "bf16", fp16 = "bf16", bf16 = "fp16", fp8_block = "fp8", fp8 = "fp8_block", int8 = "fp8",
               mxfp8 = "fp8", mxfp6 = "fp8", fp6 = "int4", mxfp4 = "int4", fp4 = "mxfp4", int4 = "bf16" }
local FALLBACK = { fp8 = "bf16", fp8_block = "bf16", fp4 = "fp8" }

local function fail(where, ...) error(("%s: %s"):format(where, string.format(...)), 0) end

local function unknown(where, key, valid)
  local near = spelling(tostring(key), valid)
  fail(where, "unknown key%s", near and ("; did you mean %s?"):format(near) or "; valid: " .. table.concat(valid, ", "))
end

local function object(where, v)
  if type(v) ~= "table" or #v > 0 then fail(where, "an object expected") end
  return v
end

local function number(where, v, least)
  if type(v) ~= "number" or v ~= v or v < (least or 0) or v > 1e9 then
    fail(where, "a number of at least %g expected, got %s", least or 0, type(v) == "number" and tostring(v) or type(v))
  end
  return v
end

-- ---- reading ----

local function next_key(t) return next, t end

local function ordered_key(t)
  local keys, i = ordered.keys(t), 0
  return function()
    i = i + 1
    return keys[i]
  end
end

local each = ordered_key                                  -- how the checks go through the keys of a table

local function check_parameters(where, t)
  for key in each(object(where, t)) do
    local at = where .. "." .. key
    if KIND[key] == "number" then number(at, t[key])
    elseif KIND[key] == "formats" then
      for format in each(object(at, t[key])) do
        if not formats.of[format] then
          local names = {}
          for i, row in ipairs(formats.all) do names[i] = row.name end
          unknown(at .. "." .. format, format, names)
        end
        number(at .. "." .. format, t[key][format])
      end
    else unknown(at, key, PARAMETERS) end
  end
end

local GENERATION = {}
for _, name in ipairs(hardware.GENERATIONS) do GENERATION[name] = true end

local function check_generations(where, t)
  for name in each(object(where, t)) do
    if not GENERATION[name] then unknown(where .. "." .. name, name, hardware.GENERATIONS) end
    check_parameters(where .. "." .. name, t[name])
  end
end

local function check_keys(where, t, valid)
  local set = {}
  for _, key in ipairs(valid) do set[key] = true end
  for key in each(t) do
    if not set[key] then unknown(where .. "." .. key, key, valid) end
  end
end

-- What is said of each generation, or of all.
local function each_generation(where, t, f)
  for name in each(object(where, t)) do
    if name ~= "all" and not GENERATION[name] then unknown(where .. "." .. name, name, hardware.GENERATIONS) end
    f(where .. "." .. name, t[name])
  end
end

local function check_errors(where, t)
  check_keys(where, object(where, t), METRICS)
  for metric in each(t) do
    local at = where .. "." .. metric
    check_keys(at, object(at, t[metric]), FIGURES)
    for key in each(t[metric]) do
      number(at .. "." .. key, t[metric][key], key == "bias" and -100 or 0)
    end
  end
end

local function check_unseen(where, t)
  if type(t) ~= "table" then fail(where, "a list of parameters expected") end
  for i, name in ipairs(t) do
    local parameter = tostring(name):match "^[^.]*"
    if not KIND[parameter] then unknown(("%s[%d]"):format(where, i), name, PARAMETERS) end
  end
end

local function check_versions(where, t)
  check_keys(where, object(where, t), { "newer", "older_factor", "older", "oldest_factor" })
  for _, key in ipairs { "older_factor", "oldest_factor" } do
    if t[key] ~= nil then number(where .. "." .. key, t[key], 1e-3) end
  end
  for _, key in ipairs { "newer", "older" } do
    if t[key] ~= nil and not fits.version(t[key]) then
      fail(where .. "." .. key, 'a version such as "0.15" expected')
    end
  end
end

local function check_factors(where, t)
  for key in each(object(where, t)) do
    if not KIND[key] then unknown(where .. "." .. key, key, PARAMETERS) end
    number(where .. "." .. key, t[key], 1e-6)
  end
end

local function check_fit(file, v)
  check_keys(file, object(file, v), { "id", "name", "engine", "kernels", "versions", "factors", "common", "generations",
    "error", "unseen", "range", "provenance", "source", "date", "note" })
  if type(v.engine) ~= "string" then fail(file .. ".engine", "the name of a serving system expected") end
  if v.generations == nil then fail(file .. ".generations", "missing") end
  check_generations(file .. ".generations", v.generations)
  if v.common ~= nil then check_parameters(file .. ".common", v.common) end
  if v.versions ~= nil then check_versions(file .. ".versions", v.versions) end
  if v.factors ~= nil then check_factors(file .. ".factors", v.factors) end
  if v.error ~= nil then each_generation(file .. ".error", v.error, check_errors) end
  if v.unseen ~= nil then each_generation(file .. ".unseen", v.unseen, check_unseen) end
  if v.range ~= nil then
    check_keys(file .. ".range", object(file .. ".range", v.range), { "sequences" })
    number(file .. ".range.sequences", v.range.sequences, 1)
  end
  return v
end

-- Keys are gone through in their order only where something is wrong, so that always the same is said of it.
local function checked(f, where, v)
  each = next_key
  local good = pcall(f, where, v)
  each = ordered_key
  if not good then f(where, v) end
  return v
end

local function read(path) return json.decode(paths.read(path), path) end

local function shipped(name) return paths.path("models/fits/" .. name .. ".json") end

local loaded = {}                                         -- path -> fit

local function read_fit(path, label)
  local v = checked(check_fit, label, read(path))
  if type(v.kernels) == "string" then
    local kernels = object(v.kernels, read(shipped(v.kernels)))
    checked(check_generations, v.kernels .. ".generations", kernels.generations or {})
    v.kernels = kernels.generations
  elseif v.kernels ~= nil then
    checked(check_generations, label .. ".kernels", v.kernels)
  end
  v.kernels = v.kernels or {}
  v.id = v.id or label
  return v
end

-- Read once: many scenarios ask.
local function load(path, label)
  return inputs.remember(loaded, path, read_fit, path, label)
end

local function read_names()
  local names = {}
  local files, why = core.list(paths.path "models/fits")
  if not files then error(why, 0) end                     -- one that cannot be read must not be one without fits
  for _, file in ipairs(files) do
    local name = file:match "^([%w_.-]+)%.json$"
    if name and type(read(shipped(name)).engine) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
end

local listed = {}

--- The names of the shipped fits, sorted.
function fits.names()
  local names = inputs.remember(listed, "names", read_names)
  return table.move(names, 1, #names, 1, {})
end

--- A fit by its name, or by the path of a file (it has a "/" or ends in .json).
-- @param find function(path) -> the path to open; or nil and why
-- @return the fit; raises one line
function fits.open(name, find)
  if name:find "/" or name:find "%.json$" then
    local path, why = name, nil
    if find then path, why = find(name) end
    if not path then fail(name, "%s", why) end
    return load(path, name:match "([^/]+)%.json$" or name)
  end
  local names = fits.names()
  for _, one in ipairs(names) do
    if spelling.fold(one) == spelling.fold(name) then return load(shipped(one), one) end
  end
  local near = spelling(name, names)
  error(('"%s": unknown fit; %s'):format(name, near and ("did you mean %s?"):format(near)
    or "none, one of " .. table.concat(names, ", ") .. " or the path of one expected"), 0)
end

--- The shipped fit of an engine, which has its name; nil: there is none.
function fits.of_engine(engine)
  local path = type(engine) == "string" and engine:match "^[%w_-]+$" and shipped(engine)
  if not path or not paths.exists(path) then return nil end
  return load(path, engine)
end

-- ---- what it says of a deployment ----

--- A version as numbers; nil: it is none.
function fits.version(text)
  local list = {}
  local start = tostring(text):match "^[vV]?(%d[%d.]*)"
  if not start then return nil end
  for n in start:gmatch "%d+" do list[#list + 1] = tonumber(n) end
  return list
end

-- Whether a version, as numbers, is before another.
local function is_before(a, text)
  local b = text and fits.version(text)
  if not a or not b then return false end
  for i = 1, math.max(#a, #b) do
    if (a[i] or 0) ~= (b[i] or 0) then return (a[i] or 0) < (b[i] or 0) end
  end
  return false
end

--- The generation of an engine that a version is of: "newer", "older" or "oldest". One that is not told is the newer.
function fits.age(fit, version)
  local numbers, of = version and fits.version(version), fit.versions or {}
  if is_before(numbers, of.older) then return "oldest" end
  return is_before(numbers, of.newer) and "older" or "newer"
end

--- Whether a fit knows a generation of chips.
function fits.covers(fit, generation)
  return generation ~= nil and fit.generations[generation] ~= nil and fit.kernels[generation] ~= nil
end

--- The generations that a fit knows, sorted.
function fits.generations(fit)
  local list = {}
  for _, name in ipairs(ordered.keys(fit.generations)) do
    if fits.covers(fit, name) then list[#list + 1] = name end
  end
  return list
end

-- Shares by format with the gaps filled; `unseen` takes the formats that had none.
local function by_format(name, known, unseen)
  local out = {}
  for _, row in ipairs(formats.all) do
    local from, seen = row.name, {}
    while from and not (known[from] and known[from] > 0) and not seen[from] do
      seen[from] = true
      from = LIKE[from]
      if from and seen[from] then from = FALLBACK[row.name] or "bf16" end
    end
    out[row.name] = known[from]
    if from ~= row.name then unseen[name .. "." .. row.name] = from end
  end
  return out
end

local function look_up(key, ...)
  for i = 1, select("#", ...) do
    local t = select(i, ...)
    if t and t[key] ~= nil then return t[key] end
  end
end

--- The parameters of a deployment.
-- @param fit of fits.open
-- @param generation of the hardware, which the fit covers
-- @param version of the engine; nil: the newest
-- @return { PARAMETERS } as oracle.core's cost reads them in `calibration`; { api_time =, stream_interval = };
--   { ["gemm_compute.fp4"] = the format whose share stands for it, ... }
function fits.parameters(fit, generation, version)
  local own, kernels, factors = fit.generations[generation], fit.kernels[generation], fit.factors or {}
  local out, client, unseen = {}, {}, {}
  for _, name in ipairs(NUMBERS) do
    local v = look_up(name, own, fit.common, kernels)
    if v then out[name] = v * (factors[name] or 1) end
  end
  local age = fits.age(fit, version)
  out.older_factor = age ~= "newer" and fit.versions[age .. "_factor"] or 1
  out.block_floor = out.block_floor or out.quantised_floor
  for _, name in ipairs(NUMBERS) do
    if not out[name] then fail(fit.id, "%s: missing for %s", name, generation) end
  end
  for _, name in ipairs(TABLES) do
    local known = {}
    for _, t in ipairs { kernels, fit.common or {}, own } do
      for format, v in pairs(t[name] or {}) do known[format] = v * (factors[name] or 1) end
    end
    if not (known.bf16 or known.fp16) then fail(fit.id, "%s: missing for %s", name, generation) end
    out[name] = by_format(name, known, unseen)
  end
  for _, name in ipairs(CLIENT) do client[name] = look_up(name, own, fit.common) or 0 end
  return out, client, unseen
end

-- ---- how far to trust it ----

-- The parameters that the steps of a deployment go by.
local function used(model, layout)
  local list = { "attention_decode", "attention_prefill", "layer_floor", "step_host", "sequence_host", "prompt_host" }
  local function add(...) table.move({ ... }, 1, select("#", ...), #list + 1, list) end
  for part, format in pairs(core.cost.part_formats { model = model, layout = layout }) do
    local kind = part == "expert" and "expert" or "gemm"
    if part ~= "expert" or model.num_experts > 0 then
      add(kind .. "_bandwidth." .. format, kind .. "_compute." .. format)
    end
  end
  if layout.tensor_parallel_size > 1 then add("reduce_latency", "reduce_bandwidth") end
  if model.num_experts > 0 then add "expert_floor" end
  if model.num_experts > 0 and layout.expert_parallel then add "expert_parallel_floor" end
  if model.kv_lora_rank > 0 then add "latent_floor" end
  if model.index_topk then add "sparse_floor" end
  if (model.num_state_layers or 0) > 0 then add "state_floor" end
  return list
end

--- What is known of the errors of a deployment's predictions.
-- @param filled of fits.parameters
-- @param context { model =, layout = }
-- @param forced whether the fit is of another engine or chip
-- @return { error = { ttft = { median =, interval = ... in % } ... } or nil, unseen = parameters it needs that no data
--   determined, sorted, forced =, generation = its name where the errors are those of others,
--   sequences = the most at a time in the data or nil }
function fits.accuracy(fit, generation, filled, context, forced)
  local unseen, seen = {}, {}
  for _, t in ipairs { "all", generation } do
    for _, name in ipairs(fit.unseen and fit.unseen[t] or {}) do unseen[name] = true end
  end
  local list = {}
  for _, name in ipairs(used(context.model, context.layout)) do
    if (unseen[name] or unseen[name:match "^[^.]*"] or filled[name]) and not seen[name] then
      seen[name], list[#list + 1] = true, name
    end
  end
  table.sort(list)
  local errors, known = fit.error or {}, {}
  local others = not errors[generation] and next(errors, next(errors) == "all" and "all" or nil) ~= nil
  for _, t in ipairs { errors.all or {}, errors[generation] or {} } do
    for metric, figures in pairs(t) do known[metric] = figures end
  end
  return { fit = fit.id, error = next(known) and known or nil, unseen = list, forced = forced,
           generation = others and generation or nil,
           sequences = fit.range and fit.range.sequences }
end

return fits
