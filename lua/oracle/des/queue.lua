--- Those who wait, first in, first out: records, each in one queue at a time, which its field `at` keeps.
local queue = {}
queue.__index = queue

function queue.new()
  return setmetatable({ first = 1, last = 0, count = 0 }, queue)
end

function queue:push(record)
  local last = self.last + 1
  self.last, self[last], record.at, self.count = last, record, last, self.count + 1
end

--- The first, or nil. Those that were removed have left holes.
function queue:peek()
  if self.count == 0 then return nil end
  local first = self.first
  while self[first] == nil do first = first + 1 end
  self.first = first
  return self[first]
end

--- Take a record out, wherever it is.
-- @return whether it was in
function queue:remove(record)
  local at = record.at
  if not at or self[at] ~= record then return false end
  self[at], record.at, self.count = nil, false, self.count - 1
  if self.count == 0 then self.first, self.last = 1, 0 end
  return true
end

return queue
