--- The deployments that a plan chooses from: GPUs, how they share a model, formats, limits of a step, and prefill and
-- decode together or apart. Each is a unit that is copied until there are enough.
local lazy = require "oracle.lazy"
local catalog = lazy "oracle.models.catalog"
local scenario = lazy "oracle.scenario"

local space = {}

local TENSOR, STAGES = { 1, 2, 4, 8, 16 }, { 1, 2 }
local EXPERTS = { 2, 4, 8 }                               -- attention replicas that share experts
local SEQS, TOKENS = { 64, 256, 1024 }, { 2048, 8192 }
local SERVER = 8                                          -- GPUs of one
local UNIT_MOST = 16                                      -- GPUs of one unit that serves by itself
local FIRST_SEQS, FIRST_TOKENS = 256, 8192               -- of the one of a shape that is tried first
-- Replicas that compute prompts to those that decode.
local RATIOS = { { 1, 1 }, { 1, 2 }, { 1, 3 }, { 2, 1 }, { 3, 1 } }

-- Formats of weights: the checkpoint's own, and fp8 where it is a format of 16 bits and the GPU computes in it.
local function formats(model, hardware)
  local list = { false }
  local plain = not model.quantized
  if plain and (hardware.flops.fp8 or 0) > 0 then list[2] = "fp8" end
  return list
end

local function add(list, candidate)
  list[#list + 1] = candidate
end

local function alone(list, gpu, model, quantization, most)
  for _, tp in ipairs(TENSOR) do
    for _, pp in ipairs(STAGES) do
      if tp * pp <= math.min(UNIT_MOST, most) then
        for _, seqs in ipairs(SEQS) do
          for _, tokens in ipairs(TOKENS) do
            add(list, { gpu = gpu, tp = tp, pp = pp, dp = 1, quantization = quantization, seqs = seqs, tokens = tokens,
                        gpus = tp * pp, first = seqs == FIRST_SEQS and tokens == FIRST_TOKENS })
          end
        end
      end
    end
  end
  for _, dp in ipairs(model.experts and EXPERTS or {}) do
    for _, tp in ipairs { 1, 2 } do
      if tp * dp <= math.min(UNIT_MOST, most) then
        for _, seqs in ipairs(SEQS) do
          add(list, { gpu = gpu, tp = tp, pp = 1, dp = dp, experts = true, quantization = quantization, seqs = seqs,
                      tokens = FIRST_TOKENS, gpus = tp * dp, first = seqs == FIRST_SEQS })
        end
      end
    end
  end
end

local function apart(list, gpu, quantization, most)
  for _, p in ipairs(TENSOR) do
    for _, d in ipairs(TENSOR) do
      for _, ratio in ipairs(p <= 8 and d <= 8 and RATIOS or {}) do
        local gpus = p * ratio[1] + d * ratio[2]
        if gpus <= math.min(3 * UNIT_MOST, most) then
          add(list, { gpu = gpu, prefill = { tp = p, replicas = ratio[1] }, decode = { tp = d, replicas = ratio[2] },
                      quantization = quantization, seqs = FIRST_SEQS, tokens = FIRST_TOKENS, gpus = gpus,
                      first = ratio[1] == ratio[2] })
        end
      end
    end
  end
end

--- All candidates, in an order that is always the same.
-- @param ask { model = as a scenario has it, gpus = list of names, max_gpus = of the whole deployment }
-- @return the list: { gpu =, tp =, pp =, dp =, experts =, quantization = or false, seqs =, tokens =,
--   gpus = of a unit }, or in place of tp, pp and dp prefill and decode { tp =, replicas = }; first = true for the one
--   of its shape that is tried before the others
function space.candidates(ask)
  local list = {}
  local model = catalog.model(ask.model)
  local about = { quantized = model.quantization ~= nil, experts = (model.num_experts or 0) > 0 }
  for _, gpu in ipairs(ask.gpus) do
    for _, quantization in ipairs(formats(about, catalog.hardware(gpu))) do
      alone(list, gpu, about, quantization, ask.max_gpus)
      apart(list, gpu, quantization, ask.max_gpus)
    end
  end
  return list
end

--- What belongs together where it is said why it is no plan: the GPU, and how it is shared.
function space.family(c)
  local format = c.quantization and ", " .. c.quantization or ""
  if c.prefill then return ("%s%s, prefill and decode apart"):format(c.gpu, format) end
  local shape = c.experts and ("%d replicas of TP%d share experts"):format(c.dp, c.tp)
    or c.pp > 1 and ("TP%d x PP%d"):format(c.tp, c.pp) or ("TP%d"):format(c.tp)
  return ("%s%s, %s"):format(c.gpu, format, shape)
end

--- What differs only in the limits of a step, or in how many replicas compute prompts for how many that decode.
function space.shape(c)
  if not c.prefill then return space.family(c) end
  return ("%s, TP%d and TP%d"):format(space.family(c), c.prefill.tp, c.decode.tp)
end

--- A candidate in a few words.
function space.name(c)
  local format = c.quantization and " " .. c.quantization or ""
  if c.prefill then
    return ("%s%s prefill %dxTP%d + decode %dxTP%d"):format(c.gpu, format, c.prefill.replicas, c.prefill.tp,
      c.decode.replicas, c.decode.tp)
  end
  local shape = c.experts and ("TP%d DP%d EP"):format(c.tp, c.dp) or c.pp > 1 and ("TP%d PP%d"):format(c.tp, c.pp)
    or ("TP%d"):format(c.tp)
  return ("%s%s %s seqs %d tokens %d"):format(c.gpu, format, shape, c.seqs, c.tokens)
end

local function engine_of(c, base)
  local e = {}
  for k, v in pairs(base or {}) do e[k] = v end
  e.max_num_seqs, e.max_num_batched_tokens = c.seqs, c.tokens
  if c.quantization then e.quantization = c.quantization end
  e.max_model_len = e.max_model_len or "auto"
  return e
end

-- Servers of eight GPUs, each GPU with a port to the others; within a server as its GPUs are joined.
local function network_of(c, units)
  local hardware = catalog.hardware(c.gpu)
  local inside = hardware.nvlink and hardware.nvlink.bandwidth > 0 and hardware.nvlink or hardware.pcie
  return { topology = "hgx_ib", hosts = math.max(1, math.ceil(units * c.gpus / SERVER)), bandwidth = inside.bandwidth }
end

--- Give a scenario the deployment of a candidate.
-- @param s a scenario of its own, with workload and objectives
-- @param units how many of it
function space.apply(s, c, units)
  local base = space.plain(scenario.raw(s).engine or {})
  s.hardware = c.gpu
  if c.prefill then
    s.engine = engine_of(c, base)
    s.pools = { prefill = { replicas = units * c.prefill.replicas, engine = { tensor_parallel_size = c.prefill.tp } },
                decode = { replicas = units * c.decode.replicas, engine = { tensor_parallel_size = c.decode.tp } } }
    s.network, s.lod = network_of(c, units), "medium"     -- KV goes by formula: a plan tries hundreds
    return s
  end
  local e = engine_of(c, base)
  e.tensor_parallel_size, e.pipeline_parallel_size = c.tp, c.pp
  if c.experts then e.data_parallel_size, e.enable_expert_parallel = c.dp, true end
  s.engine = e
  s.replicas = units
  return s
end

local SHAPE = { "tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size", "enable_expert_parallel" }

--- An engine's knobs without those that a plan chooses.
function space.plain(engine)
  local e = {}
  for k, v in pairs(engine) do e[k] = v end
  for _, key in ipairs(SHAPE) do e[key] = nil end
  return e
end

return space
