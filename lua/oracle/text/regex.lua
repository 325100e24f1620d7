--- Regular expressions as Python's re writes them, as far as lists of names need: literals, ".", classes, groups,
-- alternatives, *, +, ?, {m,n}, lazy ones too, ^, $, \d, \w, \s, \b-less escapes, (?:...), (?=...) and (?!...).
-- They are compiled to functions that try one way after the other.
local regex = {}

local STEPS = 20000                                       -- a match that takes longer is none

-- Each is function(run, i, rest) -> whether it matches from i on and rest(j) what follows.

local CLASSES = { d = "%d", D = "%D", w = "[%w_]", W = "[^%w_]", s = "%s", S = "%S" }

local function one(pattern)
  pattern = "^" .. pattern
  return function(run, i, rest) return run.text:find(pattern, i) ~= nil and i <= #run.text and rest(i + 1) end
end

local function literal(char)
  return function(run, i, rest) return run.text:sub(i, i) == char and rest(i + 1) end
end

local function all_of(list)
  return function(run, i, rest)
    local function step(n, at)
      if n > #list then return rest(at) end
      run.steps = run.steps - 1
      return run.steps > 0 and list[n](run, at, function(j) return step(n + 1, j) end)
    end
    return step(1, i)
  end
end

local function one_of(list)
  return function(run, i, rest)
    for _, m in ipairs(list) do
      if m(run, i, rest) then return true end
    end
    return false
  end
end

local function times(m, least, most, lazy)
  return function(run, i, rest)
    local function try(n, at)
      run.steps = run.steps - 1
      if run.steps <= 0 then return false end
      local function more()
        return n < most and m(run, at, function(j) return (j > at or n < least) and try(n + 1, j) end)
      end
      if n < least then return more() end
      if lazy then return rest(at) or more() end
      return more() or rest(at)
    end
    return try(0, i)
  end
end

local function here() return true end

local function look_ahead(m, wanted)
  return function(run, i, rest) return m(run, i, here) == wanted and rest(i) end
end

local function at_start(_, i, rest) return i == 1 and rest(i) end
local function at_end(run, i, rest) return i == #run.text + 1 and rest(i) end

-- ---- the syntax: each takes (s, i) and gives what it read and where it ends; raises where it is none ----

local alternatives

local function class(s, i)
  local set = s:match("^%[%^?%]?[^%]]*%]", i) or error("an open [", 0)
  local inner = set:sub(2, -2):gsub("%%", "%%%%"):gsub("\\(.)", function(c)
    return CLASSES[c] and CLASSES[c]:gsub("[%[%]]", "") or "%" .. c
  end)
  return one("[" .. inner .. "]"), i + #set
end

local function group(s, i)
  local kind = s:match("^%(%?([:=!])", i)
  if not kind and s:find("^%(%?", i) then error("an unknown kind of group", 0) end
  local m, j = alternatives(s, i + (kind and 3 or 1))
  if s:sub(j, j) ~= ")" then error("an open (", 0) end
  if kind == "=" or kind == "!" then m = look_ahead(m, kind == "=") end
  return m, j + 1
end

local function atom(s, i)
  local c = s:sub(i, i)
  if c == "(" then return group(s, i) end
  if c == "[" then return class(s, i) end
  if c == "." then return one ".", i + 1 end
  if c == "^" then return at_start, i + 1 end
  if c == "$" then return at_end, i + 1 end
  if c == "*" or c == "+" or c == "?" then error("nothing to repeat", 0) end
  if c ~= "\\" then return literal(c), i + 1 end
  local after = s:sub(i + 1, i + 1)
  if CLASSES[after] then return one(CLASSES[after]), i + 2 end
  if after:find "%w" or after == "" then error("an unknown escape", 0) end
  return literal(after), i + 2
end

local COUNTS = { ["*"] = { 0, math.huge }, ["+"] = { 1, math.huge }, ["?"] = { 0, 1 } }

local function repeated(s, i)
  local m, j = atom(s, i)
  local count = COUNTS[s:sub(j, j)]
  local least, most, stop = s:match("^{(%d*),?(%d*)}()", j)
  if count then least, most, stop = count[1], count[2], j + 1
  elseif least then
    local comma = s:sub(j, stop):find ","
    least = tonumber(least) or 0
    most = comma and (tonumber(most) or math.huge) or least
  else return m, j end
  local lazy = s:sub(stop, stop) == "?"
  return times(m, least, most, lazy), lazy and stop + 1 or stop
end

local function sequence(s, i)
  local list = {}
  while i <= #s and not s:find("^[|)]", i) do list[#list + 1], i = repeated(s, i) end
  return all_of(list), i
end

function alternatives(s, i)
  local list = {}
  list[1], i = sequence(s, i)
  while s:sub(i, i) == "|" do list[#list + 1], i = sequence(s, i + 1) end
  return list[2] and one_of(list) or list[1], i
end

--- @param s a regular expression
-- @return function(text) -> whether it matches from the text's beginning on; or nil and why it is none
function regex.compile(s)
  local ok, m, stop = pcall(alternatives, s, 1)
  if not ok then return nil, m end
  if stop <= #s then return nil, "a ) too many" end
  return function(text) return m({ text = text, steps = STEPS }, 1, here) == true end
end

return regex
