--- `oracle hardware`: the accelerators that come with oracle.
local catalog = require "oracle.models.catalog"
local files = require "oracle.command.files"
local show = require "oracle.models.show"

local command = {}

--- Do it.
-- @param options of oracle.command.options
function command.run(options)
  files.takes_no_name(options)
  files.print(show.list(catalog.hardwares()))
  return true
end

return command
