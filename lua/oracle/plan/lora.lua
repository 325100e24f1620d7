--- LoRA of a checked scenario: the adapters a server knows, what they take of its memory, which requests have which.
local lazy = require "oracle.lazy"
local spelling = lazy "oracle.text.spelling"

local lora = {}

local function fail(...)
  error(string.format(...), 0)
end

-- vLLM's ranks (vllm/config/lora.py, MaxLoRARanks).
local RANKS = { 1, 8, 16, 32, 64, 128, 256, 320, 512 }

--- Fill and check the knobs; raises what contradicts.
-- @param e the checked knobs of a server
function lora.fill(e)
  if not e.enable_lora then return end
  e.max_cpu_loras = e.max_cpu_loras or e.max_loras
  if e.max_cpu_loras < e.max_loras then
    fail("engine.max_cpu_loras: %d: at least max_loras (%d) expected", e.max_cpu_loras, e.max_loras)
  end
  if e.max_loras > e.max_num_seqs then
    fail("engine.max_loras: %d: at most max_num_seqs (%d) expected", e.max_loras, e.max_num_seqs)
  end
  for _, rank in ipairs(RANKS) do
    if rank == e.max_lora_rank then return end
  end
  fail("engine.max_lora_rank: %d: one of %s expected", e.max_lora_rank, table.concat(RANKS, ", "))
end

--- B of each GPU of a stage that the slots take.
-- @param stage of oracle.core's cost.memory
function lora.slot_bytes(e, stage)
  return e.enable_lora and e.max_loras * stage.adapter_bytes or 0
end

local BASE = "base"                                       -- the model without an adapter

-- The parts of a workload.
local function parts_of(w)
  return w.profiles or { w }
end

-- { name = weight } of a part's `lora`; nil: none has one.
local function weights_of(part)
  if type(part.lora) ~= "string" then return part.lora end
  return { [part.lora] = 1 }
end

-- The names a workload has, sorted.
local function asked(w)
  local seen, names = {}, {}
  for _, part in ipairs(parts_of(w)) do
    for name in pairs(weights_of(part) or {}) do
      if name ~= BASE and not seen[name] then seen[name] = true; names[#names + 1] = name end
    end
  end
  table.sort(names)
  return names
end

-- The names of the adapters, and the number of each; where they are not told, those that requests have.
local function names_of(r)
  local e, numbers = r.engine, {}
  local names = e.lora_modules or asked(r.workload)
  for i, name in ipairs(names) do
    if name == BASE then fail("engine.lora_modules[%d]: %q stands for the model itself", i, name) end
    if numbers[name] then fail("engine.lora_modules[%d]: %q is given twice", i, name) end
    numbers[name] = i
  end
  return names, numbers
end

-- What each server of a scenario is made of.
local function engines_of(r, d)
  local list = {}
  for i, p in ipairs(d.pools or { { scenario = r } }) do list[i] = p.scenario.engine end
  return list
end

--- Which adapters the requests of each part of the workload have, into the engine's form of it.
-- @param r the checked scenario
-- @param form of oracle.workload.engine
function lora.adapt(r, d, form)
  local names, numbers = names_of(r)
  for i, part in ipairs(parts_of(r.workload)) do
    local where = r.workload.profiles and ("workload.profiles[%d].lora"):format(i) or "workload.lora"
    local weights, keys, shares = weights_of(part), {}, {}
    for name in pairs(weights or {}) do keys[#keys + 1] = name end
    table.sort(keys)
    for _, name in ipairs(keys) do
      local near = not numbers[name] and name ~= BASE and spelling.find(name, names)
      if not numbers[name] and name ~= BASE then
        fail("%s: %q: unknown adapter; %s", where, name, near and ("did you mean %s?"):format(near)
          or "engine.lora_modules has " .. (#names > 0 and table.concat(names, ", ") or "none"))
      end
      if weights[name] > 0 then shares[#shares + 1] = { adapter = numbers[name] or 0, share = weights[name] } end
    end
    if weights then
      for _, e in ipairs(engines_of(r, d)) do
        if not e.enable_lora then fail("%s: engine.enable_lora is false", where) end
      end
      if #shares == 0 then fail("%s: a weight above 0 expected", where) end
      local into = r.workload.profiles and form[i] or form
      into.adapters = shares
    end
  end
end

--- What sim.new takes as engine.lora; nil without LoRA.
-- @param r the scenario of one kind of replica, d its deployment, whole the scenario with the workload
function lora.knobs(e, d, whole)
  if not e.enable_lora then return nil end
  local link, bytes = d.hardware.pcie, 0
  if not link then fail("engine.enable_lora: %s has no PCIe link to bring adapters over", d.names.hardware) end
  for _, stage in ipairs(d.memory.stages) do bytes = math.max(bytes, stage.adapter_bytes) end
  return { adapters = #names_of(whole), slots = e.max_loras, host = e.max_cpu_loras,
           slot_seconds = (link.latency or 0) + bytes / link.bandwidth, load_seconds = e.lora_load_seconds }
end

return lora
