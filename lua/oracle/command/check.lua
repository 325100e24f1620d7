--- `oracle check policy FILE`: a policy against the laws, under random loads.
local checker = require "oracle.policy_check"

local command = {}

--- Do it.
-- @param options the parsed command line
-- @param ui what oracle.cli shares: misuse, host
-- @return true when the policy kept every law
function command.run(options, ui)
  local what, file = options.files[1], options.files[2]
  if what ~= "policy" or not file or #options.files > 2 then ui.misuse("check: oracle check policy FILE expected") end
  local host, meter = ui.host(), nil
  if not options.quiet and host.isatty(2) then meter = require("oracle.progress").new(host.clock, io.stderr) end
  local ok, report = pcall(checker.run, file, { seed = options.seed,
                                                progress = meter and meter.step })
  if meter then meter.done() end
  if not ok then error(report, 0) end
  if not options.quiet then io.write(checker.text(report)) end
  return report.good
end

return command
