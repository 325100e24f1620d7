--- Pictures of many runs: what results do along an axis, and what is traded for what.
local figure = require "oracle.text.figure"
local metrics = require "oracle.scenario.metrics"
local ordered = require "oracle.text.ordered"
local run_page = require "oracle.result.run_page"

local sweep_page = {}

local LINES = 8                                           -- settings with a line each
local SHOWN = { { "ttft.mean", "Mean TTFT" }, { "ttft.p99", "p99 TTFT" }, { "tpot.mean", "Mean TPOT" },
                { "e2e.mean", "Mean E2E" }, { "output_throughput", "Output throughput" }, { "gpu_busy", "GPU busy" },
                { "cost_per_million", "Price of a million output tokens" } }

-- The text of what a point sets, without the axis it is drawn along and without the seed.
local function label_of(point, keys, axis)
  local parts = {}
  for _, key in ipairs(keys) do
    if key ~= axis and key ~= "seed" then
      local v = point.set[key]
      parts[#parts + 1] = ("%s=%s"):format(key:match "([^.]*)$", type(v) == "table" and ordered.line(v) or tostring(v))
    end
  end
  return table.concat(parts, ", ")
end

-- The key to draw along: of those whose values are numbers the one with the most of them.
local function axis_of(keys, points)
  local best, most
  for _, key in ipairs(keys) do
    local seen, n = {}, 0
    for _, point in ipairs(points) do
      local v = point.set[key]
      if type(v) ~= "number" then n = -math.huge elseif not seen[v] then seen[v], n = true, n + 1 end
    end
    if key ~= "seed" and n > (most or 1) then best, most = key, n end
  end
  return best
end

-- Points of one setting, those of several seeds together: { label =, x = { ... }, at = { [x] = points } }, ...
local function groups_of(keys, points, axis)
  local list, by = {}, {}
  for i, point in ipairs(points) do
    if not point.error then
      local label = label_of(point, keys, axis)
      local g = by[label]
      if not g then
        g = { label = label, x = {}, at = {} }
        list[#list + 1], by[label] = g, g
      end
      local x = axis and point.set[axis] or i
      if not axis then x = 1 end
      if not g.at[x] then g.x[#g.x + 1], g.at[x] = x, {} end
      table.insert(g.at[x], point)
    end
  end
  for _, g in ipairs(list) do table.sort(g.x) end
  return list
end

-- Mean, least and most of a column over the seeds of a point; nil where none has a value.
local function over_seeds(points, column)
  local sum, n, low, high = 0, 0, math.huge, -math.huge
  for _, point in ipairs(points) do
    local v = metrics.value(point, column)
    if type(v) == "number" then sum, n, low, high = sum + v, n + 1, math.min(low, v), math.max(high, v) end
  end
  if n == 0 then return nil end
  return sum / n, low, high
end

local function line_of(g, column)
  local s = { name = g.label, x = {}, y = {}, low = {}, high = {}, shape = "marked" }
  local wide = false
  for _, x in ipairs(g.x) do
    local mean, low, high = over_seeds(g.at[x], column)
    if mean then
      local n = #s.x + 1
      s.x[n], s.y[n] = figure.number(x), figure.number(mean)
      s.low[n], s.high[n] = figure.number(low), figure.number(high)
      wide = wide or high > low
    end
  end
  if not wide then s.low, s.high = nil, nil end
  return s
end

-- Whether the values of series want a logarithmic axis: all above 0, and far apart.
local FAR = 40

local function far_apart(series)
  local low, high = math.huge, 0
  for _, s in ipairs(series) do
    for _, v in ipairs(s.y) do
      if type(v) == "number" then low, high = math.min(low, v), math.max(high, v) end
    end
  end
  return low > 0 and high > FAR * low
end

local function along(axis, groups, shown, column)
  local series = {}
  for _, g in ipairs(groups) do
    local s = line_of(g, column)
    if #s.y > 0 and #series < LINES then series[#series + 1] = s end
  end
  if #series == 0 then return nil end
  local log = far_apart(series)
  return { kind = "lines", title = ("%s over %s"):format(shown, axis), series = series, x = { name = axis },
           about = #groups > LINES and ("The first %d of %d settings."):format(LINES, #groups) or nil,
           y = { unit = column.unit, zero = not log, log = log } }
end

-- Latency against throughput: what more load costs.
local function trade(groups, across, up, names)
  local series = {}
  for _, g in ipairs(groups) do
    local s = { name = g.label ~= "" and g.label or names[2], x = {}, y = {}, shape = "marked" }
    for _, x in ipairs(g.x) do
      local a, b = over_seeds(g.at[x], across), over_seeds(g.at[x], up)
      if a and b then s.x[#s.x + 1], s.y[#s.y + 1] = figure.number(a), figure.number(b) end
    end
    if #s.x > 1 and #series < LINES then series[#series + 1] = s end
  end
  if #series == 0 then return nil end
  local log = far_apart(series)
  return { kind = "lines", title = ("%s against %s"):format(names[2], names[1]:lower()), series = series,
           about = "Each point is a run; further to the right more is served, further up it is slower.",
           x = { name = names[1], unit = across.unit },
           y = { name = names[2], unit = up.unit, zero = not log, log = log } }
end

-- Without an axis of numbers: a bar for each setting.
local function bars(groups, shown, column)
  local labels, y, any = {}, {}, false
  for i, g in ipairs(groups) do
    local v = over_seeds(g.at[1], column)
    labels[i], y[i] = g.label, figure.number(v)
    any = any or v ~= nil
  end
  if not any or #labels > 40 then return nil end
  return { kind = "bars", title = shown, x = { labels = labels }, y = { unit = column.unit, zero = true },
           series = { { name = shown, y = y } } }
end

--- The figures of a sweep; the first say most. A list.
-- @param keys what the points set, in order
-- @param points summaries with `set`; those that failed have `error`
function sweep_page.figures(keys, points)
  local axis = axis_of(keys, points)
  local groups, list = groups_of(keys, points, axis), {}
  local function column(name) return assert(metrics.column(name, { 50, 90, 95, 99 })) end
  if axis then
    list[1] = trade(groups, column "output_throughput", column "e2e.mean", { "Output throughput", "Mean E2E" })
    list[#list + 1] = trade(groups, column "throughput", column "ttft.p99", { "Request throughput", "p99 TTFT" })
  end
  for _, shown in ipairs(SHOWN) do
    local of = column(shown[1])
    if axis then
      list[#list + 1] = along(axis, groups, shown[2], of)
    else
      list[#list + 1] = bars(groups, shown[2], of)
    end
  end
  return list
end

-- The table of all points, as the terminal has it.
local function table_of(keys, columns, points)
  local heads, rows = {}, {}
  for i, key in ipairs(keys) do heads[i] = { name = key } end
  for _, column in ipairs(columns) do heads[#heads + 1] = { name = column.name, unit = column.unit } end
  heads[#heads + 1] = { name = "" }
  for i, point in ipairs(points) do
    local row = {}
    for k, key in ipairs(keys) do
      local v = point.set[key]
      row[k] = type(v) == "table" and ordered.line(v) or v == nil and figure.NONE or v
    end
    for c, column in ipairs(columns) do
      local v = metrics.value(point, column)
      row[#keys + c] = type(v) == "number" and figure.number(v) or v == nil and figure.NONE or v
    end
    row[#heads] = point.error or point.throughput and point.throughput.saturated and "overloaded" or ""
    rows[i] = row
  end
  return { kind = "table", title = "All points", columns = heads, rows = rows, wide = true, sortable = true }
end

--- The report of a sweep.
-- @param of { title =, keys =, columns = of metrics.columns, points =, planned = how many there were to be }
function sweep_page.document(of)
  local parts, notices, failed = {}, {}, 0
  for _, f in ipairs(sweep_page.figures(of.keys, of.points)) do parts[#parts + 1] = run_page.chart(f) end
  for _, point in ipairs(of.points) do failed = failed + (point.error and 1 or 0) end
  if #of.points < of.planned then
    notices[1] = { state = "bad", text = ("Interrupted: %d of %d points are there."):format(#of.points, of.planned) }
  end
  if failed > 0 then
    notices[#notices + 1] = { state = "bad",
      text = ("%d of %d points could not run; the table says why."):format(failed, #of.points) }
  end
  local sections = {}
  if #parts > 0 then sections[1] = { id = "charts", title = "Charts", parts = parts } end
  sections[#sections + 1] = { id = "points", title = "Points", parts = { table_of(of.keys, of.columns, of.points) } }
  return { title = of.title, subtitle = ("%d runs over %s"):format(of.planned, table.concat(of.keys, ", ")),
           badges = #of.points < of.planned and { { text = "partial", state = "bad" } } or {}, notices = notices,
           sections = sections, footer = run_page.footer() }
end

return sweep_page
