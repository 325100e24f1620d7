--- Tables whose keys have an order, and the JSON of them: results, comparisons.
local core = require "oracle.core"

local ordered = {}

local ARRAY = {}

--- An object whose keys keep their order and whose absent values are JSON's null.
-- @param pairs_list { { key, value }, ... }
function ordered.object(pairs_list)
  local order, nulls, t = {}, {}, {}
  for _, pair in ipairs(pairs_list) do
    order[#order + 1] = pair[1]
    if pair[2] == nil then nulls[pair[1]] = true else t[pair[1]] = pair[2] end
  end
  return setmetatable(t, { __order = order, __nulls = nulls, __name = "oracle.summary" })
end

--- A list that is JSON's array also where it is empty.
function ordered.array(list)
  return setmetatable(list, ARRAY)
end

local function by_kind(a, b)
  local x, y = type(a) == "number", type(b) == "number"
  if x and y then return a < b end
  if x ~= y then return x end
  return tostring(a) < tostring(b)
end

--- The keys of a table in the order they are shown: its own, then the rest sorted.
function ordered.keys(t)
  local meta = getmetatable(t)
  local keys, seen = {}, {}
  for _, k in ipairs(meta and meta.__order or {}) do
    keys[#keys + 1], seen[k] = k, true
  end
  local rest, before = {}, nil
  for k in pairs(t) do
    if not seen[k] then rest[#rest + 1] = k end
    if type(k) ~= "string" then before = by_kind end      -- texts alone are compared in C, to the same order
  end
  table.sort(rest, before)
  return table.move(rest, 1, #rest, #keys + 1, keys)
end

local function for_json(v)
  if type(v) ~= "table" then return v end
  local meta = getmetatable(v)
  local t = {}
  for k, inner in pairs(v) do t[k] = for_json(inner) end
  if meta == ARRAY then return setmetatable(t, core.json.array) end
  for k in pairs(meta and meta.__nulls or {}) do t[k] = core.json.null end
  return meta and setmetatable(t, { __order = meta.__order }) or t
end

--- A table as JSON text, two blanks per level, ending in a newline.
function ordered.json(t)
  return core.json.encode(for_json(t), { indent = 2 }) .. "\n"
end

--- The same on one line.
function ordered.line(t)
  return core.json.encode(for_json(t))
end

return ordered
