--- Running: one scenario to its summary, or all points of its `vary`.
local lazy = require "oracle.lazy"
local planning = require "oracle.plan"
local scenario = require "oracle.scenario"
local summary = lazy "oracle.result.summary"
local sweep = lazy "oracle.study.sweep"

local study = {}

--- Run a scenario to its summary.
-- @param s a scenario
-- @param options { csv =, runs =, threads =, plan = that of planning.plan if made already,
--   progress = function(share or nil, time, point, points), done = function(raw, point, points) }
-- @return the summary (oracle.summary); with `vary` { points = { summary with `set`, ... } }, where a point that cannot
--   run holds `error` in place of the rest
function study.run(s, options)
  options = options or {}
  if scenario.raw(s).vary then return sweep.collect(s, options) end
  local plan = options.plan or planning.plan(s)
  local raw = planning.simulate(plan, options)
  if options.done then options.done(raw, 1, 1) end
  local result = summary.new(plan, raw)
  getmetatable(result).__scenario = s:copy()              -- by which `oracle.why` runs it again
  getmetatable(result).__latency = raw.latency            -- for charts of them (oracle.repl.charts)
  return result
end

return study
