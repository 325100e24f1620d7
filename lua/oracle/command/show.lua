--- `oracle models`, `oracle hardware`, `oracle show model|hardware X`: what the catalog holds.
local misuse = require("oracle.command.ui").misuse

local command = {}

local function list(options)
  if #options.files > 0 then misuse("%s %s: takes no name", options.command, options.files[1]) end
  local catalog = require "oracle.catalog"
  local rows = {}
  for i, entry in ipairs(options.command == "models" and catalog.models() or catalog.hardwares()) do
    rows[i] = { entry.id, entry.name, entry.about }
  end
  return require("oracle.console").table({ "id", "name", "" }, rows)
end

local function one(options)
  local kind, name = options.files[1], options.files[2]
  if (kind ~= "model" and kind ~= "hardware") or not name or options.files[3] then
    misuse("show: oracle show model NAME or oracle show hardware NAME expected")
  end
  if options.ops and kind ~= "model" then misuse("show %s --ops: only models have operations", kind) end
  local shown = require "oracle.show"
  return options.ops and shown.ops(name, options.tp) or shown[kind](name)
end

--- Do it.
-- @param options of oracle.command.options
function command.run(options)
  require("oracle.command.files").print(options.command == "show" and one(options) or list(options))
  return true
end

return command
