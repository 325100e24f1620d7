--- The command line. Results go to stdout, everything else to stderr.
-- Exit status: 0 success; 1 the input or the run failed; 2 the command line is wrong.
local cli = {}

local OK, FAILED, USAGE = 0, 1, 2

local LEVELS = { "DEBUG", "INFO", "WARNING", "ERROR" }

-- Raised for a wrong command line; anything else raised is a failure of the input or the run.
local Usage = {}

-- Raised when a script has done all there was to do.
local Done = {}

local function misuse(...)
  error(setmetatable({ message = string.format(...) }, Usage), 0)
end

local function host()
  local ok, found = pcall(require, "oracle.host")
  if ok then return found end
  return { isatty = function() return false end, clock = os.clock, guard = function() end }
end

-- ---- options ----

-- Each takes a value (`value` names it in the help) or none; `key` is where it goes.
local OPTIONS = {
  { "--set", value = "KEY=VALUE", key = "set", list = true,
    doc = "change a key, such as engine.max_num_seqs=64 (repeatable); sweep: v1,v2, lo..hi:step" },
  { "--seeds", value = "N", key = "seeds", only = { sweep = true }, whole = { 1, 1000000 },
    doc = "sweep: each point with N seeds, from the scenario's on" },
  { "--out", value = "FILE", key = "out", only = { sweep = true },
    doc = "sweep: where results are kept as they finish (NAME.sweep.jsonl)" },
  { "--resume", key = "resume", only = { sweep = true }, doc = "sweep: go on where that file ends" },
  { "--replications", value = "N", key = "replications", only = { compare = true }, whole = { 2, 1000 },
    doc = "compare: runs of each, from the scenario's seed on (5)" },
  { "--until", value = "SHARE", key = "until", only = { compare = true },
    doc = "compare: more replications until every interval is that narrow, such as 2%" },
  { "--json", value = "FILE", key = "json", doc = "write the summary as JSON; - is stdout" },
  { "--csv", value = "FILE", key = "csv", doc = "write one row per request; - is stdout, .gz is compressed" },
  { "--series", value = "FILE", key = "series",
    doc = "write GPU busy share, KV use and queue lengths over time as CSV (series_interval, 1 s)" },
  { "--quiet", short = "-q", key = "quiet", doc = "no console block, no progress; errors and warnings stay" },
  { "--seed", value = "N", key = "seed", whole = { 0, math.maxinteger }, doc = "seed of every random draw" },
  { "--lod", value = "LEVEL", key = "lod", choice = { "high", "medium", "auto" }, doc = "level of detail (auto)" },
  { "--threads", value = "N", key = "threads", whole = { 1, 1024 }, doc = "threads for many runs (one per core)" },
  { "--log-level", short = "-l", value = "LEVEL", key = "level", choice = LEVELS, upper = true,
    doc = "DEBUG, INFO, WARNING or ERROR (INFO)" },
  { "--no-records", key = "no_records",
    doc = "keep nothing per request (as without --csv)" },
  { "--no-runs", key = "no_runs", doc = "step every step; same results, slower" },
  { "--format", short = "-f", value = "FORMAT", key = "format", choice = { "yaml", "json", "lua" },
    only = { run = true, sweep = true, ["generate-config"] = true },
    doc = "of a configuration: yaml, json (or lua, to write)" },
  { "--output", short = "-o", value = "FILE", key = "output", only = { ["generate-config"] = true },
    doc = "generate-config: the file to write (example_config.yaml)" },
  { "--validate-models", short = "-m", key = "models", only = { validate = true },
    doc = "validate: the model database too" },
  { "--fix", short = "-f", key = "fix", only = { validate = true },
    doc = "validate: mend what can be and write the file" },
  { "--as", value = "WHAT", key = "as", choice = { "config", "data" }, only = { validate = true },
    doc = "validate: a configuration or measured data; the content decides" },
  { "--ops", key = "ops", only = { show = true }, doc = "show model: the operations of a step, on one GPU" },
  { "--tp", value = "N", key = "tp", whole = { 1, 1024 }, only = { show = true },
    doc = "show model --ops: one of so many (1)" },
  { "--help", short = "-h", key = "help", doc = "this text" },
  { "--version", key = "version", doc = "the version" },
}

local COMMANDS = {
  { "run", "FILE", "run a scenario (.lua) or a configuration (YAML, JSON); `run` may be left out" },
  { "sweep", "SCENARIO.lua", "run it for every combination of --set KEY=v1,v2 ..." },
  { "compare", "A B ... SCENARIO.lua", "the same requests through systems, policies or settings" },
  { "new", "policy NAME", "write a working policy to begin with" },
  { "check", "policy FILE", "a policy against the laws, under random loads" },
  { "validate", "FILE", "check a configuration, or compare measured data with predictions" },
  { "generate-config", "", "write a configuration to begin with" },
  { "repl", "[SCENARIO.lua]", "the prompt, with a simulation of it as s" },
  { "lod", "SCENARIO.lua", "compare the levels of detail: answers, events, wall time" },
  { "models", "", "the models that come with oracle" },
  { "hardware", "", "the accelerators that come with oracle" },
  { "show", "model|hardware X", "one of them, figure by figure; model X --ops: what a step is made of" },
}

local function names_of(list)
  local names = {}
  for i, o in ipairs(list) do names[i] = o[1] end
  return names
end

local function is_command(word)
  for _, c in ipairs(COMMANDS) do
    if c[1] == word then return true end
  end
  return false
end

-- One letter may mean different things to different commands.
local function find_option(word, command)
  local elsewhere
  for _, o in ipairs(OPTIONS) do
    if word == o[1] or word == o.short then
      if not o.only or o.only[command or "run"] then return o end
      elsewhere = o
    end
  end
  local flags = require("oracle.config.second").options()
  for _, o in ipairs(flags) do
    if word == o[1] then return o end
  end
  if elsewhere then
    local commands = {}
    for c in pairs(elsewhere.only) do commands[#commands + 1] = c end
    table.sort(commands)
    misuse("%s goes with oracle %s", word, table.concat(commands, ", "))
  end
  local names = names_of(OPTIONS)
  for _, o in ipairs(flags) do names[#names + 1] = o[1] end
  local near = require("oracle.nearest").find(word, names)
  misuse("%s: unknown option; %s", word, near and "did you mean " .. near .. "?" or "see oracle --help")
end

local function option_value(o, text)
  if o.choice then
    local wanted = o.upper and text:upper() or text:lower()
    for _, valid in ipairs(o.choice) do
      if wanted == valid then return valid end
    end
    misuse("%s %s: one of %s expected", o[1], text, table.concat(o.choice, ", "))
  end
  if o.whole then
    local n = math.tointeger(tonumber(text))
    if not n or n < o.whole[1] or n > o.whole[2] then
      local most = o.whole[2] < math.maxinteger and (" to %d"):format(o.whole[2]) or " or more"
      misuse("%s %s: a whole number, %d%s, expected", o[1], text, o.whole[1], most)
    end
    return n
  end
  return text
end

--- Sort the words of a command line.
-- @param args a list of strings
-- @return { command =, files = {}, set = {}, json = ... }
function cli.parse(args)
  local out, i, only_files = { files = {}, set = {} }, 1, false
  while i <= #args do
    local word = args[i]
    if only_files or word == "-" or word:sub(1, 1) ~= "-" then
      out.files[#out.files + 1] = word
    elseif word == "--" then
      only_files = true
    else
      local name, inline = word:match("^(%-%-[^=]+)=(.*)$")
      local o = find_option(name or word, is_command(out.files[1]) and out.files[1])
      local value = true
      if o.value then
        if not inline then i = i + 1 end
        value = inline or args[i]
        if value == nil then misuse("%s: %s expected", o[1], o.value) end
        value = option_value(o, value)
      elseif inline then
        misuse("%s takes no value", o[1])
      end
      if o.second then
        out.second = out.second or {}
        out.second[o.second] = value
      elseif o.list then
        table.insert(out[o.key], value)
      else
        out[o.key] = value
      end
    end
    i = i + 1
  end
  if is_command(out.files[1]) then out.command = table.remove(out.files, 1) end
  return out
end

local function help()
  local schema = require "oracle.schema"
  local lines = {
    "usage: oracle SCENARIO.lua [options]",
    "       oracle COMMAND ...",
    "       oracle                   a prompt; reads Lua where input is no terminal",
    "",
    "Predicts how an LLM serving deployment behaves. Follows vLLM " .. schema.VLLM .. " (V1) and its defaults.",
    "",
    "commands:",
  }
  for _, c in ipairs(COMMANDS) do lines[#lines + 1] = ("  %-24s %s"):format(c[1] .. " " .. c[2], c[3]) end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "options:"
  for _, o in ipairs(OPTIONS) do
    local name = (o.short and o.short .. ", " or "") .. o[1] .. (o.value and " " .. o.value or "")
    lines[#lines + 1] = ("  %-24s %s"):format(name, o.doc)
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = ""
  lines[#lines + 1] = "a deployment in flags, instead of a file (defaults in brackets):"
  for _, o in ipairs(require("oracle.config.second").options()) do
    lines[#lines + 1] = ("  %-24s %s"):format(o[1], o.doc)
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "`oracle run --help` lists the keys of a scenario."
  return table.concat(lines, "\n") .. "\n"
end

-- What one command takes: its own options and those every run has.
local OF_A_RUN = { run = true, sweep = true, compare = true, lod = true, repl = true }
local ALWAYS = { ["--help"] = true, ["--quiet"] = true, ["--log-level"] = true, ["--set"] = true, ["--seed"] = true }

local function help_command(name)
  local lines = {}
  for _, c in ipairs(COMMANDS) do
    if c[1] == name then
      lines = { ("usage: oracle %s%s [options]"):format(c[1], c[2] ~= "" and " " .. c[2] or ""), "",
                c[3]:sub(1, 1):upper() .. c[3]:sub(2) .. ".", "", "options:" }
    end
  end
  for _, o in ipairs(OPTIONS) do
    local mine = o.only and o.only[name] or not o.only and (OF_A_RUN[name] or ALWAYS[o[1]])
    if mine then
      lines[#lines + 1] = ("  %-28s %s"):format((o.short and o.short .. ", " or "") .. o[1] .. (o.value and " "
        .. o.value or ""), o.doc)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

local function help_run()
  local lines = { "usage: oracle run SCENARIO.lua [options]", "",
                  "Keys of a scenario, for the file and for --set KEY=VALUE, with their defaults:" }
  for _, key in ipairs(require("oracle.schema").describe()) do
    lines[#lines + 1] = ("  %-32s %-12s %s"):format(table.unpack(key)):gsub("%s+$", "")
  end
  lines[#lines + 1] = ""
  lines[#lines + 1] = "Quantities are numbers in SI units or strings with a unit: \"50 ms\", \"12 req/s\", \"80 GiB\"."
  return table.concat(lines, "\n") .. "\n"
end

-- ---- --set ----

local function apply_set(s, assignment)
  local setting = require "oracle.setting"
  local key, text = setting.split(assignment)
  if not key then misuse("--set %s: KEY=VALUE expected", assignment) end
  local ok, why = setting.apply(s, key, text)
  if not ok then misuse("--set %s", why) end
end

-- ---- running ----

local function say(text)
  io.stderr:write(text, "\n")
end

local function level(options, name)
  local at = options.level or "INFO"
  for i, l in ipairs(LEVELS) do
    if l == at then at = i end
    if l == name then name = i end
  end
  return name >= at
end

local function describe_deployment(plan)
  local units = require "oracle.units"
  local d, e = plan.deployment, plan.scenario.engine
  say(("# %s on %d x %s: weights %.2f GiB per GPU"):format(d.names.model, d.gpus,
    d.hardware_names or d.names.hardware, d.memory.weight_bytes / 2^30))
  local tokens = d.num_gpu_blocks * e.block_size
  say(("# GPU blocks: %s of %d tokens%s, KV cache %s tokens, %.2f requests of max_model_len %s"):format(
    units.thousands(d.num_gpu_blocks), e.block_size, plan.scenario.replicas > 1 and " per replica" or "",
    units.thousands(tokens), tokens / e.max_model_len, units.thousands(e.max_model_len)))
end

local function open_outputs(options)
  local output = require "oracle.output"
  local kinds, taken = { "json", "csv", "series" }, {}
  for _, kind in ipairs(kinds) do
    local file = options[kind]
    if file == "" then misuse("--%s: FILE expected", kind) end
    local other = file and taken[file]
    if other and file == "-" then misuse("--%s - and --%s -: only one can have stdout", other, kind) end
    if other then misuse("--%s and --%s: two files expected", other, kind) end
    if file then taken[file] = kind end
  end
  local opened = {}
  for _, kind in ipairs(kinds) do
    if options[kind] then
      local o, why = output.open(options[kind])
      if not o then
        for _, other in pairs(opened) do other:discard() end
        error(why, 0)
      end
      opened[kind] = o
    end
  end
  return opened
end

local function must(ok, why)
  if not ok then error(why, 0) end
end

-- Whether stdout is left to the console block.
local function stdout_is_free(options)
  return not options.quiet and options.json ~= "-" and options.csv ~= "-" and options.series ~= "-"
end

local function write_results(result, outputs, options, samples)
  local summary = require "oracle.summary"
  if outputs.csv then must(outputs.csv:commit()) end
  if outputs.json then
    must(outputs.json:write(summary.json(result)))
    must(outputs.json:commit())
  end
  if outputs.series then
    must(outputs.series:write(require("oracle.series").csv(samples)))
    must(outputs.series:commit())
  end
  if stdout_is_free(options) then
    local report = require "oracle.report"
    must(require("oracle.output").open("-"):write(report.block(result)))
  end
end

local function warn(result, options)
  if not level(options, "WARNING") then return end
  for _, text in ipairs(result.oracle.warnings) do say("oracle: warning: " .. text) end
end

-- Wall time and the like: facts about this machine, so never among the results.
local function end_line(total)
  local units = require "oracle.units"
  say(("# %.3f s wall, %s steps, %s events, %s x real time"):format(total.wall, units.thousands(total.steps),
    units.thousands(total.events), total.wall > 0 and units.thousands(total.now / total.wall) or "-"))
end

-- `tell` is called once the run is some way on.
local function simulate(s, plan, outputs, options, tell)
  local h = host()
  h.guard(false)                                          -- from here the engine minds Ctrl-C
  local total = { wall = h.clock() }
  local meter
  if not options.quiet and h.isatty(2) then meter = require("oracle.progress").new(h.clock, io.stderr) end
  local ok, result = pcall(require("oracle.experiment").run, s, {
    plan = plan, csv = outputs.csv and outputs.csv.path, runs = not options.no_runs, progress = function(...)
      tell()
      if meter then meter.step(...) end
    end,
    series = outputs.series ~= nil, log = level(options, "DEBUG") and not options.quiet,
    done = function(raw)
      total.steps, total.events, total.now, total.series = raw.steps, raw.events, raw.now, raw.series
    end,
  })
  total.wall = h.clock() - total.wall
  if meter then meter.done() end
  if not ok then
    for _, o in pairs(outputs) do o:discard() end
    error(result, 0)
  end
  return result, total
end

-- What is about configuration files, with what all commands share.
local function program()
  return require "oracle.config.program"
end

-- A file of Lua may say what one says at the prompt; nothing of that is loaded unless it does.
local function script_globals()
  local prompt
  return setmetatable({}, { __index = function(_, name)
    if _G[name] ~= nil then return _G[name] end
    prompt = prompt or require("oracle.prompt").environment()
    return prompt[name]
  end })
end

local function load_scenario(path, options)
  local scenario = require "oracle.scenario"
  if not path:match("%.lua$") and program().is(path, options) then return program().load(path, options) end
  local text, unreadable = scenario.read(path)
  local s, why, nothing = nil, unreadable, nil
  if text then s, why, nothing = scenario.load(path, text, script_globals()) end
  if s then return s, text end
  -- Only what simulates loads this: a file that did so itself and returns nothing is a script, and done.
  if nothing and package.loaded["oracle.experiment"] then error(Done, 0) end
  if not path:find("[./]") and not require("oracle.home").exists(path) then
    local near = require("oracle.nearest").find(path, names_of(COMMANDS))
    error(("%s: no such file or command%s"):format(path, near and "; did you mean " .. near .. "?" or ""), 0)
  end
  error(why, 0)
end

local function prepare(s, path, options)
  local scenario = require "oracle.scenario"
  for _, assignment in ipairs(options.set) do apply_set(s, assignment) end
  if options.seed then s.seed = options.seed end
  if options.lod then s.lod = options.lod end
  local ok, plan = pcall(require("oracle.experiment").plan, s)
  if not ok then error(scenario.about(path, scenario.first_line(plan)), 0) end
  return plan
end

local function one_file(options)
  if options.second then
    if options.command == "sweep" then misuse("sweep: a file expected; --model, --xpu and the like are one run") end
    if #options.files > 0 then
      misuse("%s: --model, --xpu and the like take no scenario; see --config", options.files[1])
    end
    return "the flags"
  end
  if #options.files == 0 then misuse("a scenario expected: oracle SCENARIO.lua (see oracle --help)") end
  if #options.files > 1 then
    local first = options.files[1]
    if not first:find "[./]" and not require("oracle.home").exists(first) then
      local near = require("oracle.nearest").find(first, names_of(COMMANDS))
      misuse("%s: no such command%s", first, near and "; did you mean " .. near .. "?" or "; see oracle --help")
    end
    misuse("%s: one scenario at a time", options.files[2])
  end
  return options.files[1]
end

-- One run of a scenario.
local function run_once(s, read, path, options)
  local plan = prepare(s, path, options)
  local outputs = open_outputs(options)
  local told = not options.quiet and level(options, "INFO")
  local untold = told
  local function tell()                                   -- not at once: a trace found wrong leaves one line, the error
    if untold then describe_deployment(plan) end
    untold = false
  end
  if level(options, "DEBUG") then tell() end
  local result, total = simulate(s, plan, outputs, options, tell)
  tell()
  write_results(result, outputs, options, total.series)
  if read and not options.second and stdout_is_free(options) then program().done(result) end
  warn(result, options)
  if told then end_line(total) end
  if not require("oracle.summary").complete(result) then
    say("oracle: interrupted; the results are partial")
    return FAILED
  end
  return OK
end

-- Many runs: a sweep, or a scenario with `vary`.
local function run_many(s, path, text, read, options, ranks)
  if options.csv then misuse("--csv: this scenario varies keys, and a CSV holds one run") end
  if options.series then misuse("--series: this scenario varies keys, and a series is of one run") end
  local good = require("oracle.sweep_cli").run(s, path, text, options, {
    config = read and { format = options.format or "" },
    misuse = misuse, say = say, host = host, must = must, open_outputs = open_outputs, end_line = end_line,
    warn = function(message) if level(options, "WARNING") then say(message) end end,
    told = not options.quiet and level(options, "INFO"), ranks = ranks,
  })
  return good and OK or FAILED
end

-- The same in a job of many processes: rank 0 alone minds the command line.
local function run_ranks(ranks, options, body)
  if ranks.rank > 0 then
    ranks:serve(host(), options.threads or host().cores())
    return OK
  end
  local ok, status = pcall(body)
  ranks:leave()
  if not ok then error(status, 0) end
  return status
end

local function run(options, ranks)
  local path = one_file(options)
  if options.csv and options.no_records then misuse("--csv and --no-records: one row per request, or none") end
  host().guard(true)
  local s, text, read
  if options.second then
    s, read = program().flags(options.second, { misuse = misuse })
  else
    s, text, read = load_scenario(path, options)
  end
  if options.command == "sweep" or s.vary then return run_many(s, path, text, read, options, ranks) end
  if read then program().adopt(read, options, { level = level, say = say }) end
  return run_once(s, read, path, options)
end

-- The levels of detail side by side. Its wall times are facts about this machine, which it is asked for.
local function compare_levels(options)
  local path = one_file(options)
  if options.csv then misuse("lod --csv: a comparison has no rows per request") end
  host().guard(true)
  local s, _, read = load_scenario(path, options)
  if read then program().adopt(read, options, { level = level, say = say }) end
  if s.vary then misuse("lod: this scenario varies keys; take one of its points with --set vary=nil") end
  prepare(s, path, options)
  local outputs = open_outputs(options)
  local h, meter = host(), nil
  h.guard(false)
  if not options.quiet and h.isatty(2) then meter = require("oracle.progress").new(h.clock, io.stderr) end
  local lod = require "oracle.lod"
  local ok, found = pcall(lod.compare, s, { clock = h.clock, progress = meter and meter.step })
  if meter then meter.done() end
  if not ok then
    for _, o in pairs(outputs) do o:discard() end
    error(found, 0)
  end
  if outputs.json then
    must(outputs.json:write(require("oracle.summary").json(found)))
    must(outputs.json:commit())
  end
  if not options.quiet and options.json ~= "-" then must(require("oracle.output").open("-"):write(lod.text(found))) end
  for _, text in ipairs(level(options, "WARNING") and found.warnings or {}) do say("oracle: warning: " .. text) end
  return OK
end

local function validate(options)
  return program().validate(options, {
    misuse = misuse, host = host, load_scenario = load_scenario, prepare = prepare, apply_set = apply_set,
  }) and OK or FAILED
end

local function generate(options)
  program().generate(options, { misuse = misuse })
  return OK
end

local function show(options)
  local kind, name = options.files[1], options.files[2]
  if (kind ~= "model" and kind ~= "hardware") or not name or options.files[3] then
    misuse("show: oracle show model NAME or oracle show hardware NAME expected")
  end
  if options.ops and kind ~= "model" then misuse("show %s --ops: only models have operations", kind) end
  local shown = require "oracle.show"
  io.write(options.ops and shown.ops(name, options.tp) or shown[kind](name))
  return OK
end

-- What the catalog holds: models or accelerators.
local function list(options)
  if #options.files > 0 then misuse("%s %s: takes no name", options.command, options.files[1]) end
  local catalog = require "oracle.catalog"
  local rows = {}
  for i, entry in ipairs(options.command == "models" and catalog.models() or catalog.hardwares()) do
    rows[i] = { entry.id, entry.name, entry.about }
  end
  io.write(require("oracle.console").table({ "id", "name", "" }, rows))
  return OK
end

-- The prompt, or what a pipe says to it.
local function prompt(s, needed)
  local repl = require "oracle.repl"
  if host().isatty(0) then return repl.interactive(host(), s) end
  local script = io.read("a")
  if needed and script:match("^%s*$") then misuse("a scenario expected: oracle SCENARIO.lua (see oracle --help)") end
  host().guard(true)
  return repl.script(script, "stdin", s)
end

-- `oracle repl [SCENARIO.lua]`: the scenario, with what --set and the like say, is there as the simulation s.
local function prompt_with(options)
  if #options.files > 1 then misuse("%s: one scenario at a time", options.files[2]) end
  for _, key in ipairs { "json", "csv", "threads", "no_runs", "quiet" } do
    if options[key] then misuse("--%s: the prompt does not take it", (key:gsub("_", "-"))) end
  end
  local path = options.files[1]
  if not path then return prompt(nil, false) end
  host().guard(true)
  local s = load_scenario(path, options)
  prepare(s, path, options)
  local ok, live = pcall(require("oracle").sim, s)
  if not ok then error(require("oracle.scenario").about(path, require("oracle.scenario").first_line(live)), 0) end
  host().guard(false)
  return prompt(live, false)
end

local function compare(options)
  local good = require("oracle.command.compare").run(options, {
    misuse = misuse, say = say, host = host, must = must, open_outputs = open_outputs, apply_set = apply_set,
    load = function(path) return (load_scenario(path, options)) end,
  })
  return good and OK or FAILED
end

-- A command in a file of its own that needs little from here.
local function own_command(options)
  local good = require("oracle.command." .. options.command).run(options, { misuse = misuse, say = say, host = host })
  return good and OK or FAILED
end

local function dispatch(args)
  if #args == 0 then return prompt(nil, true) end
  local options = cli.parse(args)
  if options.help then
    io.write(options.command == "run" and help_run()
      or options.command == "sweep" and require("oracle.sweep_cli").help()
      or options.command and help_command(options.command) or help())
    return OK
  end
  if options.version then
    io.write(("oracle %s (defaults of vLLM %s)\n"):format(require "oracle.version", require("oracle.schema").VLLM))
    return OK
  end
  if options.command == "models" or options.command == "hardware" then return list(options) end
  if options.command == "show" then return show(options) end
  if options.command == "lod" then return compare_levels(options) end
  if options.command == "compare" then return compare(options) end
  if options.command == "new" or options.command == "check" then return own_command(options) end
  if options.command == "validate" then return validate(options) end
  if options.command == "generate-config" then return generate(options) end
  if options.command == "repl" then return prompt_with(options) end
  local ranks = options.command == "sweep" and require("oracle.ranks").join()
  if ranks then return run_ranks(ranks, options, function() return run(options, ranks) end) end
  return run(options)
end

--- Do what a command line says.
-- @param args a list of strings, without the program's name
-- @return the exit status
function cli.main(args)
  local ok, status = pcall(dispatch, args)
  if ok then return status end
  if status == Done then return OK end
  if getmetatable(status) == Usage then
    say("oracle: " .. status.message)
    return USAGE
  end
  say("oracle: " .. require("oracle.scenario").first_line(status))
  return FAILED
end

return cli
