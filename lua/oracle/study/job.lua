--- What a command line changes in a scenario, as plain values that cross from state to state: each thread of many runs
-- changes its own copy of the scenario alike.
local lazy = require "oracle.lazy"
local cost_model = lazy "oracle.cost_model"
local literal = lazy "oracle.scenario.literal"
local scenario = lazy "oracle.scenario"

local job = {}

--- Change a scenario.
-- @param asked { set = { { key, text }, ... }, fit = name or nil, force = true for a fit of another chip,
--   seed = or nil }
-- @param s the scenario
-- @return true; or nil and what is wrong, "--set key: what"
function job.apply(asked, s)
  for _, pair in ipairs(asked.set) do
    local ok, why = literal.apply(s, pair[1], pair[2])
    if not ok then return nil, "--set " .. why end
  end
  if asked.fit or asked.force then
    local cost, why = cost_model.with_fit(scenario.raw(s).cost, asked.fit, asked.force)
    if not cost then return nil, why end
    s.cost = cost
  end
  s.seed = asked.seed or s.seed
  return true
end

return job
