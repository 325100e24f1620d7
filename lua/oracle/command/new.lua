--- `oracle new policy NAME`: writes a working policy to begin with; `oracle new router NAME` and so on: of that kind.
local lazy = require "oracle.lazy"
local paths = lazy "oracle.text.paths"
local policies = lazy "oracle.policy"
local spelling = lazy "oracle.text.spelling"
local templates = require "oracle.command.templates"
local ui = require "oracle.command.ui"

local command = {}

-- The kind that comes with oracle under this name already, nil without one.
local function known(name)
  for _, k in ipairs(policies.KINDS) do
    for _, other in ipairs(policies.names(k.kind)) do
      if other == name:lower():gsub("-", "_") then return k.kind end
    end
  end
end

--- Do it.
-- @param options of oracle.command.options
function command.run(options)
  local what, name = options.files[1], options.files[2]
  local template = what and templates[what]
  if not template then
    local kinds = { "policy" }
    for i, k in ipairs(policies.KINDS) do kinds[i + 1] = k.kind end
    local near = what and spelling.find(what, kinds)
    ui.misuse("new: oracle new policy NAME expected, or %s NAME%s", table.concat(kinds, ", ", 2),
      near and "; did you mean " .. near .. "?" or "")
  end
  if not name or #options.files > 2 then ui.misuse("new: oracle new %s NAME expected", what) end
  local stem = name:gsub("%.lua$", "")
  local base = stem:match("([^/]*)$")
  if not base:match("^[%a_][%w_%-]*$") or stem:find("%c") then
    ui.misuse("new %s %s: a name of letters, digits, - and _ expected", what, (name:gsub("%c", "?")))
  end
  local path = stem .. ".lua"
  if paths.exists(path) then error(path .. ": is there already", 0) end
  local text = template:gsub("@(%u+)@", { NAME = base, FILE = path })
  local f, why = io.open(path, "w")
  if not f then error(why, 0) end
  local ok, wrong = f:write(text)
  local closed, late = f:close()
  if not ok or not closed then error(("%s: %s"):format(path, wrong or late), 0) end
  if not options.quiet then ui.say(("%s written; try: oracle check policy %s"):format(path, path)) end
  local kind = known(base)
  if kind then
    ui.say(("oracle: %s is also the name of a %s policy that comes along; %s is this one"):format(base, kind, path))
  end
  return true
end

return command
