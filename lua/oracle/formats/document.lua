--- The text of a configuration, YAML or JSON, as plain tables, with where each value stands in it.
-- YAML is read event by event: that gives lines, finds keys given twice and bounds what aliases unfold to.
-- Lists carry the metatable `document.list`; a null in a mapping is an absent key.
local lazy = require "oracle.lazy"
local core = require "oracle.core"
local lyaml = lazy.optional "yaml"
local problems = require "oracle.formats.problems"

local document = { list = {} }

local DEPTH = 64                                          -- of nesting
local NODES = 200000                                      -- values in all, aliases followed

local NULL = setmetatable({}, { __tostring = function() return "null" end })
document.null = NULL

--- True for a list of document.read.
function document.is_list(v)
  return getmetatable(v) == document.list
end

-- ---- plain scalars, as YAML 1.1 types them (yaml.org/type) ----

local WORDS = {
  ["~"] = NULL, [""] = NULL, null = NULL, Null = NULL, NULL = NULL,
  ["true"] = true, True = true, TRUE = true, yes = true, Yes = true, YES = true, on = true, On = true, ON = true,
  ["false"] = false, False = false, FALSE = false, no = false, No = false, NO = false, off = false, Off = false,
  OFF = false,
  [".inf"] = math.huge, [".Inf"] = math.huge, [".INF"] = math.huge, ["+.inf"] = math.huge, ["-.inf"] = -math.huge,
  [".nan"] = 0 / 0, [".NaN"] = 0 / 0, [".NAN"] = 0 / 0,
}

-- YAML 1.1 wants a dot in a float; "1e-4" without one is taken as the number it looks like.
local function number(text)
  local plain = text:gsub("_", "")
  if not plain:match("^[-+]?%.?%d") then return nil end
  local sign, octal = plain:match("^([-+]?)0o?([0-7]+)$")
  if octal and #plain > 1 then return tonumber(sign .. tostring(tonumber(octal, 8) or "")) end
  if plain:match("^[-+]?0x%x+$") or plain:match("^[-+]?%d+$") or plain:match("^[-+]?%d*%.?%d*[eE][-+]?%d+$")
    or plain:match("^[-+]?%d*%.%d*$") then
    return tonumber((plain:gsub("^%+", "")))
  end
  return nil
end

local function scalar(event)
  local tag = event.tag
  if tag == "tag:yaml.org,2002:str" or (not tag and not event.plain_implicit) then return event.value end
  if not tag and event.style ~= "PLAIN" then return event.value end
  local word = WORDS[event.value]
  if word ~= nil then return word end
  local n = number(event.value)
  if n ~= nil then return n end
  return event.value
end

-- ---- YAML ----

local Wrong = {}                                          -- raised with { line =, message = }

local function wrong(event, message, ...)
  local mark = event and event.start_mark
  error(setmetatable({ line = mark and mark.line + 1, message = message:format(...) }, Wrong), 0)
end

local Composer = {}
Composer.__index = Composer

function Composer:next()
  local event = self.events()
  if not event then wrong(nil, "ends too early") end
  return event
end

function Composer:count(event, n)
  self.nodes = self.nodes + n
  if self.nodes > NODES then wrong(event, "holds more than %d values once its aliases are followed", NODES) end
end

local function mark(self, path, key, value)
  local stands = key or value
  self.marks[path] = {
    line = stands.start_mark.line + 1,
    key = key and { key.start_mark.index, key.end_mark.index },
    value = value.type == "SCALAR" and { value.start_mark.index, value.end_mark.index } or nil,
  }
end

local function merge(into, from, event)
  local parts = document.is_list(from) and from or { from }
  for _, part in ipairs(parts) do
    if type(part) ~= "table" or document.is_list(part) or part == NULL then
      wrong(event, "<<: a mapping or a list of mappings expected")
    end
    for k, v in pairs(part) do
      if into[k] == nil then into[k] = v end
    end
  end
end

function Composer:mapping(path, depth)
  local t, seen, merged = {}, {}, nil
  while true do
    local key = self:next()
    if key.type == "MAPPING_END" then break end
    if key.type ~= "SCALAR" then wrong(key, "a key must be a plain text") end
    local name = key.value
    if seen[name] then wrong(key, '%s: the key "%s" is given twice', path == "" and "top level" or path, name) end
    seen[name] = true
    local event = self:next()
    local below = problems.join(path, name)
    if name == "<<" and key.style == "PLAIN" then
      merged = { self:value(event, below, depth), event }
    else
      mark(self, below, key, event)
      local v = self:value(event, below, depth)
      if v ~= NULL then t[name] = v end
    end
  end
  if merged then merge(t, merged[1], merged[2]) end
  return t
end

function Composer:sequence(path, depth)
  local t, n = setmetatable({}, document.list), 0
  while true do
    local event = self:next()
    if event.type == "SEQUENCE_END" then return t end
    local below = problems.join(path, n)
    mark(self, below, nil, event)
    n = n + 1
    t[n] = self:value(event, below, depth)
  end
end

function Composer:value(event, path, depth)
  if depth > DEPTH then wrong(event, "nested deeper than %d levels", DEPTH) end
  if event.type == "ALIAS" then
    local known = self.anchors[event.anchor]
    if not known then wrong(event, "unknown alias *%s", event.anchor) end
    self:count(event, known.nodes)
    return known.value
  end
  local before, v = self.nodes, nil
  self:count(event, 1)
  if event.type == "SCALAR" then v = scalar(event)
  elseif event.type == "MAPPING_START" then v = self:mapping(path, depth + 1)
  elseif event.type == "SEQUENCE_START" then v = self:sequence(path, depth + 1)
  else wrong(event, "a value expected") end
  if event.anchor then self.anchors[event.anchor] = { value = v, nodes = self.nodes - before } end
  return v
end

local function whole(composer)
  composer:next()                                         -- STREAM_START
  local first = composer:next()
  if first.type == "STREAM_END" then return NULL end
  local v = composer:value(composer:next(), "", 1)
  composer:next()                                         -- DOCUMENT_END
  local rest = composer:next()
  if rest.type ~= "STREAM_END" then wrong(rest, "a second document begins; one expected") end
  return v
end

-- libyaml counts lines and columns from 0 and says them in words.
local function yaml_message(text)
  local line = text:match("line: (%d+)")
  local what = text:match("^[^\n]*"):gsub(" at document:.*$", "")
  return { line = line and tonumber(line) + 1, message = "YAML: " .. what }
end

local function read_yaml(text)
  local yaml = lyaml()
  if not yaml then
    return nil, { message = "YAML needs the Lua module lyaml (Debian: apt-get install lua-yaml); JSON needs nothing" }
  end
  -- libyaml itself fails on these, in several words.
  if text:find("\0", 1, true) then return nil, { message = "YAML: a zero byte is no text" } end
  if not utf8.len(text) then return nil, { message = "YAML: not UTF-8" } end
  local composer = setmetatable({ anchors = {}, marks = {}, nodes = 0 }, Composer)
  local ok, v = pcall(function()
    composer.events = yaml.parser(text)
    return whole(composer)
  end)
  if ok then return v, composer.marks end
  if getmetatable(v) == Wrong then return nil, v end
  return nil, yaml_message(tostring(v))
end

-- ---- JSON ----

local function plain(v, depth)
  if v == core.json.null then return NULL end
  if type(v) ~= "table" then return v end
  local listed = getmetatable(v) == core.json.array
  local t = listed and setmetatable({}, document.list) or {}
  for k, inner in pairs(v) do
    local p = plain(inner, depth + 1)
    if listed or p ~= NULL then t[k] = p end
  end
  return t
end

local function read_json(text)
  local ok, v = pcall(core.json.decode, text, "JSON")
  if not ok then return nil, { message = tostring(v):match("^[^\n]*") } end
  return plain(v, 1), {}
end

--- Read a document.
-- @param text the file's content
-- @param format "yaml", "json", or nil: the content decides
-- @return its value, path -> { line =, key =, value = } (spans in characters, from 0), and the format read;
-- or nil and { line =, message = }
function document.read(text, format)
  text = text:gsub("^\239\187\191", "")                   -- a byte order mark
  if format ~= "yaml" and (format == "json" or text:match("^%s*[{%[]")) then
    local v, marks = read_json(text)
    if v ~= nil or format == "json" then return v, marks, "json" end
    local again, others = read_yaml(text)                 -- YAML's flow style also begins with a brace
    if again ~= nil then return again, others, "yaml" end
    return nil, marks
  end
  local v, marks = read_yaml(text)
  return v, marks, "yaml"
end

--- The spans of a JSON text, which YAML's parser can tell; nil where it is not available.
function document.marks(text)
  local v, marks = read_yaml(text)
  return v ~= nil and marks or nil
end

local MOST_BYTES = 512 << 20                              -- a device that never ends is no configuration

--- The whole content of a file; nil and "path: why" when it cannot be read.
function document.text(path)
  local f, why = io.open(path, "rb")
  if not f then return nil, (why:gsub("No such file or directory", "no such file")) end
  local text, unreadable = f:read(MOST_BYTES + 1)
  f:close()
  if not text and unreadable then return nil, path .. ": " .. tostring(unreadable) end
  if text and #text > MOST_BYTES then return nil, ("%s: larger than %d MiB"):format(path, MOST_BYTES >> 20) end
  if text and text:sub(1, 2) == "\31\139" then            -- gzip
    text, why = core.inflate(text, MOST_BYTES)
    if not text then return nil, path .. ": " .. why end
  end
  return text or ""                                       -- a file without a byte ends at once
end

return document
