--- The grammar of the command line: commands, options, and how words are sorted into them.
local lazy = require "oracle.lazy"
local flags = lazy "oracle.formats.flags"
local spelling = lazy "oracle.text.spelling"
local ui = require "oracle.command.ui"

local misuse = ui.misuse

local options = {}

-- A set of commands, in the order they are named.
local function of(text)
  local set = {}
  for name in text:gmatch("%S+") do set[#set + 1], set[name] = name, true end
  return set
end

local RUNS = of "run sweep compare lod"
local SCENARIOS = of "run sweep compare capacity plan why lod repl serve validate calibrate"
local SETTABLE = of(table.concat(SCENARIOS, " ") .. " import")

-- Each takes a value (`value` names it in the help) or none; `key` is where it goes, `keys` another place for some
-- values; `of`: the commands that honour it, all without one. Some of them refuse it where it cannot be honoured with
-- the rest of the line, and say why; `hidden`: those that always do.
options.LIST = {
  { "--set", value = "KEY=VALUE", key = "set", list = true, of = SETTABLE,
    doc = "change a key, such as engine.max_num_seqs=64 (repeatable); sweep: v1,v2, lo..hi:step" },
  { "--seeds", value = "N", key = "seeds", of = of "sweep capacity why", whole = { 1, 1000000 },
    doc = "each point with N seeds, from the scenario's on (capacity: 4, why: 3)" },
  { "--out", value = "FILE", key = "out", of = of "sweep plan",
    doc = "where results are kept as they finish (sweep: NAME.sweep.jsonl)" },
  { "--resume", key = "resume", of = of "sweep plan", inline = { "anyway" },
    doc = "go on where that file ends; sweep =anyway: points whose files have changed anew" },
  { "--model", value = "MODEL", key = "model", of = of "plan", doc = "plan: the model that is to be served" },
  { "--workload", value = "W", key = "workload", of = of "plan",
    doc = "plan: a scenario's file, or tokens of prompts and answers and req/s, such as 1024,256,20" },
  { "--gpus", value = "LIST", key = "gpus", of = of "plan",
    doc = "plan: accelerators to choose from (h100-sxm,h200,b200)" },
  { "--max-gpus", value = "N", key = "max_gpus", of = of "plan", whole = { 1, 100000 },
    doc = "plan: GPUs of the whole deployment at most (64)" },
  { "--system", value = "NAME", key = "system", of = of "plan",
    doc = "plan: the serving system (the file's, or vllm)" },
  { "--slo", value = "LIST", key = "slo", of = of "run capacity plan",
    doc = "objectives, such as ttft.p99<=1s,tpot.p95<=40ms; chat:ttft.p99<=1s is of one class" },
  { "--goodput", value = "SHARE", key = "goodput", of = of "capacity",
    doc = "capacity: as many of the requests meet each one's objectives, such as 0.95" },
  { "--replicas", key = "replicas", of = of "capacity",
    doc = "capacity: the fewest replicas for the load as it is" },
  { "--over", value = "KEY", key = "over", of = of "capacity",
    doc = "capacity: the key that is raised (the workload's rate or clients)" },
  { "--replications", value = "N", key = "replications", of = of "compare", whole = { 2, 1000 },
    doc = "compare: runs of each, from the scenario's seed on (5)" },
  { "--until", value = "SHARE", key = "until", of = of "compare capacity",
    doc = "more replications, longer runs, until every interval is that narrow (capacity: 0.5%)" },
  { "--json", value = "FILE", key = "json",
    of = of "run sweep compare capacity plan why lod serve validate models hardware",
    doc = "write the summary, or what else is found, as JSON; - is stdout" },
  { "--csv", value = "FILE", key = "csv", of = of "run sweep compare lod serve validate",
    hidden = of "sweep compare lod",
    doc = "write one row per request (validate: per row of data); - is stdout, .gz is compressed" },
  { "--series", value = "FILE", key = "series", of = RUNS, hidden = of "sweep compare lod",
    doc = "write GPU busy share, KV use and queue lengths over time as CSV (series_interval, 1 s)" },
  { "--plot", key = "plot", of = of "run sweep compare capacity plan why",
    doc = "draw the results on the terminal: distributions, what happened over time, trade-offs" },
  { "--report", value = "FILE", key = "report", of = of "run sweep compare capacity plan why validate",
    doc = "write the results as one HTML page with charts, which opens without a network" },
  { "--trace", value = "FILE", key = "trace", of = of "run",
    doc = "write every step and request as a trace that Perfetto and chrome://tracing open (JSON)" },
  { "--window", value = "A..B", key = "window", of = of "run",
    doc = "the part of the run, in s, that --trace writes and whose requests --report draws" },
  { "--quiet", short = "-q", key = "quiet",
    of = of("run sweep compare capacity plan why lod serve new check validate calibrate import generate-config " ..
      "models hardware"),
    doc = "no console block, no progress; errors and warnings stay" },
  { "--seed", value = "N", key = "seed", of = of "run sweep compare capacity plan why lod repl serve check validate",
    whole = { 0, math.maxinteger }, doc = "seed of every random draw" },
  { "--lod", value = "LEVEL", key = "lod", choice = { "high", "medium", "auto" },
    of = of "run sweep compare capacity why repl serve validate",
    beside = { "hybrid", "or hybrid where the scenario's `detail` names something" },
    doc = "level of detail (auto); hybrid: high for what the scenario's detail names" },
  { "--fit", value = "NAME", key = "fit", of = SCENARIOS,
    doc = "the fit that prices steps, by name or path; none: the roofline" },
  { "--force", key = "force", of = of(table.concat(SETTABLE, " ") .. " compare generate-config"),
    doc = "replace finished files; with --fit: take it though it is of another engine or chip" },
  { "--strict", key = "strict", of = of "run sweep compare lod validate",
    doc = "warnings are failures: exit 1, as where no request was answered" },
  { "--threads", value = "N", key = "threads", of = of "run sweep capacity plan why validate calibrate",
    whole = { 1, 1024 },
    doc = "threads for many runs (one per core); run: for one, whose replicas they share (1)" },
  { "--log-level", short = "-l", value = "LEVEL", key = "level", choice = ui.LEVELS, upper = true,
    of = of "run sweep compare capacity why lod serve validate", doc = "DEBUG, INFO, WARNING or ERROR (INFO)" },
  { "--no-runs", key = "no_runs", of = of "run sweep compare capacity", doc = "step every step; same results, slower" },
  { "--format", short = "-f", value = "FORMAT", key = "format", of = of "run",
    choice = { "yaml", "json", "lua", "vllm-bench", "prometheus", "jsonl" },
    keys = { ["vllm-bench"] = "written", prometheus = "written", jsonl = "written" },
    doc = "of results, on stdout or in --json FILE: vllm-bench, prometheus, jsonl; of a configuration: yaml, json" },
  { "--format", short = "-f", value = "FORMAT", key = "format", choice = { "yaml", "json", "lua" },
    of = of "sweep capacity plan why generate-config", doc = "of a configuration: yaml, json (or lua, to write)" },
  { "--save-detailed", key = "save_detailed", of = of "run",
    doc = "run --format vllm-bench: each request's lengths and times too" },
  { "--output", short = "-o", value = "FILE", key = "output", of = of "generate-config calibrate plan import",
    doc = "the file to write (generate-config: example_config.yaml); calibrate: the fit or FOLDER/; plan: a scenario;"
      .. " import: NAME of its files" },
  { "--validate-models", short = "-m", key = "models", of = of "validate",
    doc = "validate: the model database too" },
  { "--fix", short = "-f", key = "fix", of = of "validate", doc = "validate: mend what can be and write the file" },
  { "--as", value = "WHAT", key = "as", choice = { "config", "data" }, of = of "validate",
    doc = "validate: a configuration or measured data; the content decides" },
  { "--ops", key = "ops", of = of "show", doc = "show model: the operations of a step, on one GPU" },
  { "--tp", value = "N", key = "tp", whole = { 1, 1024 }, of = of "show",
    doc = "show model --ops: one of so many (1)" },
  { "--port", value = "N", key = "port", of = of "serve", whole = { 0, 65535 },
    doc = "serve: the port to listen at (8000); 0: any that is free" },
  { "--host", value = "ADDRESS", key = "host", of = of "serve",
    doc = "serve: the address to listen at (127.0.0.1); 0.0.0.0: every one of this machine" },
  { "--speed", value = "X", key = "speed", of = of "serve",
    doc = "serve: simulated seconds per second (1); max: as fast as it gets" },
  { "--background", key = "background", of = of "serve",
    doc = "serve: the scenario's own workload runs beside the clients" },
  { "--record", value = "FILE", key = "record", of = of "serve",
    doc = "serve: write the requests as a trace that oracle run asks again" },
  { "--served-model-name", value = "NAME", key = "served_model_name", of = of "serve",
    doc = "serve: the model as clients call it (its own name)" },
  { "--api-key", value = "KEY", key = "api_key", of = of "serve",
    doc = "serve: clients must show it" },
  { "--admin", key = "admin", of = of "serve",
    doc = "serve: scaling, failures, knobs and reloading over HTTP" },
  { "--repl", key = "repl", of = of "serve", doc = "serve: the prompt beside it, with the simulation as s" },
  { "--max-connections", value = "N", key = "connections", of = of "serve", whole = { 1, 1000000 },
    doc = "serve: clients' connections at a time (16384)" },
  { "--max-streams", value = "N", key = "streams", of = of "serve", whole = { 1, 1000000 },
    doc = "serve: requests under way at a time (16384)" },
  { "--max-body", value = "BYTES", key = "body", of = of "serve", whole = { 1, 1 << 30 },
    doc = "serve: of a request's body (16777216)" },
  { "--max-unread", value = "BYTES", key = "unsent", of = of "serve", whole = { 1, 1 << 30 },
    doc = "serve: that wait for a slow reader before it is dropped (1048576)" },
  { "--drain-timeout", value = "S", key = "drain_seconds", of = of "serve", whole = { 0, 86400 },
    doc = "serve: seconds for what is under way at SIGTERM (30)" },
  { "--help", short = "-h", key = "help", doc = "this text" },
  { "--version", key = "version", doc = "the version" },
}

options.COMMANDS = {
  { "run", "FILE", "run a scenario (.lua) or a configuration (YAML, JSON); `run` may be left out" },
  { "sweep", "SCENARIO.lua", "run it for every combination of --set KEY=v1,v2 ..." },
  { "compare", "A B ... SCENARIO.lua", "the same requests through systems, policies or settings" },
  { "capacity", "SCENARIO.lua", "the highest rate, or the fewest --replicas, that meets --slo" },
  { "plan", "", "the cheapest deployments that serve --workload within --slo" },
  { "why", "SCENARIO.lua|RESULT.json", "what the latencies are made of, what binds them, what would change them" },
  { "new", "policy|workload NAME", "write one that works, to begin with; router NAME and so on: of that kind" },
  { "check", "policy|workload FILE", "a policy against the laws, under random loads; a generator by itself" },
  { "validate", "FILE", "check a configuration, or compare data with predictions" },
  { "import", "DATA... [-o NAME]", "results of benchmarks or a server's log to a scenario" },
  { "calibrate", "DATA... -o FILE", "fit the cost model to measurements; a scenario among them says their deployment" },
  { "generate-config", "", "write a configuration to begin with" },
  { "serve", "SCENARIO.lua", "its deployment as a server of OpenAI's API that real clients talk to" },
  { "repl", "[SCENARIO.lua]", "the prompt, with a simulation of it as s" },
  { "lod", "SCENARIO.lua", "compare the levels of detail: answers, events, wall time" },
  { "models", "[WORD ...]", "the models that come with oracle, or those with such names" },
  { "hardware", "[WORD ...]", "the accelerators that come along, or those with such names" },
  { "help", "[TOPIC]", "explain a command, option, key, policy, metric or column" },
  { "show", "model|hardware X", "one of them, figure by figure; model X --ops: what a step is made of" },
}

local function names_of(list)
  local names = {}
  for i, o in ipairs(list) do names[i] = o[1] end
  return names
end

local function is_command(word)
  for _, c in ipairs(options.COMMANDS) do
    if c[1] == word then return true end
  end
  return false
end

-- Flags say a deployment in place of a file; a sweep says itself why it takes none.
local OF_FLAGS = of "run"

local function honours(o, command)
  local set = o.flag and (command == "sweep" or OF_FLAGS) or o.of
  return set == nil or set == true or set[command or "run"]
end

-- One letter may mean different things to different commands.
local function find_option(word, command)
  local elsewhere
  for _, o in ipairs(options.LIST) do
    if word == o[1] or word == o.short then
      if honours(o, command) then return o end
      elsewhere = o
    end
  end
  local of_flags = flags.options()
  for _, o in ipairs(of_flags) do
    if word == o[1] and honours(o, command) then return o end
    if word == o[1] then elsewhere = elsewhere or o end
  end
  if elsewhere then
    local commands = {}
    for _, name in ipairs(elsewhere.of or OF_FLAGS) do
      if not (elsewhere.hidden and elsewhere.hidden[name]) then commands[#commands + 1] = name end
    end
    misuse("%s goes with oracle %s", word, table.concat(commands, ", "))
  end
  local names = names_of(options.LIST)
  for _, o in ipairs(of_flags) do names[#names + 1] = o[1] end
  local near = spelling.find(word, names)
  misuse("%s: unknown option; %s", word, near and "did you mean " .. near .. "?" or "see oracle --help")
end

local function option_value(o, text)
  if o.choice then
    local wanted = o.upper and text:upper() or text:lower()
    for _, valid in ipairs(o.choice) do
      if wanted == valid then return valid end
    end
    local beside = o.beside or {}
    if wanted == beside[1] then return wanted end
    misuse("%s %s: one of %s expected%s", o[1], text, table.concat(o.choice, ", "),
           beside[2] and ", " .. beside[2] or "")
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

local function takes_value(word)
  for _, list in ipairs { options.LIST, flags.options() } do
    for _, o in ipairs(list) do
      if word == o[1] or word == o.short then return o.value ~= nil end
    end
  end
  return false
end

-- The command, wherever it stands among the options: the first word that is neither an option nor the value of one.
local function command_of(args)
  local i = 1
  while i <= #args do
    local word = args[i]
    if word == "--" then i = i + 1 end
    if word == "--" or word == "-" or word:sub(1, 1) ~= "-" then return is_command(args[i]) and args[i] or nil end
    i = i + (takes_value(word) and 2 or 1)
  end
end

--- Sort the words of a command line.
-- @param args a list of strings
-- @return { command =, files = {}, set = {}, json = ... }
function options.parse(args)
  local out, i, only_files = { files = {}, set = {} }, 1, false
  local command = command_of(args)
  while i <= #args do
    local word = args[i]
    local is_topic = command == "help" and i == 2 and #args == 2 and word ~= "--help" and word ~= "-h"
    if only_files or is_topic or word == "-" or word:sub(1, 1) ~= "-" then
      out.files[#out.files + 1] = word
    elseif word == "--" then
      only_files = true
    else
      local name, inline = word:match("^(%-%-[^=]+)=(.*)$")
      local o = find_option(name or word, command)
      local value = true
      if o.value then
        if not inline then i = i + 1 end
        value = inline or args[i]
        if value == nil then misuse("%s: %s expected", o[1], o.value) end
        value = option_value(o, value)
      elseif inline and o.inline then
        value = option_value({ o[1], choice = o.inline }, inline)
      elseif inline then
        misuse("%s takes no value", o[1])
      end
      if o.flag then
        out.flags = out.flags or {}
        out.flags[o.flag] = value
      elseif o.list then
        table.insert(out[o.key], value)
      else
        out[o.keys and o.keys[value] or o.key] = value
      end
    end
    i = i + 1
  end
  if command then out.command = table.remove(out.files, 1) end
  return out
end

--- The command that a word most likely meant, or nil.
function options.near_command(word)
  return spelling.find(word, names_of(options.COMMANDS))
end

return options
