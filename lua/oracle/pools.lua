--- Deployments of more than one kind of replica: disaggregated pools, groups of different replicas, stages on
-- different GPUs. Each kind is the scenario with what the kind says in its place.
local pools = {}

local function fail(...)
  error(string.format(...), 0)
end

local function copy(t)
  local out = {}
  for k, v in pairs(t) do out[k] = v end
  return out
end

-- The scenario of one kind.
local function kind(r, name, role, own)
  local one = copy(r)
  one.engine = copy(r.engine)
  for k, v in pairs(own.engine or {}) do one.engine[k] = v end
  one.hardware, one.stages = own.hardware or r.hardware, own.stages or r.stages
  one.replicas = own.replicas or r.replicas
  one.pools, one.groups = nil, nil
  return { name = name, role = role, scenario = one }
end

local function refuse_change(r, key)
  if r.autoscaling then fail("%s: replicas of several kinds cannot be scaled; leave autoscaling out", key) end
  if r.failures then fail("%s: replicas of several kinds do not fail; leave failures out", key) end
end

--- The kinds of replica of a scenario.
-- @param r a resolved scenario
-- @return a list of { name =, role = "all" | "prefill" | "decode", scenario = }, or nil where all are alike
function pools.kinds(r)
  if r.pools and r.groups then fail("groups: pools say what the replicas are; leave one of them out") end
  if r.pools then
    refuse_change(r, "pools")
    if not r.pools.prefill then fail("pools.prefill: missing; who decodes needs others that compute prompts") end
    if not r.pools.decode then fail("pools.decode: missing; who computes prompts needs others that decode") end
    if not r.network then
      fail("pools: KV caches go over the network between them; describe it with `network`")
    end
    return { kind(r, "prefill", "prefill", r.pools.prefill), kind(r, "decode", "decode", r.pools.decode) }
  end
  if r.groups then
    refuse_change(r, "groups")
    local list = {}
    for i, own in ipairs(r.groups) do list[i] = kind(r, "group" .. i, "all", own) end
    return list
  end
  if r.stages then
    refuse_change(r, "stages")
    return { kind(r, "replicas", "all", {}) }
  end
  return nil
end

-- KV computed by one pool is read by the other as it is.
local function same_format(a, b)
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

--- One deployment out of those of the kinds, for results: the last kind's (who decodes) with the GPUs of all.
-- @param kinds as above, each with its `deployment`
-- @return the deployment, with `hardware_names` and
-- `pools` = { { name =, role =, replicas =, deployment = }, ... }
function pools.join(kinds)
  local whole = copy(kinds[#kinds].deployment)
  whole.gpus, whole.replicas, whole.pools = 0, 0, {}
  whole.hardware_names = hardware_names(kinds)
  for i, k in ipairs(kinds) do
    whole.gpus = whole.gpus + k.deployment.gpus
    whole.replicas = whole.replicas + k.deployment.replicas
    whole.pools[i] = { name = k.name, role = k.role, replicas = k.deployment.replicas, deployment = k.deployment,
                       scenario = k.scenario }
  end
  if #kinds == 2 and kinds[1].role == "prefill" then
    same_format({ layout = kinds[1].deployment.layout, scenario = kinds[1].scenario },
      { layout = kinds[2].deployment.layout, scenario = kinds[2].scenario })
  end
  return whole
end

return pools
