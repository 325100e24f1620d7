--- `oracle hardware [WORD ...]`: the accelerators that come with oracle, or those that have the words in a name.
local catalog = require "oracle.models.catalog"
local files = require "oracle.command.files"

local command = {}

--- Do it.
-- @param options of oracle.command.options
function command.run(options)
  files.list(options, catalog.hardwares(options.files))
  return true
end

return command
