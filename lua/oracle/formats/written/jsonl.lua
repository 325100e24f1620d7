--- JSON Lines: an object per request, with the columns of the CSV (docs/workloads.md) as keys, what is empty left out.
local core = require "oracle.core"

local jsonl = { records = true }

-- The columns of a row in their order, those that have a value.
local function object(names, row)
  local order = {}
  for _, name in ipairs(names) do
    if row[name] ~= nil then order[#order + 1] = name end
  end
  return setmetatable(row, { __order = order })
end

--- The requests of a run.
-- @param run of oracle.formats.written
-- @return function() -> the next piece of text, or nil
function jsonl.text(run)
  local each = run.records()
  return function()
    local names, row = each()
    return names and core.json.encode(object(names, row)) .. "\n"
  end
end

return jsonl
