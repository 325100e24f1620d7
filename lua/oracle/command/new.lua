--- `oracle new policy NAME`: writes a working policy to begin with.
local ui = require "oracle.command.ui"

local command = {}

local TEMPLATE = [[
--- NAME: what it does and why, in a line or two.
-- Try it:    oracle scenarios/quickstart.lua --set batching=NAME.lua
-- Check it:  oracle check policy NAME.lua
-- Compare:   oracle compare chunked NAME.lua scenarios/quickstart.lua
local policy = require "oracle.policy"

return policy.batching {
  name = "NAME",
  params = { share = 0.5 },          -- a scenario sets it: batching = { "NAME.lua", share = 0.25 }

  -- The place of an arrival in the queue: smaller goes first. Here: in order of arrival.
  -- `r` has id, prompt (tokens), max_output, arrival (s), client, session, priority, timeout (s).
  order = function(r)
    return r.id
  end,

  -- Forms a step of a replica. `b` has the verbs and is valid only here; `e` holds the engine's knobs;
  -- `s` is this replica's own table, with the parameters above in s.params.
  step = function(b, e, s)
    local left = e.max_num_batched_tokens - b:decode()     -- one token for each running request
    local prompts = left * s.params.share // 1 | 0         -- of the rest, what prompts may have
    if prompts < 1 then prompts = left > 0 and 1 or 0 end
    if prompts > 0 then prompts = prompts - b:resume(prompts) end -- prompts begun in earlier steps
    while prompts > 0 do
      local granted = b:admit(prompts)                     -- the head of the queue; 0: nothing fits
      if granted == 0 then break end
      prompts = prompts - granted
    end
  end,
}
]]

--- Do it.
-- @param options of oracle.command.options
function command.run(options)
  local what, name = options.files[1], options.files[2]
  if what ~= "policy" or not name or #options.files > 2 then ui.misuse("new: oracle new policy NAME expected") end
  local stem = name:gsub("%.lua$", "")
  local base = stem:match("([^/]*)$")
  if not base:match("^[%a_][%w_%-]*$") then
    ui.misuse("new policy %s: a name of letters, digits, - and _ expected", name)
  end
  local path = stem .. ".lua"
  if require("oracle.home").exists(path) then error(path .. ": is there already", 0) end
  local text = TEMPLATE:gsub("NAME%.lua", (path:gsub("%%", "%%%%"))):gsub("NAME", base)
  local f, why = io.open(path, "w")
  if not f then error(why, 0) end
  local ok, wrong = f:write(text)
  local closed, late = f:close()
  if not ok or not closed then error(("%s: %s"):format(path, wrong or late), 0) end
  ui.say(("%s written; try: oracle check policy %s"):format(path, path))
  return true
end

return command
