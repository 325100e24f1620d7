--- What comes with oracle as a file in a folder of lua/oracle: policies, systems, workloads, cost models. One more
-- file is one more of them; no list names them.
local core = require "oracle.core"
local paths = require "oracle.text.paths"
local spelling = require "oracle.text.spelling"

local finder = {}

local known = {}                                          -- folder -> its names

--- The names of the files in a folder of lua/oracle, sorted; without its init.lua.
-- @param folder such as "batching"
function finder.names(folder)
  if not known[folder] then
    local names = {}
    for _, file in ipairs(core.list(paths.path("lua/oracle/" .. folder)) or {}) do
      local name = file:match("^([%w_]+)%.lua$")
      if name and name ~= "init" then names[#names + 1] = name end
    end
    known[folder] = names
  end
  return table.move(known[folder], 1, #known[folder], 1, {})
end

--- The file that a name means, whatever its case, "-" and "_"; nil: none.
function finder.find(folder, name)
  local folded = spelling.fold(tostring(name))
  for _, one in ipairs(finder.names(folder)) do
    if spelling.fold(one) == folded then return one end
  end
  return nil
end

--- What a file of a folder returns.
-- @param name one of finder.names(folder)
function finder.load(folder, name)
  return require(("oracle.%s.%s"):format(folder, name))
end

return finder
