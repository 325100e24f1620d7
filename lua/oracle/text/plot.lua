--- Figures on a terminal (oracle.text.figure): lines and points over x, bars, and the bars of a distribution. Text of
-- at most 80 columns; Braille dots and blocks where the terminal writes UTF-8, plain ASCII elsewhere.
local bins = require "oracle.text.bins"
local canvas = require "oracle.text.canvas"
local console = require "oracle.text.console"

local plot = {}

local WIDTH, HEIGHT = 64, 12                              -- characters of the drawing itself

--- Whether the environment promises UTF-8.
function plot.unicode()
  local locale = os.getenv("LC_ALL")
  if not locale or locale == "" then locale = os.getenv("LC_CTYPE") end
  if not locale or locale == "" then locale = os.getenv("LANG") end
  return locale ~= nil and locale:lower():match("utf%-?8") ~= nil
end

--- Whether text on a terminal may have colours: NO_COLOR (no-color.org) and TERM=dumb say no.
-- @param is_terminal of where the text goes
-- @param getenv function(name) -> a variable of the environment; nil: os.getenv
function plot.colour(is_terminal, getenv)
  getenv = getenv or os.getenv
  local no = getenv "NO_COLOR"
  return is_terminal and (no == nil or no == "") and getenv "TERM" ~= "dumb"
end

-- ---- axes ----

local function finite(v)
  return type(v) == "number" and v == v and math.abs(v) < math.huge
end

-- Points both of whose numbers are finite, and on a logarithmic axis above 0.
local function points_of(series, xs, x_axis, y_axis)
  local x, y = {}, {}
  for i, v in ipairs(series.y) do
    local at = i
    if xs then at = xs[i] end
    if finite(v) and finite(at) and (at > 0 or not x_axis.log) and (v > 0 or not y_axis.log) then
      x[#x + 1], y[#y + 1] = at, v
    end
  end
  return x, y
end

local function widen(range, list)
  for _, v in ipairs(list) do
    range.low, range.high = math.min(range.low or v, v), math.max(range.high or v, v)
  end
end

-- Where a value is between the ends of an axis, 0 .. most.
local function scale(v, range, most)
  if range.high <= range.low then return most // 2 end
  local share = (v - range.low) / (range.high - range.low)
  if range.log then share = math.log(v / range.low) / math.log(range.high / range.low) end
  return math.floor(share * most + 0.5)
end

local function middle(range)
  if range.log then return math.sqrt(range.low * range.high) end
  return (range.low + range.high) / 2
end

-- ---- lines and points ----

local function draw(c, at, series, index, ranges)
  local px, py
  for i = 1, #at.x do
    local cx = scale(at.x[i], ranges.x, c.columns - 1)
    local cy = c.rows - 1 - scale(at.y[i], ranges.y, c.rows - 1)
    if not px or series.shape == "points" then
      c:dot(cx, cy, index)
    elseif series.shape == "step" then
      c:line(px, py, cx, py, index)
      c:line(cx, py, cx, cy, index)
    else
      c:line(px, py, cx, cy, index)
    end
    px, py = cx, cy
  end
end

local function frame(lines, c, ranges, unicode, xname)
  local labels = { [0] = console.number(ranges.y.high), [HEIGHT - 1] = console.number(ranges.y.low) }
  if ranges.y.high > ranges.y.low then labels[HEIGHT // 2] = console.number(middle(ranges.y)) end
  local margin = 0
  for _, label in pairs(labels) do margin = math.max(margin, #label) end
  for row = 0, HEIGHT - 1 do
    lines[#lines + 1] = (("%" .. margin .. "s %s%s"):format(labels[row] or "", unicode and "│" or "|", c:row(row)))
  end
  lines[#lines + 1] = (" "):rep(margin + 1) .. (unicode and "└" .. ("─"):rep(WIDTH) or "+" .. ("-"):rep(WIDTH))
  local from, to = console.number(ranges.x.low), console.number(ranges.x.high)
  local gap = math.max(2, WIDTH - #from - #to - #xname)
  lines[#lines + 1] = (" "):rep(margin + 2) .. from .. (" "):rep(gap // 2) .. xname .. (" "):rep(gap - gap // 2) .. to
  return margin
end

local NAME = 28                                           -- characters of a name in a legend

local function legend(lines, c, series, margin)
  local line, used = (" "):rep(margin + 2), margin + 2
  for i, s in ipairs(series) do
    local name = s.name or ""
    if (utf8.len(name) or #name) > NAME then
      name = name:sub(1, (utf8.offset(name, NAME - 1) or NAME - 1) - 1) .. ".."
    end
    local wide = (utf8.len(name) or #name) + 5
    if used + wide > 80 and used > margin + 2 then
      lines[#lines + 1] = line
      line, used = (" "):rep(margin + 2), margin + 2
    end
    line, used = line .. c:sample(i) .. " " .. name .. "  ", used + wide
  end
  lines[#lines + 1] = (line:gsub("%s+$", ""))
end

local function title_of(name, unit)
  return (name or "") .. (unit and unit ~= "" and " (" .. unit .. ")" or "")
end

local function scale_of(axis)
  return axis and axis.log and ", log scale" or ""
end

-- Lines or points in one frame. title: above it; nil: none.
local function lines_of(figure, title, how)
  local x_axis, y_axis = figure.x or {}, figure.y or {}
  local ranges = { x = { log = x_axis.log }, y = { log = y_axis.log } }
  local points = {}
  for i, s in ipairs(figure.series) do
    local x, y = points_of(s, s.x or x_axis.values, x_axis, y_axis)
    points[i] = { x = x, y = y }
    widen(ranges.x, x)
    widen(ranges.y, y)
  end
  if not ranges.y.low then return (title and title ~= "" and title .. ": " or "") .. "nothing to plot\n" end
  local y = ranges.y
  if not y.log and y.low > 0 and (y_axis.zero or y.low < y.high / 2) then y.low = 0 end   -- unless that hides the line
  local c = canvas.new(WIDTH, HEIGHT, { unicode = how.unicode, colour = how.colour, several = #figure.series > 1,
                                        points = figure.kind == "points" })
  for i, s in ipairs(figure.series) do
    draw(c, points[i], { shape = s.shape or figure.kind == "points" and "points" or nil }, i, ranges)
  end
  local lines = { title ~= "" and title or nil }
  local margin = frame(lines, c, ranges, how.unicode, title_of(x_axis.name, x_axis.unit) .. scale_of(x_axis))
  if #figure.series > 1 then legend(lines, c, figure.series, margin) end
  return table.concat(lines, "\n") .. "\n"
end

--- A line chart.
-- @param series { name =, unit =, xname =, x = {...} (absent: 1, 2, 3 ...), y = {...} }
-- @param unicode true for Braille; nil asks the environment
-- @return the text, ending in a newline
function plot.chart(series, unicode)
  if unicode == nil then unicode = plot.unicode() end
  return lines_of({ x = { name = series.xname }, series = { { x = series.x, y = series.y } } },
    title_of(series.name, series.unit), { unicode = unicode })
end

-- ---- bars ----

local BINS = 12
local BAR = 40

local function bar(share, how, most)
  local size = share * (most or BAR)
  if not how.unicode then return ("#"):rep(math.floor(size + 0.5)) end
  local whole = math.floor(size)
  local eighths = math.floor((size - whole) * 8)
  return ("█"):rep(whole) .. (eighths > 0 and utf8.char(0x2590 - eighths) or "")
end

local function hist_of(d, how)
  if d.count == 0 then return (d.name and d.name .. ": " or "") .. "nothing counted\n" end
  local heads = { { name = "from", unit = d.unit }, { name = "to", unit = d.unit }, "count", "" }
  local edges, counts = bins.count(d, BINS)
  local rows, most = {}, math.max(1, table.unpack(counts))
  for i, count in ipairs(counts) do
    rows[i] = { console.number(edges[i - 1]), console.number(edges[i]), count, bar(count / most, how) }
  end
  local head = ("%s%d values, mean %s, median %s, p99 %s%s\n"):format(d.name and d.name .. ": " or "", d.count,
    console.number(d.mean), console.number(d.quantile(0.5)), console.number(d.quantile(0.99)),
    d.unit and " " .. d.unit or "")
  return head .. console.table(heads, rows)
end

--- The bars of a distribution.
-- @param what a list of numbers, or a distribution of a simulation (times in ns, shown in ms)
-- @param name shown above; may be nil
-- @param unit of the values of a list; may be nil
function plot.hist(what, name, unit, unicode)
  if unicode == nil then unicode = plot.unicode() end
  local d = bins.of(what)
  d.unit, d.name = d.unit or unit, name
  return hist_of(d, { unicode = unicode })
end

-- A row for each label and series; of what is below 0 the size.
local function bars_of(figure, title, how)
  local rows, most, width, numbers = {}, 0, 0, 0
  for _, s in ipairs(figure.series) do
    for _, v in ipairs(s.y) do
      if finite(v) then most, numbers = math.max(most, math.abs(v)), math.max(numbers, #console.number(v)) end
    end
  end
  for i, label in ipairs(figure.x.labels) do
    for k, s in ipairs(figure.series) do
      local name = k == 1 and label or ""
      if #figure.series > 1 then name = ("%s  %s"):format(name, s.name) end
      width = math.max(width, utf8.len(name) or #name)
      rows[#rows + 1] = { name = name, v = s.y[i], series = k }
    end
  end
  local room = math.max(8, 80 - width - numbers - 3)
  local c = canvas.new(1, 1, how)
  local lines = { title }
  for _, row in ipairs(rows) do
    local blanks = (" "):rep(width - (utf8.len(row.name) or #row.name))
    local v = finite(row.v) and row.v or nil
    local drawn = v and most > 0 and c:paint(bar(math.abs(v) / most, how, room), row.series) or ""
    lines[#lines + 1] = (("%s%s %" .. numbers .. "s %s"):format(row.name, blanks, console.number(v), drawn)
      :gsub("%s+$", ""))
  end
  return table.concat(lines, "\n") .. "\n"
end

--- A figure as text, ending in a newline.
-- @param how { unicode = nil asks the environment, colour = }
function plot.figure(figure, how)
  how = how or {}
  local unicode = how.unicode
  if unicode == nil then unicode = plot.unicode() end
  how = { unicode = unicode, colour = how.colour }
  local title = title_of(figure.title, figure.y and figure.y.unit) .. scale_of(figure.y)
  if figure.distribution then
    figure.distribution.name = figure.title
    return hist_of(figure.distribution, how)
  end
  if figure.kind == "bars" then return bars_of(figure, title, how) end
  return lines_of(figure, title, how)
end

return plot
