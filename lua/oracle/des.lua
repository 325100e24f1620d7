--- Process-oriented simulation on oracle's event scheduler: `local des = require "oracle.des"`. What SimPy's users know
-- is here under the same names (docs/processes.md).
--   local env = des.environment { seed = 1 }
--   env:process(function() env:sleep(3) print(env.now) end)
--   env:run()
local core = require("oracle.core").des
local world = require "oracle.scenario.world"
local container, resource = require "oracle.des.container", require "oracle.des.resource"

local des = {
  is_interrupt = core.is_interrupt,
  is_environment = core.is_environment,
}

local methods = {}

function methods.container(env, options)
  return (container.new(env, options))
end

--- An environment: a clock that stands at 0 s, and nothing to happen.
-- @param options seed (0): a whole number; equal seeds give equal draws
function des.environment(options)
  options = options or {}
  if type(options) ~= "table" then error("des.environment: a table of options expected", 2) end
  for key in pairs(options) do
    if key ~= "seed" then error(("des.environment: %s: unknown; there is seed"):format(tostring(key)), 2) end
  end
  local seed = options.seed or 0
  if not math.tointeger(seed) then
    error(("des.environment: seed: a whole number expected, got %s"):format(tostring(seed)), 2)
  end
  world.planned = true
  return core.environment(math.tointeger(seed), methods, resource)
end

return des
