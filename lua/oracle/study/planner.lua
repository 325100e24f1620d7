--- Which deployment serves a load within objectives for the least money: candidates are raced. Every one is asked, in
-- short runs, what load one unit of it carries; the best of them in longer ones; and of what then leads the whole
-- deployment is simulated under the whole load, with as many units as it takes. What goes on follows from results
-- alone, so the plan is the same for any number of threads or machines, and a plan that was stopped goes on.
local lazy = require "oracle.lazy"
local capacity = require "oracle.study.capacity"
local catalog = lazy "oracle.models.catalog"
local core = require "oracle.core"
local inputs = require "oracle.text.inputs"
local jobs = require "oracle.study.job"
local load = require "oracle.study.load"
local metrics = require "oracle.scenario.metrics"
local objectives = require "oracle.scenario.slo"
local planning = require "oracle.plan"
local scenario = require "oracle.scenario"
local space = require "oracle.study.plan_space"
local summary = require "oracle.result.summary"
local sweep = lazy "oracle.study.sweep"

local planner = {}

local ALONE = 20                                          -- requests that say what one is by itself
local STAGES = { { requests = 200, seeds = 1, width = 1 / 4 }, { requests = 1200, seeds = 2, width = 1 / 16 } }
local HOPELESS = 1.8                                      -- times the cheapest: of such a shape only the first is tried
local KEPT, NEAR = 24, 1.25                               -- of the first stage: so many, and what costs 25 % more
local FINALISTS = 6
local SEEDS, REQUESTS = 3, 3000                           -- of whole deployments
local CONCURRENT = 16                                     -- requests at once where the search for a load begins
local CODES, STEPS = 4096, 64                             -- loads between x and 2 x that an index can say

-- ---- making ready ----

--- Make a plan ready; every state that takes part does so for itself.
-- @param job { model =, gpus = list, max_gpus =, shape = { isl =, osl =, rate = } or path =, text =, config =,
--   slo = list of texts or nil, system = or nil, set = {}, seed = }
-- @param s the scenario of the file, or nil
-- @return the work; raises why there is none
function planner.open(job, s)
  local base
  if s then
    base = s:copy()
    for _, key in ipairs { "vary", "report", "pools", "groups", "autoscaling", "stages", "placement", "network" } do
      base[key] = nil
    end
    if job.model then base.model = job.model end
  else
    base = scenario.new { model = job.model, workload = { kind = "poisson", rate = job.shape.rate, count = REQUESTS,
                                                          prompt = job.shape.isl, output = job.shape.osl } }
  end
  local ok, why = jobs.apply(job, base)
  if not ok then error(why, 0) end
  if job.system then base:set("engine.system", job.system) end
  if job.slo then scenario.objectives(base, job.slo) end
  if not base.model then error("--model: missing; the model that is to be served", 0) end
  local work = { base = base, memo = {}, candidates = space.candidates { model = base.model, gpus = job.gpus,
                                                                         max_gpus = job.max_gpus },
                 max_gpus = job.max_gpus, read = inputs.so_far() }
  if #work.candidates == 0 then error(("--max-gpus %d: no candidate is that small"):format(job.max_gpus), 0) end
  return work
end

-- ---- one run ----

-- Whole numbers stand for loads and counts in what goes to a thread.
local function index_of(work, stage, i, code)
  return ((stage - 1) * #work.candidates + i - 1) * CODES + code + 1
end

local function parts_of(work, index)
  local code, rest = (index - 1) % CODES, (index - 1) // CODES
  return rest // #work.candidates + 1, rest % #work.candidates + 1, code
end

local function code_of(x)
  return math.max(0, math.min(CODES - 1, math.floor(math.log(x, 2) * STEPS + CODES / 2 + 0.5)))
end

local function load_of(code)
  return 2 ^ ((code - CODES / 2) / STEPS)
end

-- A deployment's GPUs and their rent in USD/h; 0 where the price is not known.
local function rent_of(plan, c)
  local gpus = plan.deployment.gpus
  return gpus, gpus * (catalog.hardware(c.gpu).usd_per_hour or 0)
end

-- One request after the other, far apart: what no number of units makes better.
local function by_itself(work, raised)
  local one = raised.apply(1e-3 * raised.from, ALONE)
  if raised.whole then one = raised.apply(1, ALONE) end
  local workload = scenario.raw(one).workload
  workload.count, workload.duration = ALONE, nil
  one.warm_up = 0
  local plan = planning.plan(one, work.memo)
  local raw = planning.simulate(plan)
  if not raw.complete then error("interrupted", 0) end
  local result = summary.new(plan, raw)
  for _, o in ipairs(plan.scenario.objectives or {}) do
    local value, miss = objectives.judge(o, result)
    local of = o.column.metric.short
    if miss > 0 and of ~= "throughput" and of ~= "output_throughput" and of ~= "goodput" and value then
      local unit = o.column.unit and " " .. o.column.unit or ""
      return nil, ("one request alone: %s is %.4g%s"):format(o.column.name, value, unit)
    end
  end
  return result.latency.end_to_end_latency_ms.mean / 1e3
end

-- What a plan and its charts show of a load.
local function told(point)
  local run = point.runs[1]
  return { load = point.x, met = point.met, output_tokens_per_second = run.output_tokens_per_second,
           requests_per_second = run.requests_per_second, tpot_ms = run.tpot_ms, e2e_p99_ms = run.e2e_p99_ms,
           usd_per_million_output_tokens = run.usd_per_million_output_tokens }
end

local function search(work, s, plan, c, stage, from)
  local settings = STAGES[stage]
  local raised = load.of(s, plan.scenario)
  local own = { load = raised, objectives = plan.scenario.objectives, seeds = raised.recorded and 1 or settings.seeds,
                requests = settings.requests,
                coarse = settings.width * capacity.OCTAVE | 0, memo = work.memo, falling = false, first_seed = s.seed }
  if stage == 1 then
    local seconds, why = by_itself(work, raised)
    if not seconds then return { excluded = why } end
    from = raised.unit == "req/s" and CONCURRENT / seconds or raised.from
  end
  own.load.from = raised.whole and math.max(1, math.floor(from + 0.5)) or from
  local found = capacity.search(own, function(wanted)
    local got = {}
    for i, one in ipairs(wanted) do
      got[i] = capacity.compute(own, one.index)
      if not got[i] then return nil end
    end
    return got
  end)
  local gpus, usd = rent_of(plan, c)
  local out = { gpus = gpus, usd_per_hour = usd, points = {} }
  for i, point in ipairs(found.points) do out.points[i] = told(point) end
  if found.at then
    out.load = found.x
  elseif found.beyond.met then
    out.load = found.beyond.x
  else
    out.excluded = "no load of it meets the objectives"
  end
  return out
end

-- The whole deployment under the whole load.
local function whole(work, i, units)
  local c = work.candidates[i]
  local out = { units = units, seeds = {} }
  for k = 0, SEEDS - 1 do
    local s = space.apply(work.base:copy(), c, units)
    local r = planning.plan(s, work.memo).scenario
    local raised = load.of(s, r)
    local one = raised.apply(raised.from, REQUESTS)
    one.seed = one.seed + k
    local plan = planning.plan(one, work.memo)
    local raw = planning.simulate(plan)
    if not raw.complete then error("interrupted", 0) end
    local result = summary.new(plan, raw)
    local m = { saturated = result.throughput.saturated, values = {}, miss = -1e6 }
    for v, o in ipairs(r.objectives) do
      local value, miss = objectives.judge(o, result)
      m.values[v], m.miss = value or false, math.max(m.miss, math.min(miss, 1e6))
    end
    for _, name in ipairs { "gpus", "output_throughput", "throughput", "cost_per_million", "tpot.mean", "ttft.p99",
                            "e2e.p99" } do
      m[name] = metrics.value(result, metrics.column(name, { 99 }))
    end
    out.seeds[k + 1] = m
    local gpus, usd = rent_of(plan, c)
    out.gpus, out.usd_per_hour = gpus, usd
    if raised.recorded then break end
  end
  return out
end

local function compute(work, index)
  local stage, i, code = parts_of(work, index)
  local ok, out = pcall(function()
    if stage > #STAGES then return whole(work, i, code) end
    local s = space.apply(work.base:copy(), work.candidates[i], 1)
    local fine, plan = pcall(planning.plan, s, work.memo)
    if not fine then return { excluded = scenario.first_line(plan) } end
    return search(work, s, plan, work.candidates[i], stage, load_of(code))
  end)
  if not ok and scenario.first_line(out) == "interrupted" then return nil end
  if not ok then out = { excluded = scenario.first_line(out) } end
  return core.json.encode(out)
end

--- Do what an index stands for.
-- @return two lines of JSON, the files it read and what it found, and 0, 0, 0 (see oracle.study.sweep); nil when it was
--   interrupted
function planner.compute(work, index)
  local list, text = inputs.collect(compute, work, index)
  if not text then return nil end
  return ("%s\n%s"):format(sweep.files_of(work, list), text), 0, 0, 0
end

-- ---- the race ----

-- The load there is, in what a unit's load is counted in.
local function wanted_load(work)
  local s = space.apply(work.base:copy(), work.candidates[1], 1)
  local ok, r = pcall(function() return planning.plan(s, work.memo).scenario end)
  for i = 2, #work.candidates do
    if ok then break end
    s = space.apply(work.base:copy(), work.candidates[i], 1)
    ok, r = pcall(function() return planning.plan(s, work.memo).scenario end)
  end
  if not ok then return nil, scenario.first_line(r) end
  if not (r.objectives and #r.objectives > 0) then
    error('objectives expected: --slo "ttft.p99<=1s,tpot.p95<=40ms", or slo = { "ttft.p99 <= 1 s" } in the scenario', 0)
  end
  return load.of(s, r).from, r
end

-- What a candidate would cost: units for the whole load, GPUs, USD/h (GPUs where prices are not known).
local function cost_of(work, result, total)
  local share = total / result.load
  local units = math.max(1, math.ceil(share - 1e-9))
  local gpus, usd = units * result.gpus, result.usd_per_hour > 0 and result.usd_per_hour or nil
  return { units = units, gpus = gpus, usd = usd and units * usd, key = share * (usd or result.gpus),
           fits = gpus <= work.max_gpus }
end

local function stage(work, run, n, list)
  local indices = {}
  for k, entry in ipairs(list) do indices[k] = index_of(work, n, entry.i, entry.code or 0) end
  local got = run(indices)
  if not got then error("interrupted", 0) end
  for k, entry in ipairs(list) do entry.result = sweep.decode(got[k]) end
end

-- One of each shape, then the others of shapes that are not hopeless. Returns those that carry a load and fit.
local function first_stage(work, run, all, total)
  local firsts, rest, able, shapes, least = {}, {}, {}, {}, math.huge
  local function add(list)
    stage(work, run, 1, list)
    for _, entry in ipairs(list) do
      local r = entry.result
      if not r.excluded then
        entry.cost = cost_of(work, r, total)
        if entry.cost.fits then able[#able + 1], least = entry, math.min(least, entry.cost.key) end
      end
    end
  end
  for _, entry in ipairs(all) do
    entry.shape = space.shape(work.candidates[entry.i])
    if work.candidates[entry.i].first then firsts[#firsts + 1], shapes[entry.shape] = entry, entry end
  end
  add(firsts)
  for _, entry in ipairs(all) do
    local first = shapes[entry.shape]
    if first ~= entry then
      if not first or first.cost and first.cost.key <= HOPELESS * least then
        rest[#rest + 1] = entry
      else
        entry.result = { excluded = first.result.excluded or not first.cost.fits and
          ("%d GPUs would be needed"):format(first.cost.gpus) or
          ("%.2f times the cheapest, as the first of its shape shows"):format(first.cost.key / least), points = {} }
      end
    end
  end
  add(rest)
  return able, #firsts + #rest
end

local function by_cost(a, b)
  if a.cost.key ~= b.cost.key then return a.cost.key < b.cost.key end
  return a.i < b.i
end

-- The best of a stage: so many, and what is nearly as cheap as the best; the best of each family among them.
local function best_of(list, most)
  table.sort(list, by_cost)
  local kept, families = {}, {}
  for k, entry in ipairs(list) do
    local family = entry.family
    if k <= most or entry.cost.key <= NEAR * list[1].cost.key and #kept < 2 * most or not families[family] then
      kept[#kept + 1] = entry
    end
    families[family] = true
  end
  return kept
end

local function mean(result, name)
  local sum = 0
  for _, m in ipairs(result.seeds) do
    if not m[name] then return nil end
    sum = sum + m[name]
  end
  return sum / #result.seeds
end

local function judged(result)
  local miss, saturated = 0, 0
  for _, m in ipairs(result.seeds) do
    miss, saturated = miss + m.miss / #result.seeds, saturated + (m.saturated and 1 or 0)
  end
  return miss <= 0 and 2 * saturated <= #result.seeds
end

-- The fewest units of each finalist under the whole load: from what one carries, down while it is enough, or up.
local function settle(work, run, list)
  local open = {}
  for _, entry in ipairs(list) do
    entry.code = entry.cost.units
    open[#open + 1] = entry
  end
  while #open > 0 do
    stage(work, run, #STAGES + 1, open)
    local next_open = {}
    for _, entry in ipairs(open) do
      local met = judged(entry.result)
      if met then entry.found = entry.result else entry.least = math.max(entry.least or 0, entry.code) end
      local n = met and entry.code - 1 or entry.code + 1
      local enough = entry.found and entry.found.units or math.huge
      if n >= 1 and n < enough and n > (entry.least or 0) and n * entry.cost.gpus / entry.cost.units <= work.max_gpus
        and n < CODES then
        entry.code = n
        next_open[#next_open + 1] = entry
      end
    end
    open = next_open
  end
end

local function frontier(list, x, y)
  table.sort(list, function(a, b)
    if a[x] ~= b[x] then return a[x] > b[x] end
    return a[y] > b[y]
  end)
  local out, best = {}, -math.huge
  for _, p in ipairs(list) do
    if p[y] > best then out[#out + 1], best = p, p[y] end
  end
  return out
end

-- Every load that was measured of every unit, as points of the two trade-offs.
local function fronts(work, all)
  local speed, cost = {}, {}
  for _, entry in ipairs(all) do
    local r = entry.result
    for _, p in ipairs(r.points or {}) do
      local tpot, tokens = p.tpot_ms, p.output_tokens_per_second
      if tpot and tokens and tpot > 0 then
        speed[#speed + 1] = { name = space.name(work.candidates[entry.i]), user = 1000 / tpot, gpu = tokens / r.gpus }
      end
      local usd, p99 = p.usd_per_million_output_tokens, p.e2e_p99_ms
      if usd and p99 then
        cost[#cost + 1] = { name = space.name(work.candidates[entry.i]), cheap = -usd, fast = -p99, usd = usd,
                            p99 = p99 }
      end
    end
  end
  return frontier(speed, "gpu", "user"), frontier(cost, "cheap", "fast")
end

-- Why each family that has no plan among the best has none: the reason most of its members have.
local function why_not(families, all, plans)
  local best = plans[1]
  local said, list = {}, {}
  for _, entry in ipairs(all) do
    local f = said[entry.family]
    if not f then
      f = { family = entry.family, reasons = {}, n = 0 }
      said[entry.family], list[#list + 1] = f, f
    end
    f.n = f.n + 1
    local r = entry.result
    if r.excluded then
      f.reasons[r.excluded] = (f.reasons[r.excluded] or 0) + 1
    elseif not f.best or entry.cost.key < f.best.cost.key then
      f.best = entry
    end
  end
  local out = {}
  for _, f in ipairs(list) do
    if not families[f.family] then
      local why, most
      for reason, n in pairs(f.reasons) do
        if not most or n > most or n == most and reason < why then why, most = reason, n end
      end
      if f.best and not f.best.cost.fits then
        why = ("%d GPUs would be needed"):format(f.best.cost.gpus)
      elseif f.best and best then
        local usd = f.best.cost.usd and ("about %.2f USD/h, "):format(f.best.cost.key) or ""
        why = ("%s%.2f times the best plan's"):format(usd, f.best.cost.key / best.cost.key)
      end
      out[#out + 1] = { family = f.family, why = why, candidates = f.n }
    end
  end
  return out
end

--- Race the candidates.
-- @param work of planner.open
-- @param run function(list of indices) -> list of lines of planner.compute, in the order of the list; nil when it was
--   interrupted
-- @return { work =, plans = { { candidate =, units =, gpus =, usd =, result = }, ... } the cheapest first, speed =,
--   cost = (Pareto fronts), why_not =, visited =, nearest = what comes closest where there is no plan }
function planner.search(work, run)
  local total, r = wanted_load(work)
  local all = {}
  for i, c in ipairs(work.candidates) do all[i] = { i = i, family = space.family(c) } end
  if not total then return { work = work, plans = {}, why_not = {}, visited = 0, none = r } end
  local able, simulated = first_stage(work, run, all, total)
  local kept = best_of(able, KEPT)
  for _, entry in ipairs(kept) do entry.first, entry.code = entry.result, code_of(entry.result.load) end
  stage(work, run, 2, kept)
  local second = {}
  for _, entry in ipairs(kept) do
    if not entry.result.excluded then
      entry.cost = cost_of(work, entry.result, total)
      second[#second + 1] = entry
    else
      entry.result = entry.first
    end
  end
  table.sort(second, by_cost)
  local finalists = table.move(second, 1, math.min(FINALISTS, #second), 1, {})
  for _, entry in ipairs(finalists) do entry.second = entry.result end
  settle(work, run, finalists)
  local plans, families = {}, {}
  for _, entry in ipairs(finalists) do
    if entry.found then
      local result = entry.found
      local usd = result.usd_per_hour > 0 and result.usd_per_hour or nil
      plans[#plans + 1] = { candidate = work.candidates[entry.i], i = entry.i, units = result.units,
                            gpus = result.gpus, usd = usd, result = result, cost = { key = usd or result.gpus },
                            mean = function(name) return mean(result, name) end }
      families[entry.family] = true
    end
    entry.result = entry.second
  end
  table.sort(plans, by_cost)
  local speed, cost = fronts(work, all)
  return { work = work, plans = plans, speed = speed, cost = cost, why_not = why_not(families, all, plans),
           visited = #all, simulated = simulated, objectives = r.objectives, resolved = r }
end

--- A plan as a scenario.
function planner.scenario(found, plan)
  return space.apply(found.work.base:copy(), plan.candidate, plan.units)
end

return planner
