--- What the threads of a plan compute. A whole number stands for a stage of the race, a candidate (or a block of them)
-- and a load or a count, which is what goes to a thread:
--   price   a block of candidates: whether each fits, and what its steps allow (oracle.study.plan_bound)
--   rounds  short runs, then longer ones: the load that one unit carries within the objectives
--   point   one run of a unit at a given load, for the trade-offs
--   whole   all units under the whole load, with several seeds
local lazy = require "oracle.lazy"
local bound = lazy "oracle.study.plan_bound"
local capacity = require "oracle.study.capacity"
local core = require "oracle.core"
local inputs = require "oracle.text.inputs"
local load = require "oracle.study.load"
local metrics = require "oracle.scenario.metrics"
local objectives = require "oracle.scenario.slo"
local planning = require "oracle.plan"
local scenario = require "oracle.scenario"
local space = require "oracle.study.plan_space"
local summary = require "oracle.result.summary"
local sweep = lazy "oracle.study.sweep"

local run = {}

--- Candidates that one block has.
run.BLOCK = 32
--- The rounds of the race: requests and seeds of a run, and how far apart the two loads are that end a search, in
-- octaves.
run.ROUNDS = { { requests = 200, seeds = 1, width = 1 / 4 }, { requests = 700, seeds = 1, width = 1 / 8 },
               { requests = 2000, seeds = 2, width = 1 / 16 } }
run.POINT, run.WHOLE = #run.ROUNDS + 1, #run.ROUNDS + 2   -- stages after them; 0 is price

--- The router that is tried beside the scenario's own where prompts share prefixes.
run.ROUTER = "prefix_aware"

local ALONE = 20                                          -- requests that say what one is by itself
local FACTS = 1000                                        -- and those that say what all are like
local POINT = 400                                         -- requests of a point
local SEEDS, REQUESTS = 5, 3000                           -- of whole deployments
local OVER = 1e6                                          -- how far a candidate misses that answers nothing
local CODES, STEPS = 8192, 64                             -- loads between x and 2 x that an index can say

-- ---- indices ----

--- A load as a code of an index; and a number of units, with or without the router.
function run.code_of(x)
  return math.max(0, math.min(CODES - 1, math.floor(math.log(x, 2) * STEPS + CODES / 2 + 0.5)))
end

local function load_of(code)
  return core.exp2((code - CODES / 2) / STEPS)
end

--- The most units an index can say.
run.MOST_UNITS = CODES // 2 - 1

function run.units_code(units, routed)
  return 2 * units + (routed and 1 or 0)
end

--- The index of a stage, a candidate's (or block's) number and a code.
function run.index(work, stage, i, code)
  return (stage * #work.candidates + i - 1) * CODES + code + 1
end

local function parts_of(work, index)
  local code, rest = (index - 1) % CODES, (index - 1) // CODES
  return rest // #work.candidates, rest % #work.candidates + 1, code
end

-- ---- what there is to know of the requests ----

local function simulate(plan)
  local raw = planning.simulate(plan)
  if not raw.complete then error("interrupted", 0) end
  return summary.new(plan, raw), raw
end

local function plan_of(work, base, i, units, router)
  return planning.plan(space.apply(base:copy(), work.candidates[i], units, router), work.memo)
end

-- The candidate with most memory for its weights that the model fits in.
local function roomiest(work)
  local order, memory = {}, {}
  for i, c in ipairs(work.candidates) do
    order[i], memory[i] = i, c.gpus * space.hardware(c.gpu).memory * (c.quantization == "none" and 1 or 2)
  end
  table.sort(order, function(a, b)
    if memory[a] ~= memory[b] then return memory[a] > memory[b] end
    return a < b
  end)
  local none, same
  for _, i in ipairs(order) do
    local ok, plan = pcall(plan_of, work, work.base, i, 1)
    if ok then return i, plan end
    plan = scenario.first_line(plan)
    none = none or { i = i, why = plan }
    same = (same == nil or same) and plan == none.why
  end
  if same and not none.why:find "not fit" and not none.why:find "too small" then error(none.why, 0) end
  return nil, nil, none
end

--- What the requests are like, from a run of one unit, and the load there is.
-- @return { prompt =, output =, cached = tokens of a request, each = requests of one load (a session has several),
--   think = s of a client between requests, load = the whole, unit = what it is counted in }, and the resolved
--   scenario; or nil and { i =, why = } of the candidate with most room
function run.facts(work)
  local i, plan, none = roomiest(work)
  if not i then return nil, none end
  local raised = load.of(work.base, plan.scenario)
  local short = load.short(work.base, plan.scenario, FACTS)
  local result, raw = simulate(plan_of(work, short, i, 1))
  local n = math.max(1, raw.requests.total)
  local facts = { prompt = math.max(1, raw.tokens.prompt / n), output = math.max(1, raw.tokens.output / n),
                  cached = raw.tokens.cached / n, load = raised.from, unit = raised.unit, each = 1, think = 0 }
  local rate = result.throughput.offered_rps or result.throughput.requests_per_second or 0
  local opened = plan.scenario.workload
  if opened.kind == "sessions" then rate = n / (opened.duration or n / rate) end       -- of which later turns are part
  if raised.unit == "clients" then
    local e2e = result.latency.end_to_end_latency_ms.mean or 0
    facts.think = math.max(0, raised.from / math.max(result.throughput.requests_per_second or 0, 1e-9) - e2e / 1e3)
  elseif rate > 0 then
    facts.each = rate / raised.from
  end
  return facts, plan.scenario
end

-- ---- price ----

-- The load that a unit carries at most, in what the whole load is counted in.
local function as_load(facts, of)
  if facts.unit == "clients" then
    local most = 0
    for _, p in ipairs(of.loads) do most = math.max(most, p.sequences + p.rate * facts.think) end
    return most * bound.SLACK
  end
  return of.rate / facts.each
end

-- Points of the trade-offs: load, tokens per second of a GPU and of a user, USD per million tokens, s of a request.
local function points_of(facts, of, gpus, usd)
  local list = {}
  for k, p in ipairs(of.loads) do
    local tokens = p.rate * facts.output
    list[k] = { p.rate / facts.each, tokens / gpus, 1 / p.step, usd > 0 and usd / 3600 / tokens * 1e6 or 0,
                facts.output * p.step }
  end
  return list
end

-- What a unit can do: its plan decides whether it fits. Pools of a shape differ in numbers only, and share one plan.
local function bound_of(work, i)
  local c, facts = work.candidates[i], work.facts
  local shape = c.prefill and ("%s %d"):format(space.shape(c), c.seqs)
  if not shape or work.priced ~= shape then
    work.priced, work.plan_ok, work.plan = shape, pcall(plan_of, work, work.base, i, 1)
    work.pools = nil
  end
  if not work.plan_ok then return { why = scenario.first_line(work.plan) } end
  local limits = bound.limits(work.plan.scenario.objectives)
  if not shape then return bound.together(work.plan.spec, facts, limits) end
  local pools = work.plan.spec.pools
  work.pools = work.pools or bound.pools(pools[1], pools[2], facts, limits)
  return bound.apart(work.pools, c.prefill.replicas, c.decode.replicas)
end

-- A unit's rent in USD/h; 0 where the price is not known.
local function rent_of(c)
  return c.gpus * (space.hardware(c.gpu).usd_per_hour or 0)
end

local function price_one(work, i)
  local c = work.candidates[i]
  local of = bound_of(work, i)
  if of.why then return { why = of.why } end
  if of.slow then return { slow = of.slow } end
  return { load = as_load(work.facts, of), points = points_of(work.facts, of, c.gpus, rent_of(c)) }
end

local function price(work, block)
  local list = {}
  for i = (block - 1) * run.BLOCK + 1, math.min(#work.candidates, block * run.BLOCK) do
    list[#list + 1] = price_one(work, i)
  end
  return list
end

-- ---- rounds ----

-- One request after the other, far apart: what no number of units makes better.
local function by_itself(work, raised)
  local one = raised.apply(1e-3 * raised.from, ALONE)
  if raised.whole then one = raised.apply(1, ALONE) end
  local workload = scenario.raw(one).workload
  workload.count, workload.duration = ALONE, nil
  one.warm_up = 0
  local plan = planning.plan(one, work.memo)
  local result = simulate(plan)
  local refused = capacity.refused(result)
  if refused then return refused, OVER end
  for _, o in ipairs(plan.scenario.objectives or {}) do
    local value, miss = objectives.judge(o, result)
    if miss > 0 and value and o.column.metric.better == "lower" then
      local unit = o.column.unit and " " .. o.column.unit or ""
      return ("one request alone: %s is %.4g%s"):format(o.column.name, value, unit), miss
    end
  end
end

-- What a plan and its charts show of a load.
local function told(point)
  local one = point.runs[1]
  return { load = point.x, met = point.met, output_tokens_per_second = one.output_tokens_per_second,
           requests_per_second = one.requests_per_second, tpot_ms = one.tpot_ms, e2e_p99_ms = one.e2e_p99_ms,
           usd_per_million_output_tokens = one.usd_per_million_output_tokens }
end

local function told_all(found)
  local list = {}
  for _, point in ipairs(found.points) do
    if not point.saturated then list[#list + 1] = told(point) end
  end
  return list
end

-- A unit of a candidate under a load that can be raised, with short runs.
local function unit_of(work, i, requests)
  work.resolved = work.resolved or plan_of(work, work.base, i, 1).scenario
  local s = space.apply(load.short(work.base, work.resolved, requests), work.candidates[i], 1)
  local plan = planning.plan(s, work.memo)
  return s, plan, load.of(s, plan.scenario)
end

local function round(work, stage, i, from)
  local settings = run.ROUNDS[stage]
  local s, plan, raised = unit_of(work, i, settings.requests)
  if stage == 1 then
    local why, miss = by_itself(work, raised)
    if why then return { excluded = why, miss = miss, points = {} } end
  end
  raised.from = raised.whole and math.max(1, math.floor(from + 0.5)) or from
  local own = { load = raised, objectives = plan.scenario.objectives, seeds = raised.recorded and 1 or settings.seeds,
                requests = settings.requests, coarse = settings.width * capacity.OCTAVE | 0, memo = work.memo,
                step = 2 * settings.width * capacity.OCTAVE | 0, falling = false, first_seed = s.seed }
  local found = capacity.search(own, function(wanted)
    local got = {}
    for k, one in ipairs(wanted) do
      got[k] = capacity.compute(own, one.index)
      if not got[k] then return nil end
    end
    return got
  end)
  local out = { points = told_all(found), runs = own.seeds * #found.points }
  if found.at then
    out.load = found.estimate or found.x
  elseif found.beyond.met then
    out.load = found.beyond.x
  else
    out.excluded = "no load of it meets the objectives"
  end
  return out
end

local function point(work, i, x)
  local _, plan, raised = unit_of(work, i, POINT)
  local own = { load = raised, objectives = plan.scenario.objectives, seeds = 1, requests = POINT, memo = work.memo,
                falling = false, first_seed = work.base.seed }
  raised.from = raised.whole and math.max(1, math.floor(x + 0.5)) or x
  local found = capacity.once(own, function(wanted)
    local text = capacity.compute(own, wanted[1].index)
    return text and { text }
  end)
  return { points = told_all(found), runs = 1 }
end

-- ---- whole deployments ----

local WANTED = { "gpus", "output_throughput", "throughput", "cost_per_million", "tpot.mean", "ttft.p99", "e2e.p99" }

local function judged(result, list)
  local m = { saturated = result.throughput.saturated, values = {}, miss = -1e6 }
  for v, o in ipairs(list) do
    local value, miss = objectives.judge(o, result)
    m.values[v] = value or false
    if miss > m.miss then m.miss, m.worst = math.min(miss, 1e6), v end
  end
  for _, name in ipairs(WANTED) do m[name] = metrics.value(result, metrics.column(name, { 99 })) end
  return m
end

-- The whole load, as long as it is itself and long enough.
local function whole(work, i, code)
  local c, units = work.candidates[i], code // 2
  local router = code % 2 == 1 and run.ROUTER or nil
  local out = { units = units, routed = router ~= nil, gpus = units * c.gpus, usd_per_hour = units * rent_of(c),
                seeds = {} }
  local s = space.apply(work.base:copy(), c, units, router)
  local raised = load.of(s, planning.plan(s, work.memo).scenario)
  for k = 0, (raised.recorded and 1 or SEEDS) - 1 do
    local one = raised.apply(raised.from, REQUESTS)
    one.seed = one.seed + k
    local plan = planning.plan(one, work.memo)
    out.seeds[k + 1] = judged(simulate(plan), plan.scenario.objectives)
  end
  out.runs = #out.seeds
  return out
end

-- ---- from an index to a line ----

local function result_of(work, index)
  local stage, i, code = parts_of(work, index)
  if stage == 0 then return price(work, i) end
  if stage == run.POINT then return point(work, i, load_of(code)) end
  if stage == run.WHOLE then return whole(work, i, code) end
  return round(work, stage, i, load_of(code))
end

local function compute(work, index)
  local ok, out = pcall(result_of, work, index)
  if not ok and scenario.first_line(out) == "interrupted" then return nil end
  if not ok then out = { excluded = scenario.first_line(out), points = {}, seeds = {} } end
  return core.json.encode(out)
end

--- Do what an index stands for.
-- @return two lines of JSON, the files it read and what it found, and 0, 0, 0 (see oracle.study.sweep); nil when it was
--   interrupted
function run.compute(work, index)
  local list, text = inputs.collect(compute, work, index)
  if not text then return nil end
  return ("%s\n%s"):format(sweep.files_of(work, list), text), 0, 0, 0
end

return run
