--- Configurations: what is no Lua and becomes a scenario. Their sections (oracle.formats.yaml) or their flat keys
-- (oracle.formats.flags) tell them apart.
local document = require "oracle.formats.document"
local flags = require "oracle.formats.flags"
local problems = require "oracle.formats.problems"
local yaml = require "oracle.formats.yaml"

local formats = {}

--- A configuration from its text.
-- @param format "yaml", "json" or nil: the content decides
-- @param folder of the file, for paths written in it; may be nil
-- @return as yaml.read, with `format`, the one that was read, and `document`, its value
function formats.parse(text, format, folder)
  local v, marks, kind = document.read(text, format)
  if v == nil then
    local p = problems.new {}
    p.errors[1] = { path = "", line = marks.line, message = marks.message }
    return { problems = p }
  end
  local out = flags.is(v) and flags.config(v, marks, folder) or yaml.read(v, marks, folder)
  out.format, out.document = kind, v
  return out
end

--- Whether a text is a configuration, right or wrong; what cannot be read at all may be one.
function formats.told(text)
  local v = document.read(text)
  return v == nil or yaml.is(v) or flags.is(v)
end

--- Whether a text surely is a configuration: it can be read and has sections of one.
function formats.sections(text)
  local v = document.read(text)
  return v ~= nil and (yaml.is(v) or flags.is(v))
end

return formats
