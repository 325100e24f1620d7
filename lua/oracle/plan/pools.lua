--- Deployments of more than one kind of replica: disaggregated pools, groups of different replicas, stages on
-- different GPUs. Each kind is the scenario with what the kind says in its place.
local lazy = require "oracle.lazy"
local units = lazy "oracle.text.units"

local pools = {}

local function fail(...)
  error(string.format(...), 0)
end

local function copy(t)
  local out = {}
  for k, v in pairs(t) do out[k] = v end
  return out
end

-- The scenario of one kind. `path`: where the scenario says it, for messages; "": at its top.
local function kind(r, name, role, own, path)
  local one = copy(r)
  one.engine = copy(r.engine)
  for k, v in pairs(own.engine or {}) do one.engine[k] = v end
  one.hardware, one.stages = own.hardware or r.hardware, own.stages or r.stages
  one.replicas = own.replicas or r.replicas
  one.autoscaling = own.autoscaling
  one.pools, one.groups = nil, nil
  return { name = name, role = role, scenario = one, path = path or name, lod = own.lod }
end

-- One rule for all of them would not say which of them it changes.
local function refuse_common(r, key, each)
  if r.autoscaling then
    fail("autoscaling: with %s each has its own: %s.autoscaling", key, table.concat(each, ".autoscaling or "))
  end
  if (r.replicas or 1) > 1 then
    fail("replicas: %d: with %s each says how many it has: %s.replicas", r.replicas, key, each[1])
  end
end

local function of_pools(r)
  refuse_common(r, "pools", { "pools.prefill", "pools.decode" })
  if not r.pools.prefill then fail("pools.prefill: missing; who decodes needs others that compute prompts") end
  if not r.pools.decode then fail("pools.decode: missing; who computes prompts needs others that decode") end
  if not r.network then
    fail("pools: KV caches go over the network between them; describe it with `network`")
  end
  return { kind(r, "prefill", "prefill", r.pools.prefill, "pools.prefill"),
           kind(r, "decode", "decode", r.pools.decode, "pools.decode") }
end

--- The kinds of replica of a scenario.
-- @param r a resolved scenario
-- @return a list of { name =, role = "all" | "prefill" | "decode", scenario =, path = }, or nil where all are alike
function pools.kinds(r)
  if r.pools and r.groups then fail("groups: pools say what the replicas are; leave one of them out") end
  if r.pools then return of_pools(r) end
  if r.groups then
    refuse_common(r, "groups", { "groups[1]" })
    local list = {}
    for i, own in ipairs(r.groups) do list[i] = kind(r, "group" .. i, "all", own, ("groups[%d]"):format(i)) end
    return list
  end
  if r.stages then return { kind(r, "replicas", "all", { autoscaling = r.autoscaling }, "") } end
  return nil
end

-- KV computed by one pool is read by the other as it is; what the one computes the other must be able to finish.
local function same_format(a, b)
  if a.scenario.engine.max_model_len > b.scenario.engine.max_model_len then
    fail("pools: engine.max_model_len is %d in prefill and %d in decode, which could not finish what prefill begins",
      a.scenario.engine.max_model_len, b.scenario.engine.max_model_len)
  end
  if a.layout.kv ~= b.layout.kv then
    fail("pools: the KV cache is %s in prefill and %s in decode; engine.kv_cache_dtype must be the same", a.layout.kv,
      b.layout.kv)
  end
  if a.scenario.engine.block_size ~= b.scenario.engine.block_size then
    fail("pools: engine.block_size is %d in prefill and %d in decode; one size expected", a.scenario.engine.block_size,
      b.scenario.engine.block_size)
  end
end

-- The GPUs of all kinds, each once: "h100-sxm + l4".
local function hardware_names(kinds)
  local list, seen = {}, {}
  for _, k in ipairs(kinds) do
    for _, gpu in ipairs(k.deployment.stages or { k.deployment.hardware }) do
      local name = gpu.id or gpu.name or "custom"
      if not seen[name] then seen[name], list[#list + 1] = true, name end
    end
  end
  return table.concat(list, " + ")
end

--- What a step of any replica computes is one policy's choice: raises where it would not be.
function pools.same_system(kinds)
  local last = kinds[#kinds]
  for _, k in ipairs(kinds) do
    local own, other = k.scenario.engine.system, last.scenario.engine.system
    if own ~= other then
      fail("%s.engine.system: %s, and %s in %s; one system for all expected", k.path, own, other, last.path)
    end
  end
end

--- How many replicas the engine can number.
pools.MOST = 65535

--- Raises when there are more.
function pools.check_count(d)
  if d.room <= pools.MOST then return end
  fail("replicas: %s in all, attention replicas (data_parallel_size) and those autoscaling may add included: at most %s"
    .. " expected", units.thousands(d.room), units.thousands(pools.MOST))
end

--- One deployment out of those of the kinds, for results: the last kind's (who decodes) with the GPUs of all.
-- @param kinds as above, each with its `deployment`
-- @return the deployment, with `hardware_names` and
-- `pools` = { { name =, role =, replicas =, room =, deployment =, scenario =, path = }, ... }
function pools.join(kinds)
  local whole = copy(kinds[#kinds].deployment)
  whole.gpus, whole.replicas, whole.room, whole.pools = 0, 0, 0, {}
  whole.hardware_names = hardware_names(kinds)
  for i, k in ipairs(kinds) do
    local d = k.deployment
    whole.gpus = whole.gpus + d.gpus
    whole.replicas = whole.replicas + d.replicas
    whole.room = whole.room + d.room
    whole.pools[i] = { name = k.name, role = k.role, replicas = d.replicas, room = d.room, deployment = d,
                       scenario = k.scenario, path = k.path, lod = k.lod }
  end
  if #kinds == 2 and kinds[1].role == "prefill" then
    same_format({ layout = kinds[1].deployment.layout, scenario = kinds[1].scenario },
      { layout = kinds[2].deployment.layout, scenario = kinds[2].scenario })
  end
  return whole
end

--- The replicas of each kind as the engine numbers them, those there is room for included.
-- @param d a deployment
-- @return { { name = or nil where all are alike, first = place of its first replica, from 1, room =, deployment = },
--   ... }
function pools.parts(d)
  if not d.pools then return { { first = 1, room = d.room, deployment = d } } end
  local list, first = {}, 1
  for i, p in ipairs(d.pools) do
    list[i] = { name = p.name, first = first, room = p.room, deployment = p.deployment }
    first = first + p.room
  end
  return list
end

--- The pool or group of each replica by its number; empty where all are alike.
function pools.names(d)
  local names = {}
  for _, part in ipairs(d.pools and pools.parts(d) or {}) do
    for i = part.first, part.first + part.room - 1 do names[i] = part.name end
  end
  return names
end

return pools
