--- Tables of measurements: CSV with a head, fields quoted where they need it (RFC 4180).
local csv = {}

local MOST = 10000000                                     -- rows

-- The fields of one line, into `cells`. Returns how many.
local function split(line, cells)
  if not line:find('"', 1, true) then
    local n = 0
    for cell in (line .. ","):gmatch "([^,]*)," do
      n = n + 1
      cells[n] = cell
    end
    return n
  end
  local n, at = 0, 1
  while at <= #line + 1 do
    local text
    if line:sub(at, at) == '"' then
      local close = at
      repeat close = line:find('"', close + 1, true)
        if close and line:sub(close + 1, close + 1) == '"' then close = close + 1 else break end
      until not close
      text = line:sub(at + 1, (close or #line + 1) - 1):gsub('""', '"')
      at = (line:find(",", close or #line + 1, true) or #line + 1) + 1
    else
      local stop = line:find(",", at, true) or #line + 1
      text, at = line:sub(at, stop - 1), stop + 1
    end
    n = n + 1
    cells[n] = text
  end
  return n
end

--- The fields of one line of a CSV, into a list that is used again. Returns how many.
csv.cells = split

local function head_of(line)
  local cells, at = {}, {}
  local n = split(line:gsub("^\239\187\191", ""), cells)
  for i = 1, n do
    local name = cells[i]:match "^%s*(.-)%s*$"
    if name ~= "" and at[name] then error(("line 1: the column %s stands twice"):format(name), 0) end
    at[name] = i
    cells[i] = name
  end
  return cells, n, at
end

--- The columns of a text's first line: a set of names.
function csv.columns(text)
  local head = text:match "^[^\r\n]*" or ""
  local ok, cells, n = pcall(head_of, head)
  local has = {}
  for i = 1, ok and n or 0 do has[cells[i]] = true end
  return has
end

--- The rows of a text: tables of column -> text, with `line`; empty fields are absent.
-- @param needs columns there must be
function csv.rows(text, needs)
  local rows, line_number, head, columns = {}, 0, nil, 0
  for line in text:gmatch "([^\n]*)\n?" do
    line_number = line_number + 1
    line = line:gsub("\r$", "")
    if not head then
      local at
      head, columns, at = head_of(line)
      for _, name in ipairs(needs or {}) do
        if not at[name] then error(("line 1: the column %s is missing"):format(name), 0) end
      end
    elseif line ~= "" then
      local cells = {}
      local n = split(line, cells)
      if n ~= columns then error(("line %d: %d fields; the head has %d"):format(line_number, n, columns), 0) end
      local row = { line = line_number }
      for i = 1, n do
        if cells[i] ~= "" then row[head[i]] = cells[i] end
      end
      rows[#rows + 1] = row
      if #rows > MOST then error(("line %d: more than %d rows"):format(line_number, MOST), 0) end
    end
  end
  return rows
end

--- A field as a number; nil where it is empty. What is none, and no number of the real line, is raised with its line.
-- @param least what it is at least, nil: anything
function csv.number(row, name, least)
  local text = row[name]
  if text == nil then return nil end
  local v = tonumber(text)
  if not v or v ~= v or v == math.huge or v == -math.huge or least and v < least then
    error(('line %d: %s: "%s": a number%s expected'):format(row.line, name, text:sub(1, 40),
      least and (" of at least %g"):format(least) or ""), 0)
  end
  return v
end

--- A time: a number above 0; nil where it is empty.
function csv.time(row, name)
  local v = csv.number(row, name, 0)
  if v == 0 then
    error(('line %d: %s: "%s": a time above 0 expected'):format(row.line, name, row[name]:sub(1, 40)), 0)
  end
  return v
end

--- The same for a whole number; "8.0" is one.
function csv.count(row, name, least)
  local v = csv.number(row, name, least)
  local n = v and math.tointeger(v)
  if v and not n then
    error(('line %d: %s: "%s": a whole number expected'):format(row.line, name, row[name]:sub(1, 40)), 0)
  end
  return n
end

return csv
