--- Configuration files in YAML or JSON, with the sections simulation, hardware_profile, workload, frameworks_to_test
-- and metrics_config, as scenarios: everything is checked here, with key path and line, then run like any other.
local lazy = require "oracle.lazy"
local catalog = lazy "oracle.models.catalog"
local distribution = lazy "oracle.formats.yaml.distribution"
local document = require "oracle.formats.document"
local fields = require "oracle.formats.fields"
local framework = lazy "oracle.formats.yaml.framework"
local hardware_profile = lazy "oracle.formats.yaml.hardware"
local model_db = lazy "oracle.formats.yaml.model_db"
local planning = lazy "oracle.plan"
local problems = require "oracle.formats.problems"
local scenario = lazy "oracle.scenario"
local settings = lazy "oracle.formats.yaml.settings"
local sketch = require "oracle.formats.yaml.sketch"
local systems = lazy "oracle.system"
local workload_section = lazy "oracle.formats.yaml.workload"

local yaml = {}

local SECTIONS = { "simulation", "hardware_profile", "workload", "frameworks_to_test" }
local TOP = { "simulation", "model_characteristics_db_path", "hardware_profile", "workload", "frameworks_to_test",
              "metrics_config" }

--- True for a document with sections of a configuration, whole or not.
function yaml.is(v)
  if type(v) ~= "table" or document.is_list(v) then return false end
  for _, name in ipairs(TOP) do
    if v[name] ~= nil then return true end
  end
  return false
end

-- ---- what the frameworks have in common ----

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do
    if not same(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

-- Host time between steps, s, as each stage of a pipeline has its part of it.
local function host_time(f)
  return (f.delay or 0) / (f.parallel and f.parallel.pp or 1)
end

-- What the servers of one deployment share, by the key to name when they do not.
local function traits(f, h)
  local d = f.gpus and h.devices[f.gpus[1]] or {}
  return { { "type", f.system }, { "config.model_profile_id", f.model },
           { "the efficiencies (mfu, mbu) of its devices", { d.mfu or false, d.mbu or false } },
           { "config.scheduling_policy", f.batching }, { "config.admission_policy", f.admission },
           { "config.prefix_eviction_policy", f.eviction }, { "config.cost_model", f.cost_model },
           { "config.scheduler_iteration_delay_s per pipeline stage", host_time(f) } }
end

-- The key of the first trait that two servers do not share; nil where they share all.
local function difference(f, other, h)
  local mine, theirs = traits(f, h), traits(other, h)
  for i, trait in ipairs(mine) do
    if not same(trait[2], theirs[i][2]) then return trait[1] end
  end
end

-- What else makes them replicas of one kind.
local function shape(f, h)
  local devices = {}
  for i, id in ipairs(f.gpus or {}) do
    local d = h.devices[id]
    devices[i] = { flops = d.flops, memory = d.memory, bandwidth = d.bandwidth }
  end
  local par = f.parallel
  return { devices, par and { par.strategy, par.tp, par.pp } or false, f.engine }
end

-- The deployment that a server is a replica of; nil where it is the first of one.
local function deployment_of(p, f, list, h)
  local from
  for _, deployment in ipairs(list) do
    local what = difference(f, deployment[1], h)
    if not what then return deployment end
    from = from or { deployment[1].name or deployment[1].path, what }
  end
  if from then
    p:warn(f.path, "%s differs from %s in %s: each has all requests of the workload, and they are compared",
      f.name or f.path, from[1], from[2])
  end
end

-- The servers that take part, by deployment: those of one share its requests, and `alike` says whether they are
-- equal; deployments stand side by side.
local function deployments_of(p, frameworks, h)
  local list = {}
  for _, f in ipairs(frameworks) do
    if f.target then
      local one = deployment_of(p, f, list, h)
      if not one then
        one = { alike = true }
        list[#list + 1] = one
      end
      one[#one + 1] = f
      one.alike = one.alike and same(shape(f, h), shape(one[1], h))
    elseif f.name then
      p:warn(f.path, "%s is no target of the workload and is not simulated", f.name)
    end
  end
  for _, one in ipairs(list) do
    framework.apart(p, one)
    one.name = one[1].name or one[1].path
    if #one > 1 then one.name = ("%s+%d"):format(one.name, #one - 1) end
  end
  if #list == 0 and #p.errors == 0 then p:add("frameworks_to_test", "No frameworks marked as workload targets") end
  return list
end

-- One kind of GPU per framework: its group works in step.
local function uniform(p, f, h)
  local first = h.devices[f.gpus[1]]
  for i = 2, #f.gpus do
    local d = h.devices[f.gpus[i]]
    if d.memory ~= first.memory or d.bandwidth ~= first.bandwidth or not same(d.flops, first.flops) then
      p:add(f.path .. ".config.parallelism.gpu_ids", "%s and %s differ; the GPUs of one instance must be equal",
        first.id, d.id)
      return
    end
  end
end

-- ---- the scenario ----

-- Knobs of a server that does not say them; one of the user's own has its own.
local DEFAULTS = { block_size = 16, max_num_seqs = 256 }

local function engine_of(f)
  local engine = {}
  for name, value in pairs(f.engine) do engine[name] = value end
  if not systems.is_path(f.system) then
    local said = {}
    for word, name in pairs(systems.get(f.system).aliases) do said[name] = said[name] or f.engine[word] ~= nil end
    for name, value in pairs(DEFAULTS) do
      if engine[name] == nil and not said[name] then engine[name] = value end
    end
  end
  if f.system ~= "vllm" then engine.system = f.system end
  if f.parallel then
    if f.parallel.tp > 1 then engine.tensor_parallel_size = f.parallel.tp end
    if f.parallel.pp > 1 then engine.pipeline_parallel_size = f.parallel.pp end
  end
  return engine
end

-- The slowest way of the clients' requests in: s per message and B/s.
local function client_link(p, targets, h, firsts)
  if not h.given then return nil end
  local slow
  for _, f in ipairs(targets) do
    local l = hardware_profile.way_in(h, f.gpus[1], firsts)
    if not l then
      if not h.whole then return nil end
      return p:add("hardware_profile.network_links", "no link from %s to %s, where requests of %s arrive",
        hardware_profile.CLIENT, f.gpus[1], f.name or f.path)
    end
    slow = slow or { latency = l.latency, bandwidth = l.bandwidth }
    slow.latency, slow.bandwidth = math.max(slow.latency, l.latency), math.min(slow.bandwidth, l.bandwidth)
  end
  return slow
end

-- What the scenario or its plan says of it, at the key of the file that it is about.
local function locate(p, why, targets)
  local index, inner = why:match("^workload%.profiles%[(%d+)%]%.(.+)$")
  local workload = inner and "workload." .. inner or why:match("^workload%..*$")
  if workload then
    local profile = ("workload.client_profiles[%d]"):format((index or 1) - 1)
    if not p:locate(workload, profile) and not p:locate(workload, "workload") then
      p:add(index and profile or "workload", "%s", (workload:gsub("^workload%.", "")))
    end
    return
  end
  local group, rest = why:match("^groups?%[?(%d+)%]?[.:] ?(.+)$")
  local server = group and targets[tonumber(group)] or targets[1]
  if p:locate(rest or why, server.path) or p:locate(rest or why, "") then return end
  p:add(server.path .. ".config", "%s", why)
end

-- Requests that no server of this model could hold.
local function check_lengths(p, s, list, targets)
  local ok, plan = pcall(planning.plan, s)
  if not ok then return locate(p, scenario.first_line(plan), targets) end
  local middle = distribution.middle
  local most = plan.scenario.engine.max_model_len
  for i, w in ipairs(list) do
    local prompt, output = w.prompt and middle(w.prompt), w.output and middle(w.output)
    if prompt and output and prompt + output > most then
      p:add(("workload.client_profiles[%d]"):format(i - 1), "a typical request has %.10g prompt and %.10g output"
        .. " tokens, more than the %d the model's context (max_model_len) holds", prompt, output, most)
    end
  end
end

-- GPUs of a configuration are figures of a data sheet, of which no fit says what kernels reach.
local function cost_of(f, h)
  local d, kind = h.devices[f.gpus[1]], f.cost_model or "roofline"
  if not (d.mfu or d.mbu or f.delay) then return kind end
  return { kind = kind, mfu = d.mfu, mbu = d.mbu, step_overhead = f.delay and host_time(f) }
end

local function router_of(w, targets)
  if w.router ~= "weighted_random" or not w.weights then return w.router end
  local weights = {}
  for i, f in ipairs(targets) do weights[i] = w.weights[f.name] or 1 end
  return { w.router, weights = weights }
end

-- GPUs that work together are where their links are; those that work alone need none.
local function place(targets, h)
  local placement, together = {}, false
  for _, each in ipairs(targets) do
    table.move(each.gpus, 1, #each.gpus, #placement + 1, placement)
    together = together or each.parallel ~= nil
  end
  if not together then return nil end
  return hardware_profile.network(h, placement), placement
end

local function model_of(p, f, db)
  if db then return db:model(p, f.path .. ".config.model_profile_id", f.model) end
  local ok, why = pcall(catalog.model, f.model)
  if ok then return f.model end
  return p:add(f.path .. ".config.model_profile_id", "Unknown model profile: %s; %s", f.model,
    (scenario.first_line(why):gsub("^unknown model [^:;]*[:;] ?", "")))
end

-- One server: its GPU with the links it has to its peers, and its knobs.
local function server_of(p, f, h)
  local peer = framework.peer(p, f, h)
  return { hardware = hardware_profile.table(h.devices[f.gpus[1]], peer), engine = engine_of(f) }
end

-- Servers that differ are a group each.
local function groups_of(servers, alike)
  if alike then return nil end
  local groups = {}
  for i, server in ipairs(servers) do
    local engine = {}
    for k, v in pairs(server.engine) do
      if k ~= "system" then engine[k] = v end
    end
    groups[i] = { replicas = 1, hardware = server.hardware, engine = engine }
  end
  return groups
end

-- The level of detail: the simulation's, else the one its targets agree on.
local function detail(p, targets, simulation)
  local level = simulation.lod
  for _, f in ipairs(targets) do
    if f.lod and level and f.lod ~= level then
      local path = f.path .. ".config.lod"
      if not simulation.lod then return p:add(path, "%s: another target has %s; one for all expected", f.lod, level) end
      p:warn(path, "has no effect: simulation.lod is %s", level)
    end
    level = level or f.lod
  end
  return level
end

-- The scenario of one deployment, as oracle.scenario takes it; nil after an error.
local function assemble(p, parts, targets, model)
  local h, w = parts.hardware, parts.workload
  local f, count = targets[1], #targets
  local link = client_link(p, targets, h, parts.firsts)
  local servers = {}
  for i, each in ipairs(targets) do servers[i] = server_of(p, each, h) end
  if link then link.bytes_per_token = w.bytes_per_token or f.bytes or 2 end
  local lod = detail(p, targets, parts.simulation)
  if #p.errors > 0 or not model or not w.workload then return nil end
  local network, placement = place(targets, h)
  return {
    network = network, placement = network and placement, client_link = link,
    series_interval = parts.metrics.interval,
    model = model, hardware = servers[1].hardware, engine = servers[1].engine,
    replicas = targets.alike and count > 1 and count or nil, groups = groups_of(servers, targets.alike),
    cost = cost_of(f, h), router = count > 1 and router_of(w, targets) or nil, batching = f.batching,
    admission = f.admission, eviction = f.eviction,
    workload = w.workload, warm_up = parts.metrics.warm_up, duration = parts.simulation.duration,
    seed = w.seed or parts.simulation.seed, lod = lod, percentiles = parts.metrics.percentiles,
  }
end

-- All deployments, each with its scenario as written, `raw`; nil where one has none.
local function assemble_all(p, parts)
  local list = deployments_of(p, parts.frameworks, parts.hardware)
  local models, firsts = {}, {}
  for _, f in ipairs(parts.frameworks) do
    if f.target and not f.gpus then return nil end
    if f.target then firsts[#firsts + 1] = f.gpus[1] end
  end
  parts.firsts = firsts
  for _, f in ipairs(parts.frameworks) do
    if f.model then models[f] = model_of(p, f, parts.db) end
    if f.gpus then uniform(p, f, parts.hardware) end
  end
  for _, one in ipairs(list) do
    one.raw = assemble(p, parts, one, models[one[1]])
    if one.raw and #list > 1 then one.raw.name = one.name end
  end
  return #list > 0 and #p.errors == 0 and list or nil
end

local function sections(p, v)
  local missing = {}
  for _, name in ipairs(SECTIONS) do
    if v[name] == nil then missing[#missing + 1] = name end
  end
  if #missing > 0 then p:add("", "Missing top-level fields: %s", table.concat(missing, ", ")) end
  fields.known(p, "", v, TOP)
  return #missing == 0
end

local function read_parts(p, v, folder)
  local parts = {}
  local simulation = fields.map(p, "", v, "simulation")
  local hardware, workload = fields.map(p, "", v, "hardware_profile"), fields.map(p, "", v, "workload")
  local list = fields.list(p, "", v, "frameworks_to_test")
  local metrics = fields.map(p, "", v, "metrics_config")
  parts.simulation = simulation and settings.simulation(p, simulation)
  parts.hardware = hardware and hardware_profile.read(p, hardware)
  if v.model_characteristics_db_path ~= nil then
    local path = fields.text(p, "", v, "model_characteristics_db_path")
    parts.db = path and model_db.open(p, path, folder)
  end
  if list and #list == 0 then p:add("frameworks_to_test", "No frameworks marked as workload targets") end
  parts.frameworks = list and parts.hardware and framework.read(p, list, parts.hardware)
  parts.workload = workload and workload_section.read(p, workload, parts.frameworks or {})
  parts.metrics = settings.metrics(p, metrics or {}, parts.simulation and parts.simulation.duration)
  return parts
end

-- What a reader of the log wants to see confirmed, one line each.
local function describe(parts)
  local lines, h = {}, parts.hardware
  for _, d in ipairs(h.devices) do
    lines[#lines + 1] = ("device %s: %.4g TFLOPS fp16%s, %.4g GB, %.4g GB/s, MFU %.3g, MBU %.3g"):format(d.id,
      d.flops.fp16 / 1e12, d.units and (" on %d units"):format(d.units) or "", d.memory / 1e9, d.bandwidth / 1e9,
      d.mfu or 0.5, d.mbu or 0.8)
  end
  for _, l in ipairs(h.links) do
    lines[#lines + 1] = ("link %s: %s %s %s, %.4g Gbit/s, %.4g us"):format(l.id or "-", l.from,
      l.both and "<->" or "->", l.to, l.bandwidth * 8 / 1e9, l.latency * 1e6)
  end
  for _, f in ipairs(parts.frameworks) do
    local par = f.parallel
    lines[#lines + 1] = ("framework %s: %s on %s%s"):format(f.name, f.model, table.concat(f.gpus, ", "),
      par and (", %s (tp %d, pp %d)"):format(par.strategy, par.tp, par.pp) or "")
  end
  return lines
end

-- Give each deployment its scenario; false after an error.
local function make(p, list, parts, folder)
  for _, one in ipairs(list) do
    local ok, s = pcall(scenario.new, one.raw)
    if not ok then
      locate(p, scenario.first_line(s), one)
    else
      scenario.origin(s).folder = folder
      one.scenario = s
      check_lengths(p, s, parts.workload.list, one)
    end
  end
  return #p.errors == 0
end

--- Turn a document into scenarios, one of each deployment it has.
-- @param v of oracle.formats.document
-- @param marks its lines; may be empty
-- @param folder of the file, for paths written in it; may be nil
-- @return { problems =, scenario = that of the first deployment (nil where there are errors), raw = the same as
-- written, deployments = { { name =, scenario =, raw = }, ... }, which stand side by side, json =, csv =, series =,
-- interval =, level = }
function yaml.read(v, marks, folder)
  local p = problems.new(marks)
  local out = { problems = p }
  if type(v) ~= "table" or document.is_list(v) then
    p:add("", "a mapping with the sections %s expected", table.concat(SECTIONS, ", "))
    return out
  end
  if not sections(p, v) then return out end
  sketch.complete(p, v)
  local parts = read_parts(p, v, folder)
  out.db = parts.db
  local list = parts.simulation and parts.hardware and parts.frameworks and parts.workload and assemble_all(p, parts)
  if not list or not make(p, list, parts, folder) then return out end
  local m = parts.metrics
  out.deployments, out.scenario, out.raw, out.about = list, list[1].scenario, list[1].raw, describe(parts)
  out.json, out.csv, out.series, out.interval, out.level = m.json, m.csv, m.series, m.interval, m.level
  return out
end

return yaml
