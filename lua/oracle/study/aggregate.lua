--- Points of a sweep that differ in their seed alone, together: the mean of each metric over the seeds and its 95 %
-- confidence interval (Student's t).
local metrics = require "oracle.scenario.metrics"
local ordered = require "oracle.text.ordered"
local statistics = require "oracle.text.statistics"

local aggregate = {}

--- The key that replications vary; its place in a list of keys, nil: it is not among them.
function aggregate.place(keys)
  for i, key in ipairs(keys) do
    if key == "seed" then return i end
  end
end

--- Group points.
-- @param keys what the points set, "seed" among them
-- @param columns of metrics.columns
-- @param each function() -> the next point's summary or nil
-- @return the other keys; a list of { set = the other keys' values, by key, seeds = how many ran, failed = how many
--   could not, saturated = how many were, cells = { { mean =, half = or nil }, ... } by column, a hole where none had a
--   value }; the intervals of the points
function aggregate.of(keys, columns, each)
  local place, others = aggregate.place(keys), {}
  for i, key in ipairs(keys) do
    if i ~= place then others[#others + 1] = key end
  end
  local groups, by, intervals = {}, {}, {}
  for point in each do
    intervals[#intervals + 1] = point.interval
    local set = {}
    for i, key in ipairs(others) do set[i] = { key, point.set[key] } end
    local name = ordered.line(ordered.object(set))
    local group = by[name]
    if not group then
      group = { set = ordered.object(set), seeds = 0, failed = 0, saturated = 0, values = {} }
      by[name], groups[#groups + 1] = group, group
      for c = 1, #columns do group.values[c] = {} end
    end
    group.seeds, group.failed = group.seeds + (point.error and 0 or 1), group.failed + (point.error and 1 or 0)
    local over = point.throughput and point.throughput.saturated
    group.saturated = group.saturated + (over and 1 or 0)
    for c, column in ipairs(columns) do
      local v = metrics.value(point, column)
      if type(v) == "boolean" then v = v and 1 or 0 end   -- of `saturated` the share of the seeds
      table.insert(group.values[c], v)
    end
  end
  for _, group in ipairs(groups) do
    group.cells = {}
    for c, values in ipairs(group.values) do
      if #values > 0 then
        local mean, half = statistics.interval(values)
        group.cells[c] = { mean = mean, half = half }
      end
    end
  end
  return others, groups, intervals
end

-- Every metric, of distributions the mean and the percentiles that are asked for.
local function all_columns(percentiles)
  local list = {}
  local function add(name) list[#list + 1] = metrics.column(name, percentiles) end
  for _, row in ipairs(metrics.ALL) do
    if not row.name then
      add(row.short)
    else
      add(row.short .. ".mean")
      for _, p in ipairs(percentiles) do add(row.short .. "." .. metrics.percentile_key(p)) end
    end
  end
  return list
end

--- The groups for JSON: { set =, seeds =, metrics = { name = { mean =, low =, high =, unit = } } }.
-- @param keys, each as above
-- @param percentiles of the scenario
function aggregate.object(keys, each, percentiles)
  local columns = all_columns(percentiles)
  local _, groups = aggregate.of(keys, columns, each)
  local list = {}
  for g, group in ipairs(groups) do
    local values = {}
    for c, column in ipairs(columns) do
      local cell = group.cells[c]
      if cell then
        local half = cell.half
        values[#values + 1] = { column.name, ordered.object {
          { "mean", cell.mean }, { "low", half and cell.mean - half }, { "high", half and cell.mean + half },
          { "unit", column.unit } } }
      end
    end
    list[g] = ordered.object { { "set", group.set }, { "seeds", group.seeds }, { "failed", group.failed },
                               { "metrics", ordered.object(values) } }
  end
  return ordered.array(list)
end

return aggregate
