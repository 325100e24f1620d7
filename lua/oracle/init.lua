--- oracle: a simulator of LLM serving. `local oracle = require "oracle"`.
--   oracle.scenario { ... }     a checked scenario; s:run() gives its result
--   oracle.load(path)           the scenario a file returns
--   oracle.run(s, options)      the same as s:run(options)
--   oracle.sim(s)               a live simulation: stops, shows, changes, branches
--   oracle.cost.decode(s, 512)  what one step costs, without a run
--   oracle.dist, oracle.workload, oracle.policy, oracle.units ...   the parts, loaded when first used
local oracle = { version = require "oracle.version" }

--- A checked scenario; an error names what is wrong in it.
function oracle.scenario(t)
  return require("oracle.scenario").new(t)
end

--- The scenario that a file returns; an error says why there is none.
function oracle.load(path)
  local s, why = require("oracle.scenario").load(path)
  return s or error(why, 0)
end

--- A simulation one can stop, look into, change and branch (oracle.live).
-- @param s a scenario or a path
function oracle.sim(s)
  return require("oracle.live").new(s)
end

--- Run a scenario, or the file of one.
-- @param s a scenario or a path
-- @param options see oracle.experiment.run
function oracle.run(s, options)
  if type(s) == "string" then s = oracle.load(s) end
  if not require("oracle.scenario").is(s) and not require("oracle.live").is(s) then
    error(("run: a scenario or the path of one expected, got %s"):format(s == nil and "none" or "a " .. type(s)), 0)
  end
  return s:run(options)
end

return setmetatable(oracle, {
  __index = function(t, name)
    if type(name) ~= "string" then return nil end
    if not package.searchpath("oracle." .. name, package.path) then
      local near = require("oracle.nearest").find(name,
        { "cost", "dist", "load", "policy", "run", "scenario", "sim", "topology", "units", "workload" })
      error(("oracle.%s: unknown%s"):format(name, near and "; did you mean oracle." .. near .. "?" or ""), 2)
    end
    local part = require("oracle." .. name)
    rawset(t, name, part)
    return part
  end,
})
