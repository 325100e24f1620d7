--- The requests of a run, one by one, from the CSV that the engine wrote (src/obs/record.c): numbers as numbers, what
-- is empty absent.
local core = require "oracle.core"
local csv = require "oracle.formats.measured.csv"

local records = {}

local TEXTS = { request_id = true, client_id = true, status = true, prefix_cache_event = true, profile = true }
local LONGEST = 1 << 32                                   -- bytes of a CSV that was compressed

-- The lines of a file, plain or compressed.
local function lines_of(path)
  if not path:find "%.gz$" then return io.lines(path) end
  local f = assert(io.open(path, "rb"))
  local text, why = core.inflate(f:read "a", LONGEST)
  f:close()
  if not text then error(("%s: %s"):format(path, why), 0) end
  return text:gmatch "[^\n]+"
end

--- The requests of a file, in order of arrival.
-- @return an iterator: the columns' names, and a row as a table of them, which is the caller's
function records.each(path)
  local next_line, names, cells = lines_of(path), {}, {}
  local n = csv.cells(next_line(), names)
  return function()
    local line = next_line()
    if not line then return nil end
    csv.cells(line, cells)
    local row = {}
    for i = 1, n do
      local text = cells[i]
      if text ~= "" then row[names[i]] = TEXTS[names[i]] and text or tonumber(text) end
    end
    return names, row
  end
end

return records
