--- What a GPU draws at work, as shares of its TDP (models/fits/power.json; tools/fit_power.lua fits it): by generation,
-- of those without measurements the A100's.
local json = require("oracle.core").json
local inputs = require "oracle.text.inputs"
local paths = require "oracle.text.paths"

local power = {}

local held = {}

local function read()
  local path = paths.path "models/fits/power.json"
  local f <close> = assert(io.open(path, "rb"))
  return json.decode(f:read "a", path)
end

local function fitted()
  return inputs.remember(held, "power", read)
end

--- The shares of a generation.
-- @param generation its name, or nil
-- @return { active = whatever it does, memory =, compute = more at the full rate of each }, and whose they are
function power.of(generation)
  local all = fitted()
  local name = all.generations[generation] and generation or all.otherwise
  local g = all.generations[name]
  return { active = g.active, memory = g.memory, compute = g.compute }, name
end

return power
