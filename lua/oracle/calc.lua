--- The engine's calculators, each by itself: what a step costs, the operations it is made of, memory, KV caches,
-- collectives, number formats. docs/costs.md lists them with their units.
--   calc.step(d, { decode = { 512, 900 }, prefill = { { tokens = 256, past = 1024 } } }).total
--   calc.all_reduce { ranks = 8, bytes = "1 MiB", latency = "1 us", bandwidth = "450 GB/s" }
-- `d` is a deployment { model =, hardware =, layout = [, cost =] } as a cost model gets it in its third argument.
-- oracle.calc, which files of scenarios and the prompt have, takes a scenario there too (oracle.plan.step_cost).
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local units = lazy "oracle.text.units"

local calc = {}

local COLLECTIVES = { "all_reduce", "all_gather", "reduce_scatter", "broadcast", "scatter", "gather", "all_to_all",
                      "send_recv" }

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

-- A number in SI units, or a text with a unit; `otherwise` where there is none.
local function quantity(t, key, dimension, otherwise)
  local v = t[key]
  if v == nil then return otherwise end
  if type(v) == "string" then
    local number, why = units.parse(v, dimension)
    if not number then fail("%s: %s", key, why) end
    return number
  end
  if type(v) ~= "number" then fail("%s: a number expected, got a %s", key, type(v)) end
  return v
end

local function copy(t)
  local out = {}
  for k, v in pairs(t) do out[k] = v end
  return out
end

-- ---- steps ----

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

-- The sums that the engine keeps of a batch; those of a shape, as cost models get it, are taken as they are.
local function shape_of(batch, model)
  if type(batch) == "table" and (batch.decode_seqs or batch.prefill_tokens) then return batch end
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

local function tokens_of(shape)
  local n = (shape.decode_seqs or 0) + (shape.verified_tokens or 0) + (shape.prefill_tokens or 0)
  for _, c in ipairs(shape.chunks or {}) do n = n + c.tokens end
  return n
end

--- The time of one step.
-- @param d a deployment
-- @param batch { decode = { tokens of context, the new one included, of each sequence that decodes, ... },
--   prefill = { tokens of a whole prompt, or { tokens =, past = tokens cached before, 0, samples = false where the
--   prompt goes on after it }, ... } }; or a shape, as cost models get it
-- @return { total =, gemm =, attention =, lm_head =, other =, collective =, exchange =, overhead =, send = between
--   pipeline stages, where a scenario is asked (a cost model's step is of one stage), in s; flops =, bytes =, of one
--   GPU }; raises "key: what is wrong"
local function step(d, batch)
  local shape = shape_of(batch, d.model)
  local t = core.cost.step { model = d.model, hardware = d.hardware, layout = d.layout, cost = d.cost,
                             own_cost = d.own_cost, shape = shape }
  if not d.whole then return t end
  t.send = core.cost.send { model = d.model, hardware = d.hardware, layout = d.layout, cost = d.cost,
                            tokens = tokens_of(shape) }
  t.total = t.total + t.send
  return t
end

--- A step that decodes one token for each of some sequences of the same length.
-- @param context tokens of each sequence, the new one included; 1 unless given
-- @param sequences how many; 1 unless given
local function decode(d, context, sequences)
  local contexts, each = {}, count(context or 1, "decode: context", 1)
  for i = 1, count(sequences or 1, "decode: sequences", 1) do contexts[i] = each end
  return step(d, { decode = contexts })
end

--- A step that computes a prompt, or the last part of one.
-- @param tokens to compute
-- @param past tokens of it cached before; 0 unless given
local function prefill(d, tokens, past)
  return step(d, { prefill = { { tokens = tokens, past = past, samples = true } } })
end

--- The operations of a step on one GPU, in the order they run: { { name =, flops = FLOP per `per`, weights = B read
-- once per step (of "experts": of one), bytes = B of activations per `per`, per = "token" | ... }, ... }.
local function operations(d)
  return core.cost.ops { model = d.model, layout = d.layout }
end

--- The time of so much work on a GPU: the slower of its two roofs.
-- @param work { flops = FLOP, bytes = B, format = of the FLOPs, layout.compute; mfu = 0.5, mbu = 0.8: shares of the
--   peaks reached; smooth_p = exponent of the smooth maximum, 0: the hard one }
-- @return s; which roof it is under, "compute" or "memory"
local function roofline(d, work)
  list(work, "roofline")
  local flops, bytes = quantity(work, "flops", "flop", 0), quantity(work, "bytes", "bytes", 0)
  local format = work.format or d.layout and d.layout.compute or "bf16"
  local peak = core.cost.flops(d.hardware, format)
  if flops > 0 and peak == 0 then fail("roofline.format: %s: the GPU has no rate for it", format) end
  local compute = flops > 0 and flops / ((work.mfu or 0.5) * peak) or 0
  local memory = bytes / ((work.mbu or 0.8) * d.hardware.bandwidth)
  local p = work.smooth_p or 0
  local bound = compute > memory and "compute" or "memory"
  if p == 0 or compute == 0 or memory == 0 then return math.max(compute, memory), bound end
  local large, small = math.max(compute, memory), math.min(compute, memory)
  return large * math.exp(math.log(1 + math.exp(p * math.log(small / large))) / p), bound
end

--- A GPU's peak in a number format: FLOP/s.
local function flops(d, format)
  return core.cost.flops(d.hardware, format or d.layout and d.layout.compute or "bf16")
end

-- ---- memory ----

--- Memory of each GPU: { weight_bytes =, kv_bytes_per_token =, activation_bytes =, overhead_bytes =, in B; stages =
-- { { layers =, weight_bytes =, kv_bytes_per_token = }, ... } }.
-- @param tokens max_num_batched_tokens; the deployment's, else 8192
-- @param sequences max_num_seqs; the deployment's, else 256
local function memory(d, tokens, sequences)
  local e = d.engine or {}
  return core.cost.memory {
    model = d.model, hardware = d.hardware, layout = d.layout,
    max_num_batched_tokens = count(tokens or e.max_num_batched_tokens or 8192, "memory: tokens", 1),
    max_num_seqs = count(sequences or e.max_num_seqs or 256, "memory: sequences", 1),
  }
end

--- B of KV that so many tokens take on a GPU of the fullest stage; of one token unless given.
local function kv_bytes(d, tokens)
  return memory(d).kv_bytes_per_token * count(tokens or 1, "kv_bytes: tokens", 0)
end

--- B of weights on the fullest GPU.
local function weight_bytes(d)
  return memory(d).weight_bytes
end

--- Counts of parameters: { total =, active = that a token passes, layer =, embedding =, lm_head = }.
local function parameters(d)
  return core.cost.parameters(d.model)
end

-- ---- networks ----

local GROUP = { collective = false, algorithm = false, ranks = false, hosts = false, in_switch = false, bytes = "bytes",
                latency = "time", bandwidth = "bytes/s", port = "bytes/s", host_latency = "time",
                host_bandwidth = "bytes/s" }
local LOGGP = { collective = false, algorithm = false, ranks = false, bytes = "bytes", latency = "time",
                overhead = "time", gap = "time", gap_per_byte = "time", bandwidth = "bytes/s" }

local function arguments(t, keys, what)
  local out = copy(list(t, what))
  for key in pairs(t) do
    if keys[key] == nil then fail("%s.%s: unknown key", what, tostring(key)) end
    if keys[key] then out[key] = quantity(t, key, keys[key]) end
  end
  return out
end

local function loggp(t)
  local a = arguments(t, LOGGP, "loggp")
  if a.bandwidth then
    if a.gap_per_byte then fail("loggp: bandwidth and gap_per_byte say the same; one of them expected") end
    a.gap_per_byte, a.bandwidth = 1 / a.bandwidth, nil
  end
  a.latency, a.overhead, a.gap = a.latency or 0, a.overhead or 0, a.gap or 0
  return core.net.loggp(a)
end

-- s, the algorithm, its pieces.
local function collective(t)
  list(t, "collective")
  if t.overhead or t.gap or t.gap_per_byte then return loggp(t) end
  local a = arguments(t, GROUP, "collective")
  a.latency = a.latency or 0
  local found = core.net.collective(a)
  return found.seconds, found.algorithm, found.pieces
end

-- ---- the facade ----

--- The calculators.
-- @param resolve function(d) -> the deployment { model =, hardware =, layout =, cost =, engine = } that d means
function calc.new(resolve)
  local c = {}
  for name, f in pairs { step = step, decode = decode, prefill = prefill, operations = operations, roofline = roofline,
                         flops = flops, memory = memory, kv_bytes = kv_bytes, weight_bytes = weight_bytes,
                         parameters = parameters } do
    c[name] = function(d, ...) return f(resolve(d), ...) end
  end
  --- The deployment that a scenario describes, for the functions above.
  c.deployment = resolve
  --- A collective over equal links: { collective =, algorithm = "auto", ranks =, bytes = S, latency = s per message,
  -- bandwidth = B/s per rank [, port =, hosts =, host_latency =, host_bandwidth =, in_switch =] }.
  -- -> s, the algorithm, the pieces it cuts S into
  c.collective = collective
  for _, name in ipairs(COLLECTIVES) do
    c[name] = function(t)
      local own = copy(list(t, name))
      own.collective = name
      return collective(own)
    end
  end
  --- The same by the LogGP model: { collective =, algorithm =, ranks =, bytes =, latency = L, overhead = o, gap = g,
  -- gap_per_byte = G or bandwidth = 1/G }. -> s
  c.loggp = loggp
  --- The messages of a collective: { { round =, from =, to =, bytes = }, ... }, ranks from 0, -1: the switch.
  function c.schedule(t)
    local a = arguments(t, GROUP, "schedule")
    a.latency, a.bandwidth = a.latency or 0, a.bandwidth or 1e9
    return core.net.schedule(a)
  end
  --- The line through measurements of a collective: { base = s, per_byte = s/B, error =, worst = mean and greatest of
  -- |predicted / measured - 1| }; or nil and why there is none.
  function c.fit(bytes, seconds) return core.net.fit(list(bytes, "fit: bytes"), list(seconds, "fit: seconds")) end
  --- Number formats: { { name =, bits =, weight_bits = with their scales, floating =, weight_only =, peak = }, ... }.
  function c.formats() return core.cost.dtypes() end
  --- One of them by name.
  function c.format(name)
    local names = {}
    for i, row in ipairs(core.cost.dtypes()) do
      if row.name == name then return row end
      names[i] = row.name
    end
    fail("format: %s: one of %s expected", tostring(name), table.concat(names, ", "))
  end
  return c
end

--- Those of a cost model's file, where nothing but a deployment can be meant.
function calc.plain()
  return calc.new(function(d)
    if type(d) ~= "table" or not d.model then
      fail("a deployment { model =, hardware =, layout = } expected, such as a cost model's third argument")
    end
    return d
  end)
end

return calc
