--- A comparison for people, and as an object for JSON.
local console = require "oracle.text.console"
local interval = require "oracle.result.interval"
local ordered = require "oracle.text.ordered"
local statistics = require "oracle.text.statistics"

local paired_text = {}

-- Two values that a simulation makes equal may differ in the last bits of a mean.
local function no_difference(cell, base)
  if not cell.difference then return nil end
  if math.abs(cell.difference) <= 1e-12 * math.abs(base or 0) then return true end
  local low, high = cell.low, cell.high
  if cell.ratio then return cell.ratio_low <= 0 and cell.ratio_high >= 0 end
  if cell.half then low, high = cell.difference - cell.half, cell.difference + cell.half end
  return low ~= nil and low <= 0 and high >= 0
end

local function shown(v)
  if v == nil then return "-" end
  local size = math.abs(v)
  if size == 0 then return "0" end
  return (size >= 1000 and "%.0f" or size >= 100 and "%.1f" or size >= 1 and "%.2f" or "%.4g"):format(v)
end

-- Per cent with a digit after the point, or as many as its own size needs to be seen.
local function digits(half)
  half = math.abs(half)
  if half >= 0.05 or half == 0 then return 1 end
  return math.min(4, math.ceil(-math.log(half, 10)))
end

-- A ratio with its interval, in per cent: "+3.1 ± 0.4 %" where it is narrow, and so as good as symmetric.
local NARROW, TIMES = 0.1, 10                             -- from ten times on it is said in times

local function of_ratio(middle, low, high)
  local half = (high - low) / 2
  if half < 1e-9 then return ("%+.1f %%"):format(100 * middle) end
  if middle >= TIMES - 1 then
    local text = middle >= 99 and "x%.0f (x%.0f to x%.0f)" or "x%.3g (x%.3g to x%.3g)"
    return text:format(1 + middle, 1 + low, 1 + high)
  end
  if half > NARROW * (1 + middle) then
    return ("%+.1f %% (%+.1f to %+.1f)"):format(100 * middle, 100 * low, 100 * high)
  end
  local n = digits(100 * half)
  return ("%+.*f ± %.*f %%"):gsub("%*", n):format(100 * middle, 100 * half)
end

local function describe(cell, base)
  if not cell.difference then return shown(cell.mean) end
  local text = shown(cell.mean)
  if no_difference(cell, base) then return text .. "  no difference" end
  if not base or base == 0 then
    return ("%s  %s%s"):format(text, cell.difference < 0 and "-" or "+", shown(math.abs(cell.difference)))
  end
  local percent = 100 / math.abs(base)
  if cell.ratio then return text .. "  " .. of_ratio(cell.ratio, cell.ratio_low, cell.ratio_high) end
  local low = cell.half and percent * (cell.difference - cell.half)
  if low and low < -100 then                              -- no metric falls below 0
    return ("%s  %+.1f %% (-100.0 to %+.1f)"):format(text, percent * cell.difference,
      percent * (cell.difference + cell.half))
  end
  if cell.half then
    local n = digits(percent * cell.half)
    return ("%s  %+.*f ± %.*f %%"):gsub("%*", n):format(text, percent * cell.difference, percent * cell.half)
  end
  if cell.low then
    return ("%s  %+.1f %% (%+.1f to %+.1f)"):format(text, percent * cell.difference, percent * cell.low,
      percent * cell.high)
  end
  return ("%s  %+.1f %%"):format(text, percent * cell.difference)
end

local function headline(result)
  if result.method == "bootstrap" then
    if not result.requests then return "Interrupted before there was anything to compare" end
    return ("The same %d recorded requests through each;\ndifference to %s with its 95 %% interval from a block "
      .. "bootstrap (%d blocks)"):format(result.requests, result.variants[1].name, statistics.BLOCKS)
  end
  if result.replications == 0 then return "Interrupted before there was anything to compare" end
  if result.replications == 1 then
    return ("The same requests through each, 1 replication (seed %d);\ndifference to %s, without an interval"):format(
      result.seed, result.variants[1].name)
  end
  return ("The same requests through each, %d replications (seeds %d to %d);\ndifference to %s with its 95 %% "
    .. "confidence interval (Student's t, paired)"):format(result.replications, result.seed,
      result.seed + result.replications - 1, result.variants[1].name)
end

-- Whether any variant has a value of a row.
local function measured(row, variants)
  local any = row.base ~= nil
  for v = 2, variants do any = any or row.cells[v].mean ~= nil end
  return any
end

local WIDTH = 80

-- Columns of the variants from `first` on, as many as fit beside the first ones; at least one. Returns the next.
local function some(columns, first, used)
  local v = first
  repeat
    used = used + 2 + columns[v].width
    v = v + 1
  until not columns[v] or used + 2 + columns[v].width > WIDTH
  return v
end

-- The cells of each variant, top to bottom, and how wide they are.
local function columns_of(result, rows)
  local columns = {}
  for v = 2, #result.variants do
    local column = { width = utf8.len(result.variants[v].name) or #result.variants[v].name }
    for i, row in ipairs(rows) do
      column[i] = describe(row.cells[v], row.base)
      column.width = math.max(column.width, utf8.len(column[i]))
    end
    columns[v] = column
  end
  return columns
end

-- What was asked for more than it can do: whose latencies say how long was simulated.
local function overloads(result)
  local lines = {}
  for v, variant in ipairs(result.variants) do
    local o = result.overload and result.overload[v]
    if o and o.runs > 0 then
      lines[#lines + 1] = console.wrapped("overloaded: ", ("%s: %.1f req/s offered, %.1f served; latencies grow with "
        .. "the run"):format(variant.name, o.offered, o.served), "  ")
    end
  end
  return table.concat(lines)
end

-- How far each variant's own values may be off.
local function trust(result)
  local lines = {}
  for v, variant in ipairs(result.variants) do
    local text = interval.text { result.intervals[v] or nil }
    if text then
      lines[#lines + 1] = ("80 %% intervals of %s:\n%s"):format(variant.name, console.wrapped("  ", text, "  "))
    end
  end
  return table.concat(lines)
end

-- Those by variant; nil: none has any.
local function intervals_of(result)
  local list = {}
  for v, variant in ipairs(result.variants) do
    if result.intervals[v] then list[#list + 1] = { variant.name, result.intervals[v] } end
  end
  return list[1] and ordered.object(list)
end

--- The comparison as tables for people, none wider than a terminal where a variant fits one.
function paired_text.text(result)
  local rows, out = {}, {}
  for line in headline(result):gmatch "[^\n]+" do out[#out + 1] = console.wrapped("", line, "") end
  for _, row in ipairs(result.rows) do
    if measured(row, #result.variants) then rows[#rows + 1] = row end
  end
  if #rows == 0 then return table.concat(out) end
  local columns, first = columns_of(result, rows), 2
  local used = utf8.len(result.variants[1].name) or #result.variants[1].name
  local name, unit = 0, 4
  for _, row in ipairs(rows) do
    name, unit = math.max(name, #row.column.name), math.max(unit, #(row.column.unit or ""))
    used = math.max(used, #shown(row.base))
  end
  used = used + name + unit + 4
  while columns[first] do
    local next_one = some(columns, first, used)
    local heads, lines = { "", "unit", result.variants[1].name }, {}
    for v = first, next_one - 1 do heads[#heads + 1] = result.variants[v].name end
    for i, row in ipairs(rows) do
      lines[i] = { row.column.name, row.column.unit or "", shown(row.base) }
      for v = first, next_one - 1 do table.insert(lines[i], columns[v][i]) end
    end
    out[#out + 1] = (first > 2 and "\n" or "") .. console.table(heads, lines, { keep = 2 })
    first = next_one
  end
  out[#out + 1] = trust(result)
  out[#out + 1] = overloads(result)
  return table.concat(out)
end

-- The names of the variants that were.
local function overloaded(result)
  local names = {}
  for v, variant in ipairs(result.variants) do
    if result.overload and result.overload[v] and result.overload[v].runs > 0 then names[#names + 1] = variant.name end
  end
  return ordered.array(names)
end

--- The comparison as an object for JSON.
function paired_text.object(result)
  local rows = {}
  for _, row in ipairs(result.rows) do
    local cells = {}
    for v = 2, #result.variants do
      local c = row.cells[v]
      cells[#cells + 1] = ordered.object {
        { "variant", result.variants[v].name }, { "mean", c.mean }, { "difference", c.difference },
        { "low", c.low or c.half and math.max(c.difference - c.half, -math.abs(row.base or math.huge)) },
        { "high", c.high or c.half and c.difference + c.half },
        { "ratio", c.ratio and c.ratio + 1 }, { "ratio_low", c.ratio and c.ratio_low + 1 },
        { "ratio_high", c.ratio and c.ratio_high + 1 },
        { "no_difference", no_difference(c, row.base) },
      }
    end
    rows[#rows + 1] = ordered.object {
      { "metric", row.column.name }, { "unit", row.column.unit }, { "base", row.base },
      { "variants", ordered.array(cells) },
    }
  end
  return ordered.object {
    { "method", result.method }, { "base", result.variants[1].name }, { "replications", result.replications },
    { "requests", result.requests }, { "overloaded", overloaded(result) }, { "metrics", ordered.array(rows) },
    { "intervals", intervals_of(result) },
  }
end

return paired_text
