--- The lists of modules in checkpoints' quantisation settings: exact names, names of what is around them, wildcards of
-- ModelOpt ("model.layers.3.self_attn*") and regular expressions of compressed-tensors ("re:.*mlp\.(gate|up)_proj").
local lazy = require "oracle.lazy"
local regex = lazy "oracle.text.regex"

local module_names = {}

local LONGEST = 1000                                      -- bytes of an entry; a longer one is no name

local function wildcard(entry)
  local p = "^" .. entry:gsub("[%%%.%-%+%?%[%]%(%)%^%$]", "%%%0"):gsub("%*", ".*")
  return function(name) return name:find(p) ~= nil end
end

local list = {}
list.__index = list

--- Whether the list names a module, or something around it; `alone`: itself alone, as compressed-tensors means it
-- (utils/match.py, match_name).
function list:has(name, alone)
  if alone and self.exact[name] then return true end
  local at = not alone and name
  while at do
    if self.exact[at] then return true end
    at = at:match "^(.*)%.[^.]*$"
  end
  for _, matches in ipairs(self.patterns) do
    if matches(name) then return true end
  end
  for _, part in ipairs(alone and {} or self.inner) do
    if ("." .. name .. "."):find("." .. part .. ".", 1, true) then return true end
  end
  return false
end

--- @param entries a list of texts; anything else is an empty list
-- @return a list with `has(name)`
function module_names.list(entries)
  local l = setmetatable({ exact = {}, patterns = {}, inner = {} }, list)
  for _, entry in ipairs(type(entries) == "table" and entries or {}) do
    if type(entry) == "string" and #entry <= LONGEST then
      if entry:find "^re:" then
        l.patterns[#l.patterns + 1] = regex.compile(entry:sub(4))
      elseif entry:find("*", 1, true) then
        l.patterns[#l.patterns + 1] = wildcard(entry)
      else
        l.exact[entry] = true
        if not entry:find "^model%." and not entry:find "layers%.%d" then l.inner[#l.inner + 1] = entry end
      end
    end
  end
  return l
end

return module_names
