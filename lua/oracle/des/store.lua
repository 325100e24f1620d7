--- Stores of things and containers of an amount: processes put in and take out, and wait while there is no room or
-- nothing to take. Each put and get is an event.
--   store.items            what is in it, in the order in which it leaves; container.level: how much is in it
--   store.stock            a level: how much was in it, over time
--   .put_queue, .get_queue who waits
local queue = require "oracle.des.queue"

local store = {}

-- ---- what both have ----

local ask_fields = {}
local ask_meta = { __index = ask_fields }

-- An event of one who puts or gets.
local function ask(self, into, fields)
  fields.owner, fields.waits_in = self, into
  local event = self.env:event(setmetatable(fields, ask_meta))
  into:push(event)
  return event
end

local function done(event, value)
  event.waits_in:remove(event)
  event:succeed(value)
end

local function cancel(self, event)
  if type(event) ~= "userdata" or event.owner ~= self then error("cancel: not a put or get of this one", 2) end
  local waited = event.waits_in:remove(event)
  if waited then self:settle() end                        -- those behind it may have their turn
  return waited
end

function ask_fields.withdraw(event)
  return cancel(event.owner, event)
end

ask_fields.close = ask_fields.withdraw

local function amount_of(what, value, least)
  if type(value) ~= "number" or value ~= value or value < least or least == 0 and value == 0 then
    error(("%s: a number above 0 expected, got %s"):format(what, tostring(value)), 4)
  end
  return value
end

local function new(env, class, capacity, fields)
  fields.env, fields.capacity = env, capacity
  fields.put_queue, fields.get_queue = queue.fifo(), queue.fifo()
  return setmetatable(fields, class)
end

-- ---- stores ----

local methods = { cancel = cancel }
local meta = { __index = methods, __name = "oracle.des.store" }

--- A store.
-- @param kind "store", "filter_store" or "priority_store"
-- @param capacity how many things it has room for; without end unless given
function store.new(env, kind, capacity)
  capacity = amount_of("env:" .. kind .. ": capacity", capacity == nil and math.huge or capacity, 0)
  return new(env, meta, capacity, { kind = kind, items = {}, keys = {}, stock = env:level() })
end

-- The place of a thing: at the end, or behind all of no greater priority.
local function insert(self, event)
  local items, keys, key, at = self.items, self.keys, event.priority, #self.items + 1
  if self.kind == "priority_store" then
    local low, high = 1, at
    while low < high do
      local middle = (low + high) // 2
      if keys[middle] <= key then low = middle + 1 else high = middle end
    end
    at = low
    table.insert(keys, at, key)
  end
  table.insert(items, at, event.item)
end

-- The place of what a get takes; nil while there is nothing for it.
local function wanted(self, event)
  local filter = event.filter
  if not filter then return self.items[1] ~= nil and 1 or nil end
  for i, item in ipairs(self.items) do
    if filter(item) then return i end
  end
end

--- Serve all whose turn it is. A get that finds nothing stops those behind it only where it takes whatever there is.
function methods:settle()
  local before = -1
  while before ~= self.put_queue.count + self.get_queue.count do
    before = self.put_queue.count + self.get_queue.count
    local putting = self.put_queue:peek()
    while putting and #self.items < self.capacity do
      insert(self, putting)
      self.stock:set(#self.items)
      done(putting)
      putting = self.put_queue:peek()
    end
    for getting in self.get_queue:each() do
      local at = wanted(self, getting)
      if at then
        local item = table.remove(self.items, at)
        if self.kind == "priority_store" then table.remove(self.keys, at) end
        self.stock:set(#self.items)
        done(getting, item)
      elseif not getting.filter then
        break
      end
    end
  end
end

--- Put a thing in: an event that happens when there is room.
-- @param item anything but nil
-- @param priority of a priority store: less leaves first; item.priority or 0 unless given
function methods:put(item, priority)
  if item == nil then error("store:put: something expected, got nil", 2) end
  if self.kind == "priority_store" then
    priority = priority or type(item) == "table" and item.priority or type(item) == "number" and item or 0
    if type(priority) ~= "number" or priority ~= priority then
      error(("store:put: priority: a number expected, got %s"):format(tostring(priority)), 2)
    end
  elseif priority ~= nil then
    error("store:put: priorities are of env:priority_store", 2)
  end
  local event = ask(self, self.put_queue, { item = item, priority = priority })
  self:settle()
  return event
end

--- Take a thing out: an event whose value it is.
-- @param filter of a filter store: function(item) -> whether it will do
function methods:get(filter)
  if filter ~= nil and (self.kind ~= "filter_store" or type(filter) ~= "function") then
    error(self.kind == "filter_store" and "store:get: a function expected" or "store:get: filters are of env:filter_store", 2)
  end
  local event = ask(self, self.get_queue, { filter = filter })
  self:settle()
  return event
end

-- ---- containers ----

local container = { cancel = cancel }
local container_meta = { __index = container, __name = "oracle.des.container" }

--- A container.
-- @param options capacity (without end unless given), init (what is in it at first, 0)
function store.container(env, options)
  options = options or {}
  local capacity = amount_of("env:container: capacity", options.capacity or math.huge, 0)
  local init = options.init or 0
  if type(init) ~= "number" or not (init >= 0 and init <= capacity) then
    error(("env:container: init: a number from 0 to the capacity expected, got %s"):format(tostring(init)), 3)
  end
  return new(env, container_meta, capacity, { level = init, stock = env:level(init) })
end

function container:settle()
  local served = true
  while served do
    served = false
    local putting, getting = self.put_queue:peek(), self.get_queue:peek()
    if putting and self.level + putting.amount <= self.capacity then
      self.level, served = self.level + putting.amount, true
      self.stock:set(self.level)
      done(putting, putting.amount)
    end
    if getting and getting.amount <= self.level then
      self.level, served = self.level - getting.amount, true
      self.stock:set(self.level)
      done(getting, getting.amount)
    end
  end
end

local function move(self, what, into, amount)
  amount_of(what, amount, 0)
  if amount > self.capacity then
    error(("%s: %s is more than it holds, %s"):format(what, amount, self.capacity), 3)
  end
  local event = ask(self, into, { amount = amount })
  self:settle()
  return event
end

--- Put an amount in: an event that happens when there is room for all of it.
function container:put(amount)
  return (move(self, "container:put", self.put_queue, amount))
end

--- Take an amount out: an event that happens when there is that much.
function container:get(amount)
  return (move(self, "container:get", self.get_queue, amount))
end

return store
