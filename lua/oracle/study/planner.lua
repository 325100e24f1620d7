--- Which deployment serves a load within objectives for the least money: candidates are raced. Each is priced first:
-- whether the model fits, and what its steps allow at most. Whoever could be among the cheapest by that is asked, in
-- short runs, what load one unit of it carries; the best of them in longer ones; and of what then leads the whole
-- deployment is simulated under the whole load, with as many units as it takes. What goes on follows from results
-- alone, so the plan is the same for any number of threads or machines, and a plan that was stopped goes on.
local lazy = require "oracle.lazy"
local axes = lazy "oracle.scenario.axes"
local fronts = lazy "oracle.study.plan_fronts"
local inputs = require "oracle.text.inputs"
local jobs = require "oracle.study.job"
local planning = require "oracle.plan"
local reasons = lazy "oracle.study.plan_reasons"
local run = require "oracle.study.plan_run"
local scenario = require "oracle.scenario"
local space = require "oracle.study.plan_space"
local statistics = lazy "oracle.text.statistics"
local sweep = lazy "oracle.study.sweep"

local planner = {}

local START = 0.8                                         -- of the bound: where the search for a load begins
local WAVE, SHAPES, OTHERS = 16, 64, 48                   -- that race at once; of a shape each, and others of the best
local NEAR = 1.5                                          -- times the cheapest: what may be listed beside it
local DOUBT = 0.15                                        -- how far a load of a short run may be off
local KEPT = { 24, 12 }                                   -- after the first round and after the second
local FINALISTS, OF_A_SHAPE, TURNS = 6, 2, 3              -- at a time, and how often where none of them will do
local SHARED = 0.02                                       -- of prompts in the prefix cache: a router may matter

-- ---- making ready ----

-- What a plan finds out itself, and what says it in place of --set.
local REFUSED = { hardware = "--gpus names the accelerators", replicas = "--max-gpus bounds them",
                  pools = "a plan tries them itself", groups = "a plan is of one kind of unit",
                  autoscaling = "a plan is of fixed numbers", stages = "a plan is of one accelerator at a time" }

-- Knobs that --set fixes, or gives a range: no other value of them is tried. Returns them and what is left of --set.
local function fixed_of(job, base)
  local fixed, rest = {}, {}
  for _, pair in ipairs(job.set) do
    local knob = pair[1]:match "^engine%.([%w_]+)$"
    local first = pair[1]:match "^[^.]+"
    if REFUSED[first] then error(("--set %s: %s"):format(pair[1], REFUSED[first]), 0) end
    if knob and space.KNOBS[knob] then
      local values, why = axes.values(base, pair[1], pair[2])
      for _, v in ipairs(values or {}) do
        local ok, wrong = pcall(function() base:copy():set(pair[1], v) end)
        if not ok then values, why = nil, scenario.first_line(wrong) end
      end
      if not values then error(("--set %s=%s: %s"):format(pair[1], pair[2], why), 0) end
      fixed[knob] = values
    else
      rest[#rest + 1] = pair
    end
  end
  return next(fixed) and fixed or nil, rest
end

-- Why the space is empty: the smallest unit that was asked for.
local function empty(job, fixed)
  local least, many = 1, {}
  for _, knob in ipairs { "tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size" } do
    local values = fixed and fixed[knob]
    if values then
      least = least * math.min(table.unpack(values))
      many[#many + 1] = ("engine.%s = %s"):format(knob, tostring(math.min(table.unpack(values))))
    end
  end
  return ("--max-gpus %d: %s takes %d GPUs"):format(job.max_gpus, table.concat(many, ", "), least)
end

--- Make a plan ready; every state that takes part does so for itself.
-- @param job { model =, gpus = list, max_gpus =, shape = { isl =, osl =, rate = } or path =, text =, config =,
--   slo = list of texts or nil, system = or nil, set = {}, seed =, facts = of the first state that did }
-- @param s the scenario of the file, or nil
-- @return the work; raises why there is none
function planner.open(job, s)
  local base
  if s then
    base = s:copy()
    for _, key in ipairs { "vary", "report", "pools", "groups", "autoscaling", "stages", "placement", "network",
                           "replicas" } do
      base[key] = nil
    end
    if job.model then base.model = job.model end
  else
    base = scenario.new { model = job.model, workload = { kind = "poisson", rate = job.shape.rate, count = 2000,
                                                          prompt = job.shape.isl, output = job.shape.osl } }
  end
  local fixed, rest = fixed_of(job, base)
  local own = setmetatable({ set = rest }, { __index = job })
  local ok, why = jobs.apply(own, base)
  if not ok then error(why, 0) end
  if job.system then base:set("engine.system", job.system) end
  if job.slo then scenario.objectives(base, job.slo) end
  if not base.model then error("--model: missing; the model that is to be served", 0) end
  local work = { base = base, memo = {}, max_gpus = job.max_gpus, read = inputs.so_far(), facts = job.facts,
                 candidates = space.candidates { model = base.model, gpus = job.gpus, max_gpus = job.max_gpus,
                                                 engine = scenario.raw(base).engine, fixed = fixed } }
  if #work.candidates == 0 then error(empty(job, fixed), 0) end
  return work
end

--- Look at the requests once, for all states that take part. Does nothing where no candidate fits.
-- @param job gets `facts`
function planner.look(work, job)
  local facts, found = run.facts(work)
  if not facts then
    work.none = found
    return
  end
  local list = found.objectives
  if not (list and #list > 0) then
    error('objectives expected: --slo "ttft.p99<=1s,tpot.p95<=40ms", or slo = { "ttft.p99 <= 1 s" } in the scenario', 0)
  end
  work.facts, work.resolved, job.facts = facts, found, facts
end

planner.compute = run.compute

-- ---- the race ----

local function ask(race, stage, list)
  local indices = {}
  for k, entry in ipairs(list) do indices[k] = run.index(race.work, stage, entry.i, entry.code or 0) end
  local got = race.run(indices)
  if not got then error("interrupted", 0) end
  for k, entry in ipairs(list) do
    local result = sweep.decode(got[k])
    entry.result = result
    race.runs = race.runs + (result.runs or 0)
    for _, p in ipairs(result.points or {}) do race.points[#race.points + 1] = { entry = entry, point = p } end
  end
end

-- Units, GPUs and rent of what carries the whole load: share = of the load to a unit's. Where a price is not known, all
-- are counted in GPUs.
local function cost_of(race, entry, share, rounding)
  local units = math.max(1, math.ceil(share * (1 + (rounding or 0)) - 1e-9))
  local gpus, each = entry.c.gpus, race.priced and entry.c.gpus * race.usd[entry.c.gpu] or entry.c.gpus
  return { units = units, gpus = units * gpus, usd = race.priced and units * each or nil, key = units * each,
           share = share * each, fits = units * gpus <= race.work.max_gpus }
end

local function cheaper(a, b)
  if a.cost.key ~= b.cost.key then return a.cost.key < b.cost.key end
  if a.cost.share ~= b.cost.share then return a.cost.share < b.cost.share end
  return a.i < b.i
end

-- Every candidate: it does not fit (`why`), is too slow by itself (`slow`), or has a bound of what it costs.
local function price(race)
  local work, blocks = race.work, {}
  for k = 1, (#work.candidates + run.BLOCK - 1) // run.BLOCK do blocks[k] = { i = k } end
  ask(race, 0, blocks)
  for i, c in ipairs(work.candidates) do
    local block = blocks[(i - 1) // run.BLOCK + 1].result
    local of = block.excluded and { why = block.excluded } or block[(i - 1) % run.BLOCK + 1]
    local entry = { i = i, c = c, family = space.family(c), shape = space.shape(c), price = of }
    race.all[i] = entry
    if of.load and of.load > 0 then
      entry.cost = cost_of(race, entry, race.total / of.load)
      entry.bound = entry.cost
      if entry.cost.fits then race.open[#race.open + 1] = entry end
    end
  end
  table.sort(race.open, cheaper)
end

-- The first round of some: what load one unit carries.
local function enter(race, list)
  for _, entry in ipairs(list) do entry.code = run.code_of(START * entry.price.load) end
  ask(race, 1, list)
  for _, entry in ipairs(list) do
    entry.raced = true
    if entry.result.load then
      local share = race.total / entry.result.load
      entry.cost, entry.load = cost_of(race, entry, share, -DOUBT), entry.result.load
      local sure = cost_of(race, entry, share, DOUBT)
      if entry.cost.fits then race.able[#race.able + 1] = entry end
      if sure.fits and sure.key < race.best then race.best, race.least = sure.key, entry.cost.share end
    else
      entry.cost, entry.out = nil, entry.result.excluded
    end
  end
end

-- In waves, the cheapest by their bounds first, until no bound is below what has been found.
local function waves(race, list, most, limit)
  local n = 0
  while n < math.min(#list, most) do
    local wave = {}
    while #wave < WAVE and n < math.min(#list, most) and list[n + 1].bound.key <= limit() do
      n = n + 1
      wave[#wave + 1] = list[n]
    end
    if #wave == 0 then break end
    enter(race, wave)
  end
end

-- One of each shape, the one that may be cheapest, then the others of shapes that lead.
local function first_round(race)
  local firsts, others, seen = {}, {}, {}
  for _, entry in ipairs(race.open) do
    if not seen[entry.shape] then
      firsts[#firsts + 1], seen[entry.shape] = entry, entry
    end
  end
  waves(race, firsts, SHAPES, function() return NEAR * race.best end)
  for _, entry in ipairs(race.open) do
    local first = seen[entry.shape]
    entry.like = first
    if first ~= entry and first.load and first.cost.key <= race.best then others[#others + 1] = entry end
  end
  waves(race, others, OTHERS, function() return race.best end)
end

-- The best of a round: so many, and the best of each family that is nearly as cheap.
local function best_of(list, most)
  table.sort(list, cheaper)
  local kept, families = {}, {}
  for k, entry in ipairs(list) do
    local near = entry.cost.key <= NEAR * list[1].cost.key
    if k <= most or near and not families[entry.family] then kept[#kept + 1] = entry end
    families[entry.family] = true
  end
  return kept
end

-- Longer runs of those that are left, half of them each time.
local function halve(race)
  local list = race.able
  for r = 2, #run.ROUNDS do
    list = best_of(list, KEPT[r - 1])
    for _, entry in ipairs(list) do entry.code = run.code_of(entry.load) end
    ask(race, r, list)
    local left = {}
    for _, entry in ipairs(list) do
      if entry.result.load then
        entry.load = entry.result.load
        entry.cost = cost_of(race, entry, race.total / entry.load, -DOUBT / 2)
        left[#left + 1] = entry
      else
        entry.out, entry.cost = entry.result.excluded, nil
      end
    end
    list = left
  end
  table.sort(list, cheaper)
  return list
end

-- ---- whole deployments ----

-- Whether it would meet the objectives with other requests too: the 95 % interval of a run with another seed.
local function holds(result)
  local n, list = #result.seeds, {}
  if n == 0 then return false end
  for k, m in ipairs(result.seeds) do
    if m.saturated or m.miss > 0 then return false end
    list[k] = m.miss
  end
  local middle, half = statistics.interval(list)
  return n == 1 or middle + half * math.sqrt(n + 1) <= 0
end

-- The next number of units of one that is settled between the most that are too few and the fewest that do.
local function next_units(race, entry)
  local few, enough = entry.few or 0, entry.found and entry.found.units
  local step = math.max(1, entry.units // 8)
  local n = not enough and entry.units + step or few == 0 and math.max(1, enough - step) or (few + enough) // 2
  local most = math.min(race.work.max_gpus // entry.c.gpus, run.MOST_UNITS)
  if not enough and n > most and entry.units < most then n = most end
  if n <= few or enough and n >= enough or n > most then return nil end
  return n
end

-- The fewest units of each finalist under the whole load: from what one carries, down while it is enough, or up.
local function settle(race, list)
  local open = list
  while #open > 0 do
    for _, entry in ipairs(open) do entry.code = run.units_code(entry.units, entry.routed) end
    ask(race, run.WHOLE, open)
    local next_open = {}
    for _, entry in ipairs(open) do
      if holds(entry.result) then
        entry.found = entry.result
      else
        entry.few, entry.last = math.max(entry.few or 0, entry.units), entry.result
      end
      local n = next_units(race, entry)
      if n then
        entry.units, next_open[#next_open + 1] = n, entry
      end
    end
    open = next_open
  end
end

-- As they go to the last stage: of a shape no more than two, so that the list says more than the limits of a step.
local function finalists(race, list)
  local out, of = {}, {}
  for _, entry in ipairs(list) do
    if not entry.final and #out < FINALISTS and (of[entry.shape] or 0) < OF_A_SHAPE then
      of[entry.shape], entry.final = (of[entry.shape] or 0) + 1, true
      local most = race.work.max_gpus // entry.c.gpus
      out[#out + 1] = { i = entry.i, c = entry.c, of = entry, units = math.min(entry.cost.units, most) }
    end
  end
  return out
end

-- The same with a router that knows the prefix caches, where prompts share prefixes and there is something to choose.
local function with_router(race, list)
  local out, facts = {}, race.work.facts
  if scenario.raw(race.work.base).router or facts.cached < SHARED * facts.prompt then return out end
  for _, entry in ipairs(list) do
    local found = entry.found or entry.last
    if found and (found.units > 1 or entry.c.prefill) then
      out[#out + 1] = { i = entry.i, c = entry.c, of = entry.of, units = found.units, routed = true }
    end
  end
  return out
end

local function mean(result, name)
  local sum = 0
  for _, m in ipairs(result.seeds) do
    if not m[name] then return nil end
    sum = sum + m[name]
  end
  return sum / #result.seeds
end

local function plan_of(race, entry)
  local result = entry.found
  return { candidate = entry.c, i = entry.i, units = result.units, gpus = result.gpus, routed = entry.routed,
           router = entry.routed and run.ROUTER or nil, usd = race.priced and result.usd_per_hour or nil,
           result = result, cost = { key = race.priced and result.usd_per_hour or result.gpus,
                                     share = mean(result, "e2e.p99") or 0 },
           mean = function(name) return mean(result, name) end }
end

-- The plans: of what leads, the next ones where none will do within so many GPUs.
local function last_round(race, list)
  local plans = {}
  for _ = 1, TURNS do
    local final = finalists(race, list)
    if #final == 0 then break end
    settle(race, final)
    local routed = with_router(race, final)
    settle(race, routed)
    table.move(routed, 1, #routed, #final + 1, final)
    for _, entry in ipairs(final) do
      race.final[#race.final + 1] = entry
      if entry.found then plans[#plans + 1] = plan_of(race, entry) end
    end
    if #plans > 0 then break end
  end
  table.sort(plans, cheaper)
  return plans
end

-- ---- the search ----

local function prices(work)
  local usd, priced = {}, true
  for _, c in ipairs(work.candidates) do
    usd[c.gpu] = usd[c.gpu] or space.hardware(c.gpu).usd_per_hour or 0
    priced = priced and usd[c.gpu] > 0
  end
  return usd, priced
end

local function counts(race)
  local n = { visited = #race.all, unfit = 0, bounded = 0, simulated = 0 }
  local seen = {}
  for _, at in ipairs(race.points) do seen[at.entry.i] = true end
  for _, entry in ipairs(race.all) do
    if entry.raced or seen[entry.i] then
      n.simulated = n.simulated + 1
    elseif entry.price.why then
      n.unfit = n.unfit + 1
    else
      n.bounded = n.bounded + 1
    end
  end
  return n
end

--- Race the candidates.
-- @param work of planner.open, after planner.look
-- @param runner function(list of indices) -> list of lines of planner.compute, in the order of the list; nil when it
--   was interrupted
-- @return { work =, plans = { { candidate =, units =, router =, gpus =, usd =, result =, mean = function(metric) }, ...
--   } the cheapest first, speed =, cost = (trade-offs of oracle.study.plan_fronts), why_not = and nearest = of
--   oracle.study.plan_reasons, visited = candidates that were priced, of which unfit = do not fit, bounded = are out by
--   their bounds and simulated = were run, runs = simulations, objectives =, resolved = }
function planner.search(work, runner)
  local race = { work = work, run = runner, all = {}, open = {}, able = {}, final = {}, points = {}, runs = 0,
                 best = math.huge }
  race.usd, race.priced = prices(work)
  race.total = work.facts and work.facts.load
  price(race)
  first_round(race)
  local plans = last_round(race, halve(race))
  local speed, cost = fronts.of(race, function(list) ask(race, run.POINT, list) end)
  local found = counts(race)
  found.work, found.plans, found.speed, found.cost, found.runs = work, plans, speed, cost, race.runs
  found.resolved, found.objectives = work.resolved, work.resolved and work.resolved.objectives
  found.why_not, found.nearest = reasons.of(race, plans)
  return found
end

--- A plan as a scenario.
function planner.scenario(found, plan)
  return space.apply(found.work.base:copy(), plan.candidate, plan.units, plan.router)
end

--- The whole of a plan as it would run, checked.
function planner.resolved(found, plan)
  return planning.plan(planner.scenario(found, plan), found.work.memo)
end

return planner
