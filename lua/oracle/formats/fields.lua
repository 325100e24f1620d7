--- Reading the keys of a mapping: each reader returns the value, or nil after noting what is wrong with it. What a
-- value may be is said by rows (oracle.scenario.scalar): the scenario's own where a key stands for one of its keys.
local lazy = require "oracle.lazy"
local document = require "oracle.formats.document"
local join = require("oracle.formats.problems").join
local scalar = lazy "oracle.scenario.scalar"
local schema = lazy "oracle.scenario.schema"

local fields = {}

local function quote(v)
  if document.is_list(v) then return "a list" end
  return (type(v) == "table" and v ~= document.null) and "a mapping" or scalar.quote(v)
end
fields.quote = quote

--- Every key of `t` should be among `known` (a list). One that is spelled nearly as one of them is an error that names
-- it; any other is a warning, for it changes nothing.
-- @param unread keys that files carry and nothing reads: key -> what says it instead, or ""; or nil
function fields.known(p, path, t, known, unread)
  local valid, extra = {}, {}
  for _, k in ipairs(known) do valid[k] = true end
  for k in pairs(t) do
    if not valid[k] then extra[#extra + 1] = tostring(k) end
  end
  table.sort(extra)
  for _, k in ipairs(extra) do
    local at, why, near = join(path, k), scalar.unknown(k, known)
    local instead = unread and unread[k]
    if instead then
      p:warn(at, "has no effect%s%s", instead == "" and "" or ": ", instead)
    elseif near then
      p:add(at, "%s", why)
      if t[near] == nil then p:offer { kind = "rename", path = at, to = near } end
    else
      p:warn(at, "has no effect: unknown key")
    end
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

--- A value by its row. Numbers are in the unit that the key names.
-- @param label how the error begins where a number is out of range or a choice unknown, a format of the value; or nil
function fields.value(p, path, t, key, row, label)
  local v = t[key]
  if v == nil then return nil end
  local value, expected, _, near = scalar.check(row, v, true)
  if value ~= nil then return value end
  if near then expected = ("did you mean %s?"):format(near) end
  if row.type == "choice" then
    return p:add(join(path, key), "%s; %s", (label or "%s"):format(type(v) == "string" and v or quote(v)), expected)
  end
  if label and type(v) == "number" then return p:add(join(path, key), "%s; %s", label:format(quote(v)), expected) end
  return p:add(join(path, key), "%s: %s", quote(v), expected)
end

--- The same of a key that stands for one of the scenario's, whose row says what it may be; the problems remember where
-- it was said (problems:locate).
-- @param name of the scenario's key, such as "engine.block_size"
-- @param more { label = as above, kind = of the workload, min =, max = where the file allows less }
function fields.stands_for(p, path, t, key, name, more)
  if t[key] == nil then return nil end
  more = more or {}
  p:place(name, join(path, key))
  local row = schema.row(name, more.kind)
  if more.min or more.max then
    row = setmetatable({ min = more.min, max = more.max }, { __index = row })
  end
  return fields.value(p, path, t, key, row, more.label)
end

local BOOLEAN, TEXT = { type = "boolean" }, { type = "string" }

function fields.boolean(p, path, t, key)
  return fields.value(p, path, t, key, BOOLEAN)
end

function fields.text(p, path, t, key)
  return fields.value(p, path, t, key, TEXT)
end

--- One of `values`, whatever the case and '-' or '_'; `label` begins the error.
function fields.choice(p, path, t, key, values, label)
  return fields.value(p, path, t, key, { type = "choice", values = values }, label)
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
