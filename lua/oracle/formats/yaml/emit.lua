--- Writing a document: YAML in block style, JSON, or Lua. Mappings are lists of { key, value } pairs made by
-- `emit.map`, so that keys keep their order.
local lazy = require "oracle.lazy"
local core = require "oracle.core"
local document = lazy "oracle.formats.document"

local emit = {}

local MAP = {}

--- An ordered mapping: emit.map { { "key", value }, ... }.
function emit.map(pairs_list)
  return setmetatable(pairs_list, MAP)
end

local function is_map(v)
  return getmetatable(v) == MAP
end

--- The plain tables of oracle.formats.document for it.
function emit.plain(v)
  if type(v) ~= "table" then return v end
  local t = {}
  if is_map(v) then
    for _, pair in ipairs(v) do t[pair[1]] = emit.plain(pair[2]) end
    return t
  end
  for i, inner in ipairs(v) do t[i] = emit.plain(inner) end
  return setmetatable(t, document.list)
end

local function number(v)
  if math.type(v) == "integer" then return ("%d"):format(v) end
  local text = ("%.15g"):format(v)
  if tonumber(text) ~= v then text = ("%.17g"):format(v) end
  return text:find("[.eEn]") and text or text .. ".0"
end

-- YAML 1.1 readers want a dot and a sign in a float's exponent.
local function yaml_number(v)
  local text = number(v)
  local mantissa, exponent = text:match("^(.-)e(.*)$")
  if not mantissa then return text end
  return (mantissa:find(".", 1, true) and mantissa or mantissa .. ".0") .. "e" .. exponent
end

local function scalar(v)
  if type(v) == "number" then return yaml_number(v) end
  if type(v) == "boolean" then return tostring(v) end
  -- JSON's quoting is YAML's; plain words that YAML would not read as something else need none.
  if v:match("^%a[%w_./-]*$") and not v:lower():match("^[yn]$") and not v:lower():match("^yes$")
    and not v:lower():match("^no$") and not v:lower():match("^o[nf]f?$") and not v:lower():match("^true$")
    and not v:lower():match("^false$") and not v:lower():match("^null$") then
    return v
  end
  return core.json.encode(v)
end

local LINE = 100                                          -- what is longer is written in block style

local yaml

local function flow(v)
  if type(v) ~= "table" then return scalar(v) end
  local parts = {}
  for i, inner in ipairs(v) do
    parts[i] = is_map(v) and inner[1] .. ": " .. flow(inner[2]) or flow(inner)
  end
  return (is_map(v) and "{%s}" or "[%s]"):format(table.concat(parts, ", "))
end

local function shallow(v)
  for _, inner in ipairs(v) do
    local value = inner
    if is_map(v) then value = inner[2] end
    if type(value) == "table" then return false end
  end
  return true
end

-- What has no mapping inside stands on the line of its key, and so does its comment.
local function entry(out, head, v, indent, comment)
  local remark = comment and "  # " .. comment or ""
  if type(v) ~= "table" then
    out[#out + 1] = head .. " " .. scalar(v) .. remark
  elseif shallow(v) and #head + #flow(v) < LINE then
    out[#out + 1] = head .. " " .. flow(v) .. remark
  else
    out[#out + 1] = head .. remark
    yaml(out, v, indent)
  end
end

yaml = function(out, v, indent)
  local blanks = (" "):rep(indent)
  for _, inner in ipairs(v) do
    if is_map(v) then
      entry(out, blanks .. inner[1] .. ":", inner[2], indent + 2, inner.comment)
    elseif is_map(inner) then                             -- "- " stands where its first key would be indented
      local part = {}
      yaml(part, inner, indent + 2)
      part[1] = blanks .. "- " .. part[1]:sub(indent + 3)
      table.move(part, 1, #part, #out + 1, out)
    else
      out[#out + 1] = blanks .. "- " .. flow(inner)
    end
  end
end

--- As YAML. A pair may carry a `comment`, which ends its line.
function emit.yaml(v)
  local out = {}
  yaml(out, v, 0)
  return table.concat(out, "\n") .. "\n"
end

local function ordered(v, json)
  if type(v) ~= "table" then return v end
  if not is_map(v) then
    local list = {}
    for i, inner in ipairs(v) do list[i] = ordered(inner, json) end
    return setmetatable(list, json.array)
  end
  local t, order = {}, {}
  for i, pair in ipairs(v) do t[pair[1]], order[i] = ordered(pair[2], json), pair[1] end
  return setmetatable(t, { __order = order })
end

--- As JSON, two blanks per level.
function emit.json(v)
  local json = core.json
  return json.encode(ordered(v, json), { indent = 2 }) .. "\n"
end

-- ---- Lua ----

-- Keys of a scenario in the order a person reads them; the rest follow in the alphabet.
local ORDER = { "kind", "name", "type", "model", "hardware", "engine", "replicas", "router", "batching", "cost",
                "workload", "warm_up", "duration", "seed", "lod", "percentiles" }

local function keys_of(t)
  local place, keys = {}, {}
  for i, k in ipairs(ORDER) do place[k] = i end
  for k in pairs(t) do
    if type(k) == "string" then keys[#keys + 1] = k end
  end
  table.sort(keys, function(a, b)
    local x, y = place[a] or math.huge, place[b] or math.huge
    if x ~= y then return x < y end
    return a < b
  end)
  return keys
end

local WORDS = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then true"
  .. " until while"):gmatch("%a+") do WORDS[word] = true end

-- A long list of numbers, as many to a line as it holds; nil where it is none.
local function numbers(v, indent)
  if #v < 16 or next(v, #v) ~= nil then return nil end
  local lines, line = {}, ""
  for _, n in ipairs(v) do
    if type(n) ~= "number" then return nil end
    local text = number(n) .. ","
    if #line + #text + indent >= 100 then lines[#lines + 1], line = line, "" end
    line = line == "" and text or line .. " " .. text
  end
  lines[#lines + 1] = line
  local blanks = (" "):rep(indent + 2)
  return "{\n" .. blanks .. table.concat(lines, "\n" .. blanks) .. "\n" .. (" "):rep(indent) .. "}"
end

local function lua_value(v, indent)
  if type(v) == "number" then return number(v) end
  if type(v) == "string" then return ("%q"):format(v):gsub("\\\n", "\\n") end
  if type(v) ~= "table" then return tostring(v) end
  local list = numbers(v, indent)
  if list then return list end
  local parts, long = {}, false
  for _, inner in ipairs(v) do
    parts[#parts + 1] = lua_value(inner, indent + 2)
    long = long or type(inner) == "table"
  end
  for _, k in ipairs(keys_of(v)) do
    local name = k:match("^[%a_][%w_]*$") and not WORDS[k] and k or ("[%q]"):format(k)
    parts[#parts + 1] = name .. " = " .. lua_value(v[k], indent + 2)
    long = long or type(v[k]) == "table"
  end
  local line = "{ " .. table.concat(parts, ", ") .. " }"
  if #parts == 0 then return "{}" end
  if not long and #line + indent < 100 then return line end
  local blanks = (" "):rep(indent + 2)
  return "{\n" .. blanks .. table.concat(parts, ",\n" .. blanks) .. ",\n" .. (" "):rep(indent) .. "}"
end

--- A scenario's table as the Lua file that makes it.
-- @param about one line for its head
function emit.scenario(raw, about)
  return ("--- %s\nlocal oracle = require \"oracle\"\n\nreturn oracle.scenario %s\n"):format(about, lua_value(raw, 0))
end

return emit
