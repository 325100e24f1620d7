--- The deployments that a plan chooses from: GPUs, how they share a model, formats of weights and KV cache, limits of a
-- step, and prefill and decode together or apart. Each is a unit that is copied until there are enough.
local lazy = require "oracle.lazy"
local catalog = lazy "oracle.models.catalog"
local inputs = require "oracle.text.inputs"
local scenario = lazy "oracle.scenario"

local space = {}

local TENSOR, STAGES = { 1, 2, 4, 8, 16 }, { 1, 2 }
local REPLICAS = { 2, 4, 8, 16 }                          -- attention replicas that share experts
local SEQS, TOKENS = { 64, 128, 256, 1024 }, { 2048, 8192 }
local SERVER = 8                                          -- GPUs of one
local UNIT_MOST = 16                                      -- GPUs of one unit that serves by itself
local POOLS_MOST = 48                                     -- and of one with pools
local APART_SEQS, APART_TOKENS = { 256, 1024 }, 8192
-- Replicas that compute prompts to those that decode.
local RATIOS = { { 1, 1 }, { 1, 2 }, { 2, 1 }, { 1, 3 }, { 3, 1 }, { 2, 3 }, { 3, 2 }, { 1, 4 }, { 4, 1 } }

--- The knobs of an engine that a plan chooses, and what each is called in a candidate.
space.KNOBS = { tensor_parallel_size = "tp", pipeline_parallel_size = "pp", data_parallel_size = "dp",
                quantization = "quantization", kv_cache_dtype = "kv", max_num_seqs = "seqs",
                max_num_batched_tokens = "tokens" }

local known = {}

--- An accelerator of the catalog, read once.
function space.hardware(name)
  return inputs.remember(known, name, catalog.hardware, name)
end

-- A list, or what was asked for in its place; what the scenario has itself is one of them.
local function choice(ask, key, list, own)
  if ask.fixed and ask.fixed[key] then return ask.fixed[key] end
  local out = table.move(list, 1, #list, 1, {})
  for _, v in ipairs(out) do
    if v == own then return out end
  end
  if own ~= nil then out[#out + 1] = own end
  return out
end

-- Formats of weights: the checkpoint's own ("none"), and fp8 where that is of 16 bits and the GPU computes in it.
local function weights_of(ask, model, hardware)
  local list = { "none" }
  if not model.quantized and (hardware.flops.fp8 or 0) > 0 then list[2] = "fp8" end
  return choice(ask, "quantization", list, ask.engine.quantization)
end

local function kv_of(ask, hardware)
  return choice(ask, "kv_cache_dtype", (hardware.flops.fp8 or 0) > 0 and { "auto", "fp8" } or { "auto" },
    ask.engine.kv_cache_dtype)
end

local function with(formats, candidate)
  candidate.gpu, candidate.quantization, candidate.kv = formats.gpu, formats.quantization, formats.kv
  return candidate
end

local function together(list, ask, formats, model)
  local seqs_of = choice(ask, "max_num_seqs", SEQS, ask.engine.max_num_seqs)
  local tokens_of = choice(ask, "max_num_batched_tokens", TOKENS, ask.engine.max_num_batched_tokens)
  local copies = model.experts and choice(ask, "data_parallel_size", { 1, table.unpack(REPLICAS) })
    or ask.fixed and ask.fixed.data_parallel_size or { 1 }
  for _, dp in ipairs(copies) do
    for _, tp in ipairs(choice(ask, "tensor_parallel_size", TENSOR, ask.engine.tensor_parallel_size)) do
      for _, pp in ipairs(choice(ask, "pipeline_parallel_size", STAGES, ask.engine.pipeline_parallel_size)) do
        local gpus = tp * pp * dp
        local usual = gpus <= UNIT_MOST and (dp == 1 or pp == 1 and tp <= 2) or ask.fixed
        for _, seqs in ipairs(usual and gpus <= ask.max_gpus and seqs_of or {}) do
          for _, tokens in ipairs(tokens_of) do
            list[#list + 1] = with(formats, { tp = tp, pp = pp, dp = dp, experts = dp > 1 and model.experts,
                                              seqs = seqs, tokens = tokens, gpus = gpus })
          end
        end
      end
    end
  end
end

local function apart(list, ask, formats)
  local tensor = choice(ask, "tensor_parallel_size", { 1, 2, 4, 8 }, nil)
  local seqs_of = choice(ask, "max_num_seqs", APART_SEQS, nil)
  local tokens = choice(ask, "max_num_batched_tokens", { APART_TOKENS }, nil)[1]
  for _, p in ipairs(tensor) do
    for _, d in ipairs(tensor) do
      for _, seqs in ipairs(seqs_of) do
        for _, ratio in ipairs(RATIOS) do
          local gpus = p * ratio[1] + d * ratio[2]
          if gpus <= math.min(POOLS_MOST, ask.max_gpus) then
            list[#list + 1] = with(formats, { prefill = { tp = p, replicas = ratio[1] }, seqs = seqs, tokens = tokens,
                                              decode = { tp = d, replicas = ratio[2] }, gpus = gpus })
          end
        end
      end
    end
  end
end

-- Whether pools can be what was asked for.
local function may_be_apart(ask)
  local fixed = ask.fixed or {}
  return not (fixed.pipeline_parallel_size or fixed.data_parallel_size)
end

--- All candidates, in an order that is always the same.
-- @param ask { model = as a scenario has it, gpus = list of names, max_gpus = of the whole deployment,
--   engine = the scenario's own knobs or nil, fixed = { knob = list of values } or nil: no others are tried }
-- @return the list: { gpu =, tp =, pp =, dp =, experts =, quantization = a name or "none", kv =, seqs =, tokens =,
--   gpus = of a unit }, or in place of tp, pp and dp prefill and decode { tp =, replicas = }
function space.candidates(ask)
  local list = {}
  local model = catalog.model(ask.model)
  local about = { quantized = model.quantization ~= nil, experts = (model.num_experts or 0) > 0 }
  local own = { model = ask.model, max_gpus = ask.max_gpus, fixed = ask.fixed, engine = ask.engine or {} }
  for _, gpu in ipairs(ask.gpus) do
    local hardware = space.hardware(gpu)
    for _, quantization in ipairs(weights_of(own, about, hardware)) do
      for _, kv in ipairs(kv_of(own, hardware)) do
        local formats = { gpu = gpu, quantization = quantization, kv = kv }
        together(list, own, formats, about)
        if may_be_apart(own) then apart(list, own, formats) end
      end
    end
  end
  return list
end

-- ---- names ----

--- How a candidate's GPUs share the model: "TP4", "TP2 x PP2", "TP1 x DP8 with shared experts", "prefill and decode
-- apart".
function space.sharing(c)
  if c.prefill then return "prefill and decode apart" end
  if c.dp > 1 then return ("TP%d x DP%d%s"):format(c.tp, c.dp, c.experts and " with shared experts" or "") end
  return c.pp > 1 and ("TP%d x PP%d"):format(c.tp, c.pp) or ("TP%d"):format(c.tp)
end

--- What belongs together where it is said why it is no plan: the GPU, and how it is shared.
function space.family(c)
  return ("%s, %s"):format(c.gpu, space.sharing(c))
end

local function formats_of(c)
  return (c.quantization ~= "none" and " " .. c.quantization or "") .. (c.kv ~= "auto" and " kv-" .. c.kv or "")
end

--- What differs only in the limits of a step, or in how many replicas compute prompts for how many that decode.
function space.shape(c)
  local of = c.prefill and (" TP%d and TP%d"):format(c.prefill.tp, c.decode.tp) or ""
  return space.family(c) .. formats_of(c) .. of
end

--- A candidate in a few words.
function space.name(c)
  local limits = (" seqs %d tokens %d"):format(c.seqs, c.tokens)
  if c.prefill then
    return ("%s%s prefill %dxTP%d + decode %dxTP%d seqs %d"):format(c.gpu, formats_of(c), c.prefill.replicas,
      c.prefill.tp, c.decode.replicas, c.decode.tp, c.seqs)
  end
  local shape = c.dp > 1 and ("TP%d DP%d%s"):format(c.tp, c.dp, c.experts and " EP" or "")
    or c.pp > 1 and ("TP%d PP%d"):format(c.tp, c.pp) or ("TP%d"):format(c.tp)
  return ("%s%s %s%s"):format(c.gpu, formats_of(c), shape, limits)
end

-- ---- as a scenario ----

--- An engine's knobs without those that a plan chooses.
function space.plain(engine)
  local e = {}
  for k, v in pairs(engine) do e[k] = v end
  for key in pairs(space.KNOBS) do e[key] = nil end
  e.enable_expert_parallel = nil
  return e
end

local function engine_of(c, base)
  local e = space.plain(base)
  e.max_num_seqs, e.max_num_batched_tokens = c.seqs, c.tokens
  if c.quantization ~= "none" then e.quantization = c.quantization end
  if c.kv ~= "auto" then e.kv_cache_dtype = c.kv end
  e.max_model_len = e.max_model_len or "auto"
  return e
end

-- Servers of eight GPUs, each GPU with a port to the others; within a server as its GPUs are joined.
local function network_of(c, units)
  local hardware = space.hardware(c.gpu)
  local inside = hardware.nvlink and hardware.nvlink.bandwidth > 0 and hardware.nvlink or hardware.pcie
  return { topology = "hgx_ib", hosts = math.max(1, math.ceil(units * c.gpus / SERVER)), bandwidth = inside.bandwidth }
end

--- Give a scenario the deployment of a candidate.
-- @param s a scenario of its own, with workload and objectives
-- @param units how many of it
-- @param router the name of a router, or nil: as the scenario has it
function space.apply(s, c, units, router)
  local e = engine_of(c, scenario.raw(s).engine or {})
  s.hardware = c.gpu
  s.replicas, s.pools = nil, nil                          -- what the scenario has itself is no part of a candidate
  if router then s.router = router end
  if c.prefill then
    s.engine = e
    s.pools = { prefill = { replicas = units * c.prefill.replicas, engine = { tensor_parallel_size = c.prefill.tp } },
                decode = { replicas = units * c.decode.replicas, engine = { tensor_parallel_size = c.decode.tp } } }
    s.network, s.lod = network_of(c, units), "medium"     -- KV goes by formula: a plan tries hundreds
    return s
  end
  e.tensor_parallel_size, e.pipeline_parallel_size = c.tp, c.pp
  if c.dp > 1 then e.data_parallel_size, e.enable_expert_parallel = c.dp, c.experts or nil end
  s.engine = e
  s.replicas = units
  return s
end

return space
