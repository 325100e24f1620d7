--- One value against one row: a number, a count, a boolean, a text, one of several names. Scenarios, distributions and
-- configuration files all say what they expect in such rows, and are all checked here.
--   { type = "number" | "count" | "boolean" | "string" | "choice", min =, max =, open = min itself is out,
--     dimension = of the units it may be written in, values = of a choice, also = function(text) -> the choice that
--     other words for it mean,
--     words = of a count, function(value) -> the number, or the text kept in its place, that the value means, or nil }
local lazy = require "oracle.lazy"
local spelling = lazy "oracle.text.spelling"
local units = require "oracle.text.units"

local scalar = {}

--- A value as messages say it.
function scalar.quote(v)
  if type(v) == "string" then return ('"%s"'):format((#v > 60 and v:sub(1, 57) .. "..." or v):gsub("%c", "?")) end
  if v ~= v then return "nan" end
  if type(v) == "number" then return ("%.14g"):format(v) end
  return (type(v) == "table" or type(v) == "function") and "a " .. type(v) or tostring(v)
end

--- The problem of a key that is not among the valid ones, and the nearest of them, if one is near.
function scalar.unknown(key, valid)
  local near = spelling.find(tostring(key), valid)
  if near then return ("unknown key; did you mean %s?"):format(near), near end
  return "unknown key; valid: " .. table.concat(valid, ", ")
end

local function range(row)
  local whole = row.type == "count"
  local function show(v) return whole and units.thousands(v) or ("%.10g"):format(v) end
  local what = whole and "a whole number" or "a number"
  if row.max and row.max < (whole and math.maxinteger or math.huge) then
    return row.open and ("%s above %s and up to %s expected"):format(what, show(row.min), show(row.max))
      or ("%s from %s to %s expected"):format(what, show(row.min), show(row.max))
  end
  if not row.min then return what .. " expected" end
  return ("%s %s %s expected"):format(what, row.open and "above" or ">=", show(row.min))
end

local CHECKS = {}

function CHECKS.number(row, value, plain)
  local v = value
  if type(value) == "string" and row.dimension and not plain then
    local why
    v, why = units.parse(value, row.dimension)
    if not v then return nil, why, "" end
  end
  if type(v) ~= "number" or v ~= v or v == math.huge or v == -math.huge then return nil, range(row) end
  local low = row.min and (v < row.min or (row.open and v <= row.min))
  if low or (row.max and v > row.max) then return nil, range(row) end
  return v
end

function CHECKS.count(row, value, plain)
  if row.words then
    local meant = row.words(value)
    if type(meant) == "string" then return meant end
    if meant then value = meant end
  end
  local v, why, said = CHECKS.number(row, value, plain)
  if v == nil then return nil, why, said end
  local whole = math.tointeger(v)
  if not whole then return nil, range(row) end
  return whole
end

function CHECKS.boolean(_, value)
  if type(value) ~= "boolean" then return nil, "true or false expected" end
  return value
end

function CHECKS.string(row, value)
  if type(value) == "string" and value ~= "" then return value end
  return nil, row.example and ('a text such as "%s" expected'):format(row.example) or "a text expected"
end

function CHECKS.choice(row, value)
  if row.own and row.own(value) then return value end     -- a path or functions of the user's own
  local near
  if type(value) == "string" then
    for _, valid in ipairs(row.values) do
      if spelling.fold(valid) == spelling.fold(value) then return valid end
    end
    local meant = row.also and row.also(value)
    if meant then return meant end
    near = #row.values > 1 and spelling.find(value, row.values) or nil
  end
  return nil, near and ('unknown; did you mean "%s"?'):format(near)
    or ("one of %s expected"):format(table.concat(row.values, ", ")), nil, near
end

--- Whether a row is one of these.
function scalar.is(row)
  return CHECKS[row.type] ~= nil
end

--- Check a value.
-- @param plain true where a number must be one, without a unit
-- @return the value in SI units; or nil, what is expected, the value as messages say it ("": the message says it), and
-- of a choice the nearest name, if one is near
function scalar.check(row, value, plain)
  local v, expected, said, near = CHECKS[row.type](row, value, plain)
  if v ~= nil then return v end
  return nil, expected, said or scalar.quote(value), near
end

return scalar
