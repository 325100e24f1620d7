--- Figures: what is to be drawn, before it is known where. A terminal draws them (oracle.text.plot), and so do reports
-- and the live page (lua/oracle/result/html/charts.js), which names the fields:
--   { kind = "lines", "points", "bars" or "spans", title =, about = a sentence,
--     x = { name =, unit =, log =, time = true, values = { ... } or labels = { ... } },
--     y = { name =, unit =, log =, zero = },
--     series = { { name =, x = own values, y = { ... },
--                  shape = "line", "step", "area", "dashed", "points" or "marked", low =, high = a band around it,
--                  names = of points, colour =, colours = of bars }, ... },
--     distribution = of oracle.text.bins that bars are of, marks = { { x =, text =, bad = }, ... },
--     link = figures of one name are zoomed together, zoom = true }
-- A value that is missing is figure.NONE, so that lists have no holes.
local bins = require "oracle.text.bins"
local core = require "oracle.core"

local figure = {}

--- What stands in a list where there is no value.
figure.NONE = core.json.null

local DIGITS = "%.6g"

--- A number with as many digits as anyone sees; NONE for what is no number.
function figure.number(v)
  if type(v) ~= "number" or v ~= v or v == math.huge or v == -math.huge then return figure.NONE end
  return math.tointeger(v) or tonumber(DIGITS:format(v))
end

--- The numbers of a list, each times `factor` (1), as figure.number gives them.
function figure.numbers(list, factor)
  local out = {}
  for i = 1, #list do
    local v = list[i]
    out[i] = figure.number(type(v) == "number" and v * (factor or 1) or nil)
  end
  return out
end

--- Whether a list holds a number other than 0.
function figure.says(list)
  for _, v in ipairs(list) do
    if type(v) == "number" and v ~= 0 then return true end
  end
  return false
end

-- Quantiles at which a cumulative distribution is drawn: each hundredth, and the tails closer.
local QUANTILES = { 0, 0.001, 0.0025, 0.005 }
for i = 1, 99 do QUANTILES[#QUANTILES + 1] = i / 100 end
for _, q in ipairs { 0.9925, 0.995, 0.9975, 0.999, 0.9995, 0.9999, 1 } do QUANTILES[#QUANTILES + 1] = q end

--- A cumulative distribution as a series: x its values, y the share of all in % that is at most so large.
-- @param quantile function(q of 0 .. 1) -> the value
function figure.cumulative(name, quantile)
  local x, y = {}, {}
  for i, q in ipairs(QUANTILES) do x[i], y[i] = figure.number(quantile(q)), figure.number(100 * q) end
  return { name = name, x = x, y = y }
end

local BINS = 32                                           -- of a histogram

-- Three digits, none of them in an exponent.
local function short(v)
  local size = math.abs(v)
  return (size >= 100 and "%.0f" or size >= 10 and "%.1f" or "%.3g"):format(v)
end

--- The bars of a distribution; nil of one without values.
-- @param what as bins.of takes it
-- @param of { title =, about =, unit = of a list }
function figure.histogram(what, of)
  local d = bins.of(what)
  if d.count == 0 then return nil end
  d.unit = d.unit or of.unit
  local edges, counts = bins.count(d, BINS)
  local labels = {}
  for i = 1, #counts do labels[i] = ("%s to %s"):format(short(edges[i - 1]), short(edges[i])) end
  return { kind = "bars", title = of.title, about = of.about, tight = true, distribution = d,
           x = { name = of.name, unit = d.unit, labels = labels, tight = true }, y = { name = "requests", zero = true },
           series = { { name = of.title, y = counts } } }
end

--- A figure as JSON takes it.
function figure.plain(f)
  local copy = {}
  for k, v in pairs(f) do copy[k] = v end
  copy.distribution = nil
  if copy.marks then copy.marks = setmetatable(copy.marks, core.json.array) end
  return copy
end

--- Every n-th entry of lists of one length, so that at most `most` are left, the last one among them.
-- @return the lists, thinned
function figure.thin(most, ...)
  local lists = { ... }
  local n = #lists[1]
  local step = math.max(1, math.ceil(n / most))
  for k, list in ipairs(lists) do
    local out = {}
    for i = n, 1, -step do table.insert(out, list[i]) end
    local last = #out
    for i = 1, last // 2 do out[i], out[last + 1 - i] = out[last + 1 - i], out[i] end
    lists[k] = out
  end
  return table.unpack(lists)
end

--- The same of what is a mean over the time before each entry: means of the entries that go together.
-- @param times when each was taken, at first the time since 0
-- @return times and values, thinned
function figure.means(most, times, values)
  local step, t, y = math.max(1, math.ceil(#times / most)), {}, {}
  local first = #times % step == 0 and step or #times % step
  local at, before = 0, 0
  for i = first, #times, step do
    local sum = 0
    for k = at + 1, i do sum = sum + values[k] * (times[k] - (times[k - 1] or 0)) end
    t[#t + 1], y[#y + 1] = times[i], times[i] > before and sum / (times[i] - before) or values[i]
    at, before = i, times[i]
  end
  return t, y
end

return figure
