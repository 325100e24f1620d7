--- `oracle why FILE|RESULT`: what the latencies of a run are made of, what binds them, and what would change them.
local core = require "oracle.core"
local files = require "oracle.command.files"
local ordered = require "oracle.text.ordered"
local page = require "oracle.study.pages.why"
local paths = require "oracle.text.paths"
local pictures = require "oracle.command.pictures"
local runner = require "oracle.command.runner"
local scenario = require "oracle.scenario"
local sensitivity = require "oracle.study.sensitivity"
local source = require "oracle.result.source"
local ui = require "oracle.command.ui"
local why = require "oracle.study.why"

local command = {}

local SAID = { "seed", "lod", "fit", "force", "format" }  -- what changes what is simulated

-- A saved result, decoded, where the file is one; raises where it is one of another kind.
local function saved(path)
  local text = paths.exists(path) and not path:match "%.lua$" and scenario.read(path)
  if text and text:match "^request_id," then
    error(path .. ": a table of requests (--csv); the summary that --json writes, or a scenario, expected", 0)
  end
  if not text or not text:match "^%s*{" then return nil end
  local ok, t = pcall(core.json.decode, text)
  local kind = ok and source.kind(t)
  if kind and kind ~= "result" then
    error(("%s: %s; the result of one `oracle run`, or a scenario, expected"):format(path, kind), 0)
  end
  return kind and t
end

-- What a result was a run of stands in the place of the command line, which may say nothing else.
local function from_result(t, path, options)
  for _, key in ipairs(SAID) do
    if options[key] ~= nil and key ~= "force" then        -- that one may be of the file that is written
      ui.misuse("--%s: %s is a result, which is run again as it was; the scenario can be asked otherwise", key, path)
    end
  end
  if #options.set > 0 then
    ui.misuse("--set %s: %s is a result, which is run again as it was; the scenario can be asked otherwise",
      options.set[1], path)
  end
  local file, _, said, warning = source.read(t, path)
  if warning then ui.warn({ warning }, options) end
  for _, key in ipairs(SAID) do options[key] = said[key] end
  for i, pair in ipairs(said.set) do options.set[i] = pair[1] .. "=" .. pair[2] end
  return file
end

local function job_of(options, path, text, config)
  return { kind = "why", path = path, text = text, config = config, set = files.assignments(options),
           seed = options.seed, lod = options.lod, fit = options.fit, force = files.forces_fit(options),
           seeds = options.seeds }
end

-- The sensitivities made ready, from the scenario as its file returns it.
local function ready(job, s, path)
  local ok, work = pcall(sensitivity.open, job, s)
  if not ok then error(scenario.about(path, scenario.first_line(work)), 0) end
  return work
end

--- Do it.
-- @param options of oracle.command.options
-- @return true
function command.run(options)
  local path = files.one(options)
  ui.one_run_logs(options, "why takes several runs")
  if options.plot or options.report then pictures.check(options) end
  local replaces = options.force
  ui.host().guard(true)
  local result = saved(path)
  local of = result and from_result(result, path, options) or path
  local s, text, read = files.load(of, options)
  if files.varies(s, options) then
    ui.misuse("why: this scenario varies keys; take one of its points with --set vary=nil")
  end
  local job = job_of(options, of, text, read and { format = options.format or "" })
  local work = ready(job, s:copy(), of)
  files.prepare(s, of, options)
  local asked = source.of(of, text, job.set, options, job.force)
  options.force = replaces
  local outputs = files.open_results(options, s)
  local meter = ui.meter(options)
  ui.host().guard(false)
  local run, close = runner.of(job, options, meter, function(index) return sensitivity.compute(work, index) end)
  local fine, found = pcall(why.of, s, {
    source = asked, work = work, progress = meter and meter.step, run = run,
  })
  close(fine)
  if meter then meter.done() end
  if not fine then
    files.discard(outputs)
    error(scenario.about(path, scenario.first_line(found)), 0)
  end
  if result and not source.same(result, getmetatable(found).__run) then
    files.discard(outputs)
    error(("%s: run again, %s came to something else: what it reads, such as a trace or a fit, has changed since")
      :format(path, of), 0)
  end
  files.write(outputs.json, ordered.json(found))
  if outputs.report then pictures.report(outputs, function() return page.document(found, of) end) end
  if files.stdout_is_free(options) then files.print(tostring(found) .. "\n") end
  if options.plot then pictures.print(page.figures(found), options) end
  ui.warn(found.oracle.warnings, options)
  return true
end

return command
