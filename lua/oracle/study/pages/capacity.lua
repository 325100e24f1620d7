--- Pictures of a search for capacity: what each objective is at each load that was tried.
local figure = require "oracle.text.figure"
local run_page = require "oracle.result.run_page"

local capacity_page = {}

local FAR = 20                                            -- times apart: on a logarithmic axis

local function sorted(curve)
  local list = table.move(curve, 1, #curve, 1, {})
  table.sort(list, function(a, b) return a.load < b.load end)
  return list
end

local function load_axis(o)
  local unit = o.capacity.unit
  return { name = unit == "x" and "times the load as it is" or o.capacity.key,
    unit = unit ~= "x" and unit ~= "" and unit or nil }
end

local function marks_of(o)
  if not o.found then return nil end
  return { { x = o.capacity.value, text = ("%.4g"):format(o.capacity.value) } }
end

-- An objective over the load, with the interval of each value and the limit.
local function objective(o, points, i)
  local x, y, low, high, limit = {}, {}, {}, {}, points[1].objectives[i].limit
  local least, most, unit = math.huge, 0, points[1].objectives[i].unit
  for _, p in ipairs(points) do
    local v = p.objectives[i]
    if v.value then
      local n, half = #x + 1, v.half_width or 0
      x[n], y[n] = figure.number(p.load), figure.number(v.value)
      low[n], high[n] = figure.number(math.max(0, v.value - half)), figure.number(v.value + half)
      least, most = math.min(least, v.value), math.max(most, v.value)
    end
  end
  if #x == 0 then return nil end
  local log = least > 0 and most > FAR * least
  for n = 1, log and #low or 0 do
    if low[n] <= 0 then low[n] = y[n] end                 -- nothing below 0 on such an axis
  end
  local series = { { name = points[1].objectives[i].objective:match "^%s*(%S+)", x = x, y = y, low = low, high = high,
                     shape = "marked" } }
  if limit then
    limit = figure.number(limit)
    series[2] = { name = "limit", x = { x[1], x[#x] }, y = { limit, limit }, shape = "dashed" }
  end
  return { kind = "lines", title = points[1].objectives[i].objective, x = load_axis(o), marks = marks_of(o),
           y = { unit = unit, log = log, zero = not log }, series = series,
           about = "At each load that was tried, with its 95 % interval." }
end

local function served(o, points)
  local x, offered, got = {}, {}, {}
  for i, p in ipairs(points) do
    x[i], offered[i], got[i] = figure.number(p.load), figure.number(p.offered_rps), figure.number(p.requests_per_second)
  end
  return { kind = "lines", title = "Offered and served", x = load_axis(o), y = { unit = "req/s", zero = true },
           about = "Where they part, the deployment is overloaded.", marks = marks_of(o),
           series = { { name = "offered", x = x, y = offered, shape = "dashed" },
                      { name = "served", x = x, y = got, shape = "marked" } } }
end

local function price(o, points)
  local x, y = {}, {}
  for _, p in ipairs(points) do
    if p.usd_per_million_output_tokens then
      x[#x + 1], y[#y + 1] = figure.number(p.load), figure.number(p.usd_per_million_output_tokens)
    end
  end
  if #x < 2 then return nil end
  return { kind = "lines", title = "Price of a million output tokens", x = load_axis(o), marks = marks_of(o),
           y = { unit = "USD", zero = true }, series = { { name = "price", x = x, y = y, shape = "marked" } } }
end

--- The figures of a search. A list.
-- @param o of oracle.study.capacity_report's object
function capacity_page.figures(o)
  local points, list = sorted(o.curve), {}
  if #points == 0 then return list end
  for i = 1, #o.objectives do list[#list + 1] = objective(o, points, i) end
  list[#list + 1] = served(o, points)
  list[#list + 1] = price(o, points)
  return list
end

local function table_of(o)
  local columns = { { name = "load", unit = load_axis(o).unit }, { name = "offered", unit = "req/s" },
                    { name = "served", unit = "req/s" }, { name = "output tok/s" }, { name = "requests" },
                    { name = "seeds" } }
  local rows, first = {}, o.curve[1]
  for i, v in ipairs(first and first.objectives or {}) do
    columns[#columns + 1] = { name = v.objective:match "^%s*(%S+)", unit = v.unit }
    columns[#columns + 1] = { name = "±", unit = v.unit }
    first.objectives[i] = v
  end
  columns[#columns + 1] = { name = "" }
  for i, p in ipairs(sorted(o.curve)) do
    local row = { figure.number(p.load), figure.number(p.offered_rps), figure.number(p.requests_per_second),
                  figure.number(p.output_tokens_per_second), p.requests, p.seeds }
    for _, v in ipairs(p.objectives) do
      row[#row + 1], row[#row + 2] = figure.number(v.value), figure.number(v.half_width)
    end
    row[#row + 1] = p.saturated and "overloaded" or p.met and "met" or "missed"
    rows[i] = row
  end
  return { kind = "table", title = "Loads that were tried", columns = columns, rows = rows, wide = true,
           sortable = true }
end

--- The report of a search.
function capacity_page.document(o)
  local parts = {}
  for i, f in ipairs(capacity_page.figures(o)) do parts[i] = run_page.chart(f) end
  local answer = { { label = o.capacity.key, value = figure.number(o.capacity.value), unit = o.capacity.unit,
                     note = o.capacity.low and ("%.4g to %.4g (95 %%)"):format(o.capacity.low, o.capacity.high) or nil,
                     state = o.found and "good" or "bad" } }
  if o.capacity.binding then answer[2] = { label = "The limit", value = o.capacity.binding } end
  if o.at and o.at.output_tokens_per_second then
    answer[#answer + 1] = { label = "Output throughput there", value = figure.number(o.at.output_tokens_per_second),
      unit = "tok/s" }
  end
  if o.at and o.at.usd_per_million_output_tokens then
    answer[#answer + 1] = { label = "Price there", value = figure.number(o.at.usd_per_million_output_tokens),
                            unit = "USD per million tokens" }
  end
  local sections = { { id = "answer", title = "Answer", about = o.answer,
                       parts = { { kind = "cards", items = answer } } } }
  if #parts > 0 then
    sections[2] = { id = "curve", title = "The curve", parts = parts }
    sections[3] = { id = "loads", title = "Loads", parts = { table_of(o) } }
  end
  return { title = "Capacity of " .. o.model:match "([^/]*)$" .. " on " .. o.hardware,
           subtitle = "objectives: " .. table.concat(o.objectives, ", "), footer = run_page.footer(),
           badges = { { text = o.found and "found" or "no load meets the objectives",
                        state = o.found and "good" or "bad" } },
           notices = {}, sections = sections }
end

return capacity_page
