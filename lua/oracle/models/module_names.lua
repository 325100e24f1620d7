--- The lists of modules in checkpoints' quantisation settings: exact names, names of what is around them, wildcards of
-- ModelOpt ("model.layers.3.self_attn*") and regular expressions of compressed-tensors ("re:.*mlp\.(gate|up)_proj").
local module_names = {}

-- A regular expression as Lua patterns, one per choice of its groups; what the files use of the syntax, no more.
local function patterns_of(regex)
  local before, choices, after = regex:match "^(.-)%(%??:?([^()]*)%)(.*)$"
  if before and choices:find "|" then
    local list = {}
    for choice in choices:gmatch "[^|]+" do
      for _, p in ipairs(patterns_of(before .. choice .. after)) do list[#list + 1] = p end
    end
    return list
  end
  local p = regex:gsub("[()]", ""):gsub("%%", "%%%%"):gsub("%-", "%%-"):gsub("\\d", "%%d"):gsub("\\(%p)", "%%%1")
  return { "^" .. p:gsub("^%^", "") }
end

local function wildcard(entry)
  local p = entry:gsub("[%%%.%-%+%?%[%]%(%)%^%$]", "%%%0"):gsub("%*", ".*")
  return "^" .. p
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
  for _, p in ipairs(self.patterns) do
    if name:find(p) then return true end
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
    if type(entry) == "string" and #entry <= 1000 then
      if entry:find "^re:" then
        for _, p in ipairs(patterns_of(entry:sub(4))) do
          if pcall(string.find, "", p) then l.patterns[#l.patterns + 1] = p end
        end
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
