--- Resources: a number of equal servers that processes hold for a while and otherwise queue for. A request is an
-- event that happens when it is granted; `resource`, `priority`, `time`, `process` are its fields, and `since` once
-- it is granted.
--   resource.capacity, .count       servers there are, and are held
--   resource.queue                  the requests that wait (.count of them; each() in order)
--   resource.in_use, .queue_length  levels (averages over time); resource.waits: a tally of s from request to grant
local queue = require "oracle.des.queue"

local resource = {}

local KINDS = {
  resource = { queue = queue.fifo },
  priority_resource = { queue = queue.heap },
  preemptive_resource = { queue = queue.heap, preempts = true },
}

local methods = {}
local request_fields = {}                                 -- of every request

local meta = { __index = methods, __name = "oracle.des.resource" }
local request_meta = { __index = request_fields }

--- A resource.
-- @param kind a key of KINDS
-- @param capacity servers, a whole number of at least 1
function resource.new(env, kind, capacity)
  capacity = capacity == nil and 1 or capacity
  if math.type(capacity) ~= "integer" or capacity < 1 then
    error(("env:%s: a capacity of at least 1 expected, got %s"):format(kind, tostring(capacity)), 3)
  end
  return setmetatable({
    env = env, kind = kind, capacity = capacity, count = 0, users = {}, queue = KINDS[kind].queue(),
    preempts = KINDS[kind].preempts, in_use = env:level(), queue_length = env:level(), waits = env:tally(),
  }, meta)
end

local function grant(self, request)
  local now = self.env.now
  self.users[request] = true
  self.count = self.count + 1
  request.since = now
  self.in_use:set(self.count)
  self.waits:add(now - request.time)
  request:succeed(request)
end

local function serve_next(self)
  local request = self.count < self.capacity and self.queue:peek()
  if not request then return end
  self.queue:remove(request)
  self.queue_length:set(self.queue.count)
  grant(self, request)
end

-- ---- preemption ----

-- Whether user a has less right to its server than user b: by priority, then by time, then by whether it preempts.
local function weaker(a, b)
  if a.priority ~= b.priority then return a.priority > b.priority end
  if a.number ~= b.number then return a.number > b.number end
  return false
end

local function weakest(self)
  local found
  for request in next, self.users do
    if not found or weaker(request, found) then found = request end
  end
  return found
end

local function preempt(self, request)
  local victim = weakest(self)
  if victim.priority <= request.priority then return end
  self.users[victim] = nil
  self.count = self.count - 1
  victim.lost = true
  self.in_use:set(self.count)
  local process = victim.process
  if process and process.is_alive then
    process:interrupt { by = request.process, resource = self, usage_since = victim.since, preempted = true }
  end
end

-- ---- what processes call ----

--- Ask for a server: an event that happens when it is granted.
-- @param options priority (less goes first; 0), preempt (true: of a preemptive resource, a server is taken from a user
--   of a greater priority, who is interrupted; the cause has `by`, `resource`, `usage_since`, `preempted`)
function methods:request(options)
  local env, priority, may_preempt = self.env, 0, self.preempts
  if options ~= nil then
    if type(options) ~= "table" then error("resource:request: a table of options expected", 2) end
    priority = options.priority or 0
    if type(priority) ~= "number" or priority ~= priority then
      error(("resource:request: priority: a number expected, got %s"):format(tostring(options.priority)), 2)
    end
    if priority ~= 0 and self.kind == "resource" then
      error("resource:request: priorities are of env:priority_resource and env:preemptive_resource", 2)
    end
    may_preempt = may_preempt and options.preempt ~= false
  end
  self.number = (self.number or 0) + 1
  local request = env:event(setmetatable({ resource = self, priority = priority, time = env.now, number = self.number,
                                           process = env.active_process }, request_meta))
  if self.count >= self.capacity and may_preempt then preempt(self, request) end
  if self.count < self.capacity then
    grant(self, request)
  else
    self.queue:push(request, priority)
    self.queue_length:set(self.queue.count)
  end
  return request
end

--- Give a server back. One that was preempted has been given back already.
function methods:release(request)
  if not self.users[request] then
    if type(request) == "userdata" and request.resource == self and request.lost then return end
    error("resource:release: that request does not hold it", 2)
  end
  self.users[request] = nil
  self.count = self.count - 1
  self.in_use:set(self.count)
  serve_next(self)
end

--- A request that still waits waits no longer.
-- @return whether it did
function methods:cancel(request)
  if not self.queue:remove(request) then return false end
  self.queue_length:set(self.queue.count)
  return true
end

--- Hold a server while f(request) runs: request, wait, call, and release, also when it fails or is interrupted.
-- @return what f returns
function methods:use(f, options)
  local request <close> = self:request(options)
  request:wait()
  return f(request)
end

--- The share of the servers that was held, over time.
function methods:utilisation()
  return self.in_use.mean / self.capacity
end

--- Statistics begin anew, as at the end of a warm-up.
function methods:reset()
  self.in_use:reset()
  self.queue_length:reset()
  self.waits:reset()
end

function request_fields.release(request)
  local holder = request.resource
  if not holder.users[request] and not request.lost then error("request:release: it does not hold its resource", 2) end
  holder:release(request)
end

-- request:cancel()
function request_fields.withdraw(request)
  return request.resource:cancel(request)
end

-- Where the block of a <close> variable ends: whichever of the two it needs.
function request_fields.close(request)
  local holder = request.resource
  if holder.users[request] then holder:release(request) else holder:cancel(request) end
end

return resource
