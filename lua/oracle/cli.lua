--- The command line. Results go to stdout, everything else to stderr.
-- Exit status: 0 success; 1 the input or the run failed; 2 the command line is wrong.
local ui = require "oracle.command.ui"

local cli = {}

local OK, FAILED, USAGE = 0, 1, 2

-- The file of oracle.command of each command; it has run(options) -> true when all went well.
local FILES = { models = "show", hardware = "show", show = "show", lod = "lod", compare = "compare", new = "new",
                check = "check" }

local function version()
  return ("oracle %s (defaults of vLLM %s)\n"):format(require "oracle.version", require("oracle.schema").VLLM)
end

-- In a job of many processes rank 0 alone minds the command line.
local function in_ranks(ranks, options)
  if ranks.rank > 0 then
    ranks:serve(ui.host(), options.threads or ui.host().cores())
    return true
  end
  local ok, good = pcall(require("oracle.command.run").run, options, ranks)
  ranks:leave()
  if not ok then error(good, 0) end
  return good
end

local function obey(options)
  local name = options.command
  if FILES[name] then return require("oracle.command." .. FILES[name]).run(options) end
  if name == "validate" then return require("oracle.config.program").validate(options) end
  if name == "generate-config" then return require("oracle.config.program").generate(options) end
  local ranks = name == "sweep" and require("oracle.ranks").join()
  if ranks then return in_ranks(ranks, options) end
  return require("oracle.command.run").run(options)
end

local function dispatch(args)
  if #args == 0 then return require("oracle.command.repl").run() end
  local options = require("oracle.command.options").parse(args)
  if options.help or options.version then
    require("oracle.command.files").print(options.help and require("oracle.command.help").text(options.command)
      or version())
    return OK
  end
  if options.command == "repl" then return require("oracle.command.repl").run(options) end
  return obey(options) and OK or FAILED
end

--- Do what a command line says.
-- @param args a list of strings, without the program's name
-- @return the exit status
function cli.main(args)
  local ok, status = pcall(dispatch, args)
  if ok then return status end
  if status == ui.DONE then return OK end
  local misused = ui.misused(status)
  ui.say("oracle: " .. (misused or require("oracle.scenario").first_line(status)))
  return misused and USAGE or FAILED
end

return cli
