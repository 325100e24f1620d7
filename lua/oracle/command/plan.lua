--- `oracle plan`: the cheapest deployments that serve a load within objectives.
local lazy = require "oracle.lazy"
local core = require "oracle.core"
local catalog = lazy "oracle.models.catalog"
local files = require "oracle.command.files"
local launch = lazy "oracle.study.launch"
local ordered = require "oracle.text.ordered"
local output = lazy "oracle.text.output"
local page = lazy "oracle.study.pages.plan"
local paths = lazy "oracle.text.paths"
local pictures = lazy "oracle.command.pictures"
local planner = require "oracle.study.planner"
local report = lazy "oracle.study.plan_report"
local results_file = lazy "oracle.study.results_file"
local scenario = require "oracle.scenario"
local sweep = lazy "oracle.study.sweep"
local sweep_inputs = lazy "oracle.study.sweep_inputs"
local systems = lazy "oracle.system"
local ui = require "oracle.command.ui"
local units = lazy "oracle.text.units"
local version = require "oracle.version"

local command = {}

local LOOK = 0.1                                          -- s between looks at the clock and at Ctrl-C
local MOST = 2 ^ 53 | 0                                   -- indices that a results file may hold
local GPUS, MAX_GPUS = { "h100-sxm", "h200", "b200" }, 64

-- "1024,256,20": tokens of a prompt, of an answer, requests per second.
local function shape_of(text)
  local isl, osl, rate = text:match "^%s*(%d+)%s*,%s*(%d+)%s*,%s*(.-)%s*$"
  if not isl then return nil end
  local v, why = units.parse(rate:match "%a" and rate or tonumber(rate) or rate, "req/s")
  if not v or v <= 0 then ui.misuse("--workload %s: %s", text, why or "a rate above 0 expected") end
  if tonumber(isl) < 1 or tonumber(osl) < 1 then ui.misuse("--workload %s: at least one token expected", text) end
  return { isl = math.tointeger(tonumber(isl)), osl = math.tointeger(tonumber(osl)), rate = v }
end

local function gpus_of(text)
  if not text then return GPUS end
  local list, seen = {}, {}
  for name in (text .. ","):gmatch "%s*([^,]-)%s*," do
    local ok, found = pcall(catalog.hardware, name)
    if not ok then ui.misuse("--gpus %s: %s", name, scenario.first_line(found)) end
    if seen[found.id] then ui.misuse("--gpus %s: %s is given twice", text, name) end
    seen[found.id], list[#list + 1] = true, found.id
  end
  return list
end

local function job_of(options, path, text, config)
  local job = { kind = "plan", path = path, text = text, config = config, model = options.model, seed = options.seed,
                fit = options.fit, force = files.forces_fit(options),
                gpus = gpus_of(options.gpus), max_gpus = options.max_gpus or MAX_GPUS,
                set = files.assignments(options) }
  if options.slo then job.slo = files.objectives(nil, options.slo) end
  if options.system then
    job.system = systems.find(options.system)
    if not job.system then
      ui.misuse("--system %s: one of %s expected", options.system, table.concat(systems.names(), ", "))
    end
  end
  if job.model then
    local ok, why = pcall(catalog.model, job.model)
    if not ok then ui.misuse("--model: %s", scenario.first_line(why)) end
  end
  return job
end

-- Results come in any order and go on a file as they come; what it has is not computed again.
local function runner(work, job, options, results, ranks, meter)
  local host = ui.host()
  local read = sweep_inputs.new(job.path and paths.folder(job.path) or ".")
  local function keep(index, text)
    local list, result = text:match "^([^\n]*)\n(.*)$"
    local digests, why = read:of(core.json.decode(list))
    ui.must(digests, why)
    ui.must(results:put(index, result, digests, host.clock()))
  end
  local threads = options.threads or host.cores and host.cores() or 1
  local ex = ranks and ranks:executor(host, job, threads) or host.pool and sweep.threads(host, job, threads)
  local function alone(wanted)
    for _, index in ipairs(wanted) do
      if not results:has(index) then
        local text = planner.compute(work, index)
        if not text then return false end
        keep(index, text)
      end
    end
    return true
  end
  local function spread(wanted)
    local next_one, out = 1, 0
    repeat
      while wanted[next_one] and out < ex.depth do
        if not results:has(wanted[next_one]) then
          ex:submit(wanted[next_one])
          out = out + 1
        end
        next_one = next_one + 1
      end
      if out > 0 then
        local index, text = ex:take(LOOK)
        if host.interrupted() then return false end
        if index then
          if not text then return false end
          keep(index, text)
          out = out - 1
        end
        if meter then meter.points(next_one - 1 - out, #wanted, 0) end
      end
    until out == 0 and not wanted[next_one]
    return true
  end
  return function(wanted)
    if not (ex and spread or alone)(wanted) then return nil end
    local got = {}
    for i, index in ipairs(wanted) do got[i] = results:get(index) end
    return got
  end, function(ended)
    if ex and ended then ex:close() elseif ex then ex:abandon() end
    results:sync()
    results:close()
  end
end

local function open_results(options, job)
  if not options.out then return results_file.memory(MOST) end
  local id = { version = version.oracle, scenario = job.path and job.path:match "([^/]*)$" or "plan",
               text = core.json.encode(job), settings = {}, points = MOST,
               inputs = sweep_inputs.new(job.path and paths.folder(job.path) or ".") }
  local results, why = results_file.open(options.out, id, options.resume, options.force)
  if not results then error(why, 0) end
  return results
end

-- The workload: a file, or its shape in three numbers.
local function workload_of(options)
  local asked = options.workload or options.files[1]
  if not asked then ui.misuse("--workload: missing; FILE or isl,osl,rate such as 1024,256,20 expected") end
  if options.workload and options.files[1] then ui.misuse("%s: --workload is given too", options.files[1]) end
  local shape = not paths.exists(asked) and shape_of(asked)
  if not shape and asked:find "^[%d%s.]*,[%d%s.,]*$" and not paths.exists(asked) then
    ui.misuse("--workload %s: isl,osl,rate such as 1024,256,20 expected: tokens of a prompt and of an answer, req/s",
      asked)
  end
  if shape and not options.model then ui.misuse("--model: missing; the model that is to be served") end
  return shape, asked
end

--- Do it.
-- @param options of oracle.command.options
-- @param ranks of an MPI job, or nil
-- @return true when there is a plan
function command.run(options, ranks)
  if options.resume and not options.out then ui.misuse("--resume: goes with --out FILE, where the results are") end
  local shape, path = workload_of(options)
  if options.plot or options.report then pictures.check(options) end
  ui.host().guard(true)
  local s, text, read
  if not shape then s, text, read = files.load(path, options) end
  local job = job_of(options, not shape and path or nil, text, read and { format = options.format or "" })
  job.shape = shape
  local ok, work = pcall(planner.open, job, s)
  if not ok then error(scenario.first_line(work), 0) end
  if options.output then files.keep(options, options.output) end
  local outputs = files.open_results(options, s)
  local written, unwritable
  if options.output then written, unwritable = output.open(options.output) end
  if unwritable then
    files.discard(outputs)
    error(unwritable, 0)
  end
  local looked, wrong = pcall(planner.look, work, job)
  if not looked then
    files.discard(outputs)
    if written then written:discard() end
    error(scenario.first_line(wrong), 0)
  end
  local results = open_results(options, job)
  local meter = ui.meter(options)
  ui.host().guard(false)
  local run, close = runner(work, job, options, results, ranks, meter)
  local fine, found = pcall(planner.search, work, run)
  close(fine)
  if meter then meter.done() end
  if not fine then
    files.discard(outputs)
    if written then written:discard() end
    error(scenario.first_line(found), 0)
  end
  local object = report.object(found)
  files.write(outputs.json, ordered.json(object))
  if outputs.report then
    local title = ("Plan for %s, %s"):format(options.model or "a scenario", options.workload or path)
    pictures.report(outputs, function() return page.document(object, title) end)
  end
  if files.stdout_is_free(options) then files.print(report.text(found)) end
  if options.plot then pictures.print(page.figures(object), options) end
  local best = found.plans[1]
  if written then
    local of_best = best and launch.scenario(found, best)
    if of_best then files.write(written, of_best) else written:discard() end
  end
  return best ~= nil
end

return command
