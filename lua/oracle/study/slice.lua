--- What a thread of one simulation makes (oracle.plan.slices): the same simulation, from the scenario as its command
-- line changes it.
local core = require "oracle.core"
local jobs = require "oracle.study.job"
local kept = require "oracle.policy.kept"
local lazy = require "oracle.lazy"
local lod = lazy "oracle.study.lod"
local objectives = lazy "oracle.scenario.slo"
local planning = require "oracle.plan"
local scenario = require "oracle.scenario"

local slice = {}

--- Make it.
-- @param job { set =, fit =, force =, seed = as of oracle.study.job; slo = list of texts or nil, lod = or nil,
--   runs = false to step each, brief = as of oracle.plan }
-- @param s the scenario, as its file returned it
-- @return the simulation, of core.sim.new, and what kept.watch gives of its policies; raises what is wrong
function slice.open(job, s)
  local ok, why = jobs.apply(job, s)
  if not ok then error(why, 0) end
  if job.slo then
    local list, wrong = objectives.list(job.slo)
    if not list then error(wrong, 0) end
    scenario.objectives(s, job.slo)
  end
  if job.lod then lod.choose(s, job.lod) end
  local spec = planning.spec(planning.plan(s), { runs = job.runs ~= false, brief = job.brief })
  return core.sim.new(spec), kept.watch(spec.batching)
end

return slice
