--- Why latencies are what they are: the requests at percentiles of TTFT and E2E, their time split into what it went
-- into, whole and to the nanosecond; what bound it; and how latencies follow the means of the deployment.
--
-- why.run(scenario or result, options) -> an object whose keys have an order, which prints as a page:
--   oracle         { version, seed, lod, complete, warnings }
--   scenario       { file, digest, set, ... } where the run has a file (oracle.result.source)
--   requests       as in a summary; time_split, throughput = as in a summary
--   ttft, e2e      { mean = SPLIT, p50 = SPLIT, p90 = SPLIT, p99 = SPLIT }, where a SPLIT is
--     request      "req_12", as the CSV names it; prompt_tokens, output_tokens, cached_tokens, preemptions, replica,
--                  arrival_time (s); count in place of all these in the mean
--     ns, ms       the measured latency
--     terms        { ["queue.seats"] = ns, ... } all terms, in order: whole numbers that add up to ns
--     bound_by     { memory_bandwidth = ns, ... } all resources: what bound the same time, which adds up to ns, too
--     binding      the resource with the most of it; binding_share, of ns
--   binding        { ttft = { resource, share }, e2e = the same }: those of the p99
--   sensitivities  of oracle.study.sensitivity, or null where they were not asked for
--   seeds          how many each of those is from
--   warnings       a list of lines
local lazy = require "oracle.lazy"
local console = lazy "oracle.text.console"
local metrics = require "oracle.scenario.metrics"
local ordered = require "oracle.text.ordered"
local planning = require "oracle.plan"
local scenario = require "oracle.scenario"
local sensitivity = lazy "oracle.study.sensitivity"
local source = lazy "oracle.result.source"
local summary = require "oracle.result.summary"
local text = lazy "oracle.study.why_text"

local why = {}

local PERCENTILES = { 50, 90, 99 }

local function fail(...)
  error(string.format(...), 0)
end

-- ---- two runs ----

-- The same run with something told beside.
local function simulate(plan, options)
  local raw = planning.simulate(plan, options)
  if not raw.complete then fail("interrupted") end
  return raw
end

-- Numbers of the requests at the percentiles, ascending, each once.
local function numbers_of(latencies)
  local seen, list = {}, {}
  for _, latency in ipairs { "ttft", "e2e" } do
    for _, at in ipairs(latencies[latency]) do
      if not seen[at.number] then list[#list + 1] = at.number end
      seen[at.number] = true
    end
  end
  table.sort(list)
  return list
end

local function none_finished(counts)
  local said = {}
  for _, key in ipairs { "failed", "rejected", "timed_out", "cancelled", "pending" } do
    if (counts[key] or 0) > 0 then said[#said + 1] = ("%d %s"):format(counts[key], (key:gsub("_", " "))) end
  end
  fail("no request finished (%s of %d): there is no latency to explain", #said > 0 and table.concat(said, ", ")
    or "none was asked", counts.total)
end

-- ---- one split ----

-- The keys of `names` in order, 0 where there is none.
local function filled(names, values)
  local list = {}
  for i, name in ipairs(names) do list[i] = { name, values[name] or 0 } end
  return ordered.object(list)
end

local function largest(names, values)
  local best
  for _, name in ipairs(names) do
    if not best or (values[name] or 0) > (values[best] or 0) then best = name end
  end
  return best
end

local function split(told, of, ns, about)
  local list = about
  list[#list + 1] = { "ns", ns }
  list[#list + 1] = { "ms", ns / 1e6 }
  list[#list + 1] = { "terms", filled(told.terms, of.at) }
  list[#list + 1] = { "bound_by", filled(told.resources, of.by) }
  local binding = largest(told.resources, of.by)
  list[#list + 1] = { "binding", binding }
  list[#list + 1] = { "binding_share", ns > 0 and (of.by[binding] or 0) / ns or 0 }
  return ordered.object(list)
end

local function request_of(r)
  return { { "request", ("req_%d"):format(r.number + 1) }, { "arrival_time", r.arrival }, { "prompt_tokens", r.prompt },
           { "output_tokens", r.output }, { "cached_tokens", r.cached }, { "preemptions", r.preemptions },
           { "replica", r.replica } }
end

local function mean_of(told, latency)
  local of, ns = told[latency], 0
  for _, term in ipairs(told.terms) do ns = ns + (of.at[term] or 0) end
  return split(told, of, ns, { { "count", of.count } })
end

-- The splits of a latency by percentile, the mean first.
local function splits_of(told, latencies, latency)
  local by_number, list = {}, { { "mean", mean_of(told, latency) } }
  for _, r in ipairs(told.requests) do by_number[r.number] = r end
  for _, at in ipairs(latencies[latency]) do
    local r = by_number[at.number]
    local of = r and r[latency]
    if not of or of.ns ~= at.ns then
      fail("the same scenario came to something else when it ran again: its policies, workload or cost model change "
        .. "from run to run")
    end
    list[#list + 1] = { metrics.percentile_key(at.p), split(told, of, of.ns, request_of(r)) }
  end
  return ordered.object(list)
end

local function binding_of(splits, key)
  local s = splits[key]
  return ordered.object { { "resource", s.binding }, { "share", s.binding_share } }
end

-- ---- all of it ----

-- The runs of the sensitivities, one after the other.
local function in_turn(work)
  return function(indices)
    local lines = {}
    for i, index in ipairs(indices) do
      lines[i] = sensitivity.compute(work, index)
      if not lines[i] then return nil end
    end
    return lines
  end
end

local function sensitivities_of(s, options)
  if options.sensitivities == false then return nil end
  local work = options.work or sensitivity.open({ seeds = options.seeds }, s)
  local lines = (options.run or in_turn(work))(sensitivity.indices(work))
  if not lines then fail("interrupted") end
  return sensitivity.of(work, lines), work.seeds
end

local function show(found) return text.page(found) end

--- Explain the latencies of one run.
-- @param s a scenario without `vary`
-- @param options { percentiles = { 50, 90, 99 }, seeds = of the sensitivities (3), sensitivities = false to leave them
--   out, source = of oracle.result.source or nil, progress = function(share, time) of one run, work, run = the
--   sensitivities made ready and who computes them; nil: here }
-- @return as the head of this file says; raises what is wrong, "interrupted" among that
function why.of(s, options)
  if scenario.raw(s).vary then fail("the scenario varies keys; one of its points expected: --set vary=nil") end
  local percentiles = options.percentiles or PERCENTILES
  local plan = planning.plan(s)
  local raw = simulate(plan, { latencies = percentiles, progress = options.progress })
  local result = summary.new(plan, raw)
  if result.requests.successful == 0 or #raw.latencies.e2e == 0 then none_finished(result.requests) end
  local told = simulate(plan, { attribution = numbers_of(raw.latencies), progress = options.progress }).attribution
  if told.wrong > 0 then fail("a defect of oracle: the time of %d requests does not add up", told.wrong) end
  local ttft, e2e = splits_of(told, raw.latencies, "ttft"), splits_of(told, raw.latencies, "e2e")
  local last = metrics.percentile_key(percentiles[#percentiles])
  local list, seeds = sensitivities_of(s, options)
  local found = ordered.object {
    { "oracle", result.oracle }, { "scenario", options.source }, { "requests", result.requests },
    { "throughput", result.throughput }, { "time_split", result.time_split }, { "ttft", ttft }, { "e2e", e2e },
    { "binding", ordered.object { { "ttft", binding_of(ttft, last) }, { "e2e", binding_of(e2e, last) } } },
    { "sensitivities", list }, { "seeds", seeds },
  }
  getmetatable(found).__show = show
  console.printable(getmetatable(found))
  getmetatable(found).__run = result
  return found
end

-- The scenario of what was given, a copy: results of a run at the prompt know theirs.
local function scenario_of(given)
  if type(given) == "string" then given = scenario.open(given) end
  if scenario.is(given) then return given:copy() end
  local kind = source.kind(given)
  if kind and kind ~= "result" then fail("why: %s; the result of one run, or a scenario, expected", kind) end
  if not kind then fail("why: a scenario, its path or a result expected, got a %s", type(given)) end
  if not given.oracle.complete then fail("why: a partial result, for its run was interrupted; a whole one expected") end
  local s = getmetatable(given) and getmetatable(given).__scenario
  return s and s:copy() or fail("why: the result does not hold its scenario; why(scenario) explains it")
end

--- The same of a scenario, its path, or the result of a run that was made here: `oracle.why`.
-- @param given what is explained, @param options as above
function why.run(given, options)
  return why.of(scenario_of(given), options or {})
end

return why
