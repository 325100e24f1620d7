--- Who waits, in order: first in first out, or by a key and then first in first out.
local queue = {}

-- ---- first in, first out ----

local fifo = {}
fifo.__index = fifo

--- An empty queue. Items are told apart by themselves, so each may be in it once.
function queue.fifo()
  return setmetatable({ first = 1, last = 0, count = 0, place = {} }, fifo)
end

function fifo:push(item)
  local last = self.last + 1
  self.last, self[last], self.place[item], self.count = last, item, last, self.count + 1
end

-- Those that were removed have left holes.
function fifo:peek()
  local first = self.first
  while self[first] == nil and first <= self.last do first = first + 1 end
  self.first = first
  return self[first]
end

--- Take an item out, wherever it is.
-- @return whether it was in
function fifo:remove(item)
  local at = self.place[item]
  if not at then return false end
  self[at], self.place[item], self.count = nil, nil, self.count - 1
  if self.count == 0 then self.first, self.last = 1, 0 end
  return true
end

--- for item in q:each(): in order; what is removed meanwhile is passed over.
function fifo:each()
  local i = self.first - 1
  return function()
    while i < self.last do
      i = i + 1
      if self[i] ~= nil then return self[i] end
    end
  end
end

-- ---- by a key: a binary heap ----

local heap = {}
heap.__index = heap

--- An empty queue in the order of numbers, the least first; equal ones first in, first out.
function queue.heap()
  return setmetatable({ count = 0, sequence = 0, key = {}, number = {}, place = {} }, heap)
end

local function before(self, a, b)
  local x, y = self.key[a], self.key[b]
  return x < y or x == y and self.number[a] < self.number[b]
end

local function put(self, i, item)
  self[i], self.place[item] = item, i
end

local function rise(self, i, item)
  while i > 1 and before(self, item, self[i // 2]) do
    put(self, i, self[i // 2])
    i = i // 2
  end
  put(self, i, item)
end

local function sink(self, i, item)
  local n = self.count
  while 2 * i <= n do
    local child = 2 * i
    if child < n and before(self, self[child + 1], self[child]) then child = child + 1 end
    if not before(self, self[child], item) then break end
    put(self, i, self[child])
    i = child
  end
  put(self, i, item)
end

function heap:push(item, key)
  self.count, self.sequence = self.count + 1, self.sequence + 1
  self.key[item], self.number[item] = key, self.sequence
  rise(self, self.count, item)
end

function heap:peek()
  return self[1]
end

function heap:remove(item)
  local at = self.place[item]
  if not at then return false end
  local last = self[self.count]
  self[self.count], self.count = nil, self.count - 1
  if last ~= item then
    sink(self, at, last)
    if self[at] == last then rise(self, at, last) end
  end
  self.key[item], self.number[item], self.place[item] = nil, nil, nil
  return true
end

--- for item in q:each(): in order.
function heap:each()
  local list = table.move(self, 1, self.count, 1, {})
  table.sort(list, function(a, b) return a ~= b and before(self, a, b) end)
  local i = 0
  return function()
    i = i + 1
    while list[i] ~= nil and not self.place[list[i]] do i = i + 1 end
    return list[i]
  end
end

return queue
