--- oracle: a simulator of LLM serving. `local oracle = require "oracle"`.
--   oracle.scenario { ... }     a checked scenario; s:run() gives its result
--   oracle.load(path)           the scenario a file returns, or a configuration (YAML, JSON) is
--   oracle.run(s, options)      the same as s:run(options)
--   oracle.sim(s)               a live simulation: stops, shows, changes, branches
--   oracle.why(s)               what its latencies are made of, and what would change them; of a result, too
--   oracle.calc.decode(s, 512)  what one step costs, without a run, and the other calculators
--   oracle.dist, oracle.workload, oracle.policy, oracle.units ...   the parts, loaded when first used
local lazy = require "oracle.lazy"
local world = require "oracle.scenario.world"
local beside = lazy "oracle.study.beside"
local environment = lazy "oracle.repl.environment"
local formats = lazy "oracle.formats"
local live = lazy "oracle.live"
local scenario = lazy "oracle.scenario"
local spelling = lazy "oracle.text.spelling"
local study = lazy "oracle.study"
local why = lazy "oracle.study.why"

local oracle = { version = require("oracle.version").oracle }

-- The parts that files and the prompt use.
local PARTS = {
  calc = lazy.getter "oracle.plan.step_cost", cost = lazy.getter "oracle.plan.step_cost",
  des = lazy.getter "oracle.des", dist = lazy.getter "oracle.scenario.dist",
  policy = lazy.getter "oracle.policy", report = lazy.getter "oracle.result.report",
  summary = lazy.getter "oracle.result.summary", topology = lazy.getter "oracle.plan.topology",
  units = lazy.getter "oracle.text.units", workload = lazy.getter "oracle.workload",
}

--- A checked scenario; an error names what is wrong in it.
function oracle.scenario(t)
  return scenario.new(t)
end

--- The scenario that a file returns, or a configuration is; an error says why there is none.
-- @param name of a deployment, where a configuration has several side by side; nil: the first
-- @return it; without a name the others after it
function oracle.load(path, name)
  local s = scenario.open(path)
  local list, names = scenario.origin(s).beside or { { name = scenario.raw(s).name, scenario = s } }, {}
  for i, one in ipairs(list) do
    if one.name == name or name == nil and i == #list then
      if name ~= nil then return one.scenario end
      local all = {}
      for k, each in ipairs(list) do all[k] = each.scenario end
      return table.unpack(all)
    end
    names[i] = tostring(one.name)
  end
  error(("%s: no deployment %s; there %s %s"):format(path, tostring(name), #names == 1 and "is" or "are",
    table.concat(names, ", ")), 0)
end

--- A simulation one can stop, look into, change and branch (oracle.live).
-- @param s a scenario or a path
function oracle.sim(s)
  return live.new(s)
end

-- Results are whole: those of a run that was interrupted are raised as an error.
local function whole(result)
  for _, r in ipairs(result.points or { result }) do
    if r.oracle and not r.oracle.complete then
      error(("interrupted at t = %.6f s; a simulation, oracle.sim, can be stopped and goes on"):format(
        r.simulation.total_duration_s), 0)
    end
  end
  local planned = (getmetatable(result) or {}).__planned  -- of a scenario that varies keys
  if planned and #result.points < planned then error("interrupted", 0) end
  return result
end

--- Run a scenario, or the file of one; the deployments of a configuration that stand side by side are all run.
-- @param s a scenario or a path
-- @param options see oracle.study.run
-- @return the summary; of several { points = { one each }, comparison = }; raises where it is interrupted
function oracle.run(s, options)
  if type(s) == "string" then
    s = scenario.open(s)
    local list = scenario.origin(s).beside
    if list then return whole(beside.run(list, options)) end
  end
  if not scenario.is(s) and not live.is(s) then
    error(("run: a scenario or the path of one expected, got %s"):format(s == nil and "none" or "a " .. type(s)), 0)
  end
  return s:run(options)
end

--- Why the latencies of a run are what they are: what the time of requests at percentiles went into, what bound it, and
-- how it follows the means of the deployment (oracle.study.why).
-- @param s a scenario, its path, or the result of a run that was made here
-- @param options { percentiles =, seeds =, sensitivities = false to leave them out }
function oracle.why(s, options)
  return why.run(s, options)
end

local warned = {}                                         -- what has been said of a configuration is not said again

function world.configuration(path, text)
  if not formats.named(path, function() return text end) then return nil end
  local read = formats.read(path, text)
  for _, w in ipairs(read.problems:said()) do
    local line = ("oracle: warning: %s: %s\n"):format(path, w)
    if not warned[line] then io.stderr:write(line) end
    warned[line] = true
  end
  return read.scenario
end

-- At the prompt a run keeps how it went, for charts: a simulation that lives does.
function world.run(s, options)
  if world.at_prompt and options == nil and not scenario.raw(s).vary then return live.new(s):run() end
  return whole(study.run(s, options))
end

function world.globals(sim) return environment.new(oracle, sim) end

local function names()
  local list = {}
  for name in pairs(oracle) do list[#list + 1] = name end
  for name in pairs(PARTS) do list[#list + 1] = name end
  table.sort(list)
  return list
end

return setmetatable(oracle, {
  __names = names,
  __index = function(t, name)
    if type(name) ~= "string" then return nil end
    if not PARTS[name] then
      local near = spelling.find(name, names())
      error(("oracle.%s: unknown%s"):format(name, near and "; did you mean oracle." .. near .. "?" or ""), 2)
    end
    local part = PARTS[name]()
    rawset(t, name, part)
    return part
  end,
})
