--- What `--set KEY=VALUE` says: the text of a command line as a value of a scenario.
local lazy = require "oracle.lazy"
local scenario = lazy "oracle.scenario"
local schema = lazy "oracle.scenario.schema"

local literal = {}

local TEXT_TYPES = { string = true, name = true, path = true, policy = true, choice = true }

-- The one value that a chunk returns; "1,2" are two, and none.
local function only(ok, value, ...)
  if ok and select("#", ...) == 0 then return value end
end

--- A text as a Lua literal where it is one, else as it is.
-- @return the value; nil for the text "nil", which takes a key back to its default
function literal.literal(text)
  if text == "nil" then return nil end
  if text:match("^%s*[%d%.%-+'\"{%[]") or text == "true" or text == "false" then
    local chunk = load("return " .. text:gsub("^%s*%+", ""), "=value", "t", {})
    local value = only(pcall(chunk or error))
    local kind = type(value)
    if kind == "number" or kind == "boolean" or kind == "string" or kind == "table" then return value end
  end
  return text
end

--- The same for a given key: where a text is wanted, a number is its own text.
function literal.value(s, key, text)
  local value = literal.literal(text)
  local node = schema.find(scenario.raw(s), key)
  if type(value) == "number" and type(node) == "table" and TEXT_TYPES[node.type] then return text end
  return value
end

--- "KEY=VALUE" in its two parts; nil where it is not that.
function literal.split(assignment)
  local key, text = assignment:match("^%s*([^=]-)%s*=(.*)$")
  if key == "" then return nil end
  return key, text
end

--- Set a key of a scenario to what was typed.
-- @return true; or nil and "key: what is wrong"
function literal.apply(s, key, text)
  local ok, why = pcall(s.set, s, key, literal.value(s, key, text), true)
  if not ok then return nil, why end
  return true
end

return literal
