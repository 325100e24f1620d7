--- The files of a command line: the scenario it names, as it says it is to be, and where results go.
local lazy = require "oracle.lazy"
local config_file = lazy "oracle.command.config_file"
local grammar = lazy "oracle.command.options"
local host = lazy.optional "oracle.host"
local jobs = lazy "oracle.study.job"
local literal = lazy "oracle.scenario.literal"
local lod = lazy "oracle.study.lod"
local objectives = lazy "oracle.scenario.slo"
local ordered = lazy "oracle.text.ordered"
local output = lazy "oracle.text.output"
local paths = lazy "oracle.text.paths"
local planning = lazy "oracle.plan"
local scenario = lazy "oracle.scenario"
local show = lazy "oracle.models.show"
local ui = require "oracle.command.ui"
local world = lazy "oracle.scenario.world"

local misuse = ui.misuse

local files = {}

-- ---- the scenario ----

--- The one file of a command line; "the flags" where a deployment is said in flags.
function files.one(options)
  if options.flags then
    if options.command == "sweep" then misuse("sweep: a file expected; --model, --xpu and the like are one run") end
    if #options.files > 0 then
      misuse("%s: --model, --xpu and the like take no scenario; see --config", options.files[1])
    end
    if options.format then misuse("--format: goes with a file; --model, --xpu and the like are none") end
    return "the flags"
  end
  if #options.files == 0 then misuse("a scenario expected: oracle SCENARIO.lua (see oracle --help)") end
  if #options.files > 1 then
    local first = options.files[1]
    if not first:find "[./]" and not paths.exists(first) then
      local near = grammar.near_command(first)
      misuse("%s: no such command%s", first, near and "; did you mean " .. near .. "?" or "; see oracle --help")
    end
    misuse("%s: one scenario at a time", options.files[2])
  end
  return options.files[1]
end

--- The path of a scenario: as it is, or, where nothing is there, of the one that comes with oracle under that name.
function files.path(path)
  local own = path:match "^scenarios/" and not paths.exists(path) and paths.path(path)
  return own and paths.exists(own) and own or path
end

--- The scenario of a file.
-- @return the scenario, its text, and the configuration where the file is one; raises one line, or ui.DONE
function files.load(path, options)
  if path == "" then misuse("a scenario expected: oracle SCENARIO.lua (see oracle --help)") end
  local said = options.format and options.format ~= "lua"
  if (said or not path:match("%.lua$")) and config_file.is(path, options) then
    local s, text, read = config_file.load(path, options)
    local list = scenario.origin(s).beside
    if list and options.command and options.command ~= "run" then
      ui.warn({ ("%d deployments stand side by side; %s takes the first, %s"):format(#list, options.command,
        list[1].name) }, options)
    end
    return s, text, read
  end
  local text, unreadable = scenario.read(path)
  local s, why, nothing, wrote = nil, unreadable, nil, nil
  if text then s, why, nothing, wrote = scenario.load(path, text) end
  if s then return s, text end
  -- A file that simulated by itself and returns nothing is a script, and done.
  local run = nothing and (options.command or "run") == "run"
  if run and world.planned then error(ui.DONE, 0) end
  if run and wrote then                                   -- one that only computes and writes is a script, too
    ui.say(("oracle: %s: a script; it returns no scenario, and nothing was simulated"):format(path))
    error(ui.DONE, 0)
  end
  if not path:find("[./]") and not paths.exists(path) then
    local near = grammar.near_command(path)
    error(("%s: no such file or command%s"):format(path, near and "; did you mean " .. near .. "?" or ""), 0)
  end
  error(why, 0)
end

--- What --set says: { { key, text }, ... }.
function files.assignments(options)
  local list = {}
  for i, assignment in ipairs(options.set) do
    local key, text = literal.split(assignment)
    if not key then misuse("--set %s: KEY=VALUE expected", assignment) end
    list[i] = { key, text }
  end
  return list
end

-- What many runs cost is not written over unasked.
local KEEPS = { sweep = true, compare = true, capacity = true, plan = true, why = true, lod = true }

--- Whether --force is of the fit: where --fit is there, or no file is kept that it could replace.
function files.forces_fit(options)
  local keeps = KEEPS[options.command] or options.report or options.trace
  return options.force and (options.fit ~= nil or not keeps) or nil
end

--- What the command line says of a scenario: --set, --fit, --slo, --seed, --lod.
function files.adjust(s, options)
  local ok, why = jobs.apply({ set = files.assignments(options), fit = options.fit,
                               force = files.forces_fit(options), seed = options.seed }, s)
  if not ok then misuse("%s", why) end
  if options.slo then files.objectives(s, options.slo) end
  if options.lod then lod.choose(s, options.lod) end
end

--- The objectives that --slo lists, which a scenario then has, unless it is nil.
-- @return the list of texts
function files.objectives(s, text)
  local texts = objectives.split(text)
  local list, why = objectives.list(texts)
  if not list then misuse("--slo %s", why) end
  if s then scenario.objectives(s, texts) end
  return texts
end

--- Whether it is many runs, after what --set says of `vary`.
function files.varies(s, options)
  local many = s.vary ~= nil
  for _, assignment in ipairs(options.set) do
    local key, text = literal.split(assignment)
    if key == "vary" then many = text ~= "nil" end
  end
  return many
end

--- Adjust a scenario and work out its run.
-- @return the plan of oracle.plan; raises "path: what is wrong"
function files.prepare(s, path, options)
  files.adjust(s, options)
  local ok, plan = pcall(planning.plan, s)
  if not ok then error(scenario.about(path, scenario.first_line(plan)), 0) end
  return plan
end

-- ---- results ----

local RESULTS = { "json", "csv", "series", "report", "trace" }

-- Of every command: what is opened in a viewer is not written over unasked.
local KEPT = { report = true, trace = true }

-- The JSON of a sweep that was interrupted says so at its end (oracle.study.sweep).
local function unfinished(path)
  local f = io.open(path, "r")
  local size = f and f:seek "end"
  local tail = size and f:seek("set", math.max(0, size - 200)) and f:read "a"
  if f then f:close() end
  return (tail or ""):find '"complete": false%s*}%s*}%s*$' ~= nil
end

--- Refuse to write over a finished file, where the command keeps them and --force is not given. (What --resume goes on
-- with is not finished.)
function files.keep(options, path)
  if KEEPS[options.command] and not unfinished(path) then output.keep(path, options.force) end
end

--- Whether stdout is left to the console block.
function files.stdout_is_free(options)
  return not options.quiet and options.json ~= "-" and options.csv ~= "-" and options.series ~= "-"
end

-- What is read is not written over, and the results of a sweep as they finish have a file of their own.
local function not_read_or_kept(options, taken)
  local plain = output.plain
  for _, read in ipairs(options.files) do
    local kind = (#options.files == 1 or paths.exists(read)) and taken[plain(read)]
    if kind then misuse("--%s %s: that is the file that is read; another one expected", kind, options[kind]) end
  end
  local out = options.out
  local kind = out and not out:match("^/dev/") and taken[plain(out)]
  if kind then misuse("--%s and --out: two files expected", kind) end
end

-- A scenario's file, and those that its values name: traces, models, policies.
local function named_in(s)
  local find, list = paths.find, {}
  local origin = scenario.origin(s)
  local function walk(v, depth)
    if type(v) == "string" then
      list[#list + 1] = find(v, origin.folder, origin.typed[v])
    elseif type(v) == "table" and depth < 8 then
      for _, inner in pairs(v) do walk(inner, depth + 1) end
    end
  end
  walk(scenario.raw(s), 0)
  list[#list + 1] = origin.path
  return list
end

-- Neither are the files that the scenario reads, by whatever path.
local function not_inputs(options, s)
  local same, inputs = host().same_file, nil
  for _, kind in ipairs(RESULTS) do
    if options[kind] then inputs = inputs or named_in(s) end
    for _, input in ipairs(options[kind] and inputs or {}) do
      if same(options[kind], input) then
        misuse("--%s %s: that is a file that the scenario reads; another one expected", kind, options[kind])
      end
    end
  end
end

--- Make the files of results ready (oracle.text.output), before anything runs.
-- @param s the scenario, whose files are not written over; nil: there is none
-- @return { json =, csv =, series =, report =, trace = }
function files.open_results(options, s)
  local taken = {}
  for _, kind in ipairs(RESULTS) do
    local file = options[kind]
    if file == "" then misuse("--%s: FILE expected", kind) end
    local same = file and output.plain(file)
    local other = same and taken[same]
    if other and file == "-" then misuse("--%s - and --%s -: only one can have stdout", other, kind) end
    if other then misuse("--%s and --%s: two files expected", other, kind) end
    if same then taken[same] = kind end
  end
  not_read_or_kept(options, taken)
  if s then not_inputs(options, s) end
  for _, kind in ipairs(RESULTS) do
    if KEPT[kind] and options[kind] then
      output.keep(options[kind], options.force)
    elseif options[kind] and not options.resume then
      files.keep(options, options[kind])
    end
  end
  local opened = {}
  for _, kind in ipairs(RESULTS) do
    if options[kind] then
      local o, why = output.open(options[kind])
      if not o then
        files.discard(opened)
        error(why, 0)
      end
      opened[kind] = o
    end
  end
  return opened
end

--- The run failed: nothing is left behind.
function files.discard(opened)
  for _, o in pairs(opened) do o:discard() end
end

--- Of a run that failed: the requests that were written before stay, the other files are given up.
function files.keep_begun(opened)
  local csv = opened.csv
  local f = csv and csv.path and io.open(csv.path)
  local is_file = f and f:seek "end" > 0                  -- a device may have no end
  local begun = is_file and f:seek "set" and f:read "l" and f:read "l"         -- a request after the header
  if f then f:close() end
  if begun then
    csv:commit()
    opened.csv = nil
  end
  files.discard(opened)
end

--- Write one of the files, where it was asked for, and give it its name.
function files.write(opened, text)
  if not opened then return end
  ui.must(opened:write(text))
  ui.must(opened:commit())
end

--- Write to stdout.
function files.print(text)
  ui.must(output.open("-"):write(text))
end

--- What the catalog lists, as a table and as JSON.
-- @param entries of catalog.models() or catalog.hardwares()
function files.list(options, entries)
  local outputs = files.open_results(options)
  local list = {}
  for i, e in ipairs(entries) do
    list[i] = ordered.object { { "id", e.id }, { "name", e.name }, { "about", e.about },
                               { "names", ordered.array(e.names) } }
  end
  files.write(outputs.json, ordered.json(ordered.object { { options.command, ordered.array(list) } }))
  if files.stdout_is_free(options) then files.print(show.list(options.command, entries, #options.files > 0)) end
end

return files
