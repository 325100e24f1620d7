--- `oracle validate FILE [SCENARIO]`: a scenario, a configuration, or measured data against predictions.
local lazy = require "oracle.lazy"
local document = require "oracle.formats.document"
local files = require "oracle.command.files"
local fix = lazy "oracle.formats.yaml.fix"
local formats = require "oracle.formats"
local measured = lazy "oracle.formats.measured"
local output = lazy "oracle.text.output"
local paths = require "oracle.text.paths"
local problems = require "oracle.formats.problems"
local recognise = lazy "oracle.formats.measured.recognise"
local scenario = require "oracle.scenario"
local ui = require "oracle.command.ui"

local command = {}

local MOST_SHOWN = 20

local DATA = "a CSV with a row per request (request_id, arrival_time ...) or per collective (collective, ranks, bytes"
  .. " ...), the JSON of vllm bench serve, or a calibration"

-- ---- configurations ----

local function colour(code, text)
  if ui.host().isatty(1) then return ("\27[%dm%s\27[0m"):format(code, text) end
  return text
end

local function show(list, most)
  for i = 1, math.min(most, #list) do io.write(("  %d. %s\n"):format(i, problems.text(list[i]))) end
  if #list > most then io.write(("  ... and %d more errors\n"):format(#list - most)) end
end

local function count(n)
  return ("%d %s"):format(n, n == 1 and "error" or "errors")
end

local function mend(path, text, checked, folder)
  local changed, done = fix.apply(text, checked)
  if #done == 0 then return checked end
  output.write_file(path, changed)
  for _, what in ipairs(done) do io.write("  fixed: ", what, "\n") end
  return formats.parse(changed, checked.format, folder)
end

local function models(checked)
  local db = checked.db
  if not db then
    io.write("no model_characteristics_db_path: the models are those of `oracle models`\n")
    return true
  end
  local wrong = db:check()
  if #wrong == 0 then
    io.write(colour(32, "✓ Model database is valid"), "\n")
  else
    io.write(colour(31, ("✗ Model database has %s:"):format(count(#wrong))), "\n")
    show(wrong, 10)
  end
  return #wrong == 0
end

local function report(path, checked, options)
  local errors = checked.problems.errors
  for _, w in ipairs(checked.problems.warnings) do
    io.stderr:write("oracle: warning: ", problems.text(w), "\n")
  end
  local database_good = not options.models or models(checked)
  if #errors == 0 then
    io.write(colour(32, "✓ Configuration is valid"), "\n")
    if not database_good then io.stderr:write(("oracle: %s: the model database has errors\n"):format(path)) end
    return database_good
  end
  io.write(colour(31, ("✗ Configuration has %s:"):format(count(#errors))), "\n")
  show(errors, MOST_SHOWN)
  io.stderr:write(("oracle: %s: %s\n"):format(path, count(#errors)))
  return false
end

-- Check a configuration file.
-- Returns true when it is valid.
local function check_config(path, text, options)
  local folder = paths.folder(path)
  local checked = formats.parse(text, options.format, folder)
  if options.fix then checked = mend(path, text, checked, folder) end
  return report(path, checked, options)
end

-- ---- scenarios and data ----

-- A scenario is found right when it could run.
local function validate_scenario(path, options)
  local s = files.load(path, options)
  local one = s:copy()
  one.vary, one.report = nil, nil
  for _, axis in ipairs(s.vary or {}) do one:set(axis[1], axis[2][1]) end
  files.prepare(one, path, options)
  io.write("✓ Scenario is valid\n")
  return true
end

-- Measured data against what is predicted for a deployment: a scenario, --set, or what the data says itself.
local function validate_data(path, text, options)
  local kind, json = measured.kind(text)
  if not kind then return nil end
  local with = options.files[2]
  local s = with and files.load(with, options) or scenario.new {}
  files.adjust(s, options)
  ui.host().guard(false)
  local ok, compared = pcall(measured.compare, kind, text, json, s)
  if not ok then error(scenario.about(path, scenario.first_line(compared)), 0) end
  io.write(compared)
  return true
end

--- Do it.
-- @param options of oracle.command.options
-- @return true when all is well
function command.run(options)
  if #options.files == 0 or #options.files > 2 then
    ui.misuse("validate: one file, and a scenario for data, expected")
  end
  local path = options.files[1]
  local text, why = document.text(path)
  if not text then error(why, 0) end
  if path:match("%.lua$") then return validate_scenario(path, options) end
  if options.as ~= "config" and validate_data(path, text, options) then return true end
  local known = options.as ~= "config" and recognise.tell(text, path, DATA)
  if known then error(("%s: %s"):format(path, known), 0) end
  if options.as == "data" then error(("%s: no measured data; %s expected"):format(path, DATA), 0) end
  if not options.as and not formats.told(text) then
    error(("%s: neither a configuration (simulation, hardware_profile, workload, frameworks_to_test) nor measured data"
      .. " (%s)"):format(path, DATA), 0)
  end
  return check_config(path, text, options)
end

return command
