--- The most load that meets objectives, or the fewest replicas that do: loads are tried on a fixed grid - doubled or
-- halved until one meets them and the next does not, then halfway between - each with the same seeds (common random
-- numbers), until the interval of what was found is narrow. What is tried follows from results alone, so the answer is
-- the same bytes for any number of threads.
local lazy = require "oracle.lazy"
local core = require "oracle.core"
local jobs = require "oracle.study.job"
local load = require "oracle.study.load"
local lod = lazy "oracle.study.lod"
local metrics = require "oracle.scenario.metrics"
local objectives = require "oracle.scenario.slo"
local planning = require "oracle.plan"
local scenario = require "oracle.scenario"
local statistics = lazy "oracle.text.statistics"
local summary = require "oracle.result.summary"
local sweep = lazy "oracle.study.sweep"

local capacity = {}

local OCTAVE = 256                                        -- loads between x and 2 x: 0.27 % apart
local SEEDS = 4

capacity.OCTAVE = OCTAVE

local REQUESTS, ROUNDS = 2500, 4                          -- of a run; four times as many in each round after the first
local COARSE = OCTAVE // 16                               -- how far apart the two loads are that end the first round
local PRECISION = 0.005                                   -- half-width of the interval, as a share of the load
-- Work after which an interval stays as wide as it is, in steps; what a request, and a token found in the prefix cache,
-- are beside them. Whoever asks for a precision waits longer for it.
local WORK, ASKED_WORK, REQUEST_WORK, TOKEN_WORK = 1e9, 4e9, 40, 1
local NEAR, TURNS = 4, 10                                 -- two loads are near at 4 apart; 10 tries to be
local FURTHEST = 20                                       -- octaves from where it begins
local STILL = 0.005                                       -- halving a load changes less where requests are alone
local OVER = 1e6                                          -- how far a run that cannot be measured misses

-- ---- one run ----

-- What is measured beside objectives at each load: short name, and what it is called in what is found.
local BESIDE = { { "throughput", "requests_per_second" }, { "output_throughput", "output_tokens_per_second" },
                 { "offered", "offered_rps" }, { "gpus", "gpus" },
                 { "cost_per_million", "usd_per_million_output_tokens" }, { "tpot.mean", "tpot_ms" },
                 { "e2e.p99", "e2e_p99_ms" } }

-- The share of requests that met each one's own objectives.
local function good_share(result)
  local t, r = result.throughput, result.requests
  if not t.goodput_rps or (t.requests_per_second or 0) <= 0 then return 0 end
  return t.goodput_rps / t.requests_per_second * r.successful / math.max(1, r.total)
end

-- Why every request was refused at the door, which no lower load changes; nil where one was not.
local function refused(result)
  local r, warnings = result.requests, result.oracle.warnings
  if r.total == 0 or r.rejected < r.total then return nil end
  return "every request is rejected" .. ((warnings[#warnings] or ""):match "rejected(: .*)$" or "")
end

capacity.refused = refused

-- What crosses from state to state of one run.
local function measured(work, result, raw)
  local m = { saturated = result.throughput.saturated or false, requests = result.requests.total,
              refused = refused(result), work = raw.steps + REQUEST_WORK * raw.requests.total, value = {}, miss = {} }
  m.work = m.work + TOKEN_WORK * raw.tokens.cached
  for i, o in ipairs(work.objectives) do
    local value, miss = objectives.judge(o, result)
    m.value[i], m.miss[i] = value or false, math.min(miss, OVER)
  end
  if work.goodput then
    local share = good_share(result)
    m.value[#m.value + 1], m.miss[#m.miss + 1] = 100 * share, share > 0 and math.log(work.goodput / share) or OVER
  end
  for _, one in ipairs(BESIDE) do m[one[2]] = metrics.value(result, metrics.column(one[1], { 99 })) end
  return m
end

-- A load and a seed as one whole number, which is what goes to a thread.
local FROM, SEED_ROOM = 2^20 | 0, 64
local LOADS = 2 * FROM

local function index_of(round, k, j)
  return (round * LOADS + k + FROM) * SEED_ROOM + j
end

local function load_at(work, k)
  if work.load.whole then return k end
  return work.load.from * core.exp2(k / OCTAVE)
end

--- Run what an index stands for.
-- @return a line of JSON and what it took: steps, events, simulated s; nil when it was interrupted
function capacity.compute(work, index)
  local j, rest = index % SEED_ROOM, index // SEED_ROOM
  local round, k = rest // LOADS, rest % LOADS - FROM
  local one = work.load.apply(load_at(work, k), work.requests * 4 ^ (work.load.whole and 1 or round) | 0)
  one.seed = one.seed + j
  if work.lod then lod.choose(one, work.lod) end
  local ok, plan = pcall(planning.plan, one, work.memo)
  if not ok then return core.json.encode { error = scenario.first_line(plan) }, 0, 0, 0 end
  local raw = planning.simulate(plan, { runs = work.runs, brief = true })
  if not raw.complete then return nil end
  return core.json.encode(measured(work, summary.new(plan, raw), raw)), raw.steps, raw.events, raw.now
end

-- ---- making ready ----

-- Objectives of each request, where goodput is asked for and the scenario has none: the limits of those of all.
local function each_request(s, list)
  local raw = scenario.raw(s)
  local own = {}
  for key, limit in pairs(raw.slo or {}) do own[key] = limit end
  if own.ttft or own.tpot or own.e2e then return end
  for _, o in ipairs(list) do
    local short = o.column.metric.short
    if not o.class and (short == "ttft" or short == "tpot" or short == "e2e") then own[short] = o.limit / 1e3 end
  end
  if not (own.ttft or own.tpot or own.e2e) then
    error("--goodput: objectives of each request expected: slo = { ttft = \"1 s\" } in the scenario, or --slo of ttft, "
      .. "tpot or e2e", 0)
  end
  s.slo = own
end

--- Make a search ready; every state that takes part does so for itself.
-- @param job { path =, text =, config =, set = {}, fit =, force =, seed =, lod =, runs =, slo = list of texts or nil,
--   goodput = share or nil, precision = of the interval, as a share, over = key or nil, replicas = true }
-- @param s the scenario as its file returned it
-- @return the work; raises why there is none
function capacity.open(job, s)
  local ok, why = jobs.apply(job, s)
  if not ok then error(why, 0) end
  s.vary, s.report = nil, nil
  if job.slo then scenario.objectives(s, job.slo) end
  local plan = planning.plan(s)
  local list = plan.scenario.objectives or {}
  if #list == 0 and not job.goodput then
    error('objectives expected: --slo "ttft.p99<=1s,tpot.p95<=40ms", or slo = { "ttft.p99 <= 1 s" } in the scenario', 0)
  end
  if job.goodput then each_request(s, list) end
  local own = plan.scenario.slo or {}
  for _, o in ipairs(list) do
    if o.column.metric.short == "goodput" and not (own.ttft or own.tpot or own.e2e or job.goodput) then
      error(o.text .. ": objectives of each request expected, such as slo = { ttft = \"1 s\" } in the scenario", 0)
    end
  end
  local r = plan.scenario
  local raised = job.replicas and load.replicas(s, r) or load.of(s, r, job.over)
  return { load = raised, objectives = list, goodput = job.goodput, lod = job.lod, runs = job.runs, memo = {},
           precision = job.precision or PRECISION, work = job.precision and ASKED_WORK or WORK,
           requests = REQUESTS, falling = job.replicas == true,
           seeds = raised.recorded and 1 or job.seeds or SEEDS, first_seed = s.seed,
           names = plan.deployment.names, warnings = plan.warnings }
end

-- ---- the search ----

-- The runs of a load, one for each seed, and what they come to.
local function mean(runs, of)
  local list = {}
  for i, run in ipairs(runs) do
    local v = of(run)
    if not v then return nil end
    list[i] = v
  end
  return statistics.interval(list)
end

local function judge(work, runs)
  local point = { runs = runs, values = {}, miss = -math.huge }
  local saturated = 0
  for _, run in ipairs(runs) do saturated = saturated + (run.saturated and 1 or 0) end
  point.saturated = 2 * saturated > #runs
  for i = 1, #work.objectives + (work.goodput and 1 or 0) do
    local value, half = mean(runs, function(run) return run.value[i] end)
    local miss = mean(runs, function(run) return run.miss[i] end)
    point.values[i] = { mean = value, half = half }
    if miss > point.miss then point.miss, point.worst = miss, i end
  end
  if point.saturated then point.miss = math.max(point.miss, OVER) end
  point.met = point.miss <= 0
  return point
end

local function ask(search, ks)
  local wanted = {}
  for _, k in ipairs(ks) do
    for j = 0, search.work.seeds - 1 do
      if not (search.points[k] and search.points[k].round == search.round) then
        wanted[#wanted + 1] = { k = k, j = j, index = index_of(search.round, k, j) }
      end
    end
  end
  local got = search.run(wanted)
  if not got then error("interrupted", 0) end
  local runs = {}
  for i, one in ipairs(wanted) do
    local m = sweep.decode(got[i])
    if m.error then error(m.error, 0) end
    runs[one.k] = runs[one.k] or {}
    runs[one.k][one.j + 1] = m
    search.spent, search.most = search.spent + m.work, math.max(search.most, m.work)
  end
  for k, list in pairs(runs) do
    local point = judge(search.work, list)
    point.k, point.x, point.round = k, load_at(search.work, k), search.round
    search.points[k] = point
  end
end

-- Whether a load is on the side that begins at the bottom: what is met there, or for replicas what is not.
local function is_low(search, k)
  ask(search, { k })
  return search.points[k].met ~= search.work.falling
end

-- From k outwards until the answer lies between two loads. nil and the last one where it lies beyond.
local function bracket(search, k)
  local whole = search.work.load.whole
  local least, most = whole and 1 or k - FURTHEST * OCTAVE, whole and FROM - 1 or k + FURTHEST * OCTAVE
  local step = (search.work.step or OCTAVE) / 2
  local function next_of(at, up)
    if whole then return up and math.min(most, 2 * at) or at // 2 end
    step = math.min(OCTAVE, 2 * step // 1 | 0)
    return up and at + step or at - step
  end
  local up = is_low(search, k)
  local low, high = up and k or nil, not up and k or nil
  while not (low and high) do
    local at = next_of(up and low or high, up)
    local last = up and low or high
    if at < least or at > most or at == last or search.points[last].runs[1].refused then return nil, last end
    if is_low(search, at) then
      low = at
    elseif not whole and not up and search.points[at].miss < OVER
      and search.points[high].miss - search.points[at].miss < STILL then
      return nil, at
    else
      high = at
    end
  end
  return low, high
end

-- Two loads at a time where one has a single run, for two cores to have work.
local function narrow(search, low, high, width)
  local ways = search.work.seeds == 1 and 2 or 1
  while high - low > width do
    local ks = {}
    for i = 1, ways do
      local k = low + (high - low) * i // (ways + 1)
      if k > low and k < high and k ~= ks[#ks] then ks[#ks + 1] = k end
    end
    ask(search, ks)
    for _, k in ipairs(ks) do
      if search.points[k].met == search.work.falling then
        high = math.min(high, k)
        break
      end
      low = math.max(low, k)
    end
  end
  return low, high
end

local function grid(search, x)
  return math.floor(math.log(x / search.work.load.from, 2) * OCTAVE + 0.5)
end

-- Where the runs of one seed cross their limits, between the loads that were tried, and whether they jump across them
-- there, from in order to overloaded; nil where they do not cross.
local function crossing(search, j)
  local list = {}
  for _, point in pairs(search.points) do
    local run = point.round == search.round and point.runs[j]
    if run then
      local miss = -math.huge
      for _, m in ipairs(run.miss) do miss = math.max(miss, m) end
      list[#list + 1] = { k = point.k, miss = run.saturated and OVER or miss }
    end
  end
  table.sort(list, function(a, b) return a.k < b.k end)
  local best, jump
  for i = 2, #list do
    local a, b = list[i - 1], list[i]
    if (a.miss <= 0) ~= (b.miss <= 0) then
      jump = math.max(math.abs(a.miss), math.abs(b.miss)) >= OVER
      best = a.k + (jump and 0.5 or a.miss / (a.miss - b.miss)) * (b.k - a.k)
    end
  end
  return best, jump
end

-- The load at which the seeds cross, on average, and the half-width of its 95 % interval. Where one jumps it is known
-- no better than the two loads around it are apart.
local function interval(search, low, high)
  local list, jumps = {}, false
  for j = 1, search.work.seeds do
    local k, jump = crossing(search, j)
    list[#list + 1], jumps = k and load_at(search.work, k), jumps or jump
  end
  local width = (load_at(search.work, high) - load_at(search.work, low)) / 2
  if #list < search.work.seeds then return load_at(search.work, (low + high) / 2), width end
  local x, half = statistics.interval(list)
  return x, jumps and half and math.max(half, width) or half
end

-- The same, with the two loads drawn together around it, by turns at what was interpolated and halfway.
local function settle(search, low, high)
  local x, half = interval(search, low, high)
  for i = 1, TURNS do
    if high - low <= NEAR then break end
    local k = i % 2 == 1 and math.max(low + 1, math.min(high - 1, grid(search, x))) or (low + high) // 2
    if is_low(search, k) then low = k else high = k end
    x, half = interval(search, low, high)
  end
  return x, half
end

-- What was found of counts: the last that meets them, or of replicas the first.
local function whole_answer(search)
  local low, high = bracket(search, math.max(1, search.work.load.from))
  if not low then                                          -- one replica may do: none is fewer
    if search.work.falling and search.points[high].met then return high end
    return nil, high
  end
  low, high = narrow(search, low, high, 1)
  return search.work.falling and high or low
end

-- Two loads around one, the lower met and the upper not.
local function around(search, middle, reach)
  local low, high = middle - reach, middle + reach
  while not is_low(search, low) do low, reach = low - reach, 2 * reach end
  while is_low(search, high) do high, reach = high + reach, 2 * reach end
  return low, high
end

-- Whether there is time for a round more: of runs four times as long, at some six loads.
local function affordable(search)
  local next_round = 4 * 6 * search.work.seeds * search.most
  return search.round < ROUNDS and search.spent + next_round <= search.work.work
end

-- Where it begins: more load is what is missing where only floors are missed, such as goodput >= 20 req/s.
local function beginning(search)
  local k, list = 0, search.work.objectives
  local function floors_only(point)
    for i, o in ipairs(list) do
      local miss = mean(point.runs, function(run) return run.miss[i] end)
      if miss > 0 and o.column.metric.better == "lower" then return false end
    end
    return not point.met and not point.saturated
  end
  while k < FURTHEST * OCTAVE and not is_low(search, k) and floors_only(search.points[k]) do k = k + OCTAVE end
  return k
end

-- A first look with short runs, then longer ones around what it found: between two loads each seed's limit is
-- interpolated, and the spread of the seeds is the interval. Recorded requests are as many as they are.
local function real_answer(search)
  local low, high = bracket(search, beginning(search))
  if not low then return nil, high end
  local fixed, coarse = search.work.load.fixed, search.work.coarse
  low, high = narrow(search, low, high, coarse or fixed and 1 or COARSE)
  local x, half = interval(search, low, high)
  while not fixed and not coarse
    and (search.round == 0 or half and half > search.work.precision * x and affordable(search)) do
    search.round, search.most = search.round + 1, 0
    local reach = half and math.ceil(2 * OCTAVE * math.log(1 + half / x, 2)) or COARSE
    low, high = around(search, grid(search, x), math.max(3, math.min(reach, OCTAVE // 4)))
    local before = half
    x, half = settle(search, low, high)
    -- A few seeds may agree by chance: runs four times as long halve an interval, and no more.
    half = half and before and math.max(half, before / 2) or half
  end
  if fixed or coarse then
    search.estimate = x
    return low, nil, load_at(search.work, low), search.work.seeds > 1 and half or nil
  end
  local k = grid(search, x)
  ask(search, { k })
  return k, nil, x, half
end

--- Search.
-- @param work of capacity.open; coarse = width ends it with two loads so far apart, capacity.OCTAVE to the double;
--   step = how far the second load is from the first, twice as far the next (an octave)
-- @param run function(list of { index = }) -> list of lines of JSON as capacity.compute gives them, in the order of the
--   list; nil when it was interrupted
-- @return { work =, at = the point that was found or nil, x = the load, half = of its interval, estimate = load of a
--   coarse search, interpolated, points = in order of load, beyond = the last point that was tried where there is no
--   answer }
function capacity.search(work, run)
  local search = { work = work, run = run, points = {}, round = 0, spent = 0, most = 0 }
  local k, last, x, half
  if work.load.whole then k, last = whole_answer(search) else k, last, x, half = real_answer(search) end
  local found = { work = work, points = {}, x = x, half = half, estimate = search.estimate }
  for _, point in pairs(search.points) do found.points[#found.points + 1] = point end
  table.sort(found.points, function(a, b) return a.k < b.k end)
  found.at, found.beyond = k and search.points[k], last and search.points[last]
  if found.beyond and not found.beyond.met then           -- what comes nearest, where nothing is met
    for _, point in ipairs(found.points) do
      if not point.saturated and point.miss < found.beyond.miss then found.beyond = point end
    end
  end
  if found.at and work.load.whole then found.x = k end
  return found
end

--- Try one load, the one it would begin with.
-- @return as above, with one point
function capacity.once(work, run)
  local search = { work = work, run = run, points = {}, round = 0, spent = 0, most = 0 }
  local k = work.load.whole and work.load.from or 0
  ask(search, { k })
  return { work = work, points = { search.points[k] }, at = search.points[k], x = load_at(work, k) }
end

return capacity
