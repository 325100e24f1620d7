--- `oracle show model|hardware X`: one entry of the catalog, figure by figure.
local files = require "oracle.command.files"
local misuse = require("oracle.command.ui").misuse
local show = require "oracle.models.show"

local command = {}

--- Do it.
-- @param options of oracle.command.options
function command.run(options)
  local kind, name = options.files[1], options.files[2]
  if (kind ~= "model" and kind ~= "hardware") or not name or options.files[3] then
    misuse("show: oracle show model NAME or oracle show hardware NAME expected")
  end
  if options.tp and not options.ops then misuse("show %s --tp: goes with --ops", kind) end
  if options.ops and kind ~= "model" then misuse("show %s --ops: only models have operations", kind) end
  files.print(options.ops and show.ops(name, options.tp) or show[kind](name))
  return true
end

return command
