--- `oracle run --format vllm-bench|prometheus|jsonl`: results in the formats of others, in the file of --json or on
-- stdout.
local formats = require "oracle.formats.written"
local output = require "oracle.text.output"
local paths = require "oracle.text.paths"
local ui = require "oracle.command.ui"

local written = {}

--- Before anything runs: where the result goes, and what the rest of the command line does not allow.
-- @param options of oracle.command.options; `json` is set where the format goes to stdout
function written.settle(options)
  local name = options.written
  if options.save_detailed and not (name and formats.has_detail(name)) then
    ui.misuse("--save-detailed: goes with --format vllm-bench")
  end
  if not name then return end
  options.json = options.json or "-"
  if options.csv and (options.csv == "-" or output.streams(options.csv)) then
    ui.misuse("--csv %s: --format %s reads the requests; a file expected", options.csv, name)
  end
  if options.save_detailed and (options.level == "DEBUG" or options.trace) then
    ui.misuse("%s: --save-detailed listens to the steps itself", options.trace and "--trace" or "-l DEBUG")
  end
end

--- Where the engine is to write the requests: the file of --csv, or one of our own.
-- @return the path, and whether it is our own
function written.requests(options, outputs)
  if outputs.csv then return outputs.csv.path, false end
  if options.written then return os.tmpname(), true end
end

--- The result in its format.
-- @param run { summary =, plan =, raw = }, @param csv the path of its requests
-- @return as oracle.text.output writes it
function written.text(options, run, csv)
  run.detailed = options.save_detailed
  if run.detailed and not run.raw.token_times then
    error(("--save-detailed: %d tokens; too many to write down, a shorter run expected"):format(
      run.raw.token_count or 0), 0)
  end
  if not paths.exists(csv) then error(csv .. ": the requests are gone", 0) end
  return formats.text(options.written, run, csv)
end

return written
