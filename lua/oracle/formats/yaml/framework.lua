--- `frameworks_to_test`: the servers. Equal ones that take part in the workload are replicas of one deployment.
local lazy = require "oracle.lazy"
local fields = require "oracle.formats.fields"
local hardware = require "oracle.formats.yaml.hardware"
local join = require("oracle.formats.problems").join
local knobs = require "oracle.scenario.knobs"
local policies = lazy "oracle.policy"
local cost_models = lazy "oracle.cost_model"
local spelling = lazy "oracle.text.spelling"
local systems = lazy "oracle.system"

local framework = {}

local KEYS = { "name", "type", "is_target_for_workload", "config" }

local CONFIG_KEYS = {
  "model_profile_id", "gpu_id", "prefill_chunk_size", "scheduler_iteration_delay_s",
  "bytes_per_token_estimate_for_network", "max_prefix_cache_size", "prefix_eviction_policy", "store_prefix_tokens",
  "lod", "parallelism", "scheduling_policy", "admission_policy", "cost_model",
}

-- Knobs of the scenario's `engine` that `config` says by the same name: all that the scheduler reads but what
-- `parallelism` holds.
local KNOBS = { "gpu_memory_utilization" }
for _, row in ipairs(knobs.scheduler) do
  if row.giver == "engine" and row[1] ~= "num_microbatches_per_request" then KNOBS[#KNOBS + 1] = row[1] end
end
table.move(KNOBS, 1, #KNOBS, #CONFIG_KEYS + 1, CONFIG_KEYS)

-- What the file says of them besides.
local SAID = {
  block_size = { max = 256, label = "Invalid block_size: %s (should be 1-256)" },
  max_num_seqs = { label = "Invalid max_num_seqs: %s" },
  max_num_batched_tokens = { label = "Invalid max_num_batched_tokens: %s" },
}

-- Keys that files carry and no program has ever read, with what says it instead.
local REPLICA = "each target framework of the list is a replica"
local UNREAD = {
  microbatch_size = "vLLM's unit is the step, which max_num_batched_tokens bounds",
  data_parallel_group = REPLICA, data_parallel_size = REPLICA, data_parallel_rank = REPLICA, dp_replicas = REPLICA,
  tensor_parallel_degree = "parallelism: {strategy: TP, tp_degree: N, gpu_ids: [...]} says it",
}

local PARALLEL_KEYS = { "strategy", "tp_degree", "pp_stages", "num_microbatches_per_request", "gpu_ids" }

local function ids_of(p, path, t, h, kind)
  local list = fields.list(p, path, t, "gpu_ids", kind .. " missing gpu_ids")
  if not list then return nil end
  local at, ids, seen = join(path, "gpu_ids"), {}, {}
  if #list == 0 then return p:add(at, "No GPUs specified for parallelism") end
  for i = 1, #list do
    local id = list[i]
    if type(id) ~= "string" then return p:add(join(at, i - 1), "%s: a device's id expected", fields.quote(id)) end
    if seen[id] then return p:add(join(at, i - 1), "Duplicate GPU IDs found: %s", id) end
    if not h.devices[id] then return p:add(join(at, i - 1), "%s gpu_id '%s' not found in hardware", kind, id) end
    seen[id], ids[i] = true, id
  end
  return ids
end

-- What a strategy needs of the number of GPUs.
local function count_fits(p, at, strategy, tp, pp, n)
  if strategy == "TP" and n ~= tp then return p:add(at, "TP degree %d doesn't match GPU count %d", tp, n) end
  if strategy == "PP" and n % pp ~= 0 then
    return p:add(at, "PP requires GPU count (%d) to be divisible by stages (%d)", n, pp)
  end
  if strategy == "TP_PP" and n ~= tp * pp then
    return p:add(at, "TP_PP expects %d GPUs (tp=%d * pp=%d), got %d", tp * pp, tp, pp, n)
  end
  return true
end

-- The GPUs that work: of a pipeline's stage the first of its share.
local function working(p, at, strategy, pp, ids)
  if strategy ~= "PP" or #ids == pp then return ids end
  local share, first, idle = #ids // pp, {}, {}
  for i, id in ipairs(ids) do
    local list = (i - 1) % share == 0 and first or idle
    list[#list + 1] = id
  end
  p:warn(at, "PP: %d GPUs for %d stages; %s stay idle, TP_PP would use them", #ids, pp, table.concat(idle, ", "))
  return first
end

local function parallelism(p, path, c, h, kind)
  local t = fields.map(p, path, c, "parallelism", kind == "ParallelVLLM" and "ParallelVLLM missing parallelism config")
  if not t then return nil end
  local at = join(path, "parallelism")
  fields.known(p, at, t, PARALLEL_KEYS)
  local wanted = kind == "ParallelVLLM" and { "TP", "PP", "TP_PP" } or { "None", "TP", "PP", "TP_PP" }
  if t.strategy == nil then
    return p:add(join(at, "strategy"), "missing; one of %s expected", table.concat(wanted, ", "))
  end
  if t.strategy == "DP_Replicated" then
    return p:add(join(at, "strategy"), "DP_Replicated is not supported; list the framework once per replica")
  end
  local strategy = fields.choice(p, at, t, "strategy", wanted, "Invalid parallelism strategy: %s")
  local before = #p.errors
  local tp = fields.stands_for(p, at, t, "tp_degree", "engine.tensor_parallel_size",
    { label = "Invalid tp_degree: %s" }) or 1
  local pp = fields.stands_for(p, at, t, "pp_stages", "engine.pipeline_parallel_size",
    { label = "Invalid pp_stages: %s" }) or 1
  local counted = #p.errors == before
  local micro = fields.stands_for(p, at, t, "num_microbatches_per_request",
    "engine.num_microbatches_per_request", { label = "Invalid num_microbatches_per_request: %s" })
  if micro and micro > 1 and strategy and not strategy:match("^PP") and strategy ~= "TP_PP" then
    p:warn(join(at, "num_microbatches_per_request"), "has no effect: goes with PP or TP_PP, whose stages they fill")
    micro = nil
  end
  if not strategy or strategy == "None" then return nil end
  if strategy == "TP" and pp > 1 then
    p:warn(join(at, "pp_stages"), "has no effect: goes with PP or TP_PP")
    pp = 1
  end
  if strategy == "PP" and tp > 1 then
    p:warn(join(at, "tp_degree"), "has no effect: goes with TP or TP_PP")
    tp = 1
  end
  local ids = ids_of(p, at, t, h, kind)
  if not ids or not counted or not count_fits(p, join(at, "gpu_ids"), strategy, tp, pp, #ids) then return nil end
  ids = working(p, join(at, "gpu_ids"), strategy, pp, ids)
  return { strategy = strategy, tp = tp, pp = pp, ids = ids, microbatches = micro }
end

-- The one GPU of a server that is not parallel.
local function single(p, path, c, h)
  local id = fields.text(p, path, c, "gpu_id")
  if id == nil then
    if c.gpu_id == nil then p:add(join(path, "gpu_id"), "VLLM config missing gpu_id") end
    return nil
  end
  if not h.devices[id] then return p:add(join(path, "gpu_id"), "VLLM gpu_id '%s' not found in hardware", id) end
  return { id }
end

-- A knob under a name of the file's own, which goes beside no other.
local function other_name(p, path, c, key, name)
  local v = fields.stands_for(p, path, c, key, "engine." .. name)
  if c[key] ~= nil and c[name] ~= nil then
    return p:add(join(path, key), "the same knob as %s; one of them expected", name)
  end
  return v
end

-- The keys of the prefix cache, into the engine's knobs.
local function prefix_keys(p, path, c, e)
  if c.max_prefix_cache_size == 0 then
    p:add(join(path, "max_prefix_cache_size"), "0: a cache that keeps nothing; write enable_prefix_caching: false")
  else
    e.prefix_cache_entries = other_name(p, path, c, "max_prefix_cache_size", "prefix_cache_entries")
      or e.prefix_cache_entries
  end
  if fields.boolean(p, path, c, "store_prefix_tokens") then
    p:warn(join(path, "store_prefix_tokens"), "changes no result: a cached block is known by its hash")
  end
end

-- Knobs that another one, which is off, makes idle: said here, where the key is, and given no further.
local function idle_keys(p, path, c, e)
  for _, name in ipairs(KNOBS) do
    local needs = knobs.of[name].needs
    if needs and e[needs] == false then
      local key = c[name] == nil and name == "prefix_cache_entries" and "max_prefix_cache_size" or name
      if c[key] then p:warn(join(path, key), "has no effect: %s is false", needs) end
      e[name] = nil
    end
  end
end

local function chunk_keys(p, path, c, e)
  local chunk = other_name(p, path, c, "prefill_chunk_size", "long_prefill_token_threshold")
  local budget = e.max_num_batched_tokens
  if chunk and budget and chunk > budget then
    p:warn(join(path, "prefill_chunk_size"), "has no effect: max_num_batched_tokens, %d, is less", budget)
  elseif chunk and e.enable_chunked_prefill ~= false and chunk ~= budget then
    e.long_prefill_token_threshold = chunk
  end
  if chunk and e.enable_chunked_prefill == false then
    p:warn(join(path, "prefill_chunk_size"), "has no effect: enable_chunked_prefill is false")
  end
end

local function config_keys(p, path, c)
  local e = {}
  p:place("engine", path)
  for _, name in ipairs(KNOBS) do e[name] = fields.stands_for(p, path, c, name, "engine." .. name, SAID[name]) end
  chunk_keys(p, path, c, e)
  prefix_keys(p, path, c, e)
  idle_keys(p, path, c, e)
  fields.stands_for(p, path, c, "bytes_per_token_estimate_for_network", "client_link.bytes_per_token")
  return e
end

--- A policy by name or by the path of a Lua file, which is looked for beside the configuration; or a mapping of its
-- `name` and parameters.
-- @param kind of oracle.policy
-- @param plain what stands for the system's own, and needs no policy; or nil
-- @return the name or path, or { name or path, parameter = value, ... }; nil for `plain`, where there is none, or
-- after an error
function framework.policy(p, path, t, key, kind, plain)
  p:place(kind, join(path, key))                          -- a scenario's key has the kind's name
  if type(t[key]) == "table" then
    local with = fields.map(p, path, t, key)
    if not with then return nil end
    if with.name == nil then
      return p:add(join(path, key), "name: missing; a policy or the path of a Lua file expected")
    end
    local out = { framework.policy(p, join(path, key), with, "name", kind) }
    for k, v in pairs(with) do
      if k ~= "name" then out[k] = v end
    end
    p:place(kind, join(path, key))
    return out[1] and out
  end
  local v = fields.text(p, path, t, key)
  if not v or v:lower() == plain then return nil end
  if v:match("%.lua$") then return v end
  local names, folded = policies.names(kind), spelling.fold(v)
  for _, name in ipairs(names) do
    if spelling.fold(name) == folded then return name end
  end
  local near = spelling.find(v, names)
  return p:add(join(path, key), "%s: unknown; %s", v, near and ("did you mean %s?"):format(near)
    or ("%sthe path of a Lua file or one of %s expected"):format(plain and plain .. ", " or "",
      table.concat(names, ", ")))
end

-- A cost model: a kind, or the path of a Lua file.
local function cost_model(p, path, c)
  local v = fields.text(p, path, c, "cost_model")
  p:place("cost", join(path, "cost_model"))
  if not v or cost_models.is_own(v) then return v end
  return fields.choice(p, path, c, "cost_model", cost_models.names(), "%s: unknown cost model")
end

-- What a system of its own, or one by name, has besides the knobs of all: under its words, to be checked with it.
local function own_knobs(system, c, e)
  local left, mine = {}, systems.get(system)
  local words = {}
  for _, row in ipairs(mine.knobs or {}) do words[row[1]] = true end
  for word in pairs(mine.aliases or {}) do words[word] = true end
  for k, v in pairs(c) do
    if words[k] and k ~= "scheduling_policy" and e[k] == nil then e[k] = v else left[k] = v end
  end
  return left
end

local function known_keys(p, path, c, system, e)
  local left = own_knobs(system, c, e)
  if systems.is_path(system) then                         -- its file is read later, and says what it knows
    local valid = {}
    for _, key in ipairs(CONFIG_KEYS) do valid[key] = true end
    for k, v in pairs(left) do
      if not valid[k] and not UNREAD[k] then e[k], left[k] = v, nil end
    end
  end
  fields.known(p, path, left, CONFIG_KEYS, UNREAD)
end

-- The system that a file's `type` names: ours, ParallelVLLM, or the path of one's own.
local function system_of(p, path, t)
  p:place("engine.system", join(path, "type"))
  if type(t.type) == "string" and systems.is_path(t.type) then return t.type, t.type end
  if type(t.type) == "string" and systems.find(t.type) then
    local name = systems.find(t.type)
    return name == "vllm" and "VLLM" or name, name
  end
  local names = { "VLLM", "ParallelVLLM" }
  for _, name in ipairs(systems.names()) do
    if name ~= "vllm" then names[#names + 1] = name end
  end
  local found = fields.choice(p, path, t, "type", names, "Unknown framework type: %s")
  return found, found and (found:match("VLLM$") and "vllm" or found)
end

local function same_gpu(ids, id)
  for _, known in ipairs(ids) do
    if known == id then return true end
  end
  return false
end

local function config_of(p, path, f, t, h)
  local c = fields.map(p, path, t, "config", "missing; a mapping expected")
  if not c then return nil end
  local at = join(path, "config")
  f.model = fields.text(p, at, c, "model_profile_id")
  if c.model_profile_id == nil then
    p:add(join(at, "model_profile_id"), "Missing model_profile_id in framework config")
  end
  f.engine = config_keys(p, at, c)
  known_keys(p, at, c, f.system, f.engine)
  f.batching = framework.policy(p, at, c, "scheduling_policy", "batching", "fcfs")
  f.eviction = framework.policy(p, at, c, "prefix_eviction_policy", "eviction", "lru")
  f.admission = framework.policy(p, at, c, "admission_policy", "admission")
  f.cost_model = cost_model(p, at, c)
  f.delay = fields.stands_for(p, at, c, "scheduler_iteration_delay_s", "cost.step_overhead")
  f.bytes = c.bytes_per_token_estimate_for_network
  f.lod = fields.choice(p, at, c, "lod", { "high", "medium" }, "Invalid LoD: %s")
  f.parallel = parallelism(p, at, c, h, f.type)
  if f.parallel then
    local micro = f.parallel.microbatches
    f.gpus, f.engine.num_microbatches_per_request = f.parallel.ids, micro
    if f.engine.enable_chunked_prefill == false and micro and micro > 1 then
      p:add(join(at, "parallelism.num_microbatches_per_request"),
        "%d: cuts prompts, which enable_chunked_prefill: false forbids", micro)
    end
    if c.gpu_id ~= nil and not h.devices[c.gpu_id] then
      p:add(join(at, "gpu_id"), "%s is not among parallelism.gpu_ids, which say where the instance is",
        fields.quote(c.gpu_id))
    elseif c.gpu_id ~= nil and not same_gpu(f.gpus, c.gpu_id) then
      p:warn(join(at, "gpu_id"), "has no effect: parallelism.gpu_ids say where the instance is")
    end
  elseif f.type ~= "ParallelVLLM" then f.gpus = single(p, at, c, h) end
  for _, id in ipairs(f.gpus or {}) do
    if h.devices[id].kind == "CPU" then p:add(at, "device %s is a CPU; a GPU expected", id) end
  end
  return f
end

local function entry(p, path, t, h)
  if not fields.entry(p, path, t) then return nil end
  fields.known(p, path, t, KEYS)
  local f = { path = path, name = fields.text(p, path, t, "name") }
  if t.name == nil then p:add(join(path, "name"), "missing; what the framework is called") end
  if t.type == nil then return p:add(join(path, "type"), "Missing framework type") end
  f.type, f.system = system_of(p, path, t)
  if not f.type then return nil end
  local target = fields.boolean(p, path, t, "is_target_for_workload")
  f.target = target ~= false
  return config_of(p, path, f, t, h)
end

--- Read the section.
-- @return the list of frameworks
function framework.read(p, list, h)
  local all, names = {}, {}
  for i = 1, #list do
    local path = join("frameworks_to_test", i - 1)
    local f = entry(p, path, list[i], h)
    if f then
      if f.name and names[f.name] then p:add(join(path, "name"), "Duplicate framework name: %s", f.name) end
      if f.name then names[f.name] = true end
      all[#all + 1] = f
    end
  end
  return all
end

--- Servers that work at the same time have GPUs of their own.
function framework.apart(p, servers)
  local owner = {}
  for _, f in ipairs(servers) do
    for _, id in ipairs(f.gpus or {}) do
      if owner[id] then
        p:add(join(f.path, "config"), "device %s is used by %s already; a GPU serves one instance", id, owner[id])
      end
      owner[id] = f.name or f.path
    end
  end
end

-- The slowest way of a chain of devices; nil and an error where there is none.
local function chain(p, f, h, ids, ring)
  local slow
  local n = #ids
  for i = 1, ring and n or n - 1 do
    local from, to = ids[i], ids[i % n + 1]
    local l = hardware.route(h, from, to)
    if not l then
      return h.whole and p:add("hardware_profile.network_links", "no way from %s to %s, which %s (%s) needs", from, to,
        f.name or f.path, f.parallel.strategy) or nil
    end
    slow = slow or { bandwidth = l.bandwidth, latency = l.latency }
    slow.bandwidth, slow.latency = math.min(slow.bandwidth, l.bandwidth), math.max(slow.latency, l.latency)
  end
  return slow
end

--- The links a parallel framework needs: its peers' (tensor parallel) or its stages', whichever is there.
-- @return { bandwidth = B/s, latency = s } of the slowest; nil for a single GPU or after an error
function framework.peer(p, f, h)
  local par = f.parallel
  if not par then return nil end
  local slow
  if par.tp > 1 then
    for stage = 0, par.pp - 1 do
      local group = table.move(par.ids, stage * par.tp + 1, (stage + 1) * par.tp, 1, {})
      local l = chain(p, f, h, group, par.tp > 2)
      if not l then return nil end
      slow = slow or l
      slow.bandwidth, slow.latency = math.min(slow.bandwidth, l.bandwidth), math.max(slow.latency, l.latency)
    end
  end
  if par.pp > 1 then
    local hops = {}
    for stage = 0, par.pp - 2 do
      local l = chain(p, f, h, { par.ids[(stage + 1) * par.tp], par.ids[(stage + 1) * par.tp + 1] }, false)
      if not l then return nil end
      hops[#hops + 1] = l
    end
    slow = slow or hops[1]
  end
  return slow
end

return framework
