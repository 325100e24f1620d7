--- What one step costs, without a run: seconds, itemised, as the engine prices them. Pipeline stages count
-- one after the other; of pools or groups, one is to be given by itself.
--   local cost = require("oracle").cost
--   local s = { model = "Llama-2-7b", hardware = "a100-80gb", engine = { tensor_parallel_size = 4 } }
--   cost.decode(s, 512).total            one sequence with 512 tokens of context
--   cost.prefill(s, 512).gemm            a prompt of 512 tokens
--   cost.step(s, { decode = { 512, 900 }, prefill = { { tokens = 256, past = 1024, samples = true } } })
local lazy = require "oracle.lazy"
local core = require "oracle.core"
local planning = lazy "oracle.plan"
local scenario = require "oracle.scenario"

local cost = {}

local DEPLOYMENT = { "model", "hardware", "engine", "cost", "network" }

local function fail(...) error(string.format(...), 0) end

local function count(v, key, least)
  local n = math.type(v) == "integer" and v or math.tointeger(v)
  if type(v) ~= "number" or not n or n < least then
    fail("%s: %s: a whole number of at least %d expected", key, tostring(v), least)
  end
  return n
end

local function list(v, key)
  if type(v) ~= "table" then fail("%s: a list expected, got %s", key, v == nil and "none" or "a " .. type(v)) end
  return v
end

-- What is there to compute on, from a scenario, its path, or a table of its keys.
local function plan(s)
  if type(s) == "string" then s = scenario.open(s) end
  if type(s) ~= "table" then fail("cost: a scenario, its path or its keys expected, got %s", type(s)) end
  s = scenario.is(s) and s or scenario.new(s)
  local own = s:copy()
  local raw = scenario.raw(own)
  for _, key in ipairs { "pools", "groups" } do
    if raw[key] then fail("%s: a step is of one of them; give its model, hardware and engine", key) end
  end
  local kept = {}
  for _, key in ipairs(DEPLOYMENT) do kept[key] = raw[key] end
  for key in pairs(raw) do raw[key] = nil end
  for key, value in pairs(kept) do raw[key] = value end
  raw.workload = { kind = "batch", count = 1, prompt = 1, output = 1 }
  return planning.plan(own).spec
end

local CHUNK = { tokens = true, past = true, samples = true }

local function chunk(v, key)
  if type(v) == "number" then v = { tokens = v, samples = true } end
  for k in pairs(list(v, key)) do
    if not CHUNK[k] then fail("%s.%s: unknown key; valid: tokens, past, samples", key, tostring(k)) end
  end
  if v.samples ~= nil and type(v.samples) ~= "boolean" then fail("%s.samples: true or false expected", key) end
  return { tokens = count(v.tokens, key .. ".tokens", 1), past = count(v.past or 0, key .. ".past", 0),
           samples = v.samples ~= false }
end

-- The sums that the engine keeps of a batch.
local function shape_of(batch, model)
  for k in pairs(list(batch, "step")) do
    if k ~= "decode" and k ~= "prefill" then fail("step.%s: unknown key; valid: decode, prefill", tostring(k)) end
  end
  local shape = { decode_seqs = 0, decode_context = 0, decode_window = 0, chunks = {} }
  local window = (model.sliding_window or 0) > 0 and model.sliding_window or math.maxinteger
  for i, context in ipairs(list(batch.decode or {}, "step.decode")) do
    context = count(context, ("step.decode[%d]"):format(i), 1)
    shape.decode_seqs, shape.decode_context = i, shape.decode_context + context
    shape.decode_window = shape.decode_window + math.min(context, window)
  end
  for i, v in ipairs(list(batch.prefill or {}, "step.prefill")) do
    shape.chunks[i] = chunk(v, ("step.prefill[%d]"):format(i))
  end
  if shape.decode_seqs + #shape.chunks == 0 then fail("step: decode or prefill expected, both are empty") end
  return shape
end

--- The time of one step.
-- @param s a scenario, the path of one, or a table of its keys: model, hardware, and engine and cost where wanted
-- @param batch { decode = { tokens of context, the new one included, of each sequence that decodes, ... },
--   prefill = { tokens of a whole prompt, or { tokens =, past = tokens cached before, 0, samples = false where the
--   prompt goes on after it }, ... } }
-- @return { total =, gemm =, attention =, lm_head =, other =, collective =, overhead =, in s; flops =,
-- bytes =, of one GPU };
-- raises "key: what is wrong"
function cost.step(s, batch)
  local spec = plan(s)
  return core.cost.step { model = spec.model, hardware = spec.hardware, layout = spec.layout,
                                            cost = spec.cost, shape = shape_of(batch, spec.model) }
end

--- A step that decodes one token for each of some sequences of the same length.
-- @param s see cost.step
-- @param context tokens of each sequence, the new one included; 1 unless given
-- @param sequences how many; 1 unless given
-- @return see cost.step
function cost.decode(s, context, sequences)
  context = count(context or 1, "decode: context", 1)
  local contexts = {}
  for i = 1, count(sequences or 1, "decode: sequences", 1) do contexts[i] = context end
  return cost.step(s, { decode = contexts })
end

--- A step that computes a prompt, or the last part of one.
-- @param s see cost.step
-- @param tokens to compute
-- @param past tokens of it cached before; 0 unless given
-- @return see cost.step
function cost.prefill(s, tokens, past)
  return cost.step(s, { prefill = { { tokens = tokens, past = past, samples = true } } })
end

return cost
