--- One simulation in several threads (src/bind/sim/slices.h): each makes the whole simulation anew, from what the
-- command line says of it, and serves some of the replicas. Where that would not be the same simulation to the last
-- bit, one thread simulates it, and a line says why.
local core = require "oracle.core"
local kept = require "oracle.policy.kept"

local slices = {}

-- Rows that went out cannot be taken back where one thread has to begin again.
local function obstacle(spec)
  local csv = spec.csv
  return csv and (csv == "-" or csv:match "^/dev/") and "its rows go to standard output" or nil
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
