--- Pictures of where the time goes: the terms of the latencies, what bound them, and what would change them.
local figure = require "oracle.text.figure"
local ordered = require "oracle.text.ordered"
local run_page = require "oracle.result.run_page"

local why_page = {}

local NAMES = { ttft = "TTFT", e2e = "E2E" }
local LARGE = 7                                           -- parts with a colour of their own; the others are together
local NS_PER_MS = 1e6

-- Which of the keys have any time in some of the rows, the largest first.
local function largest(of, rows, part)
  local sums, keys = {}, {}
  for _, row in ipairs(rows) do
    for _, key in ipairs(ordered.keys(of[row][part])) do
      local share = of[row].ns > 0 and of[row][part][key] / of[row].ns or 0
      if share > 0 and not sums[key] then keys[#keys + 1] = key end
      sums[key] = (sums[key] or 0) + share
    end
  end
  table.sort(keys, function(a, b)
    if sums[a] ~= sums[b] then return sums[a] > sums[b] end
    return a < b
  end)
  return keys
end

local function rows_of(of)
  local rows, labels = {}, {}
  for _, row in ipairs(ordered.keys(of)) do
    if type(of[row]) == "table" and of[row].terms then
      rows[#rows + 1] = row
      labels[#labels + 1] = of[row].request and ("%s: %s"):format(row, of[row].request) or row
    end
  end
  return rows, labels
end

-- Bars of the requests at percentiles, each divided into parts that add up to its latency.
local function divided(of, part, title, about)
  local rows, labels = rows_of(of)
  local keys, series, place = largest(of, rows, part), {}, {}
  for i, key in ipairs(rows[1] and ordered.keys(of[rows[1]][part]) or {}) do place[key] = i end
  for k = 1, math.min(#keys, LARGE) do
    local y = {}
    for i, row in ipairs(rows) do y[i] = figure.number((of[row][part][keys[k]] or 0) / NS_PER_MS) end
    series[k] = { name = keys[k], y = y }
    if part == "bound_by" then series[k].colour = ("series-%d"):format((place[keys[k]] - 1) % 8 + 1) end
  end
  if #keys > LARGE then
    local y = {}
    for i, row in ipairs(rows) do
      local sum = 0
      for k = LARGE + 1, #keys do sum = sum + (of[row][part][keys[k]] or 0) end
      y[i] = figure.number(sum / NS_PER_MS)
    end
    series[#series + 1] = { name = "other", y = y, colour = "muted" }
  end
  if #series == 0 then return nil end
  return { kind = "bars", stacked = true, title = title, about = about, x = { labels = labels },
           y = { unit = "ms", zero = true }, series = series }
end

-- What a tenth more of each parameter changes, in %.
local EFFECTS = { { "ttft.p99", "p99 TTFT" }, { "e2e.p99", "p99 E2E" }, { "output_throughput", "output throughput" } }

local function effects(found)
  local labels, series = {}, {}
  for k, e in ipairs(EFFECTS) do series[k] = { name = e[2], y = {} } end
  for _, s in ipairs(found.sensitivities or {}) do
    local any = false
    for _, e in ipairs(EFFECTS) do any = any or s.effects and s.effects[e[1]] and s.effects[e[1]].elasticity ~= nil end
    if any then
      labels[#labels + 1] = s.parameter
      for k, e in ipairs(EFFECTS) do
        local of = s.effects[e[1]]
        series[k].y[#labels] = figure.number(of and of.elasticity and 10 * of.elasticity)
      end
    end
  end
  if #labels == 0 then return nil end
  return { kind = "bars", title = "What a tenth more would change", x = { labels = labels }, y = { unit = "%" },
           series = series,
           about = "By how much each latency and the throughput change with 10 % more of it." }
end

--- The figures. A list.
-- @param found of oracle.study.why
function why_page.figures(found)
  local list = {}
  for _, metric in ipairs { "ttft", "e2e" } do
    if found[metric] then
      list[#list + 1] = divided(found[metric], "terms", "What " .. NAMES[metric] .. " is made of",
        "Of all requests on average, and of those at the percentiles: the parts add up to the latency.")
      list[#list + 1] = divided(found[metric], "bound_by", "What binds " .. NAMES[metric],
        "The same time by what it waited for or was computed by.")
    end
  end
  list[#list + 1] = effects(found)
  return list
end

local function terms_table(of, title)
  local rows, labels = rows_of(of)
  local columns, cells = { { name = "term" } }, {}
  for i, label in ipairs(labels) do columns[i + 1] = { name = label, unit = "ms" } end
  for _, key in ipairs(largest(of, rows, "terms")) do
    local row = { key }
    for i, name in ipairs(rows) do row[i + 1] = figure.number(of[name].terms[key] / NS_PER_MS) end
    cells[#cells + 1] = row
  end
  local sum = { "the latency" }
  for i, name in ipairs(rows) do sum[i + 1] = figure.number(of[name].ns / NS_PER_MS) end
  cells[#cells + 1] = sum
  return { kind = "table", title = title, columns = columns, rows = cells, named = true, wide = true }
end

local function sensitivities_table(found)
  local columns, rows = { { name = "parameter" }, { name = "as it is" }, { name = "unit" } }, {}
  for _, s in ipairs(found.sensitivities or {}) do
    local row = { s.parameter, figure.number(s.value), s.unit or "" }
    for _, key in ipairs(ordered.keys(s.effects or {})) do
      local at
      for c = 4, #columns do
        if columns[c].key == key then at = c end
      end
      if not at then
        at = #columns + 1
        columns[at] = { name = key, unit = "%", key = key }
      end
      local e = s.effects[key].elasticity
      row[at] = figure.number(e and 10 * e)
    end
    rows[#rows + 1] = row
  end
  if #rows == 0 then return nil end
  columns[#columns + 1] = { name = "" }
  for i, row in ipairs(rows) do
    for c = 4, #columns - 1 do
      if row[c] == nil then row[c] = figure.NONE end
    end
    row[#columns] = found.sensitivities[i].error or ""
  end
  return { kind = "table", title = "A tenth more of each", rows = rows, columns = columns, named = true, wide = true }
end

--- The report.
-- @param file whose run it is
function why_page.document(found, file)
  local charts, tables = {}, {}
  for i, f in ipairs(why_page.figures(found)) do charts[i] = run_page.chart(f, { wide = not f.stacked }) end
  for _, metric in ipairs { "ttft", "e2e" } do
    local of = found[metric]
    if of and #(rows_of(of)) > 0 then tables[#tables + 1] = terms_table(of, NAMES[metric]) end
  end
  tables[#tables + 1] = sensitivities_table(found)
  local sections = {}
  if #charts > 0 then sections[1] = { id = "why", title = "Why", parts = charts } end
  if #tables > 0 then sections[#sections + 1] = { id = "terms", title = "Term by term", parts = tables } end
  local binding = type(found.binding) == "string" and found.binding or nil
  return { title = "Where the time goes: " .. tostring(file):match "([^/]*)$", sections = sections,
           footer = run_page.footer(),
           subtitle = ("%d requests"):format(found.requests.total), notices = run_page.notices(found),
           badges = binding and { { text = "bound by " .. binding:gsub("_", " ") } } or {} }
end

return why_page
