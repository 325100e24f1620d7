--- Pictures of predictions beside measurements: scatter plots, errors by group, the worst rows.
local accuracy = require "oracle.study.accuracy"
local figure = require "oracle.text.figure"
local ordered = require "oracle.text.ordered"
local run_page = require "oracle.result.run_page"

local validate_page = {}

local NAMES = { ttft = "TTFT", tpot = "TPOT", e2e = "E2E", throughput = "Output throughput" }
local UNITS = { ttft = "ms", tpot = "ms", e2e = "ms", throughput = "tok/s" }
local MOST, COLOURS = 4000, 7                             -- points of a plot; GPUs with a colour of their own
local NEAR = 0.2                                          -- of the lines beside the one where both are equal

-- ---- scatter plots ----

-- The GPUs with the most rows; the others are "other".
local function colours_of(entries)
  local count, names = {}, {}
  for _, e in ipairs(entries) do
    local gpu = tostring(e.row.gpu or "all")
    if not count[gpu] then names[#names + 1] = gpu end
    count[gpu] = (count[gpu] or 0) + 1
  end
  table.sort(names, function(a, b)
    if count[a] ~= count[b] then return count[a] > count[b] end
    return a < b
  end)
  local is = {}
  for i = 1, math.min(COLOURS, #names) do is[names[i]] = true end
  return names, is
end

local function straight(name, low, high, factor, shape)
  return { name = name, x = { figure.number(low), figure.number(high) },
           y = { figure.number(low * factor), figure.number(high * factor) },
           shape = shape, colour = "muted", behind = true }
end

local function scatter(entries, metric, colours)
  local names, is = colours[1], colours[2]
  local series, by, low, high, n = {}, {}, math.huge, 0, 0
  local step = math.max(1, math.ceil(#entries / MOST))
  for i = 1, #entries, step do
    local e = entries[i]
    local c = e.compared[metric]
    if c and c.measured > 0 and c.predicted > 0 then
      local gpu = tostring(e.row.gpu or "all")
      gpu = e.apart and "counted apart" or is[gpu] and gpu or "other"
      by[gpu] = by[gpu] or { name = gpu, x = {}, y = {}, names = {}, shape = "points" }
      local s = by[gpu]
      s.x[#s.x + 1], s.y[#s.y + 1] = figure.number(c.measured), figure.number(c.predicted)
      s.names[#s.names + 1] = ("%s (%+.0f %%)"):format(e.row.id or "", 100 * c.error)
      low, high, n = math.min(low, c.measured, c.predicted), math.max(high, c.measured, c.predicted), n + 1
    end
  end
  if n == 0 then return nil end
  for _, name in ipairs(names) do
    if by[name] then series[#series + 1] = by[name] end
  end
  for _, name in ipairs { "other", "counted apart" } do
    if by[name] then
      series[#series + 1] = by[name]
      by[name].colour, by[name].behind = "muted", true
    end
  end
  low, high = low / 1.1, high * 1.1
  series[#series + 1] = straight("equal", low, high, 1, "line")
  series[#series + 1] = straight(("%+.0f %%"):format(100 * NEAR), low, high, 1 + NEAR, "dashed")
  series[#series + 1] = straight(("%+.0f %%"):format(-100 * NEAR), low, high, 1 - NEAR, "dashed")
  return { kind = "points", title = NAMES[metric] .. ", predicted against measured", series = series,
           about = ("%d rows%s; on the line both are equal, the dashed ones are 20 %% off."):format(n,
             step > 1 and (", each %dth"):format(step) or ""),
           x = { name = "measured", unit = UNITS[metric], log = high > 20 * low, fine = true,
                 min = figure.number(low), max = figure.number(high) },
           y = { name = "predicted", unit = UNITS[metric], log = high > 20 * low,
                 min = figure.number(low), max = figure.number(high) } }
end

--- The scatter plots: a figure for each metric that rows have. A list.
function validate_page.figures(entries)
  local list, colours = {}, { colours_of(entries) }
  for _, metric in ipairs(accuracy.METRICS) do list[#list + 1] = scatter(entries, metric, colours) end
  return list
end

-- ---- tables ----

local STATISTICS = { "n", "mean", "median", "p80", "p90", "bias" }

local function statistics_row(name, s)
  local row = { name }
  for i, key in ipairs(STATISTICS) do row[i + 1] = figure.number(s[key]) end
  return row
end

local function errors_table(title, first, list)
  local columns = { { name = first } }
  for i, key in ipairs(STATISTICS) do
    columns[i + 1] = key == "n" and { name = "rows" } or { name = key, unit = "%" }
  end
  return { kind = "table", title = title, columns = columns, rows = list, named = true, sortable = true, wide = true }
end

local function overall_table(overall)
  local rows = {}
  for _, metric in ipairs(accuracy.METRICS) do
    if overall[metric].n > 0 then rows[#rows + 1] = statistics_row(NAMES[metric], overall[metric]) end
  end
  return errors_table("Absolute error and bias", "metric", rows)
end

-- Of each group the metric that most rows have.
local function group_table(name, groups)
  local rows = {}
  for _, key in ipairs(ordered.keys(groups)) do
    for _, metric in ipairs { "tpot", "e2e", "throughput", "ttft" } do
      if groups[key][metric].n > 0 then
        local row = statistics_row(key, groups[key][metric])
        table.insert(row, 2, NAMES[metric])
        rows[#rows + 1] = row
        break
      end
    end
  end
  if #rows < 2 then return nil end
  local t = errors_table("By " .. name, name, rows)
  table.insert(t.columns, 2, { name = "metric" })
  return t
end

local function worst_table(worst)
  local rows = {}
  for _, w in ipairs(worst) do
    for _, metric in ipairs(accuracy.METRICS) do
      local c = w[metric]
      if c then
        rows[#rows + 1] = { w.id, NAMES[metric], figure.number(c.measured), figure.number(c.predicted),
                            figure.number(c.error_pct), w.dominated_by or "" }
      end
    end
  end
  if #rows == 0 then return nil end
  return { kind = "table", title = "The worst rows", rows = rows, named = true, wide = true, sortable = true,
           columns = { { name = "row" }, { name = "metric" }, { name = "measured" }, { name = "predicted" },
                       { name = "error", unit = "%" }, { name = "dominated by" } } }
end

local function left_out(t)
  local rows = {}
  for _, kind in ipairs { { "skipped", t.skipped }, { "could not run", t.failed } } do
    for _, r in ipairs(kind[2] or {}) do rows[#rows + 1] = { kind[1], r.n, r.why } end
  end
  if #rows == 0 then return nil end
  return { kind = "table", title = "Rows that are not in it", rows = rows, wide = true,
           columns = { { name = "" }, { name = "rows" }, { name = "why" } } }
end

--- The report of a table of measurements.
-- @param path, title of the file
-- @param t of oracle.study.accuracy's table
-- @param entries { { row =, compared = }, ... }
function validate_page.document(path, title, t, entries)
  local charts, tables, rest = {}, { overall_table(t.overall) }, {}
  for i, f in ipairs(validate_page.figures(entries)) do charts[i] = run_page.chart(f, { tall = true }) end
  for _, name in ipairs(ordered.keys(t.groups)) do tables[#tables + 1] = group_table(name, t.groups[name]) end
  rest[1] = worst_table(t.worst)
  rest[#rest + 1] = left_out(t)
  local sections = {}
  if #charts > 0 then sections[1] = { id = "scatter", title = "Predicted against measured", parts = charts } end
  sections[#sections + 1] = { id = "errors", title = "Errors", parts = tables }
  if #rest > 0 then sections[#sections + 1] = { id = "rows", title = "Rows", parts = rest } end
  local physics = t.physics and t.physics.n or 0
  local notices = {}
  if physics > 0 then notices[1] = { text = ("%d rows break physics and are not counted."):format(physics) } end
  return { title = path:match "([^/]*)$", subtitle = ("%s, %d rows"):format(title, t.rows), sections = sections,
           badges = {}, notices = notices, footer = run_page.footer() }
end

--- The report of data that was compared as a list of { measured =, predicted =, error_pct = } rows.
-- @param what of oracle.command.validate's JSON
function validate_page.of_rows(what)
  local columns, rows, keys = {}, {}, {}
  for _, row in ipairs(what.rows) do
    for _, key in ipairs(ordered.keys(row)) do
      if type(row[key]) ~= "table" and not keys[key] then keys[key], columns[#columns + 1] = true, { name = key } end
    end
  end
  for i, row in ipairs(what.rows) do
    rows[i] = {}
    for c, column in ipairs(columns) do
      local v = row[column.name]
      rows[i][c] = type(v) == "number" and figure.number(v) or v == nil and figure.NONE or tostring(v)
    end
  end
  return { title = what.file:match "([^/]*)$", subtitle = what.title, badges = {}, notices = {},
           footer = run_page.footer(),
           sections = { { id = "rows", title = "Predicted and measured", parts = {
             { kind = "table", title = "Rows", columns = columns, rows = rows, wide = true, sortable = true } } } } }
end

return validate_page
