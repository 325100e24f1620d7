--- Pictures of a comparison: how many times the first variant each of the others is, and the values themselves.
local figure = require "oracle.text.figure"
local run_page = require "oracle.result.run_page"

local compare_page = {}

local SHOWN = { "output_throughput", "goodput", "ttft.mean", "ttft.p99", "tpot.mean", "e2e.mean", "cost_per_million",
  "energy_per_token" }
local NONE = figure.NONE

local function names_of(o)
  local names = { o.base }
  for i, v in ipairs(o.metrics[1] and o.metrics[1].variants or {}) do names[i + 1] = v.variant end
  return names
end

-- A bar for each variant.
local function bars(row, names)
  local y, colours = { figure.number(row.base) }, { "muted" }
  for i, v in ipairs(row.variants) do
    y[i + 1], colours[i + 1] = figure.number(v.mean), ("series-%d"):format((i - 1) % 8 + 1)
  end
  if not figure.says(y) then return nil end
  return { kind = "bars", title = row.metric, x = { labels = names }, y = { unit = row.unit, zero = true },
           series = { { name = row.metric, y = y, colours = colours } } }
end

-- Intervals of ratios, in times of the first variant.
local THIN = 1.002                                        -- what has no width is drawn as wide

local function ratios(o, names)
  local rows, series, low, high = {}, {}, 0.8, 1.25
  for v = 2, #names do series[v - 1] = { name = names[v], from = {}, to = {} } end
  for _, row in ipairs(o.metrics) do
    local any = false
    for _, v in ipairs(row.variants) do any = any or v.ratio_low and v.ratio_low > 0 and not v.no_difference end
    if any then
      rows[#rows + 1] = row.metric
      for i, v in ipairs(row.variants) do
        local from, to = v.ratio_low, v.ratio_high
        if from and from > 0 and to < from * THIN then from, to = from / THIN, to * THIN end
        series[i].from[#rows], series[i].to[#rows] = figure.number(from), figure.number(to)
        if from and from > 0 then low, high = math.min(low, from), math.max(high, to) end
        if not from or from <= 0 then series[i].from[#rows], series[i].to[#rows] = NONE, NONE end
      end
    end
  end
  if #rows == 0 then return nil end
  return { kind = "spans", title = "Ratios to " .. o.base, rows = rows, series = series,
           about = ("95 %% interval of how many times the value of %s each has; metrics that do not differ are left "
             .. "out."):format(o.base),
           x = { name = "times " .. o.base, log = true, fine = true, min = figure.number(low / 1.1),
                 max = figure.number(high * 1.1) },
           y = { name = "" }, marks = { { x = 1, text = "" } } }
end

--- What a terminal shows: the values, metric by metric. A list.
-- @param o of oracle.study.paired_text's object
function compare_page.figures(o)
  local names, list = names_of(o), {}
  for _, short in ipairs(SHOWN) do
    for _, row in ipairs(o.metrics) do
      if row.metric == short then list[#list + 1] = bars(row, names) end
    end
  end
  return list
end

local function difference(v)
  if v.no_difference then return "no difference" end
  if v.ratio_low and v.ratio then
    return ("%+.3g %% (%+.3g to %+.3g)"):format(100 * (v.ratio - 1), 100 * (v.ratio_low - 1), 100 * (v.ratio_high - 1))
  end
  if v.difference and v.low then return ("%+.3g (%+.3g to %+.3g)"):format(v.difference, v.low, v.high) end
  return v.difference and ("%+.3g"):format(v.difference) or NONE
end

local function table_of(o, names)
  local columns, rows = { { name = "metric" }, { name = "unit" }, { name = o.base, number = true } }, {}
  for v = 2, #names do
    columns[#columns + 1] = { name = names[v], number = true }
    columns[#columns + 1] = { name = "difference to " .. o.base }
  end
  for i, row in ipairs(o.metrics) do
    local cells = { row.metric, row.unit or "", figure.number(row.base) }
    for _, v in ipairs(row.variants) do cells[#cells + 1], cells[#cells + 2] = figure.number(v.mean), difference(v) end
    rows[i] = cells
  end
  return { kind = "table", title = "All metrics", columns = columns, rows = rows, named = true, wide = true }
end

--- The report of a comparison.
-- @param interrupted true where not all replications were
function compare_page.document(o, interrupted)
  local names, notices, parts = names_of(o), {}, {}
  if interrupted then
    notices[1] = { state = "bad", text = "Interrupted: these are the results of the replications that were." }
  end
  if o.overloaded and #o.overloaded > 0 then
    notices[#notices + 1] = { state = "bad",
      text = ("Overloaded: %s; latencies there say how long was simulated."):format(
      table.concat(o.overloaded, ", ")) }
  end
  local forest = ratios(o, names)
  if forest then parts[1] = run_page.chart(forest, { wide = true, tall = true }) end
  for _, f in ipairs(compare_page.figures(o)) do parts[#parts + 1] = run_page.chart(f) end
  local sections = {}
  if #parts > 0 then sections[1] = { id = "charts", title = "Charts", parts = parts } end
  sections[#sections + 1] = { id = "metrics", title = "Metrics", parts = { table_of(o, names) } }
  return { title = table.concat(names, " against "), notices = notices, footer = run_page.footer(), sections = sections,
           subtitle = o.method == "bootstrap"
             and ("the same %s recorded requests through each"):format(o.requests or "")
             or ("the same requests through each, %d replications"):format(o.replications or 1),
           badges = interrupted and { { text = "partial", state = "bad" } } or {} }
end

return compare_page
