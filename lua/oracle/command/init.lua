--- The command line. Results go to stdout, everything else to stderr.
-- Exit status: 0 success; 1 the input or the run failed; 2 the command line is wrong.
local finder = require "oracle.text.finder"
local lazy = require "oracle.lazy"
local files = lazy "oracle.command.files"
local grammar = lazy "oracle.command.options"
local help = lazy "oracle.command.help"
local mpi = lazy "oracle.study.mpi"
local plan = lazy "oracle.command.plan"
local repl = lazy "oracle.command.repl"
local run = lazy "oracle.command.run"
local scenario = lazy "oracle.scenario"
local ui = require "oracle.command.ui"
local version = require "oracle.version"
require "oracle"

local command = {}

local OK, FAILED, USAGE = 0, 1, 2

-- In a job of many processes rank 0 alone minds the command line.
local function in_ranks(ranks, options)
  if ranks.rank > 0 then
    ranks:serve(ui.host(), options.threads or ui.host().cores())
    return true
  end
  local ok, good = pcall((options.command == "plan" and plan or run).run, options, ranks)
  ranks:leave()
  if not ok then error(good, 0) end
  return good
end

-- A command is a file of this folder; it has run(options) -> true when all went well.
local function obey(options)
  local name = options.command
  local ranks = (name == "sweep" or name == "plan") and mpi.join()
  if ranks then return in_ranks(ranks, options) end
  if not name or name == "sweep" then return run.run(options) end
  return finder.load("command", (name:gsub("-", "_"))).run(options)
end

local function dispatch(args)
  if #args == 0 then return repl.run() end
  local options = grammar.parse(args)
  for i, path in ipairs(options.files) do options.files[i] = files.path(path) end
  if options.help then
    files.print(help.text(options.command))
    return OK
  end
  if options.version then
    files.print(("oracle %s (defaults of vLLM %s)\n"):format(version.oracle, version.vllm))
    return OK
  end
  if options.command == "repl" then return repl.run(options) end
  local good = obey(options)
  if good and options.strict and ui.warned() then
    ui.say("oracle: --strict: what was warned of counts as a failure")
    return FAILED
  end
  return good and OK or FAILED
end

--- Do what a command line says.
-- @param args a list of strings, without the program's name
-- @return the exit status
function command.main(args)
  local ok, status = pcall(dispatch, args)
  if ok then return status end
  if status == ui.DONE then return OK end
  local misused = ui.misused(status)
  ui.say("oracle: " .. (misused or scenario.first_line(status)))
  return misused and USAGE or FAILED
end

return command
