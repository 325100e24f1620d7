--- Reading the keys of a mapping: each reader returns the value, or nil after noting what is wrong with it.
local lazy = require "oracle.lazy"
local document = require "oracle.formats.document"
local join = require("oracle.formats.problems").join
local spelling = lazy "oracle.text.spelling"

local fields = {}

local function quote(v)
  if type(v) == "string" then return ('"%s"'):format(#v > 60 and v:sub(1, 57) .. "..." or v):gsub("%c", " ") end
  if type(v) == "number" then return ("%.14g"):format(v) end
  if document.is_list(v) then return "a list" end
  return (type(v) == "table" and v ~= document.null) and "a mapping" or tostring(v)
end
fields.quote = quote

--- Every key of `t` must be among `known` (a list); others are errors that name the nearest.
function fields.known(p, path, t, known)
  local valid, extra = {}, {}
  for _, k in ipairs(known) do valid[k] = true end
  for k in pairs(t) do
    if not valid[k] then extra[#extra + 1] = tostring(k) end
  end
  table.sort(extra)
  for _, k in ipairs(extra) do
    local near = spelling.find(k, known)
    p:add(join(path, k), near and "unknown key; did you mean %s?" or "unknown key; valid: %s",
      near or table.concat(known, ", "))
    if near and t[near] == nil then p:offer { kind = "rename", path = join(path, k), to = near } end
  end
end

--- A mapping below `path`; nil and an error when it is something else. `absent` is the message when it is missing.
function fields.map(p, path, t, key, absent)
  local v = t[key]
  if v == nil then
    if absent then p:add(join(path, key), absent) end
    return nil
  end
  if type(v) ~= "table" or document.is_list(v) or v == document.null then
    return p:add(join(path, key), "%s: a mapping expected", quote(v))
  end
  return v
end

--- A list; the same.
function fields.list(p, path, t, key, absent)
  local v = t[key]
  if v == nil then
    if absent then p:add(join(path, key), absent) end
    return nil
  end
  if not document.is_list(v) then return p:add(join(path, key), "%s: a list expected", quote(v)) end
  return v
end

--- True when `v`, the entry `index` (from 0) of a list, is a mapping.
function fields.entry(p, path, v)
  if type(v) == "table" and not document.is_list(v) and v ~= document.null then return true end
  p:add(path, "%s: a mapping expected", quote(v))
  return false
end

local function describe(rule)
  local what = rule.whole and "a whole number" or "a number"
  if rule.min and rule.max then
    return ("%s %s %.10g %s %.10g"):format(what, rule.open and "above" or "from", rule.min,
      rule.open and "and at most" or "to", rule.max)
  end
  if rule.min then return ("%s %s %.10g"):format(what, rule.open and "above" or "of at least", rule.min) end
  return what
end

--- A number within rule = { min, max, open (min itself is out), whole, message (format of the value) }.
function fields.number(p, path, t, key, rule)
  local v = t[key]
  if v == nil then return nil end
  local at = join(path, key)
  if type(v) ~= "number" then return p:add(at, "%s: %s expected", quote(v), describe(rule)) end
  local bad = v ~= v or v == math.huge or v == -math.huge or (rule.whole and not math.tointeger(v))
    or (rule.min and (v < rule.min or (rule.open and v <= rule.min))) or (rule.max and v > rule.max)
  if bad and rule.message then return p:add(at, "%s; %s expected", rule.message:format(quote(v)), describe(rule)) end
  if bad then return p:add(at, "%s: %s expected", quote(v), describe(rule)) end
  return rule.whole and math.tointeger(v) or v
end

function fields.boolean(p, path, t, key)
  local v = t[key]
  if v ~= nil and type(v) ~= "boolean" then return p:add(join(path, key), "%s: true or false expected", quote(v)) end
  return v
end

function fields.text(p, path, t, key)
  local v = t[key]
  if v == nil then return nil end
  if type(v) ~= "string" or v == "" then return p:add(join(path, key), "%s: a text expected", quote(v)) end
  return v
end

--- One of `values`, whatever the case and '-' or '_'; `message` begins the error.
function fields.choice(p, path, t, key, values, message)
  local v = t[key]
  if v == nil then return nil end
  if type(v) == "string" then
    for _, valid in ipairs(values) do
      if spelling.fold(valid) == spelling.fold(v) then return valid end
    end
  end
  local near = type(v) == "string" and spelling.find(v, values)
  return p:add(join(path, key), "%s; %s", (message or "%s"):format(type(v) == "string" and v or quote(v)),
    near and ("did you mean %s?"):format(near) or "one of " .. table.concat(values, ", ") .. " expected")
end

--- "Device X missing fields: {...}" for those of `names` that t lacks; true when there are none.
-- `word` replaces "missing fields".
function fields.complete(p, path, t, what, names, word)
  local missing = {}
  for _, name in ipairs(names) do
    if t[name] == nil then missing[#missing + 1] = name end
  end
  if #missing == 0 then return true end
  p:add(path, "%s %s: %s", what, word or "missing fields", table.concat(missing, ", "))
  return false
end

return fields
