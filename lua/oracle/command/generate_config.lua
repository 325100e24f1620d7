--- `oracle generate-config [-o FILE] [-f FORMAT]`: a configuration to begin with.
local example = require "oracle.formats.yaml.example"
local output = require "oracle.text.output"
local ui = require "oracle.command.ui"

local command = {}

--- Do it.
-- @param options of oracle.command.options; output = path ("example_config.yaml"), format = "yaml", "json" or "lua"
--   (the name decides)
-- @return true
function command.run(options)
  if #options.files > 0 then ui.misuse("generate-config %s: takes no name; -o FILE", options.files[1]) end
  local path = options.output
  local format = options.format or (path or ""):match("%.(json)$") or (path or ""):match("%.(lua)$") or "yaml"
  path = path or "example_config." .. format
  if path ~= "-" then output.make_folder(path) end
  output.keep(path, options.force)
  output.write_file(path, example.text(format))
  if path ~= "-" and not options.quiet then io.write(("Example configuration written to %s\n"):format(path)) end
  return true
end

return command
