--- A scenario's deployment as a server that real clients talk to (docs/serve.md, src/serve/service.h).
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local live = lazy "oracle.live"
local orders = lazy "oracle.serve.orders"
local page = lazy "oracle.serve.page"
local planning = lazy "oracle.plan"
local summary = lazy "oracle.result.summary"
local version = require "oracle.version"
local vllm_metrics = lazy "oracle.result.vllm_metrics"

local serve = {}

local ROOM = 64                                           -- units a pool may be scaled to where its scenario says none

-- The distribution of answers' lengths: that of the first part of the workload which has one.
local function output_of(workload)
  for _, part in ipairs(workload[1] and workload or { workload }) do
    if type(part.output) == "table" then return part.output end
  end
end

-- Room for more units than there are at the start, where no network says where they would be.
local function make_room(spec)
  if spec.network then return end
  for _, pool in ipairs(spec.pools or { spec }) do
    local group = pool.group or 1
    local units = (pool.replicas or 1) // group
    pool.scaling = pool.scaling or { interval = 3600, cold_start = 0, least = 0, most = math.max(units, ROOM) }
  end
end

-- Clients' requests in place of the workload, or beside it.
local function adapt(options)
  return function(spec)
    local served = { arrivals = "served", shares = true, name = "clients" }
    local workload = { served }
    if options.background then
      local parts = spec.workload[1] and spec.workload or { spec.workload }
      table.move(parts, 1, #parts, 2, workload)
      workload.count = spec.workload.count
    end
    spec.output, spec.workload = output_of(spec.workload), workload
    spec.runs, spec.duration, spec.warm_up, spec.csv = false, nil, 0, options.csv
    spec.life = options.repl                              -- lives of requests are for who looks at them
    if options.admin then make_room(spec) end
  end
end

-- USD per hour of a replica; nil where a price is unknown.
local function usd_of(d)
  local gpu = d.hardware and d.hardware.usd_per_hour or 0
  local replicas = d.replicas or 1
  return gpu > 0 and d.gpus and gpu * d.gpus / math.max(1, replicas) or nil
end

--- Begin to listen.
-- @param s a scenario
-- @param options { host =, port =, speed = a number or math.huge, background =, admin =, api_key =, record = path,
--   model = its name for clients, csv = path, drain_seconds =, and limits (src/serve/limits.h) }
-- @return a server: run([descriptor]), port(), totals(), close(); the live simulation behind it. Raises one line.
function serve.start(s, options)
  local output
  local change = adapt(options)
  local sim = live.new(s, function(spec)
    change(spec)
    output, spec.output = spec.output, nil
  end)
  local raw, beside, plan = live.engine(sim)
  local d, e = plan.deployment, plan.scenario.engine
  local given = {
    output = output, seed = plan.scenario.seed, max_model_len = e.max_model_len,
    model = options.model or d.names.model, version = version.vllm:gsub("^v", ""),
    families = vllm_metrics.rows(e.max_model_len), usd_per_hour = usd_of(d), page = page.text(),
  }
  for k, v in pairs(options) do given[k] = v end
  if beside then
    function given.due() return beside.due() end
    given.process = beside.run
  end
  local server
  given.order = function(name, query) return orders.obey(sim, server, name, query) end
  server = core.serve.new(raw, given)
  return server, sim
end

--- The result of what was served, once it is closed; closes the simulation.
function serve.result(sim)
  local raw, _, plan = live.engine(sim)
  return summary.new(plan, raw:result())
end

--- Whether a scenario can be served as it is; raises why not.
function serve.check(s)
  return planning.plan(s)
end

return serve
