--- Experiments of tests: run one, change one, ask why one is refused, compare a figure.
local assert = require "luassert"
local oracle = require "oracle"
local planning = require "oracle.plan"
local study = require "oracle.study"

local experiments = {}

--- The plan of a scenario.
function experiments.plan(spec)
  return planning.plan(oracle.scenario(spec))
end

--- The summary of a scenario that ran.
function experiments.run(spec)
  return study.run(oracle.scenario(spec))
end

--- As the value of a change it takes the key away.
experiments.NONE = {}

--- A copy of a scenario in which some keys differ.
function experiments.with(base, changes)
  local t = {}
  for k, v in pairs(base) do t[k] = v end
  for k, v in pairs(changes) do
    if v == experiments.NONE then t[k] = nil else t[k] = v end
  end
  return t
end

--- The same under the roofline, which hand calculations are of, unless it says another cost.
function experiments.roofline(spec)
  return experiments.run(experiments.with({ cost = "roofline" }, spec))
end

--- Why a scenario is refused before it runs, in one line.
function experiments.raised(spec)
  local ok, why = pcall(experiments.plan, spec)
  assert.is_false(ok)
  assert.is_nil(why:find("\n", 1, true))
  return why
end

--- That a figure differs by no more than this share of what is expected.
function experiments.near(expected, found, relative)
  assert(math.abs(found / expected - 1) <= relative, ("%.12g expected, found %.12g"):format(expected, found))
end

return experiments
