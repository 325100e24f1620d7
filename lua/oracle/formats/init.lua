--- Configurations: what is no Lua and becomes a scenario. Their sections (oracle.formats.yaml) or their flat keys
-- (oracle.formats.flags) tell them apart.
local document = require "oracle.formats.document"
local flags = require "oracle.formats.flags"
local lazy = require "oracle.lazy"
local paths = lazy "oracle.text.paths"
local problems = require "oracle.formats.problems"
local scenario = lazy "oracle.scenario"
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

--- Whether a file is a configuration: by its name, or, where that tells nothing, by its content.
-- @param text function() -> its content, or nil
function formats.named(path, text)
  local name = path:lower()
  if name:match("%.ya?ml$") or name:match("%.json$") then return true end
  -- What can be read only once is left to whom it belongs.
  if name:match("%.luac?$") or name:match("^/dev/") or name:match("^/proc/") then return false end
  local content = text()
  return content ~= nil and formats.sections(content)
end

--- A file as a configuration.
-- @param text its content
-- @param format "yaml", "json" or nil: the name or the content decides
-- @return as formats.parse; raises "path: what is wrong"
function formats.read(path, text, format)
  format = format or (path:lower():match("%.json$") and "json") or nil
  local read = formats.parse(text, format, paths.folder(path))
  if #read.problems.errors > 0 then error(path .. ": " .. read.problems:one_line(), 0) end
  for _, one in ipairs(read.deployments or { read }) do
    local origin = scenario.origin(one.scenario)
    origin.path, origin.warnings = path, read.problems:said()
  end
  if read.deployments and #read.deployments > 1 then scenario.origin(read.scenario).beside = read.deployments end
  return read
end

return formats
