--- Fits as files of models/fits: the kernels' shares, and one for each engine.
local ordered = require "oracle.text.ordered"

local file = {}

local TABLES = { "gemm_bandwidth", "gemm_compute", "expert_bandwidth", "expert_compute" }
local KERNEL_NUMBERS = { "slice_width", "routing_skew", "rank_imbalance", "attention_decode",
                         "attention_decode_compute",
                         "attention_prefill", "prefill_ramp", "reduce_bandwidth" }
local COMMON = { "step_host", "sequence_host", "prompt_host", "quantised_floor", "block_floor", "latent_floor",
                 "sparse_floor",
                 "state_floor", "expert_parallel_floor", "api_time", "stream_interval" }
local GENERATION = { "layer_floor", "quantised_floor", "block_floor", "latent_floor", "sparse_floor", "state_floor", "expert_floor",
                     "expert_parallel_floor", "reduce_latency", "step_host" }

-- A number with as many digits as it is worth.
local function round(v)
  if type(v) ~= "number" or v == 0 then return v end
  return tonumber(("%.4g"):format(v))
end

local function rounded(t, names)
  local list = {}
  for _, name in ipairs(names) do
    local v = t[name]
    if type(v) == "number" then list[#list + 1] = { name, round(v) } end
  end
  return list
end

-- Numbers by their names.
local function by_name(t)
  local list = {}
  for _, format in ipairs(ordered.keys(t)) do list[#list + 1] = { format, round(t[format]) } end
  return ordered.object(list)
end

local function generation_of_kernels(t)
  local list = {}
  for _, name in ipairs(TABLES) do
    if t[name] then list[#list + 1] = { name, by_name(t[name]) } end
  end
  for _, pair in ipairs(rounded(t, KERNEL_NUMBERS)) do list[#list + 1] = pair end
  return ordered.object(list)
end

local function each(t, make)
  local list = {}
  for i, name in ipairs(ordered.keys(t)) do list[i] = { name, make(t[name]) } end
  return ordered.object(list)
end

--- The kernels' part, as a file of its own or within an engine's.
function file.kernels(kernels)
  return each(kernels, generation_of_kernels)
end

--- What a fit of an engine holds.
-- @param fit as oracle.models.fits has it, with its values, @param about { kernels = a name or file.kernels's, error =,
--   unseen =, range =, provenance = }
function file.engine(fit, about)
  local list = { { "id", fit.id }, { "name", fit.name }, { "engine", fit.engine }, { "kernels", about.kernels } }
  if fit.versions then
    local v = fit.versions
    list[#list + 1] = { "versions", ordered.object { { "newer", v.newer }, { "older_factor", round(v.older_factor) },
                                                     { "older", v.older }, { "oldest_factor", round(v.oldest_factor) } } }
  end
  if fit.factors then list[#list + 1] = { "factors", by_name(fit.factors) } end
  list[#list + 1] = { "common", ordered.object(rounded(fit.common or {}, COMMON)) }
  list[#list + 1] = { "generations", each(fit.generations, function(t)
    return ordered.object(rounded(t, GENERATION))
  end) }
  for _, key in ipairs { "error", "unseen", "range", "provenance" } do
    if about[key] then list[#list + 1] = { key, about[key] } end
  end
  return ordered.object(list)
end

return file
