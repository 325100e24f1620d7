--- Many simulations of one scenario: its `vary`, the axes of `oracle sweep`, replications. Points are handed out one
-- by one to threads (or to other machines: oracle.study.mpi), each with a Lua state and an engine of its own; results
-- are put together in the order of the points, so how many threads there were shows nowhere in them.
local lazy = require "oracle.lazy"
local aggregate = lazy "oracle.study.aggregate"
local axes = require "oracle.scenario.axes"
local core = require "oracle.core"
local inputs = require "oracle.text.inputs"
local jobs = require "oracle.study.job"
local lod = lazy "oracle.study.lod"
local ordered = require "oracle.text.ordered"
local planning = lazy "oracle.plan"
local scenario = require "oracle.scenario"
local summary = require "oracle.result.summary"

local sweep = {}

-- ---- what is to be done ----

-- A key that is typed twice would be silent about one of the two.
local function twice(job)
  local typed = {}
  for _, pair in ipairs(job.axes) do typed[pair[1]] = pair end
  for _, pair in ipairs(job.set) do
    if typed[pair[1]] then return ("--set %s=%s: %s: given twice"):format(pair[1], pair[2], pair[1]) end
  end
  local seeds = typed.seed
  local option = job.seeds and "seeds" or job.seed and "seed"
  if seeds and option then
    return ("--set seed=%s: goes without --%s %d, which says the seeds too"):format(seeds[2], option, job[option])
  end
  return nil
end

-- Keys with one value for all points.
local function fixed(job)
  local keys = { seed = job.seed and true }
  for _, pair in ipairs(job.set) do keys[pair[1]] = true end
  return keys
end

-- Axes of the file first, but for those that got one value, then what was typed, replications fastest.
local function axes_of(s, job)
  local list, again, one = {}, twice(job), fixed(job)
  if again then return nil, again end
  for _, axis in ipairs(scenario.raw(s).vary or {}) do
    local ok, why = true, nil
    if not one[axis[1]] then ok, why = axes.add(list, { axis[1], axis[2] }) end
    if not ok then return nil, "vary: " .. why end
  end
  for _, pair in ipairs(job.axes) do
    local values, why = axes.values(s, pair[1], pair[2])
    local ok = values
    if values then ok, why = axes.add(list, { pair[1], values, typed = true }) end
    if not ok then return nil, ("--set %s=%s: %s"):format(pair[1], pair[2], why) end
  end
  if job.seeds then
    local seeds = {}
    for k = 0, job.seeds - 1 do seeds[k + 1] = s.seed + k end
    axes.add(list, { "seed", seeds })
  end
  return list
end

--- Make a sweep ready: work out the points of its scenario. Every state that takes part does this for itself.
-- @param job what a command line says, as plain values: { path =, text = of the file, set = { { key, text }, ... },
--   axes = { { key, "v1,v2" or "lo..hi:step" }, ... }, seeds = N or nil, seed =, lod =, fit =, force =,
--   runs = false to step each, config = { format = "yaml", "json" or "" } where the file is no Lua }
-- @param s the scenario, as its file returned it
-- @return { path =, scenario =, axes =, count =, keys =, ... }; or nil and a message
function sweep.open(job, s)
  local ok, wrong = jobs.apply(job, s)
  if not ok then return nil, wrong end
  if job.lod then lod.choose(s, job.lod) end
  local list, why = axes_of(s, job)
  if not list then return nil, why end
  local keys = {}
  for i, axis in ipairs(list) do keys[i] = axis[1] end
  return { path = job.path, scenario = s, axes = list, count = axes.count(list), keys = keys, runs = job.runs ~= false,
           memo = {}, read = inputs.so_far() }
end

-- ---- one point ----

--- Run point i.
-- @param progress function(share or nil, simulated s) or nil
-- @return its summary, or one with `error` for a point that cannot run, and the engine's raw result; nil when the run
--   was interrupted
function sweep.point(work, i, progress)
  local set = axes.at(work.axes, i)
  local raw
  local ok, result = pcall(function()
    local plan = planning.plan(axes.apply(work.scenario, set), work.memo)
    raw = planning.simulate(plan, { runs = work.runs, progress = progress })
    return summary.new(plan, raw, set)
  end)
  if ok then return raw.complete and result or nil, raw end
  local why = scenario.first_line(result)
  if why:find "interrupted$" then return nil end
  return summary.failure(set, why), { steps = 0, events = 0, now = 0 }
end

-- What every point reads: the scenario's file, which the results file knows by itself, includes others.
function sweep.files_of(work, list)
  local seen, all = { [work.path or ""] = true }, {}
  for _, part in ipairs { work.read or {}, list or {} } do
    for _, path in ipairs(part) do
      if not seen[path] then all[#all + 1] = path end
      seen[path] = true
    end
  end
  return core.json.encode(setmetatable(all, core.json.array))
end

--- The same as text and numbers, which is what crosses from state to state.
-- @return two lines of JSON, the files it read and its summary; steps, events, simulated s; nil when it was interrupted
function sweep.compute(work, i, progress)
  local list, result, raw = inputs.collect(sweep.point, work, i, progress)
  if not result then return nil end
  return ("%s\n%s"):format(sweep.files_of(work, list), ordered.line(result)), raw.steps, raw.events, raw.now
end

-- ---- who computes ----

-- An executor takes indices and gives results back in any order: `depth` how many it wants to have at a time;
-- submit(i); take(seconds) -> i, text or nil, steps, events, simulated s; close(); abandon().

local function alone(work, progress)
  local index
  return {
    depth = 1,
    submit = function(_, i) index = i end,
    take = function()
      local i = index
      index = nil
      if i then return i, sweep.compute(work, i, progress) end
    end,
    close = function() end,
    abandon = function() end,
  }
end

--- Threads, each with a state of its own, in which oracle.worker opens the sweep again (src/bind/host/thread_pool.h).
function sweep.threads(host, job, n)
  local pool = host.pool(n, "oracle.worker", core.json.encode(job))
  return {
    depth = 2 * n,                                        -- the next point is there when one is done
    submit = function(_, i) pool:submit(i) end,
    take = function(_, seconds)
      local i, text, steps, events, now = pool:take(seconds)
      return i, text or nil, steps, events, now
    end,
    close = function() pool:close() end,
    abandon = function() pool:abandon() end,
  }
end

local function executor(work, job, options)
  local left = work.count - options.results.count
  local threads = math.min(options.threads or 1, left)
  if threads < 2 or not options.host.pool then return alone(work, options.progress) end
  return sweep.threads(options.host, job, threads)
end

-- ---- the sweep ----

local LOOK = 0.1                                          -- s between looks at the clock and at Ctrl-C

local function hand_out(ex, work, results, state)
  while state.out < ex.depth and state.next <= work.count do
    if not results:has(state.next) then
      ex:submit(state.next)
      state.out = state.out + 1
    end
    state.next = state.next + 1
  end
  return state.out > 0
end

local function drive(ex, work, options, total)
  local results, state = options.results, { out = 0, next = 1 }
  while not options.host.interrupted() and hand_out(ex, work, results, state) do
    local i, text, steps, events, now = ex:take(LOOK)
    if i then state.out = state.out - 1 end
    if text then
      local list, result = text:match "^([^\n]*)\n(.*)$"
      local files, why = options.inputs:of(core.json.decode(list))
      local ok = files
      if ok then ok, why = results:put(i, result, files, options.host.clock()) end
      if not ok then error({ full = why }, 0) end
      total.steps, total.events, total.now = total.steps + steps, total.events + events, total.now + now
    end
    if options.points then options.points(results.count, work.count, state.out) end
  end
end

--- Run all points that have no result yet.
-- @param work of sweep.open
-- @param job what it was opened with
-- @param options { results = of oracle.study.results_file, inputs = of sweep_inputs, host =, threads =,
--   ranks = an executor or nil, progress = function(share, time) of one run, points = function(done, planned) }
-- @return { steps =, events =, now = } of what ran here; raises when results cannot be kept
function sweep.run(work, job, options)
  local total = { steps = 0, events = 0, now = 0 }
  local ex = options.ranks or executor(work, job, options)
  local ok, why = pcall(drive, ex, work, options, total)
  if not ok or options.host.interrupted() then ex:abandon() else ex:close() end
  if not ok and type(why) == "table" then
    local kept = options.results.count
    error(("%s (%d of %d points are kept; --resume completes them)"):format(why.full, kept, work.count), 0)
  end
  if not ok then error(why, 0) end
  ok, why = options.results:sync()
  if not ok then error(why, 0) end
  return total
end

--- The same for a scenario with `vary` in this state alone, to summaries in place of texts.
-- @param options see oracle.study.run
function sweep.collect(s, options)
  local list = {}
  for _, axis in ipairs(scenario.raw(s).vary) do axes.add(list, { axis[1], axis[2] }) end
  local fine, why = axes.check(s, list)
  if not fine then error("vary: " .. why, 0) end
  local work = { scenario = s, axes = list, count = axes.count(list), runs = options.runs ~= false, memo = {} }
  local results = {}
  for i = 1, work.count do
    local result, raw = sweep.point(work, i, options.progress and function(share, time)
      options.progress(share, time, i, work.count)
    end)
    if not result then break end
    results[i] = result
    if options.done then options.done(raw, i, work.count) end
  end
  return summary.points(results, work.count)
end

-- ---- what came out ----

local function without_nulls(t, null)
  for k, v in pairs(t) do
    if v == null then t[k] = nil elseif type(v) == "table" then without_nulls(v, null) end
  end
  return t
end

--- What a thread found, of its line of JSON: a table in which null is absent.
function sweep.decode(text)
  return without_nulls(core.json.decode(text), core.json.null)
end

--- The summary of point i as a table; nil when it has none.
function sweep.result(results, i)
  local text = results:get(i)
  return text and sweep.decode(text)
end

--- The results in order: function() -> the next one that is there, or nil.
function sweep.each(work, results)
  local i = 0
  return function()
    local point
    repeat
      i = i + 1
      point = sweep.result(results, i)
    until point or i >= work.count
    return point
  end
end

--- The JSON of all results, piece by piece: function() -> text or nil.
-- @param together whether replications are there not only one by one but also as "aggregates"
function sweep.document(work, results, failed, together)
  local json = core.json
  local i, first = 0, true
  local function tail()
    local state = ordered.object {
      { "planned", work.count }, { "finished", results.count }, { "failed", failed },
      { "complete", results.count == work.count },
    }
    local of_seeds = ""
    if together then
      local list = aggregate.object(work.keys, sweep.each(work, results), work.scenario.percentiles)
      of_seeds = ('\n  "aggregates": %s,'):format(json.indent(ordered.line(list), 2, 1))
    end
    return ('%s],%s\n  "sweep": %s\n}\n'):format(first and "" or "\n  ", of_seeds,
      json.indent(json.encode(state), 2, 1))
  end
  return coroutine.wrap(function()
    coroutine.yield('{\n  "points": [')
    while i < work.count do
      i = i + 1
      local text = results:get(i)
      if text then
        coroutine.yield((first and "\n    " or ",\n    ") .. json.indent(text, 2, 2))
        first = false
      end
    end
    coroutine.yield(tail())
  end)
end

return sweep
