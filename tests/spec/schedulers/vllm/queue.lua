--- The requests that wait (v1/core/sched/request_queue.py of both versions): first come, first served, or by priority
-- (the smaller number first), then arrival; in 0.33 then by name, as text: "r10" before "r2" (v1/request.py:357-367).
-- 0.11 cannot order two requests of equal priority and arrival (it compares the requests themselves and fails).
local queue = {}
queue.__index = queue

function queue.new(policy)
  return setmetatable({ by_priority = policy == "priority", list = {} }, queue)
end

local function before(a, b)
  if a.priority ~= b.priority then return a.priority < b.priority end
  if a.arrival ~= b.arrival then return a.arrival < b.arrival end
  return a.name < b.name
end

-- The place of the one whose turn it is.
function queue:place()
  if not self.by_priority then return 1 end
  local first = 1
  for i = 2, #self.list do
    if before(self.list[i], self.list[first]) then first = i end
  end
  return first
end

function queue:peek() return self.list[self:place()] end

function queue:pop() return table.remove(self.list, self:place()) end

function queue:add(r) self.list[#self.list + 1] = r end

-- To the very front; among priorities the front is where its priority puts it.
function queue:put_first(r) table.insert(self.list, 1, r) end

function queue:remove(r)
  for i, other in ipairs(self.list) do
    if other == r then return table.remove(self.list, i) end
  end
end

function queue:__len() return #self.list end

return queue
