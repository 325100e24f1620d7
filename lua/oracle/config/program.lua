--- The part of the command line that is about configuration files: loading one, what it says beside its scenario,
-- `oracle validate` and `oracle generate-config`.
local files = require "oracle.command.files"
local ui = require "oracle.command.ui"

local program = {}

local DATA = "a CSV with a row per request (request_id, arrival_time ...) or per collective (collective, ranks, bytes"
  .. " ...), the JSON of vllm bench serve, or a calibration"

--- A configuration (YAML, JSON) as a scenario.
-- @param options of oracle.command.options; `format` decides where it is given, else the name and the content
-- @return the scenario, its text, and the configuration (oracle.config); raises one line
function program.load(path, options)
  local config = require "oracle.config"
  local text, why = config.text(path)
  if not text then error(why, 0) end
  local folder = require("oracle.home").folder(path)
  local format = options.format or (path:lower():match("%.json$") and "json") or nil
  local read = config.parse(text, format, folder)
  if #read.problems.errors > 0 then error(path .. ": " .. read.problems:one_line(), 0) end
  return read.scenario, text, read
end

--- Whether a file is a configuration: by its name, or, where that tells nothing, by its content.
function program.is(path, options)
  local name = path:lower()
  if options.format == "lua" then return false end
  if options.format or name:match("%.ya?ml$") or name:match("%.json$") then return true end
  -- What can be read only once is left to whom it belongs.
  if name:match("%.luac?$") or name:match("^/dev/") or name:match("^/proc/") then return false end
  local text = require("oracle.config").text(path)
  return text ~= nil and require("oracle.config").sections(text)
end

--- A deployment said in flags.
-- @param flags key -> text, as oracle.config.second.flags takes them
-- @return the scenario and the configuration
function program.flags(flags)
  local read = require("oracle.config.second").flags(flags)
  local first = read.problems.errors[1]
  if first and first.path:match("^%-%-") then ui.misuse("%s", require("oracle.config.problems").text(first)) end
  if first then error(read.problems:one_line(), 0) end
  return read.scenario, read
end

--- What a configuration says beside its scenario goes into the options, unless the command line says otherwise.
-- @param read the configuration
function program.adopt(read, options)
  local problems, command = require "oracle.config.problems", require "oracle.config.command"
  options.level = options.level or read.level
  for _, key in ipairs { "json", "csv", "series" } do
    if read[key] and not options[key] then
      options[key] = read[key]
      command.make_folder(read[key])
    end
  end
  if ui.told(options) then
    if read.about then ui.say("# Loading configuration from " .. options.files[1]) end
    for _, line in ipairs(read.about or {}) do ui.say("# " .. line) end
  end
  local warnings = {}
  for i, w in ipairs(read.problems.warnings) do warnings[i] = problems.text(w) end
  ui.warn(warnings, options)
end

--- The lines that end the run of a configuration.
function program.done(result)
  local r, t = result.requests, result.throughput
  io.write(("Simulation completed!\nTotal requests: %d\nSuccess rate: %.1f%%\nThroughput: %.1f tokens/s\n"):format(
    r.total, 100 * (r.success_rate or 0), t.output_tokens_per_second or 0))
end

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
  local measured, scenario = require "oracle.measured", require "oracle.scenario"
  local kind, json = measured.kind(text)
  if not kind then return nil end
  local with = options.files[2]
  local s = with and files.load(with, options) or scenario.new {}
  files.adjust(s, options)
  ui.host().guard(false)
  local ok, report = pcall(measured.compare, kind, text, json, s)
  if not ok then error(scenario.about(path, scenario.first_line(report)), 0) end
  io.write(report)
  return true
end

--- `oracle validate FILE [SCENARIO]`.
-- @return true when all is well
function program.validate(options)
  if #options.files == 0 or #options.files > 2 then
    ui.misuse("validate: one file, and a scenario for data, expected")
  end
  local path, config = options.files[1], require "oracle.config"
  local text, why = config.text(path)
  if not text then error(why, 0) end
  if path:match("%.lua$") then return validate_scenario(path, options) end
  if options.as ~= "config" and validate_data(path, text, options) then return true end
  local known = options.as ~= "config" and require("oracle.measured.other").tell(text, path, DATA)
  if known then error(("%s: %s"):format(path, known), 0) end
  if options.as == "data" then error(("%s: no measured data; %s expected"):format(path, DATA), 0) end
  if not options.as and not config.told(text) then
    error(("%s: neither a configuration (simulation, hardware_profile, workload, frameworks_to_test) nor measured data"
      .. " (%s)"):format(path, DATA), 0)
  end
  return require("oracle.config.command").validate(path, text, options)
end

--- `oracle generate-config [-o FILE] [-f FORMAT]`.
-- @return true
function program.generate(options)
  if #options.files > 0 then ui.misuse("generate-config %s: takes no name; -o FILE", options.files[1]) end
  require("oracle.config.command").generate(options)
  return true
end

return program
