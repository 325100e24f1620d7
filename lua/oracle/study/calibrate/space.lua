--- What a fit is free to change: parameters by name, each with where it begins - its prior, or the shipped fit's
-- value -
--  how far it may go from there, and which numbers of which fits it sets. All are positive and are moved by ratio.
-- Parameters belong to kernels on a generation of chips, to an engine, or to an engine on a generation; none to a
-- model.
local space = {}

-- Numbers of an engine: name, width of its prior as a ratio's logarithm.
local ENGINE = { { "step_host", 0.5 }, { "sequence_host", 0.5 }, { "prompt_host", 0.5 } }
local CLIENT = { { "api_time", 0.3 }, { "stream_interval", 0.3 } }
local FLOORS = { { "layer_floor", 0.3 }, { "expert_floor", 0.4 }, { "reduce_latency", 0.3 } }
local AGES = { { "older_factor", 0.2 }, { "oldest_factor", 0.3 } } -- of versions before the newer generation
-- Of all engines: what a kind of layer takes besides.
local SHARED = { { "quantised_floor", 0.4 }, { "block_floor", 0.4 }, { "latent_floor", 0.5 }, { "sparse_floor", 0.2 }, { "state_floor", 0.5 },
                 { "expert_parallel_floor", 0.4 } }
-- Of kernels: how far measured tables are off on all generations alike, and on one generation (of one format) beside.
local KERNELS = {
  { "gemm_bandwidth", 0.03, 0.04 }, { "gemm_compute", 0.08, 0.08 }, { "expert_bandwidth", 0.15, 0.08 },
  { "expert_compute", 0.3, 0.15 }, { "attention_decode", 0.1, 0.05 }, { "attention_prefill", 0.15, 0.1 },
  { "reduce_bandwidth", 0.1, 0.1 }, { "slice_width", 0.3 }, { "routing_skew", 0.2 }, { "rank_imbalance", 0.05 },
}

local RATIO_WIDTH = 0.15                                  -- of a generation's floors over Hopper's
local OWN_WIDTH = 0.1                                     -- of one engine's from that
-- Chips without kernel tables: what is known of them before is another chip's, and holds less.
local UNMEASURED, LOOSER = { cdna2 = true, cdna3 = true, cdna4 = true, ["blackwell-rtx"] = true, volta = true }, 3

local function copy(v)
  if type(v) ~= "table" then return v end
  local t = {}
  for k, inner in pairs(v) do t[k] = copy(inner) end
  return t
end

space.copy = copy

local function sorted(t)
  local keys = {}
  for k in pairs(t or {}) do keys[#keys + 1] = k end
  table.sort(keys)
  return keys
end

local function add(list, name, width, apply)
  list[#list + 1] = { name = name, width = width, apply = apply }
end

local function multiply(t, key, by)
  if t and t[key] then t[key] = t[key] * by end
end

-- A share of one format on one generation.
local function add_share(list, g, table_name, format, width)
  add(list, ("kernels.%s.%s.%s"):format(g, table_name, format), width, function(out, by)
    multiply(out.kernels[g][table_name], format, by)
    if format == "bf16" then multiply(out.kernels[g][table_name], "fp16", by) end
  end)
end

local function add_kernels(list, kernels, generations)
  for _, row in ipairs(KERNELS) do
    add(list, "kernels." .. row[1], row[2], function(out, by)
      for _, g in ipairs(sorted(out.kernels)) do
        local of = out.kernels[g][row[1]]
        if type(of) == "table" then
          for format in pairs(of) do of[format] = of[format] * by end
        else
          multiply(out.kernels[g], row[1], by)
        end
      end
    end)
  end
  for _, g in ipairs(generations) do
    local looser = UNMEASURED[g] and LOOSER or 1
    for _, row in ipairs(KERNELS) do
      local of = kernels[g] and kernels[g][row[1]]
      if row[3] and type(of) == "table" then
        for _, format in ipairs(sorted(of)) do
          if format ~= "fp16" then add_share(list, g, row[1], format, row[3] * looser) end
        end
      elseif row[3] and of then
        add(list, ("kernels.%s.%s"):format(g, row[1]), row[3] * looser, function(out, by)
          multiply(out.kernels[g], row[1], by)
        end)
      end
    end
  end
end

local function each_generation(fit, f)
  for _, g in ipairs(sorted(fit.generations)) do f(fit.generations[g], g) end
end

local function add_engine(list, id, fit, generations)
  for _, row in ipairs(ENGINE) do
    add(list, id .. "." .. row[1], row[2], function(out, by) multiply(out.engines[id].common, row[1], by) end)
  end
  for _, row in ipairs(CLIENT) do
    add(list, id .. "." .. row[1], row[2], function(out, by) multiply(out.engines[id].common, row[1], by) end)
  end
  for _, row in ipairs(AGES) do
    if fit.versions[row[1]] then
      add(list, id .. "." .. row[1], row[2], function(out, by) multiply(out.engines[id].versions, row[1], by) end)
    end
  end
  for _, row in ipairs(FLOORS) do
    add(list, id .. "." .. row[1], row[2], function(out, by)
      each_generation(out.engines[id], function(t) multiply(t, row[1], by) end)
    end)
    for _, g in ipairs(generations) do
      if g ~= "hopper" and fit.generations[g] then
        add(list, ("%s.%s.%s"):format(id, g, row[1]), OWN_WIDTH, function(out, by)
          multiply(out.engines[id].generations[g], row[1], by)
        end)
      end
    end
  end
end

local function each_floor(out, g, names, by)
  for _, id in ipairs(sorted(out.engines)) do
    for _, row in ipairs(names) do multiply(out.engines[id].generations[g], row[1], by) end
  end
end

local function add_common(list, engines, generations)
  for _, row in ipairs(SHARED) do
    add(list, "engines." .. row[1], row[2], function(out, by)
      for _, id in ipairs(sorted(out.engines)) do
        multiply(out.engines[id].common, row[1], by)
        each_generation(out.engines[id], function(t) multiply(t, row[1], by) end)
      end
    end)
  end
  for _, g in ipairs(generations) do
    local some = false
    for _, id in ipairs(sorted(engines)) do some = some or engines[id].generations[g] end
    if g ~= "hopper" and some then
      local width = UNMEASURED[g] and LOOSER * RATIO_WIDTH or RATIO_WIDTH
      local parts = { { "layers", { FLOORS[1], FLOORS[2] } }, { "reduces", { FLOORS[3] } } }
      if UNMEASURED[g] then parts[3], parts[4] = { "latent", { { "latent_floor" } } }, { "experts", { FLOORS[2] } } end
      for _, part in ipairs(parts) do
        add(list, ("ratio.%s.%s"):format(g, part[1]), width, function(out, by)
          each_floor(out, g, part[2], by)
        end)
      end
    end
  end
end

--- All that measurements of these engines and generations may change.
-- @param base { kernels = { generation = {...} }, engines = { id = a fit of models/fits } }
-- @param generations those that the measurements are of
-- @return { { name =, width =, apply = function(out, ratio) }, ... }
function space.whole(base, generations)
  local list = {}
  add_kernels(list, base.kernels, generations)
  add_common(list, base.engines, generations)
  for _, id in ipairs(sorted(base.engines)) do add_engine(list, id, base.engines[id], generations) end
  return list
end

-- What one's own machine may differ in from the fit that others gave: everything an engine takes beside kernels as one,
-- its host, and the rates of kernels as one.
local OWN = {
  { "floors", 0.5, { "layer_floor", "quantised_floor", "latent_floor", "sparse_floor", "state_floor", "expert_floor",
                     "expert_parallel_floor" } },
  { "host", 0.5, { "step_host", "sequence_host", "prompt_host" } },
  { "bandwidth", 0.25, { "gemm_bandwidth", "expert_bandwidth", "attention_decode" } },
  { "compute", 0.25, { "gemm_compute", "expert_compute", "attention_prefill" } },
  { "reduces", 0.3, { "reduce_latency" } },
}

--- What a few measurements of one deployment may correct of an engine's fit.
-- @param id of the engine's fit in base.engines
function space.own(_, id)
  local list = {}
  for _, row in ipairs(OWN) do
    add(list, id .. "." .. row[1], row[2], function(out, by)
      local fit = out.engines[id]
      fit.factors = fit.factors or {}
      for _, name in ipairs(row[3]) do fit.factors[name] = (fit.factors[name] or 1) * by end
    end)
  end
  for _, row in ipairs(CLIENT) do
    add(list, id .. "." .. row[1], row[2], function(out, by) multiply(out.engines[id].common, row[1], by) end)
  end
  return list
end

-- No kernel reaches more of a data sheet's rates than a cache and a faster path give it.
local MOST = { gemm_bandwidth = 1.1, expert_bandwidth = 1.3, gemm_compute = 1, expert_compute = 1 }

local function bound(kernels)
  for _, t in pairs(kernels) do
    for name, most in pairs(MOST) do
      for format, v in pairs(t[name] or {}) do t[name][format] = math.min(v, most) end
    end
    t.rank_imbalance = t.rank_imbalance and math.max(1, t.rank_imbalance)
    t.routing_skew = t.routing_skew and math.min(1, t.routing_skew)
  end
end

--- A copy of the base with parameters set.
-- @param x logarithms of ratios to the base, one for each parameter
function space.set(base, list, x)
  local out = copy(base)
  for i, parameter in ipairs(list) do
    if x[i] ~= 0 then parameter.apply(out, math.exp(x[i])) end
  end
  bound(out.kernels)
  return out
end

return space
