--- `table` as a policy has it: the watch stops Lua between two instructions, and a call into C is one. So what could
-- take longer than it allows is refused beforehand, or done in Lua; a table with a metatable, which may say anything of
-- its length and run C for each of its values, is always gone through in Lua.
local tables = {}

local LONGEST = 1e8                                       -- values moved in C: a second
local TOO_MANY = "table.%s: too many values"
local LIMIT = 1e6                                         -- values that C puts together

local function has_metatable(t)
  return type(t) == "table" and debug.getmetatable(t) ~= nil
end

-- A whole number as Lua's library takes one; nil: it will say itself what is wrong.
local function whole(v)
  if type(v) == "string" then v = tonumber(v) end
  return type(v) == "number" and math.tointeger(v) or nil
end

local function refuse(f, what) error(TOO_MANY:format(f) .. (what or ""), 3) end

local function out_of_bounds(f)
  error(("bad argument #2 to '%s' (position out of bounds)"):format(f), 3)
end

function tables.move(a, first, last, to, b)
  local f, e, t = whole(first), whole(last), whole(to)
  local target = b == nil and a or b
  if not (f and e and t) or type(a) ~= "table" or type(target) ~= "table" then
    return table.move(a, first, last, to, target)
  end
  if e < f then return target end
  if e - f < 0 or e - f > LONGEST then refuse "move" end
  if not has_metatable(a) and not has_metatable(target) then return table.move(a, f, e, t, target) end
  if t > e or t <= f or not rawequal(a, target) then
    for i = 0, e - f do target[t + i] = a[f + i] end
  else
    for i = e - f, 0, -1 do target[t + i] = a[f + i] end
  end
  return target
end

function tables.insert(t, ...)
  if not has_metatable(t) then return table.insert(t, ...) end
  local count, last = select("#", ...), #t
  local size = whole(last)
  if not size then error("object length is not an integer", 2) end
  if count == 1 then
    t[size + 1] = (...)
    return
  end
  local position, value = ...
  local at = whole(position)
  if count ~= 2 then error("wrong number of arguments to 'insert'", 2) end
  if not at then error("bad argument #2 to 'insert' (number expected)", 2) end
  if at < 1 or at > size + 1 then out_of_bounds "insert" end
  if size - at > LONGEST then refuse "insert" end
  for i = size + 1, at + 1, -1 do t[i] = t[i - 1] end
  t[at] = value
end

function tables.remove(t, ...)
  if not has_metatable(t) then return table.remove(t, ...) end
  local size = whole(#t)
  if not size then error("object length is not an integer", 2) end
  local at = select("#", ...) == 0 and size or whole((...))
  if not at then error("bad argument #2 to 'remove' (number expected)", 2) end
  if at ~= size and (at < 1 or at > size + 1) then out_of_bounds "remove" end
  if size - at > LONGEST then refuse "remove" end
  local removed = t[at]
  for i = at, size - 1 do t[i] = t[i + 1] end
  t[math.max(at, size)] = nil
  return removed
end

function tables.concat(t, separator, first, last)
  if type(t) ~= "table" then return table.concat(t, separator, first, last) end
  local i = first == nil and 1 or whole(first)
  local j = whole(last == nil and #t or last)
  if not (i and j) then return table.concat(t, separator, first, last) end
  if j >= i and (j - i < 0 or j - i > LIMIT) then refuse "concat" end
  if not has_metatable(t) then return table.concat(t, separator, i, j) end
  local plain = {}
  for k = i, j do
    local v = t[k]
    if type(v) ~= "string" and type(v) ~= "number" then
      error(("invalid value (%s) at index %d in table for 'concat'"):format(type(v), k), 2)
    end
    plain[#plain + 1] = v
  end
  return table.concat(plain, separator)
end

function tables.unpack(t, first, last)
  if not has_metatable(t) then return table.unpack(t, first, last) end
  local i = first == nil and 1 or whole(first)
  local j = whole(last == nil and #t or last)
  if not (i and j) then return table.unpack({}, first, last) end
  if j >= i and (j - i < 0 or j - i > LIMIT) then refuse "unpack" end
  local plain = {}
  for k = 0, j - i do plain[k + 1] = t[i + k] end
  return table.unpack(plain, 1, j - i + 1)
end

-- Numbers and texts of a moderate length are compared in C; anything else by a function in Lua.
local function comparisons(t, n)
  local longest = 16
  for i = 1, n do
    local v = t[i]
    local kind = type(v)
    if kind == "string" then
      if #v > longest then longest = #v end
    elseif kind ~= "number" then
      return nil
    end
  end
  return n * math.log(n, 2) * longest
end

local function less(a, b) return a < b end

function tables.sort(t, before)
  if type(t) ~= "table" or before ~= nil and type(before) ~= "function" then return table.sort(t, before) end
  local n = whole(#t)
  if not n or n < 2 then return end
  if n > LONGEST then refuse "sort" end
  local plain = t
  if has_metatable(t) then
    plain = {}
    for i = 1, n do plain[i] = t[i] end
  end
  local work = before == nil and comparisons(plain, n)
  if work and work > 1e9 then refuse "sort" end
  if before then
    table.sort(plain, function(a, b) return before(a, b) end)
  else
    table.sort(plain, not work and less or nil)
  end
  if plain ~= t then
    for i = 1, n do t[i] = plain[i] end
  end
end

tables.pack = table.pack

return tables
