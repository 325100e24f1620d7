--- Containers of an amount: processes put in and take out, and wait while there is no room or not enough. Each put and
-- get is an event.
--   container.level    how much is in it
--   container.stock    a level: how much was in it, over time
local queue = require "oracle.des.queue"

local container = {}

-- Who waits: the fields of its event.
local waiter = {}
waiter.__index = waiter

-- event:cancel() -> whether it still waited; then those behind it may have their turn
function waiter.withdraw(event)
  local owner, record = event.owner, event.record
  local waited = event.into:remove(record)
  if waited then owner:settle() end
  return waited
end

waiter.close = waiter.withdraw

local methods = {}
local meta = { __name = "oracle.des.container", __index = function(_, key)
  return methods[key] or error(("a container has no %q"):format(tostring(key)), 2)
end }

local function amount_of(what, value)
  if type(value) ~= "number" or value ~= value or value <= 0 then
    error(("%s: a number above 0 expected, got %s"):format(what, tostring(value)), 4)
  end
  return value
end

--- A container.
-- @param options capacity (without end unless given), init (what is in it at first, 0)
function container.new(env, options)
  if options ~= nil and type(options) ~= "table" then
    error("env:container: a table of options expected, such as { capacity = 100, init = 50 }", 3)
  end
  options = options or {}
  for key in pairs(options) do
    if key ~= "capacity" and key ~= "init" then
      error(("env:container: %s: unknown; there are capacity and init"):format(tostring(key)), 3)
    end
  end
  local capacity = amount_of("env:container: capacity", options.capacity or math.huge)
  local init = options.init or 0
  if type(init) ~= "number" or not (init >= 0 and init <= capacity) then
    error(("env:container: init: a number from 0 to the capacity expected, got %s"):format(tostring(init)), 3)
  end
  return setmetatable({ env = env, capacity = capacity, level = init, stock = env:level(init),
                        putting = queue.new(), getting = queue.new() }, meta)
end

local function serve(self, record, by)
  self.level = self.level + by
  self.stock:set(self.level)
  record.into:remove(record)
  record.event:succeed(record.amount)
end

--- Serve all whose turn it is: the first of each side, as long as there is room or enough.
function methods:settle()
  repeat
    local put, get = self.putting:peek(), self.getting:peek()
    local room = put and self.level + put.amount <= self.capacity
    if room then serve(self, put, put.amount) end
    local enough = get and get.amount <= self.level
    if enough then serve(self, get, -get.amount) end
  until not room and not enough
end

-- The fields are all named at once: a table that grows costs more than what is put in it.
local function move(self, what, into, amount)
  amount_of(what, amount)
  if amount > self.capacity then
    error(("%s: %s is more than it holds, %s"):format(what, amount, self.capacity), 3)
  end
  local record = setmetatable({ owner = self, into = into, amount = amount, at = false, event = false,
                                record = false }, waiter)
  local event = self.env:event(record)
  record.event, record.record = event, record
  into:push(record)
  self:settle()
  return event
end

--- Put an amount in: an event that happens when there is room for all of it.
function methods:put(amount)
  return (move(self, "container:put", self.putting, amount))
end

--- Take an amount out: an event that happens when there is that much.
function methods:get(amount)
  return (move(self, "container:get", self.getting, amount))
end

return container
