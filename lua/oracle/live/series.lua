--- What a live simulation looked like over time: samples on an even grid, as many as a chart can show. When there
-- are too many, every second one goes and the grid is twice as wide. A series_interval is the first grid, and
-- then more samples are kept.
local lazy = require "oracle.lazy"
local plot = lazy "oracle.text.plot"

local series = {}

local MOST, MOST_ASKED = 512, 16384                       -- samples kept: of its own accord, and where asked for
local FIRST = 1000000                                     -- ns between samples at first

local COLUMNS = {
  { "queue", "requests waiting", "requests" }, { "running", "requests running", "requests" },
  { "kv", "KV cache in use", "%" }, { "finished", "requests ended", "requests" },
}

--- An empty one, at time 0.
-- @param interval s between samples; nil: as many as a chart can show
function series.new(interval)
  local every = interval and math.max(1, math.floor(interval * 1e9 + 0.5)) or FIRST
  local s = { every = every, most = interval and MOST_ASKED or MOST, next = 0, t = {} }
  for _, column in ipairs(COLUMNS) do s[column[1]] = {} end
  return s
end

--- The time of the next sample, ns.
function series.next(s)
  return s.next
end

local function halve(list)
  local kept = {}
  for i = 1, #list, 2 do kept[#kept + 1] = list[i] end
  return kept
end

local function thin(s)
  s.every = 2 * s.every
  s.t = halve(s.t)
  for _, column in ipairs(COLUMNS) do s[column[1]] = halve(s[column[1]]) end
end

--- Take a sample if its time has come; one that was passed over is left out.
-- @param raw the engine's simulation
-- @param now its time, ns
function series.sample(s, raw, now)
  if now < s.next then return end
  if now == s.next then
    local n, used, total = #s.t + 1, raw:memory()
    local status = raw:status()
    s.t[n], s.queue[n], s.running[n] = now / 1e9, raw:queue(), raw:running()
    s.kv[n], s.finished[n] = total > 0 and 100 * used / total or 0, status.arrived - status.live
    if n >= s.most then thin(s) end
  end
  s.next = (now // s.every + 1) * s.every
end

local console = require "oracle.text.console"

local COLUMN = console.printable { __show = function(c) return plot.chart(c) end }

local VIEW = console.printable { __show = function(view)
  local rows = {}
  for i, column in ipairs(COLUMNS) do
    local c = view[column[1]]
    rows[i] = { column[1], c.name, c.unit, #c.y, c.y[#c.y] }
  end
  return console.table({ "series", "", "unit", "samples", "the last" }, rows)
end }

--- The columns by name, each { name =, unit =, x = seconds, y = values }.
function series.view(s)
  local view = {}
  for _, column in ipairs(COLUMNS) do
    view[column[1]] = setmetatable({ name = column[2], unit = column[3], xname = "t (s)", x = s.t, y = s[column[1]] },
      COLUMN)
  end
  return setmetatable(view, VIEW)
end

return series
