--- Files of numbers that were measured: what `oracle.dist.empirical "lengths.csv"` draws from.
-- A file is a list of numbers (separated by blanks, commas or line ends), or has a header that names its columns; then
-- one is drawn, by the weights in another. Lines that begin with # are left out.
local empirical = {}

local function wrong(file, line, what, ...)
  return nil, ("%s:%d: %s"):format(file.path, line, what:format(...))
end

local function fields_of(line)
  local out = {}
  for field in (line .. ","):gmatch "([^,;\t]*)[,;\t]" do out[#out + 1] = field:match "^%s*\"?(.-)\"?%s*$" end
  return out
end

-- { path =, header = the names or nil, header_line =, rows = { { text = , line = }, ... } }
local function read(path)
  local f, why = io.open(path, "r")
  if not f then return nil, why end
  local file, number = { path = path, rows = {} }, 0
  while true do
    local line, unreadable = f:read "l"
    if unreadable then
      f:close()
      return nil, ("%s: %s"):format(path, unreadable)
    end
    if not line then break end
    number = number + 1
    if number == 1 then line = line:gsub("^\239\187\191", "") end
    line = line:gsub("%s+$", "")
    if line ~= "" and line:sub(1, 1) ~= "#" then
      local named = file.header and #file.header > 1
      if #file.rows == 0 and not named and not tonumber(line:match "[^%s,;]+") then
        file.header, file.header_line = fields_of(line), number
      else
        file.rows[#file.rows + 1] = { text = line, line = number }
      end
    end
  end
  f:close()
  if #file.rows == 0 then return nil, path .. ": holds no numbers" end
  return file
end

-- All numbers of a file without columns.
local function list_of(file)
  local values, two = {}, #file.rows > 1
  for _, row in ipairs(file.rows) do
    local before = #values
    for word in row.text:gmatch "[^%s,;]+" do
      local v = tonumber(word)
      if not v then return wrong(file, row.line, '"%s" is not a number', word) end
      values[#values + 1] = v
    end
    two = two and #values == before + 2
  end
  if two then
    return wrong(file, file.rows[1].line, "two numbers in each row: a header above them expected that says what they "
      .. "are, such as value,weight")
  end
  return values
end

-- The numbers of the column with that name, `key` of columns = { ... }.
local function column(file, name, key, least)
  local at
  for i, known in ipairs(file.header or {}) do
    if known == name then at = i end
  end
  if not at then
    return wrong(file, file.header_line or 1, 'columns.%s: no column "%s"; %s', key, name,
      file.header and "there are " .. table.concat(file.header, ", ") or "a header expected that names them")
  end
  local values = {}
  for i, row in ipairs(file.rows) do
    local fields = fields_of(row.text)
    local v = tonumber(fields[at])
    if #fields ~= #file.header then
      return wrong(file, row.line, "%d columns, %d expected as in the header", #fields, #file.header)
    end
    if not v or v ~= v or v < least or v == math.huge then
      return wrong(file, row.line, "%s: %s expected, got %s", name, least == -math.huge and "a number"
        or ("a number of at least %d"):format(least), v and ("%.14g"):format(v) or '"' .. fields[at] .. '"')
    end
    values[i] = v
  end
  return values
end

local function weights_of(file, name)
  if not name then return nil end
  local weights, why = column(file, name, "weight", 0)
  if not weights then return nil, why end
  local total = 0
  for _, w in ipairs(weights) do total = total + w end
  if total <= 0 then return wrong(file, file.header_line, "%s: all weights are zero", name) end
  return weights
end

--- The numbers of a file.
-- @param columns { value =, weight = } names of columns; nil: a list, or the columns `value` (whatever its name, the
-- first) and `weight`
-- @return the values, their weights or nil; or nil and a message
function empirical.values(path, columns)
  local file, why = read(path)
  if not file then return nil, why end
  local named = file.header and #file.header > 1
  if not columns and not named then return list_of(file) end
  if not columns then
    if #file.header ~= 2 or file.header[2] ~= "weight" then
      return wrong(file, file.header_line, 'columns = { value = "%s" } expected, which says what is drawn: there are '
        .. '%s', file.header[1], table.concat(file.header, ", "))
    end
    columns = { value = file.header[1], weight = "weight" }
  end
  local values, weights
  values, why = column(file, columns.value, "value", -math.huge)
  if not values then return nil, why end
  weights, why = weights_of(file, columns.weight)
  if why then return nil, why end
  return values, weights
end

--- Prompts and outputs of a file, row by row.
-- @param columns { prompt =, output =, weight = } names of columns
-- @return { prompt =, output =, weights = or nil }; or nil and a message
function empirical.pairs(path, columns)
  local file, why = read(path)
  if not file then return nil, why end
  local out = {}
  for _, key in ipairs { "prompt", "output" } do
    out[key], why = column(file, columns[key], key, 1)
    if not out[key] then return nil, why end
  end
  out.weights, why = weights_of(file, columns.weight)
  if why then return nil, why end
  return out
end

return empirical
