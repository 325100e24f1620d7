--- Lua's patterns, matched in Lua: slower than Lua's own by far, but a match takes no more than so many steps, and what
-- watches over a policy can stop it. For patterns of which one cannot tell beforehand how long they take.
-- The language is that of the Lua 5.4 manual, section 6.4.1.
local pattern = {}

local byte, find, sub = string.byte, string.find, string.sub

local STEPS = 1e6                                         -- of one call: well below a second

-- ---- reading ----

local members_of = {}                                     -- class -> { [byte] = true }

-- Which bytes a class of one character has, such as "a", "%d" or "[^%s,]".
local function members(class)
  local set = members_of[class]
  if not set then
    set = {}
    for code = 0, 255 do set[code] = find(string.char(code), "^" .. class) ~= nil end
    members_of[class] = set
  end
  return set
end

local function malformed(what)
  error("malformed pattern (" .. what .. ")", 0)
end

-- Where the class that begins at i ends.
local function class_end(p, i)
  local c = sub(p, i, i)
  if c == "%" then
    if i == #p then malformed "ends with '%'" end
    return i + 1
  end
  if c ~= "[" then return i end
  local at = i + 1
  if sub(p, at, at) == "^" then at = at + 1 end
  repeat                                                  -- a ] that comes first is one of the set
    if at > #p then malformed "missing ']'" end
    at = at + (sub(p, at, at) == "%" and 2 or 1)
  until sub(p, at, at) == "]" and at <= #p or at > #p
  if at > #p then malformed "missing ']'" end
  return at
end

local function literal(c)
  return find(c, "^%w") and c or "%" .. c
end

-- One item of p at i, and where the next begins.
local function item_at(p, i)
  local c, two = sub(p, i, i), sub(p, i, i + 1)
  if two == "()" then return { kind = "position" }, i + 2 end
  if c == "(" then return { kind = "open" }, i + 1 end
  if c == ")" then return { kind = "close" }, i + 1 end
  if c == "$" and i == #p then return { kind = "end" }, i + 1 end
  if two == "%b" then
    if i + 3 > #p then malformed "missing arguments to '%b'" end
    return { kind = "balance", byte(p, i + 2), byte(p, i + 3) }, i + 4
  end
  if two == "%f" then
    if sub(p, i + 2, i + 2) ~= "[" then error("missing '[' after '%f' in pattern", 0) end
    local last = class_end(p, i + 2)
    return { kind = "frontier", set = members(sub(p, i + 2, last)) }, last + 1
  end
  if find(two, "^%%%d") then return { kind = "back", index = tonumber(sub(two, 2)) }, i + 2 end
  local last = class_end(p, i)
  local class = sub(p, i, last)
  if #class == 1 and class ~= "." then class = literal(class) end
  local mark = sub(p, last + 1, last + 1)
  local repeated = mark ~= "" and find("*+-?", mark, 1, true) and mark or nil
  return { kind = "class", set = members(class), mark = repeated }, last + (repeated and 2 or 1)
end

local function items_of(p, i)
  local items = {}
  while i <= #p do items[#items + 1], i = item_at(p, i) end
  return items
end

-- ---- matching ----

local follow

local function spend(m, n)
  m.steps = m.steps + n
  if m.steps > STEPS then error(pattern.TOO_LONG, 0) end
end

local function has(m, set, i)
  return i <= #m.s and set[byte(m.s, i)]
end

local MATCH = {}

function MATCH.position(m, k, i)
  m.captures[#m.captures + 1] = { first = i, position = true }
  local e = follow(m, k + 1, i)
  if not e then m.captures[#m.captures] = nil end
  return e
end

function MATCH.open(m, k, i)
  m.captures[#m.captures + 1] = { first = i }
  local e = follow(m, k + 1, i)
  if not e then m.captures[#m.captures] = nil end
  return e
end

function MATCH.close(m, k, i)
  local at = #m.captures
  while at > 0 and (m.captures[at].last or m.captures[at].position) do at = at - 1 end
  if at == 0 then error("invalid pattern capture", 0) end
  m.captures[at].last = i - 1
  local e = follow(m, k + 1, i)
  if not e then m.captures[at].last = nil end
  return e
end

MATCH["end"] = function(m, _, i)
  return i == #m.s + 1 and i or nil
end

function MATCH.balance(m, k, i)
  local opening, closing = m.items[k][1], m.items[k][2]
  if byte(m.s, i) ~= opening then return nil end
  local depth = 1
  for at = i + 1, #m.s do
    local c = byte(m.s, at)
    if c == closing then depth = depth - 1 elseif c == opening then depth = depth + 1 end
    if depth == 0 then
      spend(m, at - i)
      return follow(m, k + 1, at + 1)
    end
  end
  spend(m, #m.s - i)
end

function MATCH.frontier(m, k, i)
  local set = m.items[k].set
  local before, here = i > 1 and byte(m.s, i - 1) or 0, byte(m.s, i) or 0
  if set[before] or not set[here] then return nil end
  return follow(m, k + 1, i)
end

function MATCH.back(m, k, i)
  local c = m.captures[m.items[k].index]
  if not c or not c.last then error(("invalid capture index %%%d"):format(m.items[k].index), 0) end
  local n = c.last - c.first + 1
  spend(m, n)
  if sub(m.s, i, i + n - 1) ~= sub(m.s, c.first, c.last) then return nil end
  return follow(m, k + 1, i + n)
end

local function longest_first(m, k, i, least)
  local set, n = m.items[k].set, 0
  while has(m, set, i + n) do n = n + 1 end
  spend(m, n)
  for count = n, least, -1 do
    local e = follow(m, k + 1, i + count)
    if e then return e end
  end
end

local function shortest_first(m, k, i)
  local set = m.items[k].set
  while true do
    local e = follow(m, k + 1, i)
    if e then return e end
    if not has(m, set, i) then return nil end
    i = i + 1
  end
end

MATCH["class"] = function(m, k, i)
  local item = m.items[k]
  if item.mark == "*" then return longest_first(m, k, i, 0) end
  if item.mark == "+" then return longest_first(m, k, i, 1) end
  if item.mark == "-" then return shortest_first(m, k, i) end
  if has(m, item.set, i) then
    local e = follow(m, k + 1, i + 1)
    if e or not item.mark then return e end
  end
  return item.mark == "?" and follow(m, k + 1, i) or nil
end

-- Match the items from k on at i: where the match ends, plus one; nil when it does not.
follow = function(m, k, i)
  spend(m, 1)
  local item = m.items[k]
  if not item then return i end
  return MATCH[item.kind](m, k, i)
end

-- The first match from `from` on: first, past the last; nil without one.
local function search(m, from, anchored)
  for first = from, anchored and from or #m.s + 1 do
    m.captures = {}
    local e = follow(m, 1, first)
    if e then return first, e end
  end
end

local function start(s, p, anchors)
  local anchored = anchors and sub(p, 1, 1) == "^"
  return { s = s, items = items_of(p, anchored and 2 or 1), steps = 0, captures = {} }, anchored
end

local function capture(m, c)
  if c.position then return c.first end
  if not c.last then error("unfinished capture", 0) end
  return sub(m.s, c.first, c.last)
end

-- What a match gives: its captures, or all of it.
local function captured(m, first, e)
  if #m.captures == 0 then return { sub(m.s, first, e - 1) } end
  local list = {}
  for k, c in ipairs(m.captures) do list[k] = capture(m, c) end
  return list
end

local function place(s, init)
  init = init or 1
  if init < 0 then return math.max(1, #s + init + 1) end
  return math.max(1, init)
end

-- ---- the functions of string ----

--- What an error says when a call takes more steps than it may.
pattern.TOO_LONG = "this pattern may take too long"

function pattern.find(s, p, init)
  local from, m, anchored = place(s, init), start(s, p, true)
  if from > #s + 1 then return nil end
  local first, e = search(m, from, anchored)
  if not first then return nil end
  if #m.captures == 0 then return first, e - 1 end
  return first, e - 1, table.unpack(captured(m, first, e))
end

function pattern.match(s, p, init)
  local from, m, anchored = place(s, init), start(s, p, true)
  if from > #s + 1 then return nil end
  local first, e = search(m, from, anchored)
  if not first then return nil end
  return table.unpack(captured(m, first, e))
end

function pattern.gmatch(s, p, init)
  local from, m = place(s, init), start(s, p, false)
  local before
  return function()
    while from <= #s + 1 do
      local first, e = search(m, from, false)
      if not first then break end
      if e ~= before then
        from, before = e, e
        return table.unpack(captured(m, first, e))
      end
      from = first + 1
    end
    from = #s + 2
  end
end

-- The text that takes the place of a match.
local function replacement(m, first, e, by)
  local whole, list = sub(m.s, first, e - 1), captured(m, first, e)
  if type(by) == "string" then
    return (string.gsub(by, "%%(.?)", function(c)
      if c == "%" then return "%" end
      if c == "0" then return whole end
      local value = find(c, "^%d") and list[tonumber(c)]
      if not value then error("invalid use of '%' in replacement string", 0) end
      return value
    end))
  end
  local made
  if type(by) == "table" then made = by[list[1]] else made = by(table.unpack(list)) end
  if not made then return whole end
  if type(made) ~= "string" and type(made) ~= "number" then
    error(("invalid replacement value (a %s)"):format(type(made)), 0)
  end
  return made
end

function pattern.gsub(s, p, by, most)
  if type(by) == "number" then by = tostring(by) end
  if type(by) ~= "string" and type(by) ~= "table" and type(by) ~= "function" then
    error("string/function/table expected", 0)
  end
  local m, anchored = start(s, p, true)
  local out, at, count, before = {}, 1, 0, nil
  while count < (most or #s + 1) do
    m.captures = {}
    local e = follow(m, 1, at)
    if e and e ~= before then
      count = count + 1
      out[#out + 1] = replacement(m, at, e, by)
      at, before = e, e
    elseif at <= #s then
      out[#out + 1] = sub(s, at, at)
      at = at + 1
    else
      break
    end
    if anchored then break end
  end
  return table.concat(out) .. sub(s, at), count
end

return pattern
