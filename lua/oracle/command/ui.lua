--- What every command shares: how it speaks to its user, and how it refuses a wrong command line.
local lazy = require "oracle.lazy"
local host = lazy.optional "oracle.host"
local progress = lazy "oracle.text.progress"
local units = lazy "oracle.text.units"

local ui = {}

local LEVELS = { "DEBUG", "INFO", "WARNING", "ERROR" }

ui.LEVELS = LEVELS

-- Raised for a wrong command line; anything else raised is a failure of the input or the run.
local Usage = {}

--- Raised when a script has done all there was to do.
ui.DONE = {}

--- Refuse the command line.
-- @param ... as string.format takes it: one line
function ui.misuse(...)
  error(setmetatable({ message = string.format(...) }, Usage), 0)
end

--- What was wrong with the command line, of a value that was raised; nil where it was something else.
function ui.misused(raised)
  return getmetatable(raised) == Usage and raised.message or nil
end

--- "2%" or "0.02" as a share, above 0 and at most 1.
-- @param option whose value it is
function ui.share(option, text, example)
  local number, percent = text:match("^%s*([%d.]+)%s*(%%?)%s*$")
  local v = tonumber(number)
  if v and percent == "%" then v = v / 100 end
  if not v or v <= 0 or v > 1 then ui.misuse("%s %s: a share such as %s expected", option, text, example) end
  return v
end

--- Raise what a function returned with nil.
function ui.must(ok, why)
  if not ok then error(why, 0) end
end

--- Clock, terminal and Ctrl-C; outside the program what the Lua library has of them.
function ui.host()
  return host() or { isatty = function() return false end, clock = os.clock, guard = function() end }
end

--- Write a line to stderr.
function ui.say(text)
  io.stderr:write(text, "\n")
end

--- Whether messages of a level are shown.
-- @param options of oracle.command.options
-- @param name one of ui.LEVELS
function ui.level(options, name)
  local at = options.level or "INFO"
  for i, l in ipairs(LEVELS) do
    if l == at then at = i end
    if l == name then name = i end
  end
  return name >= at
end

--- Refuse -l DEBUG, which logs the steps of one run.
-- @param why there are many
function ui.one_run_logs(options, why)
  if options.level == "DEBUG" then ui.misuse("-l DEBUG: %s, and a log of steps is of one run", why) end
end

--- Whether the lines about a run that begin with # are shown.
function ui.told(options)
  return not options.quiet and ui.level(options, "INFO")
end

local warned = {}                                         -- what has been said is not said again
local any = false

--- Whether anything was warned of, shown or not.
function ui.warned() return any end

--- Warnings, a line each, where they are shown.
function ui.warn(list, options)
  any = any or #list > 0
  if not ui.level(options, "WARNING") then return end
  for _, text in ipairs(list) do
    if not warned[text] then ui.say("oracle: warning: " .. text) end
    warned[text] = true
  end
end

--- A progress line (oracle.text.progress), where someone can see it; else nil.
function ui.meter(options)
  local h = ui.host()
  if options.quiet or not h.isatty(2) then return nil end
  return progress.new(h.clock, io.stderr)
end

--- Wall time and the like: facts about this machine, so never among the results.
-- @param total { wall =, steps =, events =, now =, cost_calls =, cost_seconds = of a cost model in Lua }
function ui.end_line(total)
  ui.say(("# %.3f s wall, %s steps, %s events, %s x real time"):format(total.wall, units.thousands(total.steps),
    units.thousands(total.events), total.wall > 0 and units.thousands(total.now / total.wall) or "-"))
  if (total.cost_calls or 0) > 0 then
    ui.say(("# cost model in Lua: %s calls of %.2f us, %.0f ns a step"):format(units.thousands(total.cost_calls),
      1e6 * total.cost_seconds / total.cost_calls, 1e9 * total.cost_seconds / math.max(1, total.steps)))
  end
end

return ui
