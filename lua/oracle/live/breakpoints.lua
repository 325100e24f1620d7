--- Breakpoints of a live simulation: conditions with names, at which it stops on its way.
--   s:breakpoint("peak", "queue > 100")   s:breakpoint("noon", "12 h")   s:breakpoint("mine", function(s) ... end)
-- A condition stops when it becomes true, not while it stays so: going on from a breakpoint leaves it behind.
local console = require "oracle.text.console"
local spelling = require "oracle.text.spelling"
local units = require "oracle.text.units"

local breakpoints = {}

local NS = 1e9

local function fail(...)
  error(string.format(...), 0)
end

-- "queue > 100 and kv.usage > 90": the fields of the simulation by their names.
local function compiled(text)
  local of                                                -- the simulation that is asked
  local fields = setmetatable({}, { __index = function(_, key)
    if key == "math" then return math end
    return of[key]
  end, __newindex = function(_, key) fail("%s: a condition assigns nothing", key) end })
  local chunk, why = load("return " .. text, "=condition", "t", fields)
  if not chunk then fail("breakpoint: %s: %s", text, why:gsub("^condition:1: ", "")) end
  return function(s)
    of = s
    return chunk()
  end
end

-- A time in ns, or a function, and how it was said.
local function condition_of(what)
  if type(what) == "function" then return nil, what, "a function" end
  local time = type(what) == "string" and units.parse(what, "time") or what
  if type(time) == "number" and time >= 0 and time <= 9e9 then
    return math.floor(time * NS + 0.5), nil, ("t = %s s"):format(console.number(time))
  end
  if type(what) == "string" and what:match "%S" then return nil, compiled(what), what end
  fail("breakpoint: a time, a condition such as \"queue > 100\" or a function(s) expected, got %s", console.plain(what))
end

local function find(list, name)
  for i, b in ipairs(list) do
    if b.name == name then return i end
  end
end

--- Add one, or put it in the place of the one of that name.
-- @param list of a simulation: { { name =, at = ns or nil, is = function(s), said =, was =, hits = }, ... }
-- @param s the simulation
function breakpoints.add(list, s, name, what)
  if what == nil then name, what = nil, name end
  if name == nil then
    local n = #list + 1
    while find(list, tostring(n)) do n = n + 1 end
    name = tostring(n)
  end
  if type(name) ~= "string" or name == "" then fail("breakpoint: a name, then its condition, expected") end
  local at, is, said = condition_of(what)
  local b = { name = name, at = at, is = is, said = said, hits = 0 }
  b.was = is and is(s) and true or false                  -- a field that is not there is said now
  list[find(list, name) or #list + 1] = b
end

--- Delete the one of a name; without a name all.
function breakpoints.delete(list, name)
  if name == nil then
    for i = #list, 1, -1 do list[i] = nil end
    return
  end
  local i = find(list, name)
  if not i then
    local names = {}
    for k, b in ipairs(list) do names[k] = b.name end
    local near = spelling.find(tostring(name), names)
    fail("delete: no breakpoint %s; %s", console.plain(name), #names == 0 and "there are none"
      or near and "did you mean " .. near .. "?" or "there are " .. table.concat(names, ", "))
  end
  table.remove(list, i)
end

--- The first time of one after `now`, ns; nil: none.
function breakpoints.next(list, now)
  local first
  for _, b in ipairs(list) do
    if b.at and b.at > now and (not first or b.at < first) then first = b.at end
  end
  return first
end

--- Whether some have a condition to be asked after every moment.
function breakpoints.any(list)
  for _, b in ipairs(list) do
    if b.is then return true end
  end
  return false
end

--- The first whose condition has become true since it was asked last; nil: none.
function breakpoints.met(list, s)
  local first
  for _, b in ipairs(list) do
    local now = b.is and b.is(s) and true or false
    if now and not b.was and not first then first = b end
    b.was = now
  end
  return first
end

--- The one of a time.
function breakpoints.at(list, now)
  for _, b in ipairs(list) do
    if b.at == now then return b end
  end
end

--- The simulation has gone back: what holds now is no news.
function breakpoints.again(list, s)
  for _, b in ipairs(list) do b.was = b.is and b.is(s) and true or false end
end

local VIEW = console.printable { __show = function(rows)
  if #rows == 0 then return "no breakpoints; s:breakpoint(\"peak\", \"queue > 100\") sets one\n" end
  local cells = {}
  for i, row in ipairs(rows) do cells[i] = { row.name, row.condition, row.hits } end
  return console.table({ "breakpoint", "stops when", "hits" }, cells)
end }

--- What there is, for people: { { name =, condition =, hits = }, ... }.
function breakpoints.view(list)
  local rows = {}
  for i, b in ipairs(list) do rows[i] = { name = b.name, condition = b.said, hits = b.hits } end
  return setmetatable(rows, VIEW)
end

return breakpoints
