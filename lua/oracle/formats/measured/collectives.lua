--- Measured collectives: one alpha and one beta for each collective and group of GPUs, and how far off they are.
-- A CSV with the columns collective, ranks, gpus_per_node, bytes and median_ms (or mean_ms, ms), in any order.
local lazy = require "oracle.lazy"
local console = lazy "oracle.text.console"
local core = require "oracle.core"
local ordered = require "oracle.text.ordered"

local COLUMNS = { "collective", "ranks", "gpus_per_node", "bytes" }
local TIMES = { "median_ms", "mean_ms", "ms" }

local function fail(line, ...)
  error(("line %d: %s"):format(line, string.format(...)), 0)
end

local function cells(text)
  local list = {}
  for cell in (text .. ","):gmatch("([^,]*),") do list[#list + 1] = cell:match("^%s*(.-)%s*$") end
  return list
end

-- Where each column is; `time` is the first of TIMES that there is.
local function columns(head)
  local at = {}
  for i, name in ipairs(cells(head)) do at[name] = i end
  for _, name in ipairs(TIMES) do at.time = at.time or at[name] end
  for _, name in ipairs(COLUMNS) do
    if not at[name] then fail(1, "no column %s", name) end
  end
  if not at.time then fail(1, "no column median_ms, mean_ms or ms") end
  return at
end

local function count(row, at, name, least, line)
  local n = math.tointeger(tonumber(row[at[name]]))
  if not n or n < least then
    fail(line, "%s: \"%s\": a whole number, %d or more, expected", name, row[at[name]] or "", least)
  end
  return n
end

-- Groups in the order of the file: { collective =, ranks =, per_node =, bytes = {}, seconds = {} }.
local function read(text)
  local at, groups, found, line = nil, {}, {}, 0
  for row_text in text:gmatch("([^\r\n]*)\r?\n?") do
    line = line + 1
    if not at then
      at = columns(row_text)
    elseif row_text ~= "" then
      local row = cells(row_text)
      local name, seconds = row[at.collective], tonumber(row[at.time])
      local ranks, per_node = count(row, at, "ranks", 2, line), count(row, at, "gpus_per_node", 1, line)
      if not seconds or not (seconds > 0 and seconds < math.huge) then
        fail(line, "\"%s\": ms above 0 expected", row[at.time] or "")
      end
      local key = ("%s %d %d"):format(name, ranks, per_node)
      if not found[key] then
        found[key] = { collective = name, ranks = ranks, per_node = per_node, bytes = {}, seconds = {}, line = line }
        groups[#groups + 1] = found[key]
      end
      local g = found[key]
      g.bytes[#g.bytes + 1], g.seconds[#g.seconds + 1] = count(row, at, "bytes", 0, line) + 0.0, seconds * 1e-3
    end
  end
  return groups
end

-- Messages one after the other, and bytes a rank sends per byte of its buffer: of a ring (cost/collective.h), or of one
-- message. nil: the collective has no ring.
local function ring(collective, ranks)
  if collective == "send_recv" then return 1, 1 end
  if collective == "all_reduce" then return 2 * (ranks - 1), 2 * (ranks - 1) / ranks end
  if collective == "all_gather" or collective == "reduce_scatter" or collective == "all_to_all" then
    return ranks - 1, (ranks - 1) / ranks
  end
end

-- The columns of the report: what JSON and people call them, and how a number is shown.
local FIGURES = {
  { "collective", "collective" }, { "ranks", "ranks" }, { "gpus_per_node", "GPUs/host" }, { "sizes", "sizes" },
  { "base_us", "base (us)", "%.4g" }, { "slope_ps_per_byte", "slope (ps/B)", "%.4g" },
  { "alpha_us", "alpha (us)", "%.4g" }, { "gb_per_s", "GB/s", "%.4g" },
  { "mean_error_pct", "mean error (%)", "%.1f" }, { "worst_error_pct", "worst (%)", "%.1f" },
}

-- Their values for one group, by place; false where there is none.
local function figures_of(g, line)
  local hops, share = ring(g.collective, g.ranks)
  local function finite(v, factor) return v and v < math.huge and factor * v end
  return { g.collective, g.ranks, g.per_node, #g.bytes, finite(line.base, 1e6), finite(line.per_byte, 1e12),
           finite(hops and line.base / hops, 1e6), finite(hops and share / line.per_byte, 1e-9),
           100 * line.error, 100 * line.worst }
end

local function report(found)
  local heads, rows, objects = {}, {}, {}
  for c, figure in ipairs(FIGURES) do heads[c] = figure[2] end
  for i, values in ipairs(found) do
    local row, pairs_list = {}, {}
    for c, figure in ipairs(FIGURES) do
      local v = values[c]
      row[c] = not v and "-" or figure[3] and figure[3]:format(v) or v
      pairs_list[c] = { figure[1], v or nil }
    end
    rows[i], objects[i] = row, ordered.object(pairs_list)
  end
  local title = "measured collectives, and the line base + bytes x slope of least relative deviation through each group"
  return { title = title, rows = objects, text = title .. ";\n"
    .. "alpha and bandwidth are those of a ring, or of one message, that takes as long\n\n"
    .. console.table(heads, rows) }
end

return function(text)
  local net = core.net
  local found = {}
  for i, g in ipairs(read(text)) do
    -- Asked for its time, a collective that does not exist raises, naming those that do.
    local known, why = pcall(net.collective, { collective = g.collective, ranks = 2, bytes = 0, latency = 0,
                                               bandwidth = 1 })
    if not known then fail(g.line, "%s", tostring(why)) end
    local line
    line, why = net.fit(g.bytes, g.seconds)
    if not line then fail(g.line, "%s over %d ranks: %s", g.collective, g.ranks, why) end
    found[i] = figures_of(g, line)
  end
  if #found == 0 then error("no measurements below the header", 0) end
  return report(found)
end
