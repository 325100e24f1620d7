--- Charts for a terminal: a line over x, and the bars of a distribution. Pure text; Braille dots and blocks where
-- the terminal writes UTF-8, plain ASCII elsewhere.
local console = require "oracle.text.console"
local statistics = require "oracle.text.statistics"

local plot = {}

local WIDTH, HEIGHT = 64, 12                              -- characters of the drawing itself

--- Whether the environment promises UTF-8.
function plot.unicode()
  local locale = os.getenv("LC_ALL")
  if not locale or locale == "" then locale = os.getenv("LC_CTYPE") end
  if not locale or locale == "" then locale = os.getenv("LANG") end
  return locale ~= nil and locale:lower():match("utf%-?8") ~= nil
end

-- ---- a canvas of dots ----

-- A character holds 2 x 4 dots in Braille (U+2800 and these bits by row and column), one in ASCII.
local BITS = { { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 } }

local function canvas(unicode)
  return { unicode = unicode, columns = WIDTH * (unicode and 2 or 1), rows = HEIGHT * (unicode and 4 or 1), cells = {} }
end

local function dot(c, x, y)
  local across, down = c.unicode and 2 or 1, c.unicode and 4 or 1
  local cell = (y // down) * WIDTH + x // across
  c.cells[cell] = c.unicode and ((c.cells[cell] or 0) | BITS[y % 4 + 1][x % 2 + 1]) or 1
end

-- Bresenham's line between two dots.
local function line(c, x1, y1, x2, y2)
  local dx, dy = math.abs(x2 - x1), -math.abs(y2 - y1)
  local sx, sy, err = x1 < x2 and 1 or -1, y1 < y2 and 1 or -1, dx + dy
  while true do
    dot(c, x1, y1)
    if x1 == x2 and y1 == y2 then return end
    local twice = 2 * err
    if twice >= dy then err, x1 = err + dy, x1 + sx end
    if twice <= dx then err, y1 = err + dx, y1 + sy end
  end
end

local function text_of(c, row)
  local out = {}
  for column = 0, WIDTH - 1 do
    local cell = c.cells[row * WIDTH + column]
    if not cell then
      out[#out + 1] = " "
    else
      out[#out + 1] = c.unicode and utf8.char(0x2800 + cell) or "*"
    end
  end
  return (table.concat(out):gsub("%s+$", ""))
end

-- ---- line charts ----

local function finite(v)
  return type(v) == "number" and v == v and math.abs(v) < math.huge
end

local function range(list)
  local low, high
  for _, v in ipairs(list) do
    low, high = math.min(low or v, v), math.max(high or v, v)
  end
  return low, high
end

-- Points both of whose numbers are finite.
local function points_of(series)
  local x, y = {}, {}
  for i, v in ipairs(series.y) do
    local at = series.x and series.x[i] or i
    if finite(v) and finite(at) then x[#x + 1], y[#y + 1] = at, v end
  end
  return x, y
end

local function scale(v, low, high, most)
  if high <= low then return most // 2 end
  return math.floor((v - low) / (high - low) * most + 0.5)
end

local function draw(c, x, y, box)
  local px, py
  for i = 1, #x do
    local cx = scale(x[i], box.left, box.right, c.columns - 1)
    local cy = c.rows - 1 - scale(y[i], box.bottom, box.top, c.rows - 1)
    if px then line(c, px, py, cx, cy) else dot(c, cx, cy) end
    px, py = cx, cy
  end
end

--- A line chart.
-- @param series { name =, unit =, xname =, x = {...} (absent: 1, 2, 3 ...), y = {...} }
-- @param unicode true for Braille; nil asks the environment
-- @return the text, ending in a newline
function plot.chart(series, unicode)
  if unicode == nil then unicode = plot.unicode() end
  local x, y = points_of(series)
  local title = (series.name or "") .. (series.unit and " (" .. series.unit .. ")" or "")
  if #y == 0 then return (title ~= "" and title .. ": " or "") .. "nothing to plot\n" end
  local bottom, top = range(y)
  local left, right = range(x)
  if bottom > 0 and bottom < top / 2 then bottom = 0 end  -- from zero, unless that hides the line
  local c = canvas(unicode)
  draw(c, x, y, { left = left, right = right, bottom = bottom, top = top })
  local labels = { [0] = console.number(top), [HEIGHT - 1] = console.number(bottom) }
  if top > bottom then labels[HEIGHT // 2] = console.number((top + bottom) / 2) end
  local margin = 0
  for _, label in pairs(labels) do margin = math.max(margin, #label) end
  local lines = { title ~= "" and title or nil }
  for row = 0, HEIGHT - 1 do
    lines[#lines + 1] = (("%" .. margin .. "s %s%s"):format(labels[row] or "", unicode and "│" or "|", text_of(c, row)))
  end
  lines[#lines + 1] = (" "):rep(margin + 1) .. (unicode and "└" .. ("─"):rep(WIDTH) or "+" .. ("-"):rep(WIDTH))
  local from, to = console.number(left), console.number(right)
  local middle = series.xname or ""
  local gap = math.max(2, WIDTH - #from - #to - #middle)
  lines[#lines + 1] = (" "):rep(margin + 2) .. from .. (" "):rep(gap // 2) .. middle .. (" "):rep(gap - gap // 2) .. to
  return table.concat(lines, "\n") .. "\n"
end

-- ---- bars ----

local BINS = 12
local BAR = 40

-- How many of a sorted list are below or at x.
local function list_count(sorted)
  return function(x)
    local low, high = 0, #sorted
    while low < high do
      local middle = (low + high + 1) // 2
      if sorted[middle] <= x then low = middle else high = middle - 1 end
    end
    return low
  end
end

-- The same of a distribution of the engine, by its quantiles.
local function hist_count(h, divisor)
  local n = h:count()
  return function(x)
    local low, high = 0, n
    while low < high do
      local middle = (low + high + 1) // 2
      local q = n > 1 and (middle - 1) / (n - 1) or 0
      if h:quantile(q) / divisor <= x then low = middle else high = middle - 1 end
    end
    return low
  end
end

-- Even bins; even in the logarithm where values span more than a factor of fifty.
local function edges(low, high)
  local list, logarithmic = {}, low > 0 and high / low > 50
  for i = 0, BINS do
    local share = i / BINS
    list[i] = logarithmic and low * (high / low) ^ share or low + (high - low) * share
  end
  list[0], list[BINS] = low, high
  return list
end

local function bar(share, unicode)
  local size = share * BAR
  if not unicode then return ("#"):rep(math.floor(size + 0.5)) end
  local whole = math.floor(size)
  local eighths = math.floor((size - whole) * 8)
  return ("█"):rep(whole) .. (eighths > 0 and utf8.char(0x2590 - eighths) or "")
end

local function bars(d, unicode)
  local heads = { { name = "from", unit = d.unit }, { name = "to", unit = d.unit }, "count", "" }
  if d.count == 0 then return (d.name and d.name .. ": " or "") .. "nothing counted\n" end
  local rows, counts, most, before = {}, {}, 1, 0
  local at = d.low == d.high and { [0] = d.low, [1] = d.high } or edges(d.low, d.high)
  for i = 1, #at do
    local upto = i == #at and d.count or d.upto(at[i])
    counts[i], before = upto - before, upto
    most = math.max(most, counts[i])
  end
  for i = 1, #at do
    rows[i] = { console.number(at[i - 1]), console.number(at[i]), counts[i], bar(counts[i] / most, unicode) }
  end
  local head = ("%s%d values, mean %s, median %s, p99 %s%s\n"):format(d.name and d.name .. ": " or "", d.count,
    console.number(d.mean), console.number(d.quantile(0.5)), console.number(d.quantile(0.99)),
    d.unit and " " .. d.unit or "")
  return head .. console.table(heads, rows)
end

local function of_list(list)
  local sorted, sum = {}, 0
  for _, v in ipairs(list) do
    if finite(v) then sorted[#sorted + 1], sum = v, sum + v end
  end
  table.sort(sorted)
  local n = #sorted
  return { count = n, low = sorted[1], high = sorted[n], mean = n > 0 and sum / n or nil, upto = list_count(sorted),
           quantile = function(q) return statistics.quantile(sorted, q) end }
end

--- The bars of a distribution.
-- @param what a list of numbers, or a distribution of a simulation (times in ns, shown in ms)
-- @param name shown above; may be nil
-- @param unit of the values of a list; may be nil
function plot.hist(what, name, unit, unicode)
  if unicode == nil then unicode = plot.unicode() end
  local d
  if type(what) == "userdata" then
    local count = what:count()
    d = { count = count, low = what:min() / 1e6, high = what:max() / 1e6, mean = what:mean() / 1e6, unit = "ms",
          upto = hist_count(what, 1e6), quantile = function(q) return what:quantile(q) / 1e6 end }
  else
    d = of_list(what)
    d.unit = unit
  end
  d.name = name
  return bars(d, unicode)
end

return plot
