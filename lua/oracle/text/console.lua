--- Text for people: aligned tables and values.
local grid = require "oracle.text.grid"
local ordered = require "oracle.text.ordered"

local console = {}

--- A number as a person reads it: four significant digits, whole numbers in full, "-" for nothing.
function console.number(v)
  if v == nil then return "-" end
  if type(v) ~= "number" then return tostring(v) end
  if v ~= v or v == math.huge or v == -math.huge then return tostring(v) end
  if math.tointeger(v) and math.abs(v) < 1e15 then return ("%d"):format(math.tointeger(v)) end
  local size = math.abs(v)
  if size >= 1000 then return ("%.1f"):format(v) end
  if size >= 100 then return ("%.2f"):format(v) end
  if size >= 1 then return ("%.3f"):format(v) end
  return ("%.4g"):format(v)
end

--- A mean with the half-width of its interval.
-- @param v { mean = or nil, half = or nil }
function console.with_half(v)
  if not v.mean then return "-" end
  if not v.half then return console.number(v.mean) end
  return ("%s ± %s"):format(console.number(v.mean), (v.half < 100 and "%.2g" or "%.0f"):format(v.half))
end

-- A distribution of the engine in a line; its times are ns.
local function distribution(h)
  if h:count() == 0 then return "no values" end
  return ("%d values, mean %s, median %s, p99 %s ms"):format(h:count(), console.number(h:mean() / 1e6),
    console.number(h:quantile(0.5) / 1e6), console.number(h:quantile(0.99) / 1e6))
end

--- Any value in a line, without addresses, which are others in each run.
function console.plain(v)
  local kind, meta = type(v), getmetatable(v)
  local name = type(meta) == "table" and meta.__name
  if kind == "number" or kind == "nil" then return console.number(v) end
  if kind == "string" or kind == "boolean" then return tostring(v) end
  if name == "oracle.hist" then return distribution(v) end
  if type(meta) == "table" and meta.__tostring then return tostring(v) end
  return type(name) == "string" and name or kind
end

local function cell(v)
  if type(v) == "table" and type(v.kind) == "string" then return v.kind end
  return (console.plain(v):gsub("[%c]", " "))
end

--- An aligned table: numbers to the right, text to the left; no wider than a terminal (oracle.text.grid).
-- @param columns { { name =, unit = }, ... } or { "name", ... }
-- @param rows { { value, ... }, ... }; holes are shown as "-"
-- @param how { keep = columns at the left that every part of a cut table has (1), right = the first of the columns that
--   are set to the right though they are text }; nil: neither
-- @return the text, ending in a newline
function console.table(columns, rows, how)
  local heads, text, left = {}, {}, {}
  for c, column in ipairs(columns) do
    local name, unit = column, nil
    if type(column) == "table" then name, unit = column.name, column.unit end
    heads[c], left[c] = name .. (unit and " (" .. unit .. ")" or ""), c < (how and how.right or math.huge)
  end
  for r, row in ipairs(rows) do
    text[r] = {}
    for c = 1, #columns do
      text[r][c] = cell(row[c])
      if type(row[c]) == "number" then left[c] = false end
    end
  end
  return grid.text(heads, text, left, how and how.keep or 1)
end

--- Words in lines no wider than a terminal.
-- @param first what the first line begins with, "" or such as "source: "
-- @param indent what the other lines begin with
-- @return the text, ending in a newline
function console.wrapped(first, text, indent)
  local lines, line = {}, first
  for word in text:gmatch "%S+" do
    local wide = (utf8.len(line) or #line) + 1 + (utf8.len(word) or #word)
    if wide > grid.WIDTH and line:find "%S" and #line > #indent then
      lines[#lines + 1], line = line, indent .. word
    else
      line = (line == "" or line:find "%s$") and line .. word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return table.concat(lines, "\n") .. "\n"
end

--- A text whose lines are no wider than a terminal; what goes on of one is set in.
function console.narrow(text)
  local out = {}
  for line, stop in text:gmatch "([^\n]*)(\n?)" do
    local indent = line:match "^%s*" .. "  "
    while (utf8.len(line) or 0) > grid.WIDTH do
      local first = line:sub(1, utf8.offset(line, grid.WIDTH + 2) - 1):match "^(.*%S)%s"
      if not first or #first <= #indent then break end
      out[#out + 1] = first .. "\n"
      line = indent .. line:sub(#first + 1):gsub("^%s+", "")
    end
    out[#out + 1] = line .. stop
  end
  return table.concat(out)
end

--- As much of a text as there is room for: its first clauses, else its first words and "...".
-- @param room characters
function console.brief(text, room)
  if utf8.len(text) <= room then return text end
  local best = 0
  for stop in text:gmatch "()[;:,] ?" do
    local _, opened = text:sub(1, stop - 1):gsub("%(", "")
    local _, closed = text:sub(1, stop - 1):gsub("%)", "")
    if stop - 1 <= room and opened == closed then best = stop - 1 end
  end
  for stop in text:gmatch "() %(" do
    if stop - 1 <= room then best = math.max(best, stop - 1) end
  end
  if best > room // 2 then return text:sub(1, best) end
  return text:sub(1, utf8.offset(text, room - 3) - 1):gsub("%s+%S*$", "") .. " ..."
end

local function is_list(t)
  return #t > 0 and next(t, #t) == nil
end

-- Records with the same keys are one table.
local function as_rows(list, keys_of)
  local keys, seen = {}, {}
  for _, item in ipairs(list) do
    if type(item) ~= "table" or is_list(item) then return nil end
    for _, k in ipairs(keys_of(item)) do
      if not seen[k] then keys[#keys + 1], seen[k] = k, true end
    end
  end
  local rows = {}
  for r, item in ipairs(list) do
    rows[r] = {}
    for c, k in ipairs(keys) do rows[r][c] = item[k] end
  end
  return keys, rows
end

-- A table of records, such as latencies by name: one row each.
local function as_records(t, keys_of)
  local names, list = keys_of(t), {}
  for i, name in ipairs(names) do
    local v = t[name]
    if type(v) ~= "table" or next(v) == nil then return nil end
    for _, inner in pairs(v) do
      if type(inner) == "table" then return nil end
    end
    list[i] = v
  end
  if #names < 2 then return nil end
  local keys, rows = as_rows(list, keys_of)
  if not keys then return nil end
  for i, name in ipairs(names) do table.insert(rows[i], 1, name) end
  return table.move(keys, 1, #keys, 2, { "" }), rows, #keys
end

local MOST_DEPTH, MOST_ROWS = 6, 200

-- Leaves of a nested table as { path, value } rows; true when there are more than are shown.
local function flatten(t, keys_of, path, rows, depth)
  for _, k in ipairs(keys_of(t)) do
    if #rows >= MOST_ROWS then return true end
    local v, full = t[k], path == "" and tostring(k) or path .. "." .. tostring(k)
    if type(v) == "table" and next(v) ~= nil and depth < MOST_DEPTH then
      if flatten(v, keys_of, full, rows, depth + 1) then return true end
    elseif type(v) == "table" then
      rows[#rows + 1] = { full, "{}" }
    else
      rows[#rows + 1] = { full, v == nil and "-" or v }
    end
  end
end

--- A metatable whose __show gives a text that ends in a newline, for print() too.
function console.printable(meta)
  meta.__tostring = function(v) return (meta.__show(v):gsub("\n$", "")) end
  return meta
end

--- Any value as a person reads it; tables become aligned tables, of which the first 200 rows are shown.
-- @param v the value
-- @param keys_of function(table) -> its keys in order; nil sorts them
function console.value(v, keys_of)
  if type(v) == "string" then return ("%q"):format(v):gsub("\\\n", "\\n") .. "\n" end
  if type(v) ~= "table" then return (v == nil and "nil" or console.plain(v)) .. "\n" end
  keys_of = keys_of or ordered.keys
  if next(v) == nil then return "{}\n" end
  if is_list(v) then
    local first = table.move(v, 1, math.min(#v, MOST_ROWS), 1, {})
    local more = #v > #first and ("... %d in all\n"):format(#v) or ""
    local keys, rows = as_rows(first, keys_of)
    if keys then return console.table(keys, rows) .. more end
    local list = {}
    for i, item in ipairs(first) do list[i] = { i, type(item) == "table" and "{...}" or item } end
    return console.table({ "#", "value" }, list) .. more
  end
  local keys, records = as_records(v, keys_of)
  if keys and #records <= MOST_ROWS then return console.table(keys, records) end
  local rows = {}
  local more = flatten(v, keys_of, "", rows, 1)
  return console.table({ "key", "value" }, rows) .. (more and "... and more\n" or "")
end

return console
