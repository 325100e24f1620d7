--- How latencies follow the means of a deployment: the same requests (common random numbers) with a little more and a
-- little less of one of them at a time - bandwidth and FLOP/s of the GPUs, the token budget and the seats of a step, KV
-- blocks, replicas. Everything else stays as planned, the number of KV blocks too.
local lazy = require "oracle.lazy"
local core = require "oracle.core"
local jobs = require "oracle.study.job"
local lod = lazy "oracle.study.lod"
local metrics = require "oracle.scenario.metrics"
local ordered = require "oracle.text.ordered"
local planning = require "oracle.plan"
local scenario = require "oracle.scenario"
local statistics = require "oracle.text.statistics"
local summary = require "oracle.result.summary"
local sweep = lazy "oracle.study.sweep"
local workloads = lazy "oracle.workload"

local sensitivity = {}

local PERCENTILES = { 50, 90, 99 }
local COLUMNS = { "ttft.p50", "ttft.p90", "ttft.p99", "e2e.p50", "e2e.p90", "e2e.p99", "output_throughput" }
local SEEDS = 3
local ROOM = 1 << 20                                      -- seeds of a variant, in its index

sensitivity.COLUMNS, sensitivity.SEEDS = COLUMNS, SEEDS

-- ---- what is changed ----

local function copy(t)
  local own = {}
  for k, v in pairs(t) do own[k] = v end
  return own
end

local function scaled_flops(hardware, factor)
  local own = copy(hardware)
  own.flops = {}
  for format, rate in pairs(hardware.flops) do own.flops[format] = rate * factor end
  return own
end

local function scaled_bandwidth(hardware, factor)
  local own = copy(hardware)
  own.bandwidth = hardware.bandwidth * factor
  return own
end

-- GPUs of a pool, of its stages and of its drafter.
local function with_hardware(pool, change, factor)
  pool.hardware = change(pool.hardware, factor)
  if pool.stages then
    pool.stages = copy(pool.stages)
    for i, gpu in ipairs(pool.stages) do pool.stages[i] = change(gpu, factor) end
  end
  if pool.draft and pool.draft.hardware then
    pool.draft = copy(pool.draft)
    pool.draft.hardware = change(pool.draft.hardware, factor)
  end
end

local function with_knob(pool, name, factor)
  local value = pool.engine[name]
  local wanted = math.floor(value * factor + 0.5)
  if wanted == value then wanted = value + (factor > 1 and 1 or -1) end
  pool.engine = copy(pool.engine)
  pool.engine[name] = math.max(1, wanted)
end

local function hardware(change)
  return function(pool, factor) with_hardware(pool, change, factor) end
end

local function knob(name)
  return function(pool, factor) with_knob(pool, name, factor) end
end

local function engine(name)
  return function(spec) return spec.engine[name] end
end

-- { name, unit, step = by how much, value = of the plan's spec, change = function(pool, factor) }
local MEANS = {
  { "memory_bandwidth", unit = "B/s", step = 0.1, value = function(spec) return spec.hardware.bandwidth end,
    change = hardware(scaled_bandwidth) },
  { "flops", unit = "FLOP/s", step = 0.1, value = function(spec)
      return core.cost.flops(spec.hardware, spec.layout.compute)
    end, change = hardware(scaled_flops) },
  { "token_budget", unit = "tokens", key = "max_num_batched_tokens", step = 0.1,
    value = engine "max_num_batched_tokens", change = knob "max_num_batched_tokens" },
  { "batch_seats", unit = "sequences", key = "max_num_seqs", step = 0.1, value = engine "max_num_seqs",
    change = knob "max_num_seqs" },
  { "kv_blocks", unit = "blocks", key = "num_gpu_blocks", step = 0.1, value = engine "num_gpu_blocks",
    change = knob "num_gpu_blocks" },
}

-- Keys of the scenario that say how many replicas of a kind there are: { { name, key, value }, ... }.
local function replica_keys(s, r)
  if r.pools then
    return { { "replicas.prefill", "pools.prefill.replicas", r.pools.prefill.replicas or 1 },
             { "replicas.decode", "pools.decode.replicas", r.pools.decode.replicas or 1 } }
  end
  local list = {}
  for i, group in ipairs(r.groups or {}) do
    list[i] = { ("replicas.group%d"):format(i), ("groups.%d.replicas"):format(i), group.replicas or 1 }
  end
  return #list > 0 and list or { { "replicas", "replicas", s.replicas } }
end

-- All variants: { mean = row of MEANS or of replicas, factor = or more = 1 }, the first as it is.
local function variants_of(s, plan)
  local list, means = { {} }, {}
  for _, m in ipairs(MEANS) do
    means[#means + 1] = { name = m[1], unit = m.unit, value = m.value(plan.spec), up = #list + 1, down = #list + 2 }
    list[#list + 1] = { row = m, factor = 1 + m.step }
    list[#list + 1] = { row = m, factor = 1 - m.step }
  end
  for _, k in ipairs(replica_keys(s, plan.scenario)) do
    means[#means + 1] = { name = k[1], unit = "replicas", value = k[3], up = #list + 1 }
    list[#list + 1] = { key = k[2], value = k[3] + 1 }
  end
  return list, means
end

--- Make ready; every state that takes part does so for itself.
-- @param job { set = {}, fit =, force =, seed =, lod =, seeds = N or nil }; nil: the scenario is as it is to be
-- @param s a scenario without `vary`
function sensitivity.open(job, s)
  if job.set then
    local ok, why = jobs.apply(job, s)
    if not ok then error(why, 0) end
    if job.lod then lod.choose(s, job.lod) end
  end
  s = s:copy()
  s.vary, s.report, s.percentiles = nil, nil, PERCENTILES
  local plan = planning.plan(s)
  local list, means = variants_of(s, plan)
  return { scenario = s, variants = list, means = means, memo = {},
           seeds = workloads.is_recorded(plan.scenario.workload) and 1 or job.seeds or SEEDS }
end

--- The indices of all its runs.
function sensitivity.indices(work)
  local list = {}
  for v = 1, #work.variants do
    for j = 0, work.seeds - 1 do list[#list + 1] = v * ROOM + j end
  end
  return list
end

-- ---- one run ----

local function plan_of(work, variant, seed)
  local one = work.scenario:copy()
  one.seed = seed
  if variant.key then one:set(variant.key, variant.value) end
  local plan = planning.plan(one, work.memo)
  if not variant.row then return plan end
  local spec = copy(plan.spec)
  variant.row.change(spec, variant.factor)
  for i, pool in ipairs(spec.pools or {}) do
    if i == 1 then spec.pools = copy(spec.pools) end
    spec.pools[i] = copy(pool)
    variant.row.change(spec.pools[i], variant.factor)
  end
  plan.spec = spec
  return plan
end

-- The value that a variant gives what it changes.
local function changed(plan, variant)
  return variant.row and variant.row.value(plan.spec) or variant.value
end

--- Run what an index stands for.
-- @return a line of JSON and what it took: steps, events, simulated s; nil when it was interrupted
function sensitivity.compute(work, index)
  local variant, j = work.variants[index // ROOM], index % ROOM
  local ok, plan = pcall(plan_of, work, variant, work.scenario.seed + j)
  local raw
  if ok then ok, raw = pcall(planning.simulate, plan) end
  if not ok then
    local why = scenario.first_line(raw or plan)
    if why:find "interrupted$" then return nil end
    return core.json.encode { error = why }, 0, 0, 0
  end
  if not raw.complete then return nil end
  local result, values = summary.new(plan, raw), {}
  for i, name in ipairs(COLUMNS) do values[i] = metrics.value(result, metrics.column(name, PERCENTILES)) or false end
  return core.json.encode { values = values, at = changed(plan, variant), saturated = result.throughput.saturated },
    raw.steps, raw.events, raw.now
end

-- ---- what they come to ----

-- Of one seed: by what share of itself a metric changes for each share of the mean; and by how much for each unit.
local function slope(base, up, down, value, i)
  local to, from = up or base, down or base
  local x, y = to.at or value, from.at or value
  if x == y or not (base.values[i] and to.values[i] and from.values[i]) or base.values[i] == 0 then return nil end
  local by = (to.values[i] - from.values[i]) / (x - y)
  return by * value / base.values[i], by
end

local function effects_of(work, found, m)
  local rows = {}
  for i, name in ipairs(COLUMNS) do
    local shares, slopes = {}, {}
    for j = 1, work.seeds do
      local base, up, down = found[1][j], found[m.up][j], m.down and found[m.down][j]
      local share, by = slope(base, not up.error and up or nil, down and not down.error and down or nil, m.value, i)
      shares[#shares + 1], slopes[#slopes + 1] = share, by
    end
    local elasticity, half, by
    if #shares == work.seeds then
      elasticity, half = statistics.interval(shares)
      by = statistics.interval(slopes)
    end
    rows[i] = { name, ordered.object { { "elasticity", elasticity }, { "half_width", half }, { "derivative", by },
                                       { "unit", metrics.column(name, PERCENTILES).unit } } }
  end
  return ordered.object(rows)
end

--- The sensitivities from the results of all runs.
-- @param lines of JSON, in the order of sensitivity.indices
-- @return a list of { parameter, unit, value, low, high, error = why it could not be changed, effects = { [metric] =
--   { elasticity = change of the metric over the metric for each change of the parameter over the parameter,
--   half_width = of its 95 % interval over the seeds, derivative = metric per unit of the parameter, unit } } }
function sensitivity.of(work, lines)
  local found, n = {}, 0
  for v = 1, #work.variants do
    found[v] = {}
    for j = 1, work.seeds do
      n = n + 1
      found[v][j] = sweep.decode(lines[n])
    end
  end
  local base = found[1][1]
  if base.error then error(base.error, 0) end
  local list = {}
  for k, m in ipairs(work.means) do
    local up, down = found[m.up][1], m.down and found[m.down][1]
    local none = up.error and (not down or down.error) and up.error or nil
    list[k] = ordered.object {
      { "parameter", m.name }, { "unit", m.unit }, { "value", m.value },
      { "low", down and down.at or m.value }, { "high", up.at or m.value }, { "error", none },
      { "effects", not none and effects_of(work, found, m) or nil },
    }
  end
  return ordered.array(list)
end

return sensitivity
