--- Many rows of measurements predicted: each is a scenario that is simulated once, on all threads. What crosses between
-- threads are texts: the scenarios as JSON, and what came out of each.
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local ordered = require "oracle.text.ordered"
local planning = lazy "oracle.plan"
local scenario = lazy "oracle.scenario"
local summary = lazy "oracle.result.summary"

local prediction = {}

local STATISTICS = { { "mean" }, { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 } }

-- Mean and percentiles of a distribution over requests, ms; nil where there are no requests.
local function distribution(hist)
  if not hist or hist:count() == 0 then return nil end
  local out = {}
  for _, s in ipairs(STATISTICS) do out[s[1]] = (s[2] and hist:quantile(s[2]) or hist:mean()) / 1e6 end
  return out
end

-- What a table of measurements has of a run.
local function measures(raw, plan)
  local seconds = raw.now - (plan.scenario.warm_up or 0)
  local out = { tokens = raw.tokens.output, prompts = raw.tokens.prompt, requests = raw.requests, duration = raw.now,
                saturated = raw.saturated, gpus = plan.deployment.gpus }
  for _, name in ipairs { "ttft", "tpot", "itl", "e2e" } do out[name] = distribution(raw.latency[name]) end
  if seconds > 0 then out.throughput = raw.window.output / seconds end
  return out
end

-- ---- what the steps of a run are made of ----

-- No kernel is faster: every byte of weights and KV once at the data sheet's bandwidth, every FLOP at its peak.
local LIMITS = { kind = "roofline", prefill_mfu = 1, prefill_mbu = 1, decode_mfu = 1, decode_mbu = 1 }
-- Of experts that tokens are said to spread over evenly; they do not quite, and then fewer are read.
local UNEVEN = 0.8

-- Adds the items of a step to `sums`, `weight` times.
local function add(sums, step, weight)
  for item, seconds in pairs(step) do
    if item ~= "flops" and item ~= "bytes" then sums[item] = (sums[item] or 0) + weight * seconds end
  end
end

-- Shares of the steps' time by what it goes to, and the least that TPOT can be, ms; of a run on one pool of servers.
local function inside(plan, raw)
  local spec, pool = plan.spec, raw.shapes and raw.shapes[1]
  local gaps = raw.tokens.output - raw.requests.successful
  if plan.deployment.pools or not pool or gaps <= 0 or spec.own_cost then return nil end
  local of = { model = spec.model, hardware = spec.hardware, layout = spec.layout, cost = spec.cost }
  local priced = core.cost.prepare(of)
  of.cost = LIMITS
  local bound, split, least = core.cost.prepare(of), {}, {}
  for _, alike in ipairs(pool.alike) do
    add(split, core.cost.price(priced, alike.shape), alike.steps)
    add(least, core.cost.price(bound, alike.shape), alike.answered)
  end
  local total = split.total
  split.total = nil
  for item, seconds in pairs(split) do split[item] = total > 0 and seconds / total or 0 end
  local limit = 1000 * ((least.gemm or 0) + (least.attention or 0) + (least.lm_head or 0)) / gaps
  return split, (spec.model.num_experts or 0) > 0 and UNEVEN * limit or limit
end

-- Of each request in the order of arrival: ms from its first token to its last, and until its first.
local function request_times(path)
  local times, head = {}, nil
  for line in io.lines(path) do
    local cells = {}
    for cell in (line .. ","):gmatch "([^,]*)," do cells[#cells + 1] = cell end
    if not head then
      head = {}
      for i, name in ipairs(cells) do head[name] = i end
    else
      local ttft, e2e = tonumber(cells[head.ttft_ms]), tonumber(cells[head.e2e_latency_ms])
      times[#times + 1] = { at = tonumber(cells[head.arrival_time]) or 0, id = tonumber(cells[head.request_id]) or 0,
                            ttft = ttft or 0, rest = ttft and e2e and e2e - ttft or 0 }
    end
  end
  os.remove(path)
  table.sort(times, function(a, b)
    if a.at ~= b.at then return a.at < b.at end
    return a.id < b.id
  end)
  local generation, first = {}, {}
  for i, t in ipairs(times) do generation[i], first[i] = t.rest, t.ttft end
  return generation, first
end

--- Predict one scenario.
-- @param given a scenario's keys as plain values
-- @param options { cost = the scenario's `cost`, nil: as it is by itself; shapes = true: those of its steps
--   too; requests = true: times of its requests }
-- @param memo a table that remembers what was read, for several of them
-- @return { ttft = { mean =, p50 =, ... }, tpot =, itl =, e2e = ms; throughput = output tokens/s; fit =, shapes =,
--   split = shares of the steps' time, least_tpot = ms that no kernel can undercut }; or { error = one line }
function prediction.one(given, options, memo)
  local ok, result = pcall(function()
    local s = scenario.new(given)
    if options.cost then s.cost = options.cost end
    local plan = planning.plan(s, memo)
    local path = options.requests and os.tmpname()
    local raw = planning.simulate(plan, { shapes = true, csv = path })
    local out = measures(raw, plan)
    out.fit, out.interval = plan.deployment.fit, summary.new(plan, raw).interval
    out.forced = plan.deployment.accuracy and plan.deployment.accuracy.forced or nil
    out.split, out.least_tpot = inside(plan, raw)
    if options.shapes then out.shapes = raw.shapes end
    if path then out.generation, out.first = request_times(path) end
    return out
  end)
  return ok and result or { error = scenario.first_line(result) }
end

-- ---- on all threads ----

--- What a thread does (src/bind/host/thread_pool.h): the scenarios of a job, by their place.
-- @param text { rows = { scenario, ... }, cost =, shapes =, requests = } as JSON
-- @return function(i) -> the prediction as JSON
function prediction.worker(text)
  local job = core.json.decode(text)
  local memo = {}
  return function(i) return ordered.line(prediction.one(job.rows[i], job, memo)) end
end

local LOOK = 0.1                                          -- s between looks at the clock and at Ctrl-C

local function collect(pool, count, depth, options)
  local found, next_one, out = {}, 1, 0
  while (out > 0 or next_one <= count) and not options.host.interrupted() do
    while out < depth and next_one <= count do
      pool:submit(next_one)
      next_one, out = next_one + 1, out + 1
    end
    local i, text = pool:take(LOOK)
    if i then
      out = out - 1
      found[i] = text and core.json.decode(text) or { error = "interrupted" }
      if options.progress then options.progress(count - (count - next_one + 1) - out, count) end
    end
  end
  return found
end

local function alone(scenarios, options)
  local memo, found = {}, {}
  for i, given in ipairs(scenarios) do
    found[i] = prediction.one(given, options, memo)
    if options.progress then options.progress(i, #scenarios) end
  end
  return found
end

-- Each scenario once: tables of measurements repeat configurations. Returns those that differ, and the place of each
-- among them.
local function distinct(scenarios, options)
  if options.alone then                                   -- functions among them have no text
    local of = {}
    for i in ipairs(scenarios) do of[i] = i end
    return scenarios, of
  end
  local list, place, of = {}, {}, {}
  for i, given in ipairs(scenarios) do
    local key = core.json.encode(given)
    if not place[key] then
      list[#list + 1] = given
      place[key] = #list
    end
    of[i] = place[key]
  end
  return list, of
end

local function all(scenarios, options)
  local host, threads = options.host, math.min(options.threads or 1, #scenarios)
  if threads < 2 or options.alone or not (host and host.pool) then return alone(scenarios, options) end
  local job = core.json.encode { rows = scenarios, cost = options.cost, shapes = options.shapes or nil,
                                 requests = options.requests or nil }
  local pool = host.pool(threads, "oracle.study.prediction", job)
  local ok, found = pcall(collect, pool, #scenarios, 4 * threads, options)
  if ok and not host.interrupted() then pool:close() else pool:abandon() end
  if not ok then error(found, 0) end
  if host.interrupted() then error("interrupted", 0) end
  return found
end

--- Predict many scenarios.
-- @param scenarios a list of scenarios as plain values
-- @param options { cost =, shapes =, threads =, host = of oracle.host or nil, progress = function(done, of) or nil }
-- @return the predictions, by place; raises "interrupted"
function prediction.many(scenarios, options)
  local list, of = distinct(scenarios, options)
  local found, out = all(list, options), {}
  for i = 1, #scenarios do out[i] = found[of[i]] end
  return out
end

return prediction
