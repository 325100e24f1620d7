--- `oracle lod SCENARIO.lua`: the levels of detail side by side. Its wall times are facts about this machine, which it
-- is asked for.
local lazy = require "oracle.lazy"
local config_file = lazy "oracle.command.config_file"
local files = require "oracle.command.files"
local lod = lazy "oracle.study.lod"
local ordered = require "oracle.text.ordered"
local ui = require "oracle.command.ui"

local command = {}

--- Do it.
-- @param options of oracle.command.options
function command.run(options)
  local path = files.one(options)
  if options.csv then ui.misuse("lod --csv: a comparison has no rows per request") end
  if options.series then ui.misuse("lod --series: a series is of one run") end
  ui.one_run_logs(options, "lod compares several")
  ui.host().guard(true)
  local s, _, read = files.load(path, options)
  if read then config_file.adopt(read, options) end
  if files.varies(s, options) then
    ui.misuse("lod: this scenario varies keys; take one of its points with --set vary=nil")
  end
  files.prepare(s, path, options)
  local outputs = files.open_results(options, s)
  local host, meter = ui.host(), ui.meter(options)
  host.guard(false)
  local ok, found = pcall(lod.compare, s, { clock = host.clock, progress = meter and meter.step })
  if meter then meter.done() end
  if not ok then
    files.discard(outputs)
    error(found, 0)
  end
  files.write(outputs.json, ordered.json(found))
  if not options.quiet and options.json ~= "-" then files.print(lod.text(found)) end
  ui.warn(found.warnings or {}, options)
  return true
end

return command
