--- `oracle check policy FILE`: a policy against the laws, under random loads.
local lazy = require "oracle.lazy"
local checker = require "oracle.study.policy_check"
local files = lazy "oracle.command.files"
local ui = require "oracle.command.ui"

local command = {}

--- Do it.
-- @param options of oracle.command.options
-- @return true when the policy kept every law
function command.run(options)
  local what, file = options.files[1], options.files[2]
  if what ~= "policy" or not file or #options.files > 2 then ui.misuse("check: oracle check policy FILE expected") end
  local meter = ui.meter(options)
  local ok, report = pcall(checker.run, file, { seed = options.seed,
                                                progress = meter and meter.step, stopped = ui.host().interrupted })
  if meter then meter.done() end
  if not ok then error(report, 0) end
  if not options.quiet then files.print(checker.text(report)) end
  return report.good
end

return command
