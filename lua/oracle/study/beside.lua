--- Deployments side by side: the same requests through each, its results, and how far each is from the first.
local ordered = require "oracle.text.ordered"
local paired = require "oracle.study.paired"
local paired_text = require "oracle.study.paired_text"
local study = require "oracle.study"

local beside = {}

-- A summary that says whose it is, as the points of a sweep do.
local function named(name, summary)
  local list = { { "set", ordered.object { { "deployment", name } } } }
  for _, key in ipairs(ordered.keys(summary)) do list[#list + 1] = { key, summary[key] } end
  return ordered.object(list)
end

--- What several runs come to.
-- @param list { { name =, scenario = }, ... }
-- @param results their summaries
-- @return { points = { summary with `set`, ... }, comparison = }, and the comparison as text
function beside.result(list, results)
  local names, points = {}, {}
  for i, result in ipairs(results) do
    names[i], points[i] = list[i].name, named(list[i].name, result)
  end
  local compared = paired.of(list[1].scenario, names, results)
  return ordered.object { { "points", ordered.array(points) }, { "comparison", paired_text.object(compared) } },
    paired_text.text(compared)
end

--- Run them one after the other.
-- @param options see oracle.study.run; no file of one run can be among them
function beside.run(list, options)
  for _, key in ipairs { "csv", "plan" } do
    if options and options[key] then error(("run: %s: is of one run, and there are %d"):format(key, #list), 0) end
  end
  local results = {}
  for i, one in ipairs(list) do results[i] = study.run(one.scenario, options) end
  return (beside.result(list, results))
end

return beside
