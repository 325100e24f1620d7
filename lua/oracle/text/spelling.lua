--- Names people mistype: fold them, compare them, offer the nearest.
-- `local spelling = require "oracle.text.spelling"; spelling("lama3-8b", names)`
local spelling = {}

local LONGEST = 64      -- bytes compared; names are shorter, and a long text must not cost its square

--- A name without what does not matter in it: case, '-', '_' and blanks.
-- @tparam string name
-- @treturn string the folded name; two names with the same one are the same name
function spelling.fold(name)
  return (name:lower():gsub("[-_%s]", ""))
end

--- Edit distance: insertions, deletions, replacements and swaps of neighbours that turn a into b.
-- Source: the restricted distance of Damerau, Commun. ACM 7(3), 1964, by dynamic programming.
-- @tparam string a
-- @tparam string b
-- @treturn integer >= 0
function spelling.distance(a, b)
  local before, last, row = {}, {}, {}
  for j = 0, #b do last[j] = j end
  for i = 1, #a do
    row[0] = i
    local x, w = a:byte(i), a:byte(i - 1)
    for j = 1, #b do
      local y = b:byte(j)
      local best = math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x == y and 0 or 1))
      if i > 1 and j > 1 and x == b:byte(j - 1) and w == y then best = math.min(best, before[j - 2] + 1) end
      row[j] = best
    end
    before, last, row = last, row, before
  end
  return last[#b]
end

--- The shortest name that holds what was typed, four letters or more, of several the first in the alphabet; nil: none.
function spelling.holding(name, list)
  local typed, best = spelling.fold(tostring(name)):sub(1, LONGEST), nil
  if #typed < 4 then return nil end
  for _, candidate in ipairs(list) do
    local holds = spelling.fold(candidate):sub(1, LONGEST):find(typed, 1, true)
    if holds and (not best or #candidate < #best or #candidate == #best and candidate < best) then best = candidate end
  end
  return best
end

--- The name of a list that a person most likely meant.
-- Names are compared folded. One that begins with what was typed, or the other way round, counts as near.
-- @tparam string name what was typed
-- @tparam {string,...} list the valid names
-- @treturn ?string the nearest (of several the first in the alphabet), or nil when none is near:
-- more than a third of the letters, and more than two (one, of three or fewer typed), would have to change
function spelling.find(name, list)
  local typed = spelling.fold(tostring(name)):sub(1, LONGEST)
  local best, least = nil, math.huge
  for _, candidate in ipairs(list) do
    local valid = spelling.fold(candidate):sub(1, LONGEST)
    local limit = math.max(2, math.max(#typed, #valid) // 3)
    if #valid <= 2 or #typed <= 3 then limit = 1 end
    local distance = math.abs(#typed - #valid)
    if math.min(#typed, #valid) >= 3 and (valid:find(typed, 1, true) == 1 or typed:find(valid, 1, true) == 1) then
      distance = math.min(distance, 1.5)
    elseif distance <= limit then
      distance = spelling.distance(typed, valid)
    end
    if distance <= limit and (distance < least or (distance == least and candidate < best)) then
      best, least = candidate, distance
    end
  end
  return best
end

--- A table of functions in which a name that is not there is an error that names the nearest, not a nil.
-- @tparam table functions
-- @tparam string what it is called, such as "oracle.dist"
-- @treturn table the same table
function spelling.strict(functions, what)
  return setmetatable(functions, { __index = function(_, name)
    if type(name) ~= "string" then return nil end
    local names = {}
    for known, v in pairs(functions) do
      if type(v) == "function" then names[#names + 1] = known end
    end
    table.sort(names)
    local near = spelling.find(name, names)
    error(("%s.%s: unknown; %s"):format(what, name, near and "did you mean " .. near .. "?"
      or "one of " .. table.concat(names, ", ")), 2)
  end })
end

return setmetatable(spelling, { __call = function(_, name, list) return spelling.find(name, list) end })
