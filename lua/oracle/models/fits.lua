--- Fits: what measurements say of an engine and of kernels on a generation of chips, as files of models/fits. One of an
-- engine is
--   { "id", "name", "engine": "vllm", "kernels": "kernels" or such a file's generations,
--     "versions": { "newer": the first version of the newer generation, "older_factor" },
--     "factors": { parameter: what the engine makes of the kernels' },
--     "common": { PARAMETERS }, "generations": { "hopper": { PARAMETERS }, ... },
--     "error": { "ttft" | "tpot" | "e2e" | "throughput": { "median", "mean", "p80", "interval", in % } },
--     "provenance": {} }
-- PARAMETERS are those of src/cost/calibrated.h in SI units, and api_time, stream_interval. What a generation says
-- counts before what is common, and that before the kernels'.
local core = require "oracle.core"
local formats = require "oracle.scenario.number_formats"
local hardware = require "oracle.models.hardware"
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

local function check_parameters(where, t)
  for _, key in ipairs(ordered.keys(object(where, t))) do
    local at = where .. "." .. key
    if KIND[key] == "number" then number(at, t[key])
    elseif KIND[key] == "formats" then
      for _, format in ipairs(ordered.keys(object(at, t[key]))) do
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

local function check_generations(where, t)
  for _, name in ipairs(ordered.keys(object(where, t))) do
    local known = false
    for _, g in ipairs(hardware.GENERATIONS) do known = known or g == name end
    if not known then unknown(where .. "." .. name, name, hardware.GENERATIONS) end
    check_parameters(where .. "." .. name, t[name])
  end
end

local function check_keys(where, t, valid)
  local set = {}
  for _, key in ipairs(valid) do set[key] = true end
  for _, key in ipairs(ordered.keys(t)) do
    if not set[key] then unknown(where .. "." .. key, key, valid) end
  end
end

local function check_error(where, t)
  for _, metric in ipairs(ordered.keys(object(where, t))) do
    check_keys(where, { [metric] = true }, METRICS)
    local at = where .. "." .. metric
    check_keys(at, object(at, t[metric]), { "median", "mean", "p80", "interval", "n" })
    for _, key in ipairs(ordered.keys(t[metric])) do number(at .. "." .. key, t[metric][key]) end
  end
end

local function check_versions(where, t)
  check_keys(where, object(where, t), { "newer", "older_factor", "fitted" })
  if t.older_factor ~= nil then number(where .. ".older_factor", t.older_factor, 1e-3) end
  if t.newer ~= nil and not fits.version(t.newer) then fail(where .. ".newer", 'a version such as "0.15" expected') end
end

local function check_factors(where, t)
  for _, key in ipairs(ordered.keys(object(where, t))) do
    if not KIND[key] then unknown(where .. "." .. key, key, PARAMETERS) end
    number(where .. "." .. key, t[key], 1e-6)
  end
end

local function check(file, v)
  check_keys(file, object(file, v), { "id", "name", "engine", "kernels", "versions", "factors", "common", "generations",
    "error", "provenance", "source", "date", "note" })
  if type(v.engine) ~= "string" then fail(file .. ".engine", "the name of a serving system expected") end
  if v.generations == nil then fail(file .. ".generations", "missing") end
  check_generations(file .. ".generations", v.generations)
  if v.common ~= nil then check_parameters(file .. ".common", v.common) end
  if v.versions ~= nil then check_versions(file .. ".versions", v.versions) end
  if v.factors ~= nil then check_factors(file .. ".factors", v.factors) end
  if v.error ~= nil then check_error(file .. ".error", v.error) end
  return v
end

local function read(path)
  local f, why = io.open(path, "rb")
  if not f then error((why:gsub("No such file or directory", "no such file")), 0) end
  local text = f:read "a"
  f:close()
  if not text then error(path .. ": cannot be read", 0) end
  return json.decode(text, path)
end

local function shipped(name) return paths.path("models/fits/" .. name .. ".json") end

local loaded = {}                                         -- path -> fit

local function load(path, label)
  if loaded[path] then return loaded[path] end
  local v = check(label, read(path))
  if type(v.kernels) == "string" then
    local kernels = object(v.kernels, read(shipped(v.kernels)))
    check_generations(v.kernels .. ".generations", kernels.generations or {})
    v.kernels = kernels.generations
  elseif v.kernels ~= nil then
    check_generations(label .. ".kernels", v.kernels)
  end
  v.kernels = v.kernels or {}
  v.id = v.id or label
  loaded[path] = v
  return v
end

--- The names of the shipped fits, sorted.
function fits.names()
  local names = {}
  for _, file in ipairs(core.list(paths.path "models/fits") or {}) do
    local name = file:match "^([%w_.-]+)%.json$"
    if name and type(read(shipped(name)).engine) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  return names
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

--- The shipped fit of an engine, or nil.
function fits.of_engine(engine)
  for _, name in ipairs(fits.names()) do
    local fit = load(shipped(name), name)
    if fit.engine == engine then return fit end
  end
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

--- Whether a version is of the engine's older generation. One that is not told is not.
function fits.is_older(fit, version)
  local newer = fit.versions and fit.versions.newer
  local a, b = version and fits.version(version), newer and fits.version(newer)
  if not a or not b then return false end
  for i = 1, math.max(#a, #b) do
    if (a[i] or 0) ~= (b[i] or 0) then return (a[i] or 0) < (b[i] or 0) end
  end
  return false
end

--- Whether a fit knows a generation of chips.
function fits.covers(fit, generation)
  return generation ~= nil and fit.generations[generation] ~= nil and fit.kernels[generation] ~= nil
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
  out.older_factor = fits.is_older(fit, version) and fit.versions.older_factor or 1
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

return fits
