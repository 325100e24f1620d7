--- `oracle new policy NAME`: writes a working policy to begin with; `oracle new router NAME` and so on: of that kind.
-- `oracle new workload NAME`: a generator.
local lazy = require "oracle.lazy"
local output = lazy "oracle.text.output"
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
    local kinds = { "policy", "workload" }
    for _, k in ipairs(policies.KINDS) do kinds[#kinds + 1] = k.kind end
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
  output.write_file(path, text)
  local is_workload = what == "workload"
  if not options.quiet then
    ui.say(("%s written; try: oracle check %s %s"):format(path, is_workload and what or "policy", path))
  end
  local kind = not is_workload and known(base)
  if kind then
    ui.say(("oracle: %s is also the name of a %s policy that comes along; %s is this one"):format(base, kind, path))
  end
  return true
end

return command
