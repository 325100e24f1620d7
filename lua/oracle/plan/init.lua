--- From a scenario to what the engine runs: look up what it names, work out the deployment, refuse what cannot run.
-- What the user got wrong is raised as one line, "key: what is wrong".
local lazy = require "oracle.lazy"
local balance = lazy "oracle.plan.balance"
local catalog = lazy "oracle.models.catalog"
local core = require "oracle.core"
local cost_model = lazy "oracle.cost_model"
local costs = lazy "oracle.plan.costs"
local cost_probe = lazy "oracle.plan.cost_probe"
local deployment = require "oracle.plan.deployment"
local huggingface = lazy "oracle.models.huggingface"
local lora = lazy "oracle.plan.lora"
local inputs = require "oracle.text.inputs"
local knobs = require "oracle.scenario.knobs"
local kv_groups = lazy "oracle.plan.kv_groups"
local metrics = lazy "oracle.scenario.metrics"
local objectives = lazy "oracle.scenario.slo"
local odd_values = lazy "oracle.plan.odd_values"
local paths = lazy "oracle.text.paths"
local placement = lazy "oracle.plan.placement"
local policies = lazy "oracle.policy"
local pools = lazy "oracle.plan.pools"
local processes = lazy "oracle.plan.processes"
local scenario = require "oracle.scenario"
local schema = require "oracle.scenario.schema"
local slices = lazy "oracle.plan.slices"
local speculation = lazy "oracle.plan.speculation"
local systems = lazy "oracle.system"
local topology = lazy "oracle.plan.topology"
local units = require "oracle.text.units"
local workloads = lazy "oracle.workload"
local world = require "oracle.scenario.world"

local planning = {}

local function fail(...)
  error(select("#", ...) > 1 and string.format(...) or (...), 0)
end

-- ---- names ----

-- A path begins with "/", "./" or "../" or ends in .json; anything else is a name of the catalog. A table is
-- what such a file would hold.
local function look_up(kind, value, find, overrides)
  local read = catalog[kind]
  if type(value) == "table" then
    read = kind == "model" and huggingface.read or catalog.own_hardware
  elseif value:match("^%.?%.?/") or value:match("%.json$") then
    local path, why = find(value)
    if not path then fail("%s: %s: %s", kind, value, why) end
    value = path:match("^[./]") and path or "./" .. path
  end
  local ok, found
  if type(value) == "table" then ok, found = pcall(read, value, kind, overrides)
  else ok, found = pcall(read, value, overrides) end
  if not ok then fail("%s: %s", kind, scenario.first_line(found)) end
  return found
end

-- The policy that a key of the scenario names. It finds the scenario's objectives in its params.
local function policy(kind, key, value, r, find)
  local ok, found = pcall(policies.resolve, kind, value, find)
  if not ok then fail("%s: %s", key, scenario.first_line(found)) end
  local own, params = {}, {}
  for k, v in pairs(found) do own[k] = v end
  for k, v in pairs(found.params or {}) do params[k] = v end
  params.slo = params.slo or r.slo or {}
  local goal = found.objective
  if goal and (tonumber(params[goal]) or 0) <= 0 and not params.slo[goal] then
    fail('%s: %s needs an objective; slo.%s expected, such as "1 s"', key, found.name or "the policy", goal)
  end
  own.params = params
  return policies.derived(own, found)
end

-- ---- the plan of one run ----

local APPROXIMATE = { approximate = true }

-- The same through a table that remembers: the points of a `vary` mostly share their model and GPU.
local function recall(memo, kind, value, find, overrides)
  memo[kind] = memo[kind] or {}
  return inputs.remember(memo[kind], value, look_up, kind, value, find, overrides)
end

-- LogGP is a formula: messages that are carried out one by one know nothing of it.
local function check_loggp(r, pooled)
  if r.lod == "auto" then r.lod = "medium" end
  if r.lod ~= "medium" then
    fail('network.model: "loggp" prices messages by formula; lod "%s" carries them out, "medium" expected', r.lod)
  end
  for _, p in ipairs(pooled or {}) do
    if p.lod and p.lod ~= "medium" then
      fail('%s.lod: "%s" carries messages out, which network.model "loggp" prices by formula; "medium" expected',
        p.path, p.lod)
    end
  end
end

-- Network, devices of the ranks, and which replicas are simulated in detail.
local function place(r, d)
  if topology.is_loggp(r.network) then check_loggp(r, d.pools) end
  local sizes = {}
  for i, p in ipairs(d.pools or { { scenario = r, deployment = d } }) do
    local e = p.scenario.engine
    sizes[i] = { role = p.role, replicas = p.deployment.room,
                 tensor_parallel_size = e.tensor_parallel_size, pipeline_parallel_size = e.pipeline_parallel_size,
                 gpus = p.deployment.gpus_per_replica, all_reduce = e.all_reduce, lod = p.lod }
  end
  if r.network then
    d.network = topology.new(r.network)
    d.devices = placement.devices(d.network, r.placement, sizes)
  elseif r.placement then
    fail("placement: there is no network whose GPUs it could name")
  end
  placement.check_groups(sizes, d.network, d.devices)
  if r.lod == "hybrid" then
    if not r.detail then
      fail('detail: missing; lod "hybrid" is high for the replicas, GPUs and links it names, as in'
        .. ' detail = { "replica0" } or --set \'detail={"replica0"}\'')
    end
    d.levels = placement.detailed(r.detail, sizes, d.network, d.devices)
  elseif r.detail then
    fail("detail: only for lod = \"hybrid\", and lod is \"%s\"", r.lod)
  else
    d.levels = placement.levels(sizes, r.lod)
  end
end

-- The GPU of each pipeline stage.
local function stage_hardware(r, hardware, memo, find)
  local n, list = r.engine.pipeline_parallel_size, {}
  if r.stages and #r.stages ~= n then
    fail("stages: %d are given; pipeline_parallel_size is %d", #r.stages, n)
  end
  for i = 1, n do
    local ok, gpu = true, hardware
    if r.stages then ok, gpu = pcall(recall, memo, "hardware", r.stages[i].hardware, find) end
    if not ok then fail("stages[%d].%s", i, gpu) end
    list[i] = gpu
  end
  return list
end

-- Blocks of the pool that no request can have.
local function null_blocks(e, blocks)
  local system = systems.get(e.system)
  local rules = system.rules and system.rules(e)
  if not rules or not rules.null_block then return 0 end
  if blocks > 1 then return 1 end
  fail("engine.num_gpu_blocks_override: %d: at least 2 expected, one of which %s keeps to itself", blocks, e.system)
end

-- Names that stand in results, and the numbers the run starts from, of replicas that are all alike.
local function deploy_kind(r, find, memo, role)
  local model = recall(memo, "model", r.model, find, r.approximate and APPROXIMATE or nil)
  local hardware = recall(memo, "hardware", r.hardware, find)
  local names = { model = model.name or type(r.model) == "table" and r.model._name_or_path or "custom",
                  hardware = hardware.id or hardware.name or "custom",
                  asked_model = type(r.model) == "string" and r.model or nil }
  local e = r.engine
  local gpus = stage_hardware(r, hardware, memo, find)
  local kind, without_fit = costs.settle(r, { names = names }, gpus)
  e.all_reduce = e.all_reduce or cost_model.all_reduce(kind)
  deployment.fill_knobs(e, model, hardware, names.hardware)
  local layout = deployment.layout(e, model)
  layout.measured = deployment.measured_collectives(e, model, gpus, r.cost.engine_version)
  if layout.layers == "balanced" then
    local parts = { model = model, layout = layout, names = names }
    local cost = kind == "calibrated"
      and cost_model.create(kind, r.cost, costs.context(r, parts, hardware, find)) or nil
    layout.head_layers = balance.head_layers(core, {
      model = model, hardware = hardware, layout = layout, cost = cost, engine = e, workload = r.workload, role = role,
    })
  end
  local ok, memory = pcall(deployment.memory, e, model, hardware, layout)
  if not ok then fail("engine: %s", (scenario.first_line(memory):gsub("^layout: ", ""))) end
  local drafter = e.speculative_config and speculation.of(e, model, function(name)
    local known, draft = pcall(recall, memo, "model", name, find)
    return known and draft or fail("engine.speculative_config.%s", draft)
  end)
  if drafter then speculation.add_memory(drafter, memory) end
  local blocks, hybrid = deployment.kv_blocks(e, memory, gpus, model)
  local settle = systems.get(e.system).settle
  if settle then settle(e, blocks * e.block_size) end
  local per_replica = e.tensor_parallel_size * e.pipeline_parallel_size
  local group, most = e.data_parallel_size, r.autoscaling and r.autoscaling.max or 0
  return {
    names = names, model = model, hardware = hardware, layout = layout, memory = memory, stages = r.stages and gpus,
    num_gpu_blocks = blocks, null_blocks = null_blocks(e, blocks), hybrid_kv = hybrid, gpus_per_replica = per_replica,
    gpus = per_replica * r.replicas * group,
    replicas = r.replicas * group, room = math.max(r.replicas, most) * group, group = group,
    lockstep = deployment.shares_experts(e, model), drafter = drafter, cost_kind = kind, without_fit = without_fit,
  }
end

-- The same of all kinds of replica a scenario has.
local function deploy(r, find, memo)
  local system = systems.get(r.engine.system)
  if system.shape then system.shape(r) end
  local kinds = pools.kinds(r)
  local d
  if kinds then
    pools.same_system(kinds)
    for _, k in ipairs(kinds) do
      local ok, found = pcall(deploy_kind, k.scenario, find, memo, k.role)
      if not ok then fail(k.path ~= "" and "%s: %s" or "%.0s%s", k.name, found) end
      k.deployment = found
    end
    d = pools.join(kinds)
    for key, value in pairs(kinds[#kinds].scenario.engine) do r.engine[key] = value end
  else
    d = deploy_kind(r, find, memo, "all")
  end
  pools.check_count(d)
  place(r, d)
  return d
end

local function finder(origin)
  return function(path)
    return paths.find(path, origin.folder, origin.typed[path])
  end
end

-- Host memory for requests that give way. All GPUs of a replica move their shares at the same time.
local function swapping(r, d)
  if r.preemption ~= "swap" then return false, 0, 0 end
  local link = d.hardware.c2c or d.hardware.pcie
  if not link or link.bandwidth <= 0 then
    fail("preemption: swap: %s has no link to host memory", d.names.hardware)
  end
  local block = d.memory.kv_bytes_per_token * r.engine.block_size
  return true, r.engine.swap_space // block | 0, block / link.bandwidth
end

-- Memory below the GPU's for the prefix cache. All GPUs of a replica move their shares at the same time.
local function tiers_of(r, d)
  if not r.kv_tiers then return nil end
  local block, names, list = d.memory.kv_bytes_per_token * r.engine.block_size, {}, {}
  for i, t in ipairs(r.kv_tiers) do
    if names[t.name] then fail('kv_tiers[%d].name: "%s": kv_tiers[%d] has this name too', i, t.name, names[t.name]) end
    names[t.name] = i
    local blocks = t.capacity // block | 0
    if blocks < 1 then
      fail("kv_tiers[%d].capacity: %s: at least one KV block expected, which takes %s of each GPU", i,
        units.format(t.capacity, "bytes"), units.format(block, "bytes"))
    end
    list[i] = { blocks = blocks, latency = t.latency, block_seconds = block / t.bandwidth }
  end
  return list
end

-- Where layers keep different parts of a sequence, the engine's blocks are those of groups of them. A replica whose
-- requests come from or go to others, or to memory below the GPU's, has one size of block for all, as many as hold what
-- requests of max_model_len keep.
local function add_groups(k, r, d, role)
  if not d.hybrid_kv or not k.rules or k.swap or k.kv_tiers or role and role ~= "all" then return end
  local groups, block_size = kv_groups.for_engine(d.hybrid_kv, r.engine)
  if not groups then return end
  k.kv_groups, k.num_gpu_blocks, k.block_size = groups, d.hybrid_kv.blocks - d.null_blocks, block_size
end

-- The engine's knobs, as the policies see them in `e` too.
local function knobs_of(r, d, role, whole)
  local system = systems.get(r.engine.system)
  local swap, blocks, seconds = swapping(r, d)
  local k = {
    num_gpu_blocks = d.num_gpu_blocks - d.null_blocks, swap = swap, swap_blocks = blocks, swap_block_seconds = seconds,
    computed_only = system.computed_only or false, kv_loading = r.kv_loading or system.kv_loading or "blocking",
    kv_tiers = tiers_of(r, d), slo = r.slo or {}, rules = system.rules and system.rules(r.engine),
    speculation = d.drafter and d.drafter.knobs, lora = lora.knobs(r.engine, d, whole),
  }
  for _, row in ipairs(knobs.scheduler) do
    if row.giver == "engine" then k[row[1]] = r.engine[row[1]] end
  end
  add_groups(k, r, d, role)
  return k
end

-- What a system's file names is looked for beside it first.
local function beside_system(system, find)
  if not system.folder then return find end
  return function(path)
    local there = system.folder .. "/" .. path
    if path:sub(1, 1) ~= "/" and paths.exists(there) then return there end
    return find(path)
  end
end

-- What decides: the scenario's own policies, else those of the system.
local function add_policies(spec, r, find)
  local system = systems.get(r.engine.system)
  local router = system.router and system.router(r.engine) or "round_robin"
  local beside = beside_system(system, find)
  spec.batching = policy("batching", "batching", r.batching or system.batching(r.engine), r,
    r.batching and find or beside)
  spec.router = policy("router", "router", r.router or router, r, r.router and find or beside)
  if r.admission then spec.admission = policy("admission", "admission", r.admission, r, find) end
  if r.eviction then spec.eviction = policy("eviction", "eviction", r.eviction, r, find) end
end

-- How the replicas of one kind come and go; `key`: where the scenario says so.
local function scaling_of(r, key, find)
  local a = r.autoscaling
  if not a then return nil, false end
  if a.min > a.max then fail("%s.min: %d: at most max (%d) expected", key, a.min, a.max) end
  if a.min > r.replicas or a.max < r.replicas then
    fail("%s: replicas = %d: a number from min (%d) to max (%d) expected", key, r.replicas, a.min, a.max)
  end
  return { interval = a.interval, cold_start = a.cold_start, least = a.min, most = a.max },
    policy("autoscaler", key .. ".policy", a.policy, r, find)
end

-- Outages count replicas as results do; one that names a pool counts those of the pool.
local function failures_of(r, d)
  if not r.failures then return nil end
  local parts, names, outages = {}, {}, {}
  for i, p in ipairs(pools.parts(d)) do
    if p.name then parts[p.name], names[i] = p, p.name end
  end
  for i, o in ipairs(r.failures.outages or {}) do
    local where, first, room = ("failures.outages[%d]"):format(i), 0, d.room
    if o.pool then
      local p = parts[o.pool]
      if not p then
        fail('%s.pool: "%s": %s expected', where, o.pool,
          #names > 0 and "one of " .. table.concat(names, ", ") or "a scenario with pools or groups")
      end
      first, room = p.first - 1, p.room
    end
    if o.replica >= room then
      fail("%s.replica: %d: a replica from 0 to %d expected", where, o.replica, room - 1)
    end
    outages[i] = { at = o.at, lasts = o.lasts, replica = first + o.replica }
  end
  return { mtbf = r.failures.mtbf, mttr = r.failures.mttr, outages = outages }
end

-- What policies may know of what steps cost: s of one that decodes a sequence alone, and s per token of a full step of
-- prompt tokens.
local function add_costs(kind, warnings)
  local function seconds(shape)
    return core.cost.step { model = kind.model, hardware = kind.hardware, layout = kind.layout, cost = kind.cost,
                            own_cost = kind.own_cost, shape = shape }.total
  end
  local e = kind.engine
  local context = math.min(512, e.max_model_len)
  local tokens = math.min(e.max_num_batched_tokens, e.max_model_len)
  e.step_seconds = seconds { decode_seqs = 1, decode_context = context }
  e.token_seconds = seconds { chunks = { { tokens = tokens, samples = true } } } / tokens
  if kind.own_cost then
    local falls = cost_probe.falls(seconds, e)
    if falls then warnings[#warnings + 1] = ("cost: %s: %s"):format(kind.own_cost.name, falls) end
  end
  return kind
end

-- What one kind of replica is made of, as sim.new takes it; its autoscaler, or false.
local function kind_of(r, d, key, find, warnings, whole, role)
  local scaling, scaler = scaling_of(r, key, find)
  local cost, own_cost = costs.params(r, d, find, warnings)
  local kind = {
    replicas = d.replicas, group = d.group, lockstep = d.lockstep, scaling = scaling,
    engine = knobs_of(r, d, role, whole),
    model = d.model, hardware = d.hardware, stages = d.stages, layout = d.layout,
    cost = cost, own_cost = own_cost, stage_costs = costs.stages(r, d, find),
    draft = d.drafter and speculation.draft_of(d.drafter, d.hardware, cost),
  }
  if not own_cost then return add_costs(kind, warnings), scaler end
  local ok, why = pcall(core.sim.guard, add_costs, kind, warnings)     -- for it may never end
  why = not ok and scenario.first_line(why)
  if why then fail(why:match("cost model \".*") or why) end
  return kind, scaler
end

-- Of each pool of replicas: what sim.new takes, and its autoscaler.
local function add_pools(spec, r, d, find, warnings)
  spec.pools, spec.autoscalers, spec.layerwise = {}, {}, r.pools and r.pools.transfer == "layerwise"
  for i, p in ipairs(d.pools) do
    local key = p.path == "" and "autoscaling" or p.path .. ".autoscaling"
    spec.pools[i], spec.autoscalers[i] = kind_of(p.scenario, p.deployment, key, find, warnings, r, p.role)
    spec.pools[i].role = p.role
  end
end

local function spec_of(r, d, find, warnings)
  if r.duration and r.warm_up >= r.duration then
    fail("warm_up: %g s leaves nothing of duration, %g s", r.warm_up, r.duration)
  end
  local workload, why = workloads.engine(r.workload,
    { duration = r.duration, find = find, warnings = warnings })
  if not workload then fail("workload.%s", why) end
  lora.adapt(r, d, workload)
  local spec, scaler = kind_of(r, d, "autoscaling", find, warnings, r)
  spec.seed, spec.lod, spec.levels = r.seed, r.lod ~= "hybrid" and r.lod or "medium", d.levels
  spec.network, spec.devices, spec.duration, spec.warm_up = d.network, d.devices, r.duration, r.warm_up
  spec.autoscalers, spec.failures, spec.slo, spec.workload = { scaler }, failures_of(r, d), r.slo, workload
  spec.series_interval, spec.client_latency = r.series_interval, r.client_link and r.client_link.latency
  spec.client_token_seconds = r.client_link and r.client_link.bytes_per_token / r.client_link.bandwidth
  if d.pools then
    add_pools(spec, r, d, find, warnings)
    d.fit, d.cost_model = costs.joined(d.pools, "fit"), costs.joined(d.pools, "cost_model")
  end
  add_policies(spec, r, find)
  return spec
end

local function warnings_of(r, d)
  local list = table.move(d.model.warnings or {}, 1, #(d.model.warnings or {}), 1, {})
  if r.kv_tiers and not r.engine.enable_prefix_caching then
    list[#list + 1] = "kv_tiers: no effect, for engine.enable_prefix_caching is false"
  end
  for _, one in ipairs(knobs.idle(r.engine)) do
    list[#list + 1] = ("engine.%s: no effect, for engine.%s is false"):format(one[1], one[2])
  end
  local usable = (d.num_gpu_blocks - d.null_blocks) * r.engine.block_size
  if r.engine.num_gpu_blocks_override and usable < r.engine.max_model_len then
    list[#list + 1] = ("num_gpu_blocks_override: the KV cache holds %s tokens, not one request of max_model_len %s")
      :format(units.thousands(usable), units.thousands(r.engine.max_model_len))
  end
  return list
end

-- What all requests together are to meet goes apart from what each of them is to.
local function take_objectives(r)
  if not (r.slo and r.slo.listed) then return end
  r.objectives, r.slo.listed = r.slo.listed, nil
  if next(r.slo) == nil then r.slo = nil end
  r.percentiles = objectives.percentiles(r.objectives, r.percentiles)
end

-- Objectives of classes are of those that the workload has.
local function check_classes(list, workload)
  local names = {}
  for _, part in ipairs(workload[1] and workload or { workload }) do
    names[#names + 1] = part.name
    local classes = part.generator and part.generator.classes or {}
    table.move(classes, 1, #classes, #names + 1, names)
  end
  local ok, why = objectives.check(list, names)
  if not ok then fail("%s", why) end
end

local function plan_of(raw, origin, memo)
  local find = finder(origin)
  local r, errors = schema.resolve(raw, find)
  if not r then fail(scenario.one_line(errors)) end
  r.cost.kind = cost_model.meant(raw.cost, r.cost.kind)
  local effective, without = cost_model.check(raw.cost, r.cost.kind)
  if not effective then fail(without) end
  take_objectives(r)
  if r.report then
    local columns, unknown = metrics.columns(r.report, r.percentiles)
    if not columns then fail(unknown) end
  end
  local d = deploy(r, find, memo)
  local warnings = warnings_of(r, d)
  local spec = spec_of(r, d, find, warnings)
  if r.objectives then check_classes(r.objectives, spec.workload) end
  r.cost.kind = d.cost_model
  return { scenario = r, deployment = d, spec = spec, warnings = warnings }
end

--- Everything a run needs, checked: nothing has been simulated yet.
-- @param s a scenario without `vary`
-- @param memo a table that remembers what was read, for plans made one after the other; may be nil
-- @return { scenario =, deployment =, spec =, warnings = }; spec is what oracle.core's sim.run takes
function planning.plan(s, memo)
  world.planned = true
  local origin = scenario.origin(s)
  local plan = plan_of(scenario.raw(s), origin, memo or {})
  for i, warning in ipairs(origin.warnings or {}) do table.insert(plan.warnings, i, warning) end
  for _, warning in ipairs(odd_values.of(scenario.raw(s))) do plan.warnings[#plan.warnings + 1] = warning end
  plan.of = s
  return plan
end

-- ---- running ----

--- The policy of a spec, or the list of those of its pools, for one more simulation.
-- @param p nil or false: there is none
function planning.fresh(p)
  if not p then return nil end
  local list = {}
  if policies.is(p) or #p == 0 then return policies.fresh(p) end
  for i, one in ipairs(p) do list[i] = one and policies.fresh(one) end
  return list
end

local function with_own_cost(pool, own_cost)
  local copy = {}
  for k, v in pairs(pool) do copy[k] = v end
  copy.own_cost = own_cost
  return copy
end

--- What the engine's sim.new and sim.run take, for one simulation: it has policies of its own.
-- @param options { csv = path, runs = false to step every step, threads =, progress = function,
--   brief = true for a result without what single replicas did (a pool's is kept),
--   shapes = true to keep the shapes of steps in the result, tokens = true: when each token of each request came,
--   latencies = percentiles whose requests are looked for,
--   attribution = numbers of requests whose time is laid to what it went into (src/bind/sim/attribution.h),
--   watch = { series_interval =, samples =, excerpt =, trace = } what is kept or written of the run for pictures }
function planning.spec(plan, options)
  options = options or {}
  local spec = {}
  for k, v in pairs(plan.spec) do spec[k] = v end
  for _, key in ipairs { "batching", "router", "admission", "eviction", "autoscalers" } do
    spec[key] = planning.fresh(spec[key])
  end
  spec.own_cost = cost_model.fresh(spec.own_cost)
  spec.workload = workloads.fresh(spec.workload)
  for i, p in ipairs(spec.pools or {}) do
    if i == 1 then spec.pools = table.move(spec.pools, 1, #spec.pools, 1, {}) end
    if p.own_cost then spec.pools[i] = with_own_cost(p, cost_model.fresh(p.own_cost)) end
  end
  spec.runs = options.runs ~= false
  spec.brief = options.brief and not plan.deployment.pools or nil
  spec.threads = options.threads or 1
  spec.csv, spec.shapes, spec.tokens = options.csv, options.shapes, options.tokens
  spec.latencies, spec.attribution = options.latencies, options.attribution
  spec.log = options.log
  if options.series and not spec.series_interval then spec.series_interval = 1 end
  local watch = options.watch
  if watch then
    spec.excerpt, spec.trace = watch.excerpt, watch.trace
    if not spec.series_interval then spec.series_interval, spec.samples = watch.series_interval, watch.samples end
  end
  spec.progress = options.progress
  return spec
end

--- Run a plan.
-- @param options see planning.spec; slices = in how many threads (oracle.plan.slices), nil: in this one
-- @return the engine's raw result; raises when the run fails
function planning.simulate(plan, options)
  options = options or {}
  if options.slices then
    local raw = slices.simulate(function() return planning.spec(plan, options) end, options.slices)
    if raw then return raw end
  end
  local spec = planning.spec(plan, options)
  if not (plan.scenario.processes or options.tokens) then return core.sim.run(spec) end
  local raw = core.sim.new(spec)
  local ok, why = pcall(planning.run, plan, raw, spec)
  local tokens, count
  if ok and options.tokens then tokens, count = raw:tokens() end
  local result = raw:result()                             -- closes the CSV, too
  if not ok then error(why, 0) end
  result.token_times, result.token_count = tokens, count
  return result
end

--- A simulation of a plan to its end, with the plan's processes.
-- @param raw of oracle.core's sim.new(spec)
-- @return whether it was not interrupted
function planning.run(plan, raw, spec)
  local beside = planning.beside(plan, raw, spec)
  if beside then return processes.run(beside, raw, spec.progress) end
  return raw:run(nil, spec.progress)
end

--- The processes of a plan beside a simulation of it (oracle.plan.processes); nil where it has none.
-- @param spec what the simulation was made from
function planning.beside(plan, raw, spec)
  return plan.scenario.processes and processes.start(plan, planning.plan, raw, spec)
end

return planning
