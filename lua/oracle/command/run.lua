--- `oracle run FILE`: one run of a scenario or a configuration, or, where it varies keys, many.
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local beside = lazy "oracle.study.beside"
local config_file = lazy "oracle.command.config_file"
local files = require "oracle.command.files"
local inputs = lazy "oracle.text.inputs"
local ordered = require "oracle.text.ordered"
local pictures = lazy "oracle.command.pictures"
local pictures_of = lazy "oracle.result.pictures"
local report = lazy "oracle.result.report"
local run_page = lazy "oracle.result.run_page"
local scenario = lazy "oracle.scenario"
local series = lazy "oracle.result.series"
local source = lazy "oracle.result.source"
local summary = lazy "oracle.result.summary"
local sweep = lazy "oracle.command.sweep"
local study = lazy "oracle.study"
local ui = require "oracle.command.ui"
local units = lazy "oracle.text.units"
local written = lazy "oracle.command.written"

local command = {}

local function describe_deployment(plan)
  local d, e = plan.deployment, plan.scenario.engine
  ui.say(("# %s on %d x %s: weights %.2f GiB per GPU"):format(d.names.model, d.gpus,
    d.hardware_names or d.names.hardware, d.memory.weight_bytes / 2^30))
  local tokens, hybrid = d.num_gpu_blocks * e.block_size, d.hybrid_kv
  if hybrid then
    local n = #hybrid.groups
    ui.say(("# GPU blocks: %s shared by %d group%s of layers%s, KV cache %s tokens, %.2f requests of max_model_len %s")
      :format(units.thousands(hybrid.blocks), n, n == 1 and "" or "s",
        plan.scenario.replicas > 1 and " per replica" or "", units.thousands(tokens), hybrid.concurrency,
        units.thousands(e.max_model_len)))
    return
  end
  ui.say(("# GPU blocks: %s of %d tokens%s, KV cache %s tokens, %.2f requests of max_model_len %s"):format(
    units.thousands(d.num_gpu_blocks), e.block_size, plan.scenario.replicas > 1 and " per replica" or "",
    units.thousands(tokens), tokens / e.max_model_len, units.thousands(e.max_model_len)))
end

-- @param raw the engine's result, @param text of the result in another format, or nil
local function write_results(result, outputs, raw, options, text)
  if outputs.csv then ui.must(outputs.csv:commit()) end
  if outputs.json then files.write(outputs.json, text or ordered.json(result)) end
  if outputs.series then files.write(outputs.series, series.csv(raw.series)) end
  if outputs.trace then pictures.traced(outputs, raw, options) end
  if outputs.report then pictures.report(outputs, function() return run_page.document(result, raw) end) end
end

-- What is to be kept of a run beside its result, for pictures of it.
local function watched(plan, outputs, options)
  if not (options.plot or outputs.report or outputs.trace) then return nil end
  local drawn = options.plot or outputs.report
  local wanted = drawn and run_page.wanted(pictures.window(options), plan.scenario.warm_up) or {}
  wanted.trace = pictures.trace(outputs, options)
  return wanted
end

local function one_thread(options, why)
  if ui.told(options) then ui.say("# simulated by one thread: " .. why) end
end

-- What single replicas did is in files alone.
local function is_brief(outputs, options)
  return not (outputs.json or outputs.report or options.plot)
end

-- In how many threads one run is simulated (oracle.plan.slices); nil: in this one.
-- @param from { path =, text = of the scenario's file, read = the configuration where it is one }
local function threads_of(plan, outputs, options, from)
  local host = ui.host()
  if (options.threads or 1) < 2 or not host.slices then return nil end
  local function say(why) one_thread(options, why) end
  local why = plan.scenario.processes and "it has processes" or options.flags and "the deployment is said in flags"
    or options.save_detailed and "when each token came is kept"
  if why then return say(why) end
  local job = { kind = "slice", path = from.path, text = from.text, set = files.assignments(options), fit = options.fit,
                force = files.forces_fit(options), seed = options.seed, lod = options.lod, runs = not options.no_runs,
                brief = is_brief(outputs, options),
                slo = options.slo and files.objectives(nil, options.slo) or nil,
                config = from.read and { format = options.format or "" } or nil }
  return { host = host, threads = options.threads, say = say, job = core.json.encode(job) }
end

-- `tell` is called once the run is some way on.
-- @param as { csv = where rows go, if not to that of outputs, slices = of threads_of }; each may be nil
local function simulate(s, plan, outputs, options, tell, as)
  local host, meter = ui.host(), ui.meter(options)
  host.guard(false)                                       -- from here the engine minds Ctrl-C
  local calls, seconds = core.cost.asked()
  local total = { wall = host.clock() }
  local ok, result = pcall(study.run, s, {
    plan = plan, csv = as.csv or outputs.csv and outputs.csv.path, slices = as.slices, tokens = options.save_detailed,
    runs = not options.no_runs, progress = function(...)
      tell()
      if meter then meter.step(...) end
    end,
    brief = is_brief(outputs, options),
    series = outputs.series ~= nil, log = ui.level(options, "DEBUG") and not options.quiet,
    watch = watched(plan, outputs, options),
    done = function(raw)
      total.steps, total.events, total.now, total.raw = raw.steps, raw.events, raw.now, raw
    end,
  })
  total.wall = host.clock() - total.wall
  local now, then_ = core.cost.asked()
  total.cost_calls, total.cost_seconds = now - calls, then_ - seconds
  if meter then meter.done() end
  if not ok then
    files.keep_begun(outputs)
    error(result, 0)
  end
  return result, total
end

-- One run and its files; `--format` reads the requests, which are written for it where --csv does not ask for them.
-- @param as { asked = what the JSON says of where it comes from, or nil, from = as of threads_of }
local function run_to_results(s, plan, outputs, options, tell, as)
  local csv, own = written.requests(options, outputs)
  local ok, result, total = pcall(simulate, s, plan, outputs, options, tell,
    { csv = csv, slices = threads_of(plan, outputs, options, as.from) })
  local done, why = ok, result
  if ok then
    done, why = pcall(function()
      local named = options.json and options.json ~= "-"  -- what goes on names no file
      if as.asked and named then source.put(result, as.asked) end
      local run = { summary = result, plan = plan, raw = total.raw }
      write_results(result, outputs, total.raw, options, options.written and written.text(options, run, csv))
    end)
  end
  if own then os.remove(csv) end
  if not done then
    files.discard(outputs)
    error(why, 0)
  end
  return result, total
end

-- One run of a scenario.
local function run_once(s, text, read, path, options)
  local asked = not options.flags
    and source.of(path, text, files.assignments(options), options, files.forces_fit(options))
  local plan = files.prepare(s, path, options)
  local outputs = files.open_results(options, s)
  local told = ui.told(options)
  local untold = told
  local function tell()                                   -- not at once: a trace found wrong leaves one line, the error
    if untold then describe_deployment(plan) end
    untold = false
  end
  if ui.level(options, "DEBUG") then tell() end
  local result, total = run_to_results(s, plan, outputs, options, tell,
    { asked = asked, from = { path = path, text = text, read = read } })
  tell()                                                  -- nor of results that could not be written
  if files.stdout_is_free(options) then
    files.print(report.block(result))
    if read and not options.flags then config_file.done(result) end
  end
  if options.plot then pictures.print(pictures_of.all(total.raw, result), options) end
  ui.warn(result.oracle.warnings, options)
  if told then ui.end_line(total) end
  if not summary.complete(result) then
    ui.say("oracle: interrupted; the results are partial")
    return false
  end
  return true
end

-- "results/requests.csv" of one deployment: "results/requests.NAME.csv".
local function own_file(path, name)
  local stem, extension = path:match("^(.*[^/])(%.%w+)$")
  return ("%s.%s%s"):format(stem or path, (name:gsub("[^%w_.+-]", "_")), extension or "")
end

-- Files of one run each.
local OWN = { "csv", "series", "report", "trace" }

-- The options of one deployment's run: its rows go to files of its own, the summaries to one of all.
local function options_of(options, name)
  local own = {}
  for k, v in pairs(options) do own[k] = v end
  own.json = nil
  for _, kind in ipairs(OWN) do
    if own[kind] then own[kind] = own_file(own[kind], name) end
  end
  return own
end

-- The files of all deployments, ready before anything runs.
local function open_all(list, options)
  local all = {}
  for k, v in pairs(options) do all[k] = v end
  for _, kind in ipairs(OWN) do all[kind] = nil end
  local opened = { all = files.open_results(all, list[1].scenario) }
  for i, one in ipairs(list) do
    local ok, outputs = pcall(files.open_results, options_of(options, one.name), one.scenario)
    if not ok then
      for _, o in pairs(opened) do files.discard(o) end
      error(outputs, 0)
    end
    opened[i] = outputs
  end
  return opened
end

-- Deployments of a configuration that stand side by side: a block each, and how far they are apart.
local function run_beside(list, path, options)
  if options.written then ui.misuse("--format %s: %d deployments stand side by side", options.written, #list) end
  for _, kind in ipairs { "csv", "series" } do
    if options[kind] == "-" then
      ui.misuse("--%s -: %d deployments stand side by side, and each has a file of its own", kind, #list)
    end
  end
  local plans, results, told = {}, {}, ui.told(options)
  for i, one in ipairs(list) do plans[i] = files.prepare(one.scenario, path, options) end
  local opened = open_all(list, options)
  if (options.threads or 1) > 1 then one_thread(options, "deployments stand side by side") end
  for i, one in ipairs(list) do
    local function tell()
      if told then ui.say("# " .. one.name) describe_deployment(plans[i]) end
      told = false
    end
    local ok, result, total = pcall(simulate, one.scenario, plans[i], opened[i], options, tell, {})
    if not ok then
      for _, o in pairs(opened) do files.discard(o) end
      error(result, 0)
    end
    results[i] = result
    write_results(result, opened[i], total.raw, options)
    tell()
    if files.stdout_is_free(options) then
      files.print(("%s%s\n%s"):format(i > 1 and "\n" or "", one.name, report.block(result)))
      config_file.done(result)
    end
    if options.plot then pictures.print(pictures_of.all(total.raw, result), options) end
    ui.warn(result.oracle.warnings, options)
    told = ui.told(options)
    if told then ui.end_line(total) end
    if not summary.complete(result) then break end
  end
  local of_all, text = beside.result(list, results)
  files.write(opened.all.json, ordered.json(of_all))
  if #results > 1 and files.stdout_is_free(options) then files.print("\n" .. text) end
  if #results == #list and summary.complete(results[#results]) then return true end
  for i = #results + 1, #list do files.discard(opened[i]) end
  ui.say(("oracle: interrupted; the results of %d of %d deployments are whole"):format(#results - 1, #list))
  return false
end

-- Many runs: a sweep, or a scenario with `vary`.
local function run_many(s, path, text, read, options, ranks)
  if options.csv then ui.misuse("--csv: this scenario varies keys, and a CSV holds one run") end
  if options.series then ui.misuse("--series: this scenario varies keys, and a series is of one run") end
  if options.trace then ui.misuse("--trace: this scenario varies keys, and a trace is of one run") end
  if options.window then ui.misuse("--window: this scenario varies keys, and a window is of one run") end
  ui.one_run_logs(options, "this scenario varies keys")
  if options.written and options.written ~= "jsonl" then
    ui.misuse("--format %s: this scenario varies keys, and that is of one run; jsonl has a line for each",
      options.written)
  end
  return sweep.run(s, path, text, options,
    { config = read and { format = options.format or "" }, ranks = ranks })
end

--- Do it.
-- @param options of oracle.command.options
-- @param ranks of an MPI job (oracle.study.mpi), or nil
-- @return true when all ran to its end
function command.run(options, ranks)
  local path = files.one(options)
  if options.written or options.save_detailed then written.settle(options) end
  if options.plot or options.report or options.trace or options.window then pictures.check(options) end
  if options.command == "sweep" then inputs.watch() end
  ui.host().guard(true)
  local s, text, read
  if options.flags then
    s, read = config_file.flags(options.flags)
  else
    s, text, read = files.load(path, options)
  end
  if options.command == "sweep" or files.varies(s, options) then
    if read and read.deployments and #read.deployments > 1 and options.command ~= "sweep" then
      ui.misuse("--set vary: %d deployments stand side by side; oracle sweep takes the first", #read.deployments)
    end
    return run_many(s, path, text, read, options, ranks)
  end
  if read then config_file.adopt(read, options) end
  local list = scenario.origin(s).beside
  if list then return run_beside(list, path, options) end
  return run_once(s, text, read, path, options)
end

return command
