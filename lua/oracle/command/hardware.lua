--- `oracle hardware`: the accelerators that come with oracle.
local catalog = require "oracle.models.catalog"
local files = require "oracle.command.files"

local command = {}

--- Do it.
-- @param options of oracle.command.options
function command.run(options)
  files.list(options, catalog.hardwares())
  return true
end

return command
