--- Stores of things and containers of an amount: processes put in and take out, and wait while there is no room or
-- nothing to take. Each put and get is an event, whose value is what was taken.
--   store:items(), store.count   what is in it, in the order in which it leaves; how many
--   container.level              how much is in it
--   .stock                       a level: how much was in it, over time
--   .putting, .getting           queues of those who wait (.count)
local queue = require "oracle.des.queue"
local shelf = require "oracle.des.shelf"

local store = {}

-- ---- what both have ----

-- Who waits: the fields of its event. `what` is the thing that is put, the filter of a get, or an amount.
local waiter = {}
waiter.__index = waiter

-- The fields are all named at once: a table that grows costs more than what is put in it.
local function wait_in(self, into, what, priority)
  local record = setmetatable({ owner = self, into = into, what = what, priority = priority,
                                at = false, event = false, record = false }, waiter)
  local event = self.env:event(record)
  record.event, record.record = event, record
  into:push(record)
  return event
end

local function done(record, value)
  record.into:remove(record)
  record.event:succeed(value)
end

-- event:cancel() -> whether it still waited; then those behind it may have their turn
function waiter.withdraw(event)
  local owner, record = event.owner, event.record
  local waited = event.into:remove(record)
  if waited then owner:settle() end
  return waited
end

waiter.close = waiter.withdraw

local function amount_of(what, value)
  if type(value) ~= "number" or value ~= value or value <= 0 then
    error(("%s: a number above 0 expected, got %s"):format(what, tostring(value)), 4)
  end
  return value
end

local function new(env, class, capacity, fields)
  fields.env, fields.capacity = env, capacity
  fields.putting, fields.getting = queue.new(), queue.new()
  return setmetatable(fields, class)
end

-- ---- stores ----

local methods = {}
local meta = { __name = "oracle.des.store", __index = function(self, key)
  if key == "count" then return self.shelf.count end
  return methods[key] or error(("a store has no %q"):format(tostring(key)), 2)
end }

--- A store.
-- @param kind "store", "filter_store" or "priority_store"
-- @param capacity how many things it has room for; without end unless given
function store.new(env, kind, capacity)
  capacity = amount_of("env:" .. kind .. ": capacity", capacity == nil and math.huge or capacity)
  return new(env, meta, capacity, { kind = kind, stock = env:level(),
                                    shelf = kind == "priority_store" and shelf.heap() or shelf.fifo() })
end

function methods:items()
  return self.shelf:list()
end

-- Whether there is one for it; then it has it.
local function give(self, record)
  local item
  if record.what then
    item = self.shelf:find(record.what)
    if item == nil then return false end
  elseif self.shelf.count > 0 then
    item = self.shelf:take()
  else
    return false
  end
  self.stock:set(self.shelf.count)
  done(record, item)
  return true
end

--- Serve all whose turn it is. A get that finds nothing stops those behind it only where it takes whatever there is.
function methods:settle()
  local putting, getting, things = self.putting, self.getting, self.shelf
  repeat
    local again = false
    while putting.count > 0 and things.count < self.capacity do
      local record = putting:peek()
      things:add(record.what, record.priority)
      self.stock:set(things.count)
      done(record)
      again = true
    end
    if getting.count > 0 then
      for record in getting:each() do
        if give(self, record) then again = true elseif not record.what then break end
      end
    end
  until not again or putting.count == 0
end

local function priority_of(self, item, priority)
  if self.kind ~= "priority_store" then
    if priority ~= nil then error("store:put: priorities are of env:priority_store", 3) end
    return nil
  end
  priority = priority or type(item) == "table" and item.priority or type(item) == "number" and item or 0
  if type(priority) ~= "number" or priority ~= priority then
    error(("store:put: priority: a number expected, got %s"):format(tostring(priority)), 3)
  end
  return priority
end

--- Put a thing in: an event that happens when there is room.
-- @param item anything but nil
-- @param priority of a priority store: less leaves first; item.priority, an item that is a number, or 0 unless given
function methods:put(item, priority)
  if item == nil then error("store:put: something expected, got nil", 2) end
  priority = priority_of(self, item, priority)
  if self.shelf.count >= self.capacity then
    return wait_in(self, self.putting, item, priority)
  end
  local event, getting = self.env:event(), self.getting
  event:succeed()
  local first = getting.count > 0 and getting:peek()
  if first and not first.what then                        -- one who takes anything waits: there is nothing else
    done(first, item)
    return event
  end
  self.shelf:add(item, priority)
  self.stock:set(self.shelf.count)
  if first then self:settle() end
  return event
end

--- Take a thing out: an event whose value it is.
-- @param filter of a filter store: function(item) -> whether it will do
function methods:get(filter)
  if filter ~= nil and (self.kind ~= "filter_store" or type(filter) ~= "function") then
    error(self.kind == "filter_store" and "store:get: a function expected"
      or "store:get: filters are of env:filter_store", 2)
  end
  if filter or self.getting.count > 0 or self.shelf.count == 0 then
    local event = wait_in(self, self.getting, filter)
    if self.shelf.count > 0 then self:settle() end
    return event
  end
  local event = self.env:event()
  event:succeed(self.shelf:take())
  self.stock:set(self.shelf.count)
  if self.putting.count > 0 then self:settle() end
  return event
end

-- ---- containers ----

local container = {}
local container_meta = { __name = "oracle.des.container", __index = function(_, key)
  return container[key] or error(("a container has no %q"):format(tostring(key)), 2)
end }

--- A container.
-- @param options capacity (without end unless given), init (what is in it at first, 0)
function store.container(env, options)
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
  return new(env, container_meta, capacity, { level = init, stock = env:level(init) })
end

local function change(self, record, by)
  self.level = self.level + by
  self.stock:set(self.level)
  done(record, record.what)
end

function container:settle()
  repeat
    local put, get = self.putting:peek(), self.getting:peek()
    local room = put and self.level + put.what <= self.capacity
    if room then change(self, put, put.what) end
    local enough = get and get.what <= self.level
    if enough then change(self, get, -get.what) end
  until not room and not enough
end

local function move(self, what, into, amount)
  amount_of(what, amount)
  if amount > self.capacity then
    error(("%s: %s is more than it holds, %s"):format(what, amount, self.capacity), 3)
  end
  local event = wait_in(self, into, amount)
  self:settle()
  return event
end

--- Put an amount in: an event that happens when there is room for all of it.
function container:put(amount)
  return (move(self, "container:put", self.putting, amount))
end

--- Take an amount out: an event that happens when there is that much.
function container:get(amount)
  return (move(self, "container:get", self.getting, amount))
end

return store
