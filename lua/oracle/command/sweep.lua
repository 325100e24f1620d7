--- `oracle sweep SCENARIO.lua ...`, and `oracle run` of a scenario that holds `vary`: from the words of a command line
-- to results on stdout and in files.
local lazy = require "oracle.lazy"
local aggregate = lazy "oracle.study.aggregate"
local axes = require "oracle.scenario.axes"
local files = require "oracle.command.files"
local metrics = lazy "oracle.scenario.metrics"
local report = lazy "oracle.result.report"
local results_file = lazy "oracle.study.results_file"
local scenario = require "oracle.scenario"
local page = lazy "oracle.study.pages.sweep"
local paths = lazy "oracle.text.paths"
local pictures = lazy "oracle.command.pictures"
local sweep = require "oracle.study.sweep"
local sweep_inputs = lazy "oracle.study.sweep_inputs"
local ui = require "oracle.command.ui"
local version = require "oracle.version"

local command = {}

local HELP = [==[
usage: oracle sweep SCENARIO.lua --set KEY=VALUES ... [options]
       mpirun -n N oracle sweep ...   on many machines, where built with mpicc
Runs a scenario for every combination of values, the first --set slowest, on all
cores. The axes of `vary` in the file count too; --set of a key replaces one.

  --set KEY=v1,v2,...    these values; KEY=VALUE: the same value everywhere
  --set KEY=lo..hi:step  from lo to hi, both included; also 1,2,4..16:4
  --seeds N              each combination with N seeds, from the scenario's seed
                         on; the table has their mean and 95 % interval
  --out FILE             where each result goes as it finishes, a line of JSON
                         (NAME.sweep.jsonl); --force begins a finished one anew
  --resume               go on where that file ends, after Ctrl-C, kill -9 or a
                         full disk; points that could not run are tried again
  --resume=anyway        though a file that points read has changed since: those
                         points are computed again
  --json FILE            all results: {"points": [{"set": {...}, ...}, ...]}
  --threads N            (one per core); the results are the same bytes
A point that cannot run holds "error" in place of results; the others go on, and
the exit status is 1. `oracle help --OPTION` says more of an option.
]==]

--- The text of `oracle sweep --help`.
function command.help()
  return HELP
end

-- ---- the job ----

-- "--set a=1,2" is an axis where a sweep was asked for, "--set a=1" is not.
local function job_of(options, path, text, config)
  local job = { path = path, text = text, set = {}, axes = {}, seed = options.seed, lod = options.lod,
                fit = options.fit, force = files.forces_fit(options), seeds = options.seeds,
                runs = not options.no_runs, config = config }
  for _, pair in ipairs(files.assignments(options)) do
    local list = options.command == "sweep" and axes.several(pair[2]) and job.axes or job.set
    list[#list + 1] = pair
  end
  return job
end

-- What was asked for, in one order: two sweeps with the same settings and scenario have the same points.
local function settings_of(job)
  local list = {}
  for _, kind in ipairs { "set", "axes" } do
    for _, pair in ipairs(job[kind]) do list[#list + 1] = ("--set %s=%s"):format(pair[1], pair[2]) end
  end
  for _, name in ipairs { "seeds", "seed", "lod", "fit", "force" } do
    if job[name] then list[#list + 1] = ("--%s %s"):format(name, job[name]) end
  end
  return list
end

local function default_file(path)
  return (path:match("([^/]*)$"):gsub("%.lua$", "")) .. ".sweep.jsonl"
end

local function open_results(options, work, job, inputs)
  local file = options.out or options.command == "sweep" and default_file(job.path)
  if not file then return results_file.memory(work.count) end
  local id = { version = version.oracle, scenario = job.path:match("([^/]*)$"), text = job.text,
               settings = settings_of(job), points = work.count, inputs = inputs }
  local results, why = results_file.open(file, id, options.resume, options.force)
  if not results then error(why, 0) end
  local changed = results.changed
  if changed then
    ui.warn({ ("%s changed: %d points are computed again"):format(table.concat(changed.files, ", "), changed.points) },
      options)
  end
  return results
end

-- ---- what is refused before anything runs ----

local function check(options, work)
  if work.count == 1 and #work.axes == 0 and #options.set == 0 then
    ui.misuse("nothing to sweep over: --set KEY=v1,v2 or --set KEY=lo..hi:step or --seeds N expected")
  end
  local ok, why, axis = axes.check(work.scenario, work.axes)
  if not ok and axis and not axis.typed then error(scenario.about(work.path, "vary: " .. why), 0) end
  if not ok then ui.misuse("--set %s", why) end
end

-- ---- results ----

-- Warnings once each, points that could not run one by one.
local function tell(work, results, options)
  local seen, failed = {}, 0
  for i = 1, work.count do
    local point = sweep.result(results, i)
    for _, text in ipairs(point and point.oracle and point.oracle.warnings or {}) do
      if not seen[text] then ui.warn({ text }, options) end
      seen[text] = true
    end
    if point and point.error then
      failed = failed + 1
      local set = {}
      for k, key in ipairs(work.keys) do set[k] = ("%s=%s"):format(key, tostring(point.set[key])) end
      ui.say(("oracle: point %d (%s): %s"):format(i, table.concat(set, ", "), point.error))
    end
  end
  return failed
end

local function draw(work, results, outputs, options, columns)
  local points = {}
  for point in sweep.each(work, results) do points[#points + 1] = point end
  if #points == 0 then return files.discard { outputs.report } end
  if outputs.report then
    pictures.report(outputs, function()
      return page.document { title = work.path:match "([^/]*)$", keys = work.keys, columns = columns, points = points,
                             planned = work.count }
    end)
  end
  if options.plot then pictures.print(page.figures(work.keys, points), options) end
end

-- JSON Lines: a point each.
local function lines_of(work, results)
  local i = 0
  return function()
    repeat i = i + 1 until i > work.count or results:has(i)
    return i <= work.count and results:get(i) .. "\n" or nil
  end
end

local function write(work, results, failed, outputs, options, columns)
  local together = options.command == "sweep" and aggregate.place(work.keys) ~= nil
  if outputs.json then
    files.write(outputs.json, options.written and lines_of(work, results)
      or sweep.document(work, results, failed, together))
  end
  if not options.quiet and options.json ~= "-" then
    local each = sweep.each(work, results)
    files.print(together and report.replicated(work.keys, columns, each, aggregate.of)
      or report.points(work.keys, columns, each))
  end
  if options.plot or outputs.report then draw(work, results, outputs, options, columns) end
end

-- ---- the run ----

local function simulate(work, job, results, inputs, options, ranks)
  local host, meter = ui.host(), ui.meter(options)
  host.guard(false)                                       -- from here the engine minds Ctrl-C
  local began, before = host.clock(), results.count
  local threads = options.threads or host.cores and host.cores() or 1
  local ok, total = pcall(sweep.run, work, job, {
    results = results, inputs = inputs, host = host, threads = threads,
    ranks = ranks and ranks:executor(host, job, threads),
    points = meter and function(done, planned) meter.points(done, planned, before) end,
    progress = meter and work.count == 1 and meter.step or nil,
  })
  if meter then meter.done() end
  if not ok then error(total, 0) end
  total.wall = host.clock() - began
  return total
end

local function finish(work, results, outputs, options, columns)
  local failed = tell(work, results, options)
  write(work, results, failed, outputs, options, columns)
  if results.path and ui.told(options) then ui.say(("# %d points in %s"):format(results.count, results.path)) end
  results:close()
  if results.count < work.count then
    ui.say(("oracle: interrupted; %d of %d points are there%s"):format(results.count, work.count,
      results.path and "; --resume completes them" or ""))
    return false
  end
  if failed > 0 then ui.say(("oracle: %d of %d points could not run"):format(failed, work.count)) end
  return failed == 0
end

--- Do it.
-- @param s the scenario as its file returned it
-- @param path of the file, @param text what it holds
-- @param options of oracle.command.options
-- @param as { config = how a configuration is read, where the file is one; ranks = of an MPI job }; each may be nil
-- @return true when every point ran to its end
function command.run(s, path, text, options, as)
  local job = job_of(options, path, text, as.config)
  local work, why = sweep.open(job, s)
  if not work then ui.misuse("%s", why) end
  check(options, work)
  if options.plot or options.report then pictures.check(options) end
  local columns, wrong = metrics.columns(s.report, s.percentiles)
  if not columns then error(scenario.about(path, wrong), 0) end
  local outputs = files.open_results(options, s)
  local inputs = sweep_inputs.new(paths.folder(path))
  local ok, results = pcall(open_results, options, work, job, inputs)
  local total
  if ok then ok, total = pcall(simulate, work, job, results, inputs, options, as.ranks) end
  if not ok then
    files.discard(outputs)
    error(total or results, 0)
  end
  local good = finish(work, results, outputs, options, columns)
  if ui.told(options) then ui.end_line(total) end
  return good
end

return command
