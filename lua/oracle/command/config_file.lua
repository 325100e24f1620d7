--- A configuration as the file of a command line: loading it, and what it says beside its scenario.
local core = require "oracle.core"
local lazy = require "oracle.lazy"
local document = lazy "oracle.formats.document"
local flags = lazy "oracle.formats.flags"
local formats = lazy "oracle.formats"
local output = lazy "oracle.text.output"
local problems = lazy "oracle.formats.problems"
local ui = require "oracle.command.ui"

local config_file = {}

--- A configuration (YAML, JSON) as a scenario.
-- @param options of oracle.command.options; `format` decides where it is given, else the name and the content
-- @return the scenario, its text, and the configuration (oracle.formats); raises one line
function config_file.load(path, options)
  local text, why = document.text(path)
  if not text then error(why, 0) end
  local read = formats.read(path, text, options.format)
  return read.scenario, text, read
end

--- Whether a file is a configuration: by its name, or, where that tells nothing, by its content.
function config_file.is(path, options)
  if options.format == "lua" then return false end
  return options.format ~= nil or formats.named(path, function() return (document.text(path)) end)
end

--- A deployment said in flags.
-- @param given key -> text, as oracle.formats.flags.given takes them
-- @return the scenario and the configuration
function config_file.flags(given)
  local read = flags.given(given)
  local first = read.problems.errors[1]
  if first and first.path:match("^%-%-") then ui.misuse("%s", problems.text(first)) end
  if first then error(read.problems:one_line(), 0) end
  return read.scenario, read
end

-- Where results go, by the names a configuration has for it.
local OUTPUTS = {
  { "json", "output_summary_json_path", "output_summary_path" },
  { "csv", "output_requests_csv_path", "output_csv_path" }, { "series", "output_time_series_csv_path" },
}

local DEVICES = { ["/dev/null"] = true, ["/dev/stdout"] = true, ["/dev/stderr"] = true }

-- Of --set, those that say where results go.
local function take_outputs(options)
  local kept = {}
  for _, assignment in ipairs(options.set) do
    local name, path = assignment:match("^metrics_config%.([%w_]+)=(.*)$")
    local taken
    for _, row in ipairs(name and OUTPUTS or {}) do
      if name == row[2] or name == row[3] then
        options[row[1]], taken = options[row[1]] or path, true
      end
    end
    if not taken then kept[#kept + 1] = assignment end
  end
  options.set = kept
end

-- A file that came from elsewhere does not write where its reader did not say.
local function confined(row, path, file)
  if path == "-" or DEVICES[path] or core.new_file.below(path) then return end
  error(("%s: metrics_config.%s: %s: a path in the current folder or below it expected; --%s %s says it on the command "
    .. "line"):format(file, row[2], path, row[1], path), 0)
end

--- What a configuration says beside its scenario goes into the options, unless the command line says otherwise.
-- @param read the configuration
function config_file.adopt(read, options)
  options.level = options.level or read.level
  take_outputs(options)
  for _, row in ipairs(OUTPUTS) do
    local key = row[1]
    if read[key] and not options[key] then
      confined(row, read[key], options.files[1] or "the flags")
      options[key] = read[key]
      output.make_folder(read[key])
    end
  end
  if ui.told(options) then
    if read.about then ui.say("# Loading configuration from " .. options.files[1]) end
    for _, line in ipairs(read.about or {}) do ui.say("# " .. line) end
  end
  ui.warn(read.problems:said(), options)
end

--- The lines that end the run of a configuration.
function config_file.done(result)
  local r, t = result.requests, result.throughput
  io.write(("Simulation completed!\nTotal requests: %d\nSuccess rate: %.1f%%\nThroughput: %.1f tokens/s\n"):format(
    r.total, 100 * (r.success_rate or 0), t.output_tokens_per_second or 0))
end

return config_file
