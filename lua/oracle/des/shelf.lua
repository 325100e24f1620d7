--- What lies in a store, in the order in which it leaves: each shelf has `count`, add(item, key), take() and list().
local shelf = {}

-- ---- first in, first out ----

local fifo = {}
fifo.__index = fifo

function shelf.fifo()
  return setmetatable({ first = 1, last = 0, count = 0 }, fifo)
end

function fifo:add(item)
  local last = self.last + 1
  self.last, self[last], self.count = last, item, self.count + 1
end

--- Take the first, of at least one.
function fifo:take()
  local first = self.first
  local item = self[first]
  self[first], self.first, self.count = nil, first + 1, self.count - 1
  return item
end

--- Take the first that f will have.
-- @return it; nil where there is none
function fifo:find(f)
  for i = self.first, self.last do
    local item = self[i]
    if f(item) then
      table.move(self, i + 1, self.last + 1, i)
      self.last, self.count = self.last - 1, self.count - 1
      return item
    end
  end
end

function fifo:list()
  return table.move(self, self.first, self.last, 1, {})
end

-- ---- the least key first, equal ones first in, first out: a binary heap of entries { item, key, number } ----

local heap = {}
heap.__index = heap

function shelf.heap()
  return setmetatable({ count = 0, number = 0 }, heap)
end

local function before(a, b)
  return a.key < b.key or a.key == b.key and a.number < b.number
end

function heap:add(item, key)
  local i = self.count + 1
  self.count, self.number = i, self.number + 1
  local entry = { item = item, key = key, number = self.number }
  while i > 1 and before(entry, self[i // 2]) do
    self[i] = self[i // 2]
    i = i // 2
  end
  self[i] = entry
end

function heap:take()
  local n = self.count - 1
  local first, last = self[1], self[n + 1]
  self[n + 1], self.count = nil, n
  if n == 0 then return first.item end
  local i = 1
  while 2 * i <= n do
    local child = 2 * i
    if child < n and before(self[child + 1], self[child]) then child = child + 1 end
    if not before(self[child], last) then break end
    self[i] = self[child]
    i = child
  end
  self[i] = last
  return first.item
end

function heap:list()
  local list = table.move(self, 1, self.count, 1, {})
  table.sort(list, before)
  for i, entry in ipairs(list) do list[i] = entry.item end
  return list
end

return shelf
