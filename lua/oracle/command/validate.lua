--- `oracle validate FILE [SCENARIO]`: a scenario, a configuration, or measured data against predictions.
local lazy = require "oracle.lazy"
local console = lazy "oracle.text.console"
local document = require "oracle.formats.document"
local files = require "oracle.command.files"
local fix = lazy "oracle.formats.yaml.fix"
local formats = require "oracle.formats"
local measured = lazy "oracle.formats.measured"
local ordered = require "oracle.text.ordered"
local output = lazy "oracle.text.output"
local page = lazy "oracle.study.pages.validate"
local paths = require "oracle.text.paths"
local pictures = lazy "oracle.command.pictures"
local plot = lazy "oracle.text.plot"
local problems = require "oracle.formats.problems"
local recognise = lazy "oracle.formats.measured.recognise"
local scenario = require "oracle.scenario"
local tables = lazy "oracle.formats.measured.tables"
local ui = require "oracle.command.ui"
local validate_rows = lazy "oracle.command.validate_rows"

local command = {}

local MOST_SHOWN = 20

local DATA = "a CSV with a row per request (request_id, arrival_time ...), per collective (collective, ranks, bytes"
  .. " ...) or per measured configuration (isl, osl, silicon_tpot_ms ...), the JSON of vllm bench serve, AIPerf or"
  .. " guidellm, or a calibration"

-- ---- what it says ----

local function colour(code, text)
  if plot.colour(ui.host().isatty(1)) then return ("\27[%dm%s\27[0m"):format(code, text) end
  return text
end

-- A line for people; nothing where stdout is for JSON, or quiet.
local function say(options, ...)
  if files.stdout_is_free(options) then files.print(table.concat { ... }) end
end

local function show(options, list, most)
  for i = 1, math.min(most, #list) do say(options, ("  %d. %s\n"):format(i, problems.text(list[i]))) end
  if #list > most then say(options, ("  ... and %d more errors\n"):format(#list - most)) end
end

local function count(n)
  return ("%d %s"):format(n, n == 1 and "error" or "errors")
end

local function listed(entries)
  local list = {}
  for i, e in ipairs(entries) do
    list[i] = ordered.object { { "path", e.path }, { "line", e.line }, { "message", e.message } }
  end
  return ordered.array(list)
end

-- What was found of a scenario or a configuration; `models`: errors of the model database, where it was asked about.
local function found(path, what, errors, warnings, models)
  return ordered.object {
    { "file", path }, { "what", what }, { "valid", #errors == 0 }, { "errors", listed(errors) },
    { "warnings", listed(warnings) },
    { "model_database", models and ordered.object { { "valid", #models == 0 }, { "errors", listed(models) } } },
  }
end

-- Options that a kind of file cannot honour.
local function refuse(options, what, ...)
  for _, key in ipairs { ... } do
    local given = options[key]
    if key == "set" then given = #options.set > 0 end
    if given then ui.misuse("validate --%s: goes with %s", key == "models" and "validate-models" or key, what) end
  end
end

-- ---- configurations ----

local function mend(path, text, checked, options)
  local changed, done = fix.apply(text, checked)
  if #done == 0 then return checked end
  output.write_file(path, changed)
  for _, what in ipairs(done) do say(options, "  fixed: ", what, "\n") end
  return formats.parse(changed, checked.format, paths.folder(path))
end

-- The errors of the model database.
local function models(checked, options)
  local db = checked.db
  if not db then
    say(options, "no model_characteristics_db_path: the models are those of `oracle models`\n")
    return {}
  end
  local wrong = db:check()
  if #wrong == 0 then
    say(options, colour(32, "✓ Model database is valid"), "\n")
  else
    say(options, colour(31, ("✗ Model database has %s:"):format(count(#wrong))), "\n")
    show(options, wrong, 10)
  end
  return wrong
end

-- Check a configuration file.
-- Returns true when it is valid, and what was found.
local function check_config(path, text, options)
  if options.files[2] then ui.misuse("validate %s: a configuration is checked by itself", options.files[2]) end
  refuse(options, "a scenario or measured data", "set", "seed", "lod", "fit", "force", "threads")
  refuse(options, "measured data", "report")
  local checked = formats.parse(text, nil, paths.folder(path))
  if options.fix then checked = mend(path, text, checked, options) end
  local errors, warnings = checked.problems.errors, {}
  for i, w in ipairs(checked.problems.warnings) do warnings[i] = problems.text(w) end
  ui.warn(warnings, options)
  local wrong = options.models and models(checked, options) or nil
  local what = found(path, "configuration", errors, checked.problems.warnings, wrong)
  if #errors == 0 then
    say(options, colour(32, "✓ Configuration is valid"), "\n")
    local good = not wrong or #wrong == 0
    if not good then ui.say(("oracle: %s: the model database has errors"):format(path)) end
    return good, what
  end
  say(options, colour(31, ("✗ Configuration has %s:"):format(count(#errors))), "\n")
  show(options, errors, MOST_SHOWN)
  ui.say(("oracle: %s: %s"):format(path, count(#errors)))
  return false, what
end

-- ---- scenarios and data ----

local function could_run(path, options)
  local s = files.load(path, options)
  local one = s:copy()
  one.vary, one.report = nil, nil
  for _, axis in ipairs(s.vary or {}) do one:set(axis[1], axis[2][1]) end
  return files.prepare(one, path, options).warnings
end

-- A scenario is found right when it could run.
local function check_scenario(path, _, options)
  if options.files[2] then ui.misuse("validate %s: a scenario is checked by itself", options.files[2]) end
  refuse(options, "a configuration", "fix", "models")
  refuse(options, "a table of measured configurations", "csv", "threads")
  refuse(options, "measured data", "report")
  if options.as then ui.misuse("validate --as %s: %s is a scenario", options.as, path) end
  local ok, why = pcall(could_run, path, options)
  local warnings = {}
  for i, text in ipairs(ok and why or {}) do warnings[i] = { message = text } end
  if ui.misused(why) or why == ui.DONE then error(why, 0) end
  local errors = ok and {} or { { message = scenario.first_line(why) } }
  ui.warn(ok and why or {}, options)
  if ok then say(options, "✓ Scenario is valid\n") else ui.say("oracle: " .. errors[1].message) end
  return ok, found(path, "scenario", errors, warnings)
end

-- What of the command line says something of how measured data is predicted.
local UNUSED = { collectives = { "seed", "lod" }, calibration = { "seed", "lod" } }

-- Measured data against what is predicted for a deployment: a scenario, --set, or what the data says itself.
local function compare_data(path, text, options, kind, json)
  refuse(options, "a configuration", "fix", "models")
  refuse(options, "a load to simulate", table.unpack(UNUSED[kind] or {}))
  refuse(options, "a table of measured configurations", "csv", "threads")
  local with = options.files[2]
  if with and kind == "collectives" then ui.misuse("validate %s: collectives are of no deployment", with) end
  local s = with and files.load(with, options) or scenario.new {}
  files.adjust(s, options)
  ui.host().guard(false)
  local ok, compared = pcall(measured.compare, kind, text, json, s, path)
  if not ok then error(scenario.about(path, scenario.first_line(compared)), 0) end
  say(options, console.narrow(compared.text))
  return true, ordered.object { { "file", path }, { "what", kind }, { "title", compared.title },
                                { "overall", compared.overall }, { "rows", ordered.array(compared.rows) } }
end

-- A table of measurements, each row of which is simulated.
local function compare_rows(path, text, options, kind)
  refuse(options, "a configuration", "fix", "models")
  refuse(options, "a load to simulate", "set", "lod")
  if options.files[2] then ui.misuse("validate %s: each row of %s says its own deployment", options.files[2], path) end
  return validate_rows.run(path, text, options, kind)
end

-- How the file is looked at, and what the kind of data and its JSON are, where it is data.
local function way_of(path, text, options)
  if path:match("%.lua$") then return check_scenario end
  local kind, json
  if options.as ~= "config" then kind, json = measured.kind(text) end
  if kind then return compare_data, kind, json end
  local rows = options.as ~= "config" and tables.kind(text)
  if rows then return compare_rows, rows end
  local known = options.as ~= "config" and recognise.tell(text, path)
  if known then error(("%s: %s"):format(path, known), 0) end
  if options.as == "data" then error(("%s: no measured data; %s expected"):format(path, DATA), 0) end
  if not options.as and not formats.told(text) then
    error(("%s: neither a configuration (simulation, hardware_profile, workload, frameworks_to_test) nor measured data"
      .. " (%s)"):format(path, DATA), 0)
  end
  return check_config
end

--- Do it.
-- @param options of oracle.command.options
-- @return true when all is well
function command.run(options)
  if #options.files == 0 or #options.files > 2 then
    ui.misuse("validate: one file, and a scenario for data, expected")
  end
  ui.one_run_logs(options, "validate logs none")
  local path = options.files[1]
  local text, why = document.text(path)
  if not text then error(why, 0) end
  if text:match "^%s*$" then error(path .. ": empty", 0) end
  local way, kind, json = way_of(path, text, options)
  if options.report then pictures.check(options) end
  local outputs = files.open_results(options)
  local ok, good, what = pcall(way, path, text, options, kind, json)
  if not ok then
    files.discard(outputs)
    error(good, 0)
  end
  files.write(outputs.json, ordered.json(what))
  if outputs.csv then files.write(outputs.csv, validate_rows.csv()) end
  if outputs.report then
    pictures.report(outputs, function()
      return way == compare_rows and validate_rows.document() or page.of_rows(what)
    end)
  end
  return good
end

return command
