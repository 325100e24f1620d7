--- The text format of Prometheus: families of metrics to what a scrape of /metrics answers.
-- Source: Prometheus, Exposition formats, text-based format, version 0.0.4 (content type: prometheus.CONTENT_TYPE).
--   family     { name =, type = "counter", "gauge" or "histogram", help = one line, samples = { sample, ... } }
--   sample     { labels = { name = value, ... } or nil, value = a number }; of a histogram a value in place of it:
--              { labels =, histogram = of prometheus.histogram }
--   histogram  { bounds = { upper bounds, rising }, counts = { values at most that, cumulative }, count =, sum = }
-- A counter's name ends in _total, as prometheus_client writes it; it is added where it does not.
local ordered = require "oracle.text.ordered"

local prometheus = {}

prometheus.CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

-- The shortest text that reads back as the same number; whole ones as Python's client writes them: "3.0".
local function number(v)
  if v ~= v then return "NaN" end
  if v == math.huge then return "+Inf" end
  if v == -math.huge then return "-Inf" end
  for digits = 15, 17 do
    local text = ("%." .. digits .. "g"):format(v)
    if tonumber(text) == v then return text:find "[.e]" and text or text .. ".0" end
  end
end

local ESCAPES = { ["\\"] = "\\\\", ["\n"] = "\\n", ['"'] = '\\"' }

local function escaped(text, what)
  return (tostring(text):gsub(what, ESCAPES))
end

-- `{a="1",b="2"}`, in the order of names, `more` behind them; "" without any.
local function labelled(labels, more)
  local list = {}
  for i, name in ipairs(ordered.keys(labels or {})) do
    list[i] = ('%s="%s"'):format(name, escaped(labels[name], '[\\\n"]'))
  end
  list[#list + 1] = more
  return #list > 0 and "{" .. table.concat(list, ",") .. "}" or ""
end

local function add_histogram(out, name, labels, h)
  for i, bound in ipairs(h.bounds) do
    out[#out + 1] = ("%s_bucket%s %s"):format(name, labelled(labels, ('le="%s"'):format(number(bound))),
      number(h.counts[i]))
  end
  out[#out + 1] = ("%s_bucket%s %s"):format(name, labelled(labels, 'le="+Inf"'), number(h.count))
  out[#out + 1] = ("%s_count%s %s"):format(name, labelled(labels), number(h.count))
  out[#out + 1] = ("%s_sum%s %s"):format(name, labelled(labels), number(h.sum))
end

--- Families as text.
-- @param families a list, in the order they are written
-- @return the text, which ends in a newline
function prometheus.text(families)
  local out = {}
  for _, family in ipairs(families) do
    local name = family.name
    if family.type == "counter" and not name:find "_total$" then name = name .. "_total" end
    out[#out + 1] = ("# HELP %s %s"):format(name, escaped(family.help, "[\\\n]"))
    out[#out + 1] = ("# TYPE %s %s"):format(name, family.type)
    for _, sample in ipairs(family.samples) do
      if sample.histogram then
        add_histogram(out, name, sample.labels, sample.histogram)
      else
        out[#out + 1] = ("%s%s %s"):format(name, labelled(sample.labels), number(sample.value))
      end
    end
  end
  return #out > 0 and table.concat(out, "\n") .. "\n" or ""
end

-- ---- histograms ----

--- An empty histogram.
-- @param bounds upper bounds of its buckets, rising; what is beyond the last is counted in +Inf alone
function prometheus.histogram(bounds)
  local h = { bounds = bounds, counts = {}, count = 0, sum = 0 }
  for i = 1, #bounds do h.counts[i] = 0 end
  return h
end

--- Add a value to a histogram.
-- @param times how often it was seen; nil: once
function prometheus.observe(h, value, times)
  times = times or 1
  for i = #h.bounds, 1, -1 do
    if value > h.bounds[i] then break end
    h.counts[i] = h.counts[i] + times
  end
  h.count, h.sum = h.count + times, h.sum + times * value
end

return prometheus
