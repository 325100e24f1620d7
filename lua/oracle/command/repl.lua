--- `oracle`, `oracle repl [SCENARIO.lua]`: the prompt, or what a pipe says to it.
local lazy = require "oracle.lazy"
local files = require "oracle.command.files"
local oracle = require "oracle"
local repl = lazy "oracle.repl"
local scenario = lazy "oracle.scenario"
local ui = require "oracle.command.ui"

local command = {}

--- The prompt on a terminal; else a script from stdin.
-- @param s a simulation that is there as s, or nil
-- @param needed true where an empty stdin is no script
-- @return the exit status
local function prompt(s, needed)
  if ui.host().isatty(0) then return repl.interactive(ui.host(), s) end
  local script = io.read("a")
  if needed and script:match("^%s*$") then ui.misuse("a scenario expected: oracle SCENARIO.lua (see oracle --help)") end
  ui.host().guard(true)
  return repl.script(script, "stdin", s)
end

--- Do it: the scenario, with what --set and the like say, is there as the simulation s.
-- @param options of oracle.command.options; nil: there was no word
-- @return the exit status
function command.run(options)
  if not options then return prompt(nil, true) end
  if #options.files > 1 then ui.misuse("%s: one scenario at a time", options.files[2]) end
  local path = options.files[1]
  if not path then
    for key, given in pairs { set = #options.set > 0, seed = options.seed, lod = options.lod, fit = options.fit,
                                force = options.force } do
      if given then ui.misuse("repl --%s: goes with a scenario", key) end
    end
    return prompt(nil, false)
  end
  ui.host().guard(true)
  local s = files.load(path, options)
  files.prepare(s, path, options)
  local ok, live = pcall(oracle.sim, s)
  if not ok then error(scenario.about(path, scenario.first_line(live)), 0) end
  ui.host().guard(false)
  return prompt(live, false)
end

return command
