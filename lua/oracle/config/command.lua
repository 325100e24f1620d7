--- The commands on configuration files: `oracle generate-config` and `oracle validate`.
local config = require "oracle.config"
local problems = require "oracle.config.problems"

local command = {}

local MOST_SHOWN = 20

local function folder_of(path)
  return path:match("^(.*)/[^/]*$")
end

--- Make the folder of an output file, as the configuration names it.
function command.make_folder(path)
  local folder = folder_of(path)
  if not folder or folder == "" or require("oracle.home").exists(folder) then return end
  os.execute("mkdir -p -- '" .. folder:gsub("'", "'\\''") .. "' 2>/dev/null")
end

local function write_file(path, text)
  local output = require "oracle.output"
  local o, why = output.open(path)
  if not o then error(why, 0) end
  local ok, wrong = o:write(text)
  if not ok then
    o:discard()
    error(wrong, 0)
  end
  ok, wrong = o:commit()
  if not ok then error(wrong, 0) end
end

--- Write the example configuration.
-- @param options { output = path ("example_config.yaml"), format = "yaml", "json", "lua" (the name decides) }
function command.generate(options)
  local path = options.output
  local format = options.format or (path or ""):match("%.(json)$") or (path or ""):match("%.(lua)$") or "yaml"
  path = path or "example_config." .. format
  if path ~= "-" then command.make_folder(path) end
  write_file(path, require("oracle.config.example").text(format))
  if path ~= "-" and not options.quiet then io.write(("Example configuration written to %s\n"):format(path)) end
end

local function colour(code, text)
  local ok, host = pcall(require, "oracle.host")
  if ok and host.isatty(1) then return ("\27[%dm%s\27[0m"):format(code, text) end
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
  local changed, done = require("oracle.config.fix").apply(text, checked)
  if #done == 0 then return checked end
  write_file(path, changed)
  for _, what in ipairs(done) do io.write("  fixed: ", what, "\n") end
  return config.parse(changed, checked.format, folder)
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

--- Check a configuration file.
-- @param path of it
-- @param text its content
-- @param options { format =, models = true: the model database too, fix = true: mend what can be and write the file }
-- @return true when it is valid
function command.validate(path, text, options)
  local folder = folder_of(path) or "."
  local checked = config.parse(text, options.format, folder)
  if options.fix then checked = mend(path, text, checked, folder) end
  return report(path, checked, options)
end

return command
