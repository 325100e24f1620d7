--- `oracle check policy FILE`: a policy against the laws, under random loads. `oracle check workload FILE`: a
-- generator, or the workload of a scenario, by itself.
local console = require "oracle.text.console"
local lazy = require "oracle.lazy"
local files = lazy "oracle.command.files"
local policy_check = lazy "oracle.study.policy_check"
local workload_check = lazy "oracle.study.workload_check"
local ui = require "oracle.command.ui"

local command = {}

local CHECKERS = { policy = policy_check, workload = workload_check }

--- Do it.
-- @param options of oracle.command.options
-- @return true when it kept every law
function command.run(options)
  local what, file = options.files[1], options.files[2]
  local checker = CHECKERS[what]
  if not checker or not file or #options.files > 2 then
    ui.misuse("check: oracle check policy FILE or oracle check workload FILE expected")
  end
  local meter = ui.meter(options)
  local ok, report = pcall(checker.run, file, { seed = options.seed,
                                                progress = meter and meter.step, stopped = ui.host().interrupted })
  if meter then meter.done() end
  if not ok then error(report, 0) end
  if not options.quiet then files.print(console.narrow(checker.text(report))) end
  return report.good
end

return command
