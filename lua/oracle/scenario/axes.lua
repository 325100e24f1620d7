--- The points of a sweep: axes, each a key and its values; every combination is a point, the first axis slowest.
-- An axis is { key, { value, ... }, typed = true where it was typed on a command line }.
local literal = require "oracle.scenario.literal"

local axes = {}

axes.MOST = 1000000                                       -- points of one sweep

-- ---- "v1,v2|lo..hi:step" ----

local CLOSES = { ["("] = ")", ["["] = "]", ["{"] = "}" }

-- Commas inside quotes and brackets are part of a value.
local function split(text)
  local parts, from, open, quote = {}, 1, {}, nil
  local i = 1
  while i <= #text do
    local c = text:sub(i, i)
    if quote then
      if c == "\\" then i = i + 1 elseif c == quote then quote = nil end
    elseif c == '"' or c == "'" then
      quote = c
    elseif CLOSES[c] then
      open[#open + 1] = CLOSES[c]
    elseif c == open[#open] then
      open[#open] = nil
    elseif c == "," and #open == 0 then
      parts[#parts + 1] = text:sub(from, i - 1)
      from = i + 1
    end
    i = i + 1
  end
  parts[#parts + 1] = text:sub(from)
  return parts
end

-- 0.1 + 2 * 0.1 is 0.3 to a person.
local function at_step(lo, step, k)
  if math.type(lo) == "integer" and math.type(step) == "integer" then return lo + k * step end
  return tonumber(("%.12g"):format(lo + k * step))
end

-- "lo..hi" or "lo..hi:step", both ends included. nil: it is no range; nil and a message: a wrong one.
local function range(text)
  local first, rest = text:match("^%s*(.-)%.%.(.*)$")
  local lo = first and tonumber(first)
  if not lo then return nil end
  local last, by = rest:match("^(.-):(.*)$")
  local hi, step = tonumber(last or rest), by and tonumber(by) or not by and 1
  local function wrong(what) return nil, ("%s: %s"):format(text, what) end
  if not hi or not step then return wrong("a range lo..hi:step of numbers expected") end
  if step == 0 then return wrong("a step of 0 never gets there") end
  local n = (hi - lo) / step
  if n ~= n then return wrong("a range lo..hi:step of finite numbers expected") end
  if n < 0 then return wrong("an empty range: no value from " .. first .. " on reaches " .. (last or rest)) end
  if n >= axes.MOST then                                  -- beyond 1e15 no digit of the count is sure
    return wrong((n < 1e15 and "%.0f values; at most %d" or "%.3g values; at most %d"):format(n // 1 + 1, axes.MOST))
  end
  local values = {}
  for k = 0, math.floor(n + 1e-9) do values[k + 1] = at_step(lo, step, k) end
  return values
end

--- The values that "v1,v2" or "lo..hi:step" (or both, mixed) name.
-- @param s the scenario, which tells what a key takes
-- @return the list; or nil and a message
function axes.values(s, key, text)
  local out = {}
  for _, part in ipairs(split(text)) do
    local values, why = range(part)
    if why then return nil, why end
    if part:match("^%s*$") then return nil, ('"%s": a value is missing'):format(text) end
    if not values then values = { literal.value(s, key, (part:match("^%s*(.-)%s*$"))) } end
    if #values == 0 then return nil, part .. ": a value expected" end
    table.move(values, 1, #values, #out + 1, out)
  end
  return out
end

--- Whether a typed value names several.
function axes.several(text)
  local parts = split(text)
  return #parts > 1 or (range(text) ~= nil or select(2, range(text)) ~= nil)
end

-- ---- combinations ----

--- An axis more; one over the same key takes its place.
-- @return true; or nil and a message when it was typed twice
function axes.add(list, axis)
  for i, other in ipairs(list) do
    if other[1] == axis[1] then
      if other.typed and axis.typed then return nil, axis[1] .. ": given twice" end
      list[i] = axis
      return true
    end
  end
  list[#list + 1] = axis
  return true
end

--- How many points there are.
function axes.count(list)
  local n = 1
  for _, axis in ipairs(list) do n = n * #axis[2] end
  return n
end

--- What point i (from 1) sets: { { key, value, typed }, ... } in the order of the axes.
function axes.at(list, i)
  local set, rest = {}, i - 1
  for a = #list, 1, -1 do
    local values = list[a][2]
    set[a] = { list[a][1], values[rest % #values + 1], list[a].typed }
    rest = rest // #values
  end
  return set
end

--- The scenario of a point: a copy without `vary`.
-- @return the scenario; raises "key: what is wrong"
function axes.apply(s, set)
  local one = s:copy()
  one.vary, one.report = nil, nil
  for _, pair in ipairs(set) do one:set(pair[1], pair[2], pair[3]) end
  return one
end

--- Look at every value once, where the other axes have their first: a wrong one is found before anything runs.
-- @return true; or nil, "key: what is wrong" and the axis
function axes.check(s, list)
  local one = s:copy()
  one.vary, one.report = nil, nil
  for _, axis in ipairs(list) do
    for k = #axis[2], 1, -1 do
      local ok, why = pcall(one.set, one, axis[1], axis[2][k], axis.typed)
      if not ok then return nil, why, axis end
    end
  end
  if axes.count(list) > axes.MOST then
    return nil, ("%.0f combinations; at most %d"):format(axes.count(list), axes.MOST)
  end
  return true
end

return axes
