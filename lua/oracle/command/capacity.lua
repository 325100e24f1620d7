--- `oracle capacity FILE --slo ...`: the most load that meets objectives, or with --replicas the fewest that do.
local lazy = require "oracle.lazy"
local capacity = require "oracle.study.capacity"
local files = require "oracle.command.files"
local ordered = require "oracle.text.ordered"
local page = lazy "oracle.study.pages.capacity"
local pictures = lazy "oracle.command.pictures"
local report = lazy "oracle.study.capacity_report"
local runner = require "oracle.command.runner"
local scenario = require "oracle.scenario"
local ui = require "oracle.command.ui"

local command = {}

local function job_of(options, path, text, config)
  local job = { kind = "capacity", path = path, text = text, config = config, set = files.assignments(options),
                seed = options.seed,
                lod = options.lod, fit = options.fit, force = files.forces_fit(options), runs = not options.no_runs,
                over = options.over, replicas = options.replicas,
                seeds = options.seeds, goodput = options.goodput and ui.share("--goodput", options.goodput, "0.95"),
                precision = options["until"] and ui.share("--until", options["until"], "2%") }
  if options.slo then job.slo = files.objectives(nil, options.slo) end
  if job.over and job.replicas then ui.misuse("--over %s: --replicas raises the replicas; one of both", job.over) end
  return job
end

--- Do it.
-- @param options of oracle.command.options
-- @return true when there is an answer
function command.run(options)
  local path = files.one(options)
  ui.one_run_logs(options, "capacity takes many runs")
  if options.plot or options.report then pictures.check(options) end
  ui.host().guard(true)
  local s, text, read = files.load(path, options)
  local job = job_of(options, path, text, read and { format = options.format or "" })
  local ok, work = pcall(capacity.open, job, s)
  if not ok then error(scenario.about(path, scenario.first_line(work)), 0) end
  local outputs = files.open_results(options, s)
  local meter = ui.meter(options)
  ui.host().guard(false)
  local compute, close = runner.of(job, options, meter, function(index) return capacity.compute(work, index) end)
  local function run(wanted)
    local indices = {}
    for i, one in ipairs(wanted) do indices[i] = one.index end
    return compute(indices)
  end
  local fine, found = pcall(capacity.search, work, run)
  close(fine)
  if meter then meter.done() end
  if not fine then
    files.discard(outputs)
    error(scenario.about(path, scenario.first_line(found)), 0)
  end
  local object = report.object(found)
  files.write(outputs.json, ordered.json(object))
  if outputs.report then pictures.report(outputs, function() return page.document(object) end) end
  if files.stdout_is_free(options) then files.print(report.text(found)) end
  if options.plot then pictures.print(page.figures(object), options) end
  ui.warn(work.warnings, options)
  local _, answered = report.answer(found)
  return answered
end

return command
