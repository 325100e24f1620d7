--- One simulation in several threads (src/bind/sim/slices.h): each makes the whole simulation anew, from what the
-- command line says of it, and serves some of the replicas. Where that would not be the same simulation to the last
-- bit, one thread simulates it, and a line says why.
local core = require "oracle.core"
local kept = require "oracle.policy.kept"
local policies = require "oracle.policy"

local slices = {}

-- A policy of a file runs in a sandbox, where all it can keep is seen (oracle.policy.kept). One of the scenario's own
-- file reaches coroutines and modules besides.
local function in_sandbox(p)
  for _, one in ipairs(p and (#p > 0 and p or { p }) or {}) do
    if type(one) == "table" and policies.source(one) ~= "file" then return false end
  end
  return true
end

local function obstacle(spec)
  if not (in_sandbox(spec.batching) and in_sandbox(spec.router)) then
    return "a policy is written in its file; one in a file of its own runs in threads"
  end
  return nil
end

local function alone(s, spec)
  s:run(nil, spec.progress)
  return s:result()
end

--- Simulate.
-- @param make function() -> what core.sim.new takes, anew each time
-- @param asked { host = of oracle.host, threads =, job = of oracle.worker, as JSON, say = function(why) }
-- @return the engine's raw result; nil where it must be simulated again, by one thread
function slices.simulate(make, asked)
  local spec = make()
  local why = obstacle(spec)
  local s = core.sim.new(spec)
  local group
  if not why then group, why = asked.host.slices(s, asked.threads, "oracle.worker", asked.job) end
  if not group then
    asked.say(why)
    return alone(s, spec)
  end
  local unchanged = kept.watch(spec.batching)
  local ran, wrong = pcall(s.run, s, nil, spec.progress)
  local joined, differs = group:join(unchanged())
  local good, raw = true, nil
  if ran and joined then good, raw = pcall(s.result, s) end
  group:close()
  if joined and not (ran and good) then error(ran and raw or wrong, 0) end
  if differs then asked.say(differs) end
  return raw
end

return slices
