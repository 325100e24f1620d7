--- The engine around the scheduler, on a virtual clock: every step that computes takes the same time. One step after
-- the other (v1/engine/core.py, step), or with asynchronous scheduling two in flight (0.33 v1/engine/core.py:708-797,
-- step_with_batch_queue): step n is made when step n - 2 has ended, and runs when step n - 1 has.
local content = require "schedulers.vllm.content"
local rules = require "schedulers.vllm.rules"
local schedulers = require "schedulers.vllm.scheduler"

local engine = {}
engine.__index = engine

-- ---- requests ----

local request = {}
request.__index = request

function request:take_token(token)
  self.tokens = self.tokens + 1
  self.node = content.after(self.node, token)
  self.path[self.tokens] = token
  if self.tokens % self.block_size == 0 then self.content[self.tokens // self.block_size] = self.node end
end

function request:append()
  self.generated = self.generated + 1
  self:take_token(self.texts:token("answer of " .. self.name, self.generated))
end

-- `given`: name, arrival_ms, prompt = { { text, tokens } ... }, output, ends_by, priority, conversation;
-- `before`: the request whose conversation this one continues.
function engine:request(given, before)
  local knobs = self.knobs
  local r = setmetatable({ name = given.name, arrival = given.arrival_ms, priority = given.priority or 0, given = given,
                           output = given.output, ends_by = given.ends_by or "length", turn = given.turn or 1,
                           tokens = 0, generated = 0, computed = 0, in_flight = 0, placeholders = 0, stale = 0,
                           junction = 0, preemptions = 0, after_end = 0, mid_prompt = false, running = false,
                           node = self.texts.root, path = {}, content = {}, texts = self.texts,
                           block_size = knobs.block_size }, request)
  for _, token in ipairs(before and before.path or {}) do r:take_token(token) end
  for _, part in ipairs(given.prompt) do
    for i = 1, part[2] do r:take_token(self.texts:token(part[1], i)) end
  end
  r.prompt = r.tokens
  r.max_tokens = r.output
  if r.ends_by == "stop" then r.max_tokens = math.min(r.output + 64, knobs.max_model_len - r.prompt) end
  return r
end

-- The next turn of a conversation: everything so far, and the new input.
function engine:next_turn(r)
  local about = r.given.conversation
  if not about or r.turn >= about.turns then return end
  local name = ("%s/%d"):format(r.given.first_name or r.name, r.turn + 1)
  self:expect(self:request({ name = name, first_name = r.given.first_name or r.name, turn = r.turn + 1,
                             arrival_ms = r.finish + about.think_ms, output = r.output, ends_by = r.ends_by,
                             priority = r.priority, conversation = about,
                             prompt = { { "input of " .. name, about.input } } }, r))
end

-- In order of arrival, those of one moment in the order in which they were told.
function engine:expect(r)
  local place = #self.coming + 1
  while place > 1 and self.coming[place - 1].arrival > r.arrival do place = place - 1 end
  table.insert(self.coming, place, r)
  self.requests[#self.requests + 1] = r
end

-- ---- time ----

function engine:arrive()
  while self.coming[1] and self.coming[1].arrival <= self.now do
    self.scheduler:add(table.remove(self.coming, 1))
  end
end

-- A step from now on, or from when the one before it ends.
function engine:make_step()
  local step = self.scheduler:schedule()
  step.made = self.now
  -- What a step of nothing preempted is told with the next one.
  local preempted = table.move(step.preempted, 1, #step.preempted, #self.preempted + 1, self.preempted)
  if #step.order == 0 then return step end
  step.told, self.preempted = preempted, {}
  step.start = math.max(self.now, self.busy_until)
  step.finish = step.start + self.step_ms
  self.busy_until = step.finish
  step.used = self.scheduler.memory.pool:used()
  self.steps[#self.steps + 1] = step
  return step
end

function engine:end_step(step)
  self.now = step.finish
  local got, ended = self.scheduler:update(step)
  for _, r in ipairs(got) do r.first = r.first or self.now end
  for _, r in ipairs(ended) do
    r.finish = self.now
    self:next_turn(r)
  end
end

-- Steps until nobody comes any more. A step of nothing takes no time, and is not repeated but for what it preempted.
function engine:run()
  local flying = {}
  while true do
    self:arrive()
    local step = self.scheduler:has_requests() and self:make_step()
    if step and #step.order > 0 then flying[#flying + 1] = step end
    local made = step and #step.order > 0
    if made and #flying < self.depth then                 -- luacheck: ignore 542
      -- the next one is made at once
    elseif #flying > 0 then
      self:end_step(table.remove(flying, 1))
    elseif not (step and #step.preempted > 0) then
      local next_one = self.coming[1]
      if not next_one then break end
      self.now = math.max(self.now, next_one.arrival)
    end
  end
  assert(not self.scheduler:has_requests(), "requests wait for ever")
end

-- A case: { vllm = version, knobs, step_ms, requests }. Returns the engine after its last step.
function engine.simulate(case)
  local knobs = case.knobs
  local version = case.vllm:match("^%d+%.%d+")
  local self = setmetatable({ knobs = knobs, step_ms = case.step_ms, now = 0, busy_until = 0, texts = content.new(),
                              coming = {}, requests = {}, steps = {}, preempted = {},
                              depth = knobs.async_scheduling and 2 or 1 }, engine)
  self.scheduler = schedulers.new(knobs, assert(rules[version], version), knobs.async_scheduling)
  for _, given in ipairs(case.requests) do self:expect(self:request(given)) end
  self:run()
  return self
end

return engine
