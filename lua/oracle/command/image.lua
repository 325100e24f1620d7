--- What is in the image of a Lua state that a run begins with (src/bind/host/image.c): the modules of a plain run.
local lazy = require "oracle.lazy"
local catalog = lazy "oracle.models.catalog"
local command = require "oracle.command"
local fits = lazy "oracle.models.fits"
local inputs = require "oracle.text.inputs"
local paths = require "oracle.text.paths"
local power = lazy "oracle.models.power"
local sandbox = lazy "oracle.policy.sandbox"
local ui = require "oracle.command.ui"
require "oracle.repl.environment"                         -- of a scenario that requires nothing

local image = {}

-- Those that are no file: of the program, or of one process.
local OURS = { ["oracle.core"] = true, ["oracle.bundle"] = true, ["oracle.host"] = true }

--- The modules that a run has loaded when it is over. It prints its report.
-- @return their names, a line each
function image.modules()
  local say = ui.say
  ui.say = function() end
  local status = command.main { "run", paths.path "scenarios/quickstart.lua" }
  ui.say = say
  if status ~= 0 then error("scenarios/quickstart.lua does not run", 0) end
  local names = {}
  for name in pairs(package.loaded) do
    if name:find "^oracle%f[.\0]" and not OURS[name] then names[#names + 1] = name end
  end
  table.sort(names)
  return table.concat(names, "\n")
end

-- What modules remember of shipped files, and nearly every run asks for.
local function remember()
  catalog.names "hardware"
  power.of()
  for _, engine in ipairs { "vllm", "sglang", "trtllm" } do fits.of_engine(engine) end
  for _, policy in ipairs { "batching.chunked", "routing.round_robin" } do sandbox.load_module("oracle." .. policy) end
end

--- Load them.
-- @param names as modules() gives them
-- @return the files that this state is made of
function image.fill(names)
  local files = {}
  for name in names:gmatch "[^\n]+" do
    lazy.getter(name)()
    files[#files + 1] = assert(package.searchpath(name, package.path))
  end
  for _, path in ipairs(inputs.during(remember)) do files[#files + 1] = path end
  return files
end

return image
