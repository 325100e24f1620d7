--- What comes with oracle as a file in a folder of lua/oracle: policies, systems, workloads, cost models. One more
-- file is one more of them; no list names them.
local core = require "oracle.core"
local paths = require "oracle.text.paths"
local spelling = require "oracle.text.spelling"

local finder = {}

local known = {}                                          -- folder -> { names =, by_fold = { folded name = name } }

local function listed(folder)
  if known[folder] then return known[folder] end
  local names, by_fold = {}, {}
  local files, why = core.list(paths.path("lua/oracle/" .. folder))
  if not files then error(why, 0) end
  for _, file in ipairs(files) do
    local name = file:match("^([%w_]+)%.lua$")
    if name and name ~= "init" then
      names[#names + 1], by_fold[spelling.fold(name)] = name, name
    end
  end
  known[folder] = { names = names, by_fold = by_fold }
  return known[folder]
end

--- The names of the files in a folder of lua/oracle, sorted; without its init.lua.
-- @param folder such as "batching"
function finder.names(folder)
  local names = listed(folder).names
  return table.move(names, 1, #names, 1, {})
end

--- The file that a name means, whatever its case, "-" and "_"; nil: none.
function finder.find(folder, name)
  return listed(folder).by_fold[spelling.fold(tostring(name))]
end

--- What a file of a folder returns.
-- @param name one of finder.names(folder)
function finder.load(folder, name)
  return require(("oracle.%s.%s"):format(folder, name))
end

return finder
