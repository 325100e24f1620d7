--- Modules that are read when they are first used, so that a command reads no more Lua than it needs.
--   local sweep = lazy "oracle.study.sweep"       at the head of a file; sweep.open(...) reads it
--   local yaml = lazy.optional "yaml"             yaml() is the module, or nil where there is none
-- This is the one place that requires inside a function: which module needs which then stands at the heads of files,
-- where tools/layers.lua reads it.
local lazy = {}

local function proxy(_, name)
  local meta = {}
  local function module()
    local found = require(name)
    if type(found) == "table" then meta.__index, meta.__newindex = found, found end   -- from now on without a call
    return found
  end
  meta.__index = function(_, key) return module()[key] end
  meta.__newindex = function(_, key, value) module()[key] = value end
  meta.__call = function(_, ...) return module()(...) end
  meta.__pairs = function() return pairs(module()) end
  return setmetatable({}, meta)
end

--- The module itself, for those who hand it on.
-- @return function() -> the module
function lazy.getter(name)
  return function() return require(name) end
end

--- A module that not every interpreter or machine has.
-- @return function() -> the module, or nil
function lazy.optional(name)
  return function()
    local found, module = pcall(require, name)
    return found and module or nil
  end
end

return setmetatable(lazy, { __call = proxy })
