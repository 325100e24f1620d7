--- vLLM V1's scheduler (v1/core/sched/scheduler.py; "sched" below): which requests compute how many tokens in the next
-- step, who loses its memory, and what a step's end changes. There is no prefill and no decode: each request computes
-- what it has in tokens, prompt and answer, and has not computed yet.
--
-- A request: prompt, tokens (known: prompt and answer), generated, computed (scheduled counts), in_flight (scheduled
-- and not processed), placeholders (tokens of steps in flight, not known yet), stale (in flight when it was
-- preempted), mid_prompt (after its last step some of what is known was left to compute).
local memories = require "schedulers.vllm.memory"
local queues = require "schedulers.vllm.queue"

local scheduler = {}
scheduler.__index = scheduler

-- `async`: two steps may be in flight (0.33 v1/core/sched/async_scheduler.py, config/vllm.py:588-598).
function scheduler.new(knobs, rules, async)
  local whole = knobs.scheduler_reserve_full_isl
  if whole == nil then whole = rules.whole_sequence_must_fit end
  local interval = knobs.prefill_schedule_interval or 1   -- steps from one with prompts to the next (0.33 sched:404)
  local self = setmetatable({ rules = rules, async = async, whole = whole, running = {}, interval = interval,
                              budget = knobs.max_num_batched_tokens, seats = knobs.max_num_seqs,
                              max_len = knobs.max_model_len, block_size = knobs.block_size,
                              threshold = knobs.long_prefill_token_threshold,
                              chunking = knobs.enable_chunked_prefill ~= false,
                              by_priority = knobs.scheduling_policy == "priority",
                              waiting = queues.new(knobs.scheduling_policy),
                              memory = memories.new(knobs, rules, async and 2 or 1),
                              steps = 0, last_prompts = -interval, short_of_room = false, put_off = {} }, scheduler)
  for _, spec in ipairs(knobs.kv_groups or {}) do
    if spec.mode == "align" then self.aligned = true end
  end
  return self
end

function scheduler:add(r) self.waiting:add(r) end

function scheduler:has_requests() return #self.running + #self.waiting > 0 end

-- ---- a step is made ----

-- Long prompts compute at most the threshold per step; in 0.33 not a request that is alone (sched:754-763).
function scheduler:threshold_now()
  local lone = self.rules.lone_request_without_threshold and #self.running + #self.waiting <= 1
  return self.threshold > 0 and not lone and self.threshold or math.huge
end

-- Whether prompts wait in this step, so that decodes have steps of their own: while some request decodes, and until
-- `interval` steps have run since one with prompts; not when the last step that looked left requests waiting
-- (0.33 sched:780-791).
function scheduler:prompts_wait()
  if self.interval <= 1 or self.short_of_room then return false end
  if self.steps + 1 - self.last_prompts >= self.interval then return false end
  for _, r in ipairs(self.running) do
    if not r.mid_prompt then return true end
  end
  return false
end

-- Where a chunk of a prompt ends when states are kept on block boundaries (0.33 sched:546-662): on a boundary, unless
-- it completes the prompt; always on the last one before the end, so that the state there is kept; on the next one
-- when it starts between two; and on the last one before a junction. May be none: then the request waits.
function scheduler:aligned_chunk(r, n, found)
  local size, start = self.block_size, r.computed + found
  local prompt_end = math.max(r.prompt, r.tokens - 1)     -- a resumed request computes its answer like a prompt
  if not self.aligned or start >= prompt_end then return n end
  local finish = start + n
  if finish < prompt_end then
    local boundary, most = finish // size * size, self.budget
    if self.threshold > 0 then most = math.min(most, self.threshold) end
    if boundary > start or size <= most then finish = boundary end
  end
  local stops = { (r.tokens - 1) // size * size }
  if start % size ~= 0 then stops[2] = (start // size + 1) * size end
  if start < r.junction and r.junction < finish then
    stops[#stops + 1] = start + (r.junction - start) // size * size
  end
  local first = finish
  for _, stop in ipairs(stops) do
    if start < stop and stop < first then first = stop end
  end
  return math.max(0, first - start)
end

local function schedule(step, r, n)
  if not step.tokens[r] then step.order[#step.order + 1] = r end
  step.tokens[r] = n
  step.left = step.left - n
end

local function unschedule(step, r)
  step.left = step.left + step.tokens[r]
  step.tokens[r] = nil
  for i, other in ipairs(step.order) do
    if other == r then return table.remove(step.order, i) end
  end
end

-- Whom to take the memory from: the one admitted last; by priority the least urgent that arrived last
-- (0.11 sched:262-274, 0.33 sched:932-938).
function scheduler:victim()
  local place = #self.running
  if self.by_priority then
    place = 1
    for i, r in ipairs(self.running) do
      local worst = self.running[place]
      if r.priority > worst.priority or r.priority == worst.priority and r.arrival > worst.arrival then place = i end
    end
  end
  return self.running[place], place
end

-- It starts anew, but finds its own blocks by their content as long as they are there (0.11 sched:276-282,
-- 0.33 sched:1799-1843). Tokens in flight are still delivered.
function scheduler:preempt(r)
  self.memory:free(r)
  r.computed, r.preemptions, r.running = 0, r.preemptions + 1, false
  r.stale, r.placeholders = r.in_flight, 0
  self.waiting:put_first(r)
end

-- Room for n tokens of the running request at `place`, taken from others or, last, from itself. Returns whether there
-- is, and the place, which changes when one before it goes (0.33 sched:944-957; 0.11 sched:262-281 leaves the place,
-- so that the next request is passed over, and the victim's tokens in the step).
function scheduler:make_room(r, n, step, place)
  while not self.memory:allocate(r, n) do
    local victim, at = self:victim()
    table.remove(self.running, at)
    if not self.rules.victim_keeps_its_tokens then
      if at < place then place = place - 1 end
      if step.tokens[victim] then unschedule(step, victim) end
    end
    self:preempt(victim)
    step.preempted[#step.preempted + 1] = victim
    if victim == r then return false, place end
  end
  return true, place
end

-- Its last token is on its way in the steps in flight (0.33 sched:800-814). Only a length is known in advance.
local function ends_in_flight(r)
  return r.placeholders > 0 and r.computed + 2 - r.placeholders >= r.prompt + r.max_tokens
end

-- The tokens that a running request would compute now.
function scheduler:next_tokens(r, step)
  if ends_in_flight(r) or step.prompts_wait and r.mid_prompt then return 0 end
  local n = math.min(r.tokens + r.placeholders - r.computed, step.threshold, step.left, self.max_len - 1 - r.computed)
  return self:aligned_chunk(r, n, 0)
end

function scheduler:schedule_running(step)
  local place = 1
  while place <= #self.running and step.left > 0 do
    local r = self.running[place]
    local n = self:next_tokens(r, step)
    if n == 0 then
      place = place + 1
    else
      local fits
      fits, place = self:make_room(r, n, step, place)
      if fits then
        step.prompts = step.prompts or r.mid_prompt
        schedule(step, r, n)
        place = place + 1
      elseif not self.by_priority or self.rules.self_preempted_ends_the_step then
        return
      end
    end
  end
end

-- One request from the queue: "admitted", "passed over" (others may go first) or "stop".
function scheduler:admit(r, step)
  if r.stale > 0 then return "passed over" end            -- its tokens in flight come first (0.33 sched:1084-1089)
  local found = { blocks = nil, tokens = 0, junction = 0 }
  if r.computed == 0 then                                 -- not so only where a victim kept its tokens (0.11)
    found = self.memory:find(r)
    r.junction = found.junction
  end
  local start = r.computed + found.tokens
  if step.prompts_wait and start < r.tokens - 1 then return "stop" end
  local n = math.min(r.tokens - start, step.threshold)
  if not self.chunking and n > step.left then
    return self.rules.unfit_prompt_is_passed_over and "passed over" or "stop"
  end
  n = self:aligned_chunk(r, math.min(n, step.left), found.tokens)
  if n == 0 then return "stop" end
  local admission = { found = found.blocks and found, whole = self.whole, busy = #self.running > 0 }
  if not self.memory:allocate(r, n, admission) then return "stop" end
  self.waiting:pop()
  self.put_off[r] = nil
  self.running[#self.running + 1] = r
  r.running, r.computed = true, start
  r.cached = r.cached or start
  step.prompts = step.prompts or start < r.tokens - 1
  schedule(step, r, n)
  return "admitted"
end

-- Nobody is admitted in a step that preempted somebody (0.11 sched:335, 0.33 sched:1050).
function scheduler:schedule_waiting(step)
  local passed = {}
  while #self.waiting > 0 and step.left > 0 and #self.running < self.seats do
    local r = self.waiting:peek()
    local what = self:admit(r, step)
    if what == "stop" then break end
    if what == "passed over" then
      passed[#passed + 1] = self.waiting:pop()
      self.put_off[r] = true
    end
  end
  -- Those passed over go back to the front: in 0.11 turned round (sched:434,541), in 0.33 as they were (sched:1607).
  for i = 1, #passed do
    self.waiting:put_first(passed[self.rules.unfit_prompt_is_passed_over and i or #passed + 1 - i])
  end
  if not step.prompts_wait then
    local others = 0
    for _ in pairs(self.put_off) do others = others + 1 end
    self.short_of_room = #self.waiting > others           -- 0.33 sched:1614-1616
  end
end

-- The next step: { order, tokens = by request, preempted, samples = by request }.
function scheduler:schedule()
  local step = { order = {}, tokens = {}, preempted = {}, samples = {}, left = self.budget, prompts = false,
                 threshold = self:threshold_now(), prompts_wait = self:prompts_wait() }
  self.memory:step_begins()
  self:schedule_running(step)
  if #step.preempted == 0 then self:schedule_waiting(step) end
  if #step.order > 0 then self.steps = self.steps + 1 end
  if step.prompts then self.last_prompts = self.steps end
  for _, r in ipairs(step.order) do
    local n = step.tokens[r]
    r.computed, r.in_flight = r.computed + n, r.in_flight + n
    r.mid_prompt = r.computed < r.tokens + r.placeholders
    step.samples[r] = not r.mid_prompt
    -- A token that the next step takes for granted (0.33 async_scheduler.py:22-49).
    if self.async and not r.mid_prompt then r.placeholders = r.placeholders + 1 end
  end
  return step
end

-- ---- a step has ended ----

local function ends(r, max_len)
  return r.ends_by == "stop" and r.generated == r.output or r.tokens >= max_len or r.generated >= r.max_tokens
end

function scheduler:remove(r)
  self.memory:free(r)
  self.put_off[r] = nil
  if not r.running then return self.waiting:remove(r) end
  for i, other in ipairs(self.running) do
    if other == r then return table.remove(self.running, i) end
  end
end

-- The requests of the step in its order; each may free its memory. Returns those that got a token and those that end.
function scheduler:update(step)
  local got, ended = {}, {}
  for _, r in ipairs(step.order) do
    local n = step.tokens[r]
    local stale = r.stale > 0
    r.in_flight = r.in_flight - n
    if stale then r.stale = r.stale - n end
    if r.finished then
      r.after_end = r.after_end + n
    elseif step.samples[r] then
      r:append()
      got[#got + 1] = r
      local expected = r.placeholders > 0 and not stale
      if expected then r.placeholders = r.placeholders - 1 end
      -- What was computed by now can be found, the steps in flight not counted (0.33 sched:2407-2415).
      if expected and r.running then self.memory:remember(r, r.computed - r.in_flight) end
      if ends(r, self.max_len) then
        r.finished = true
        self:remove(r)
        ended[#ended + 1] = r
      end
    end
  end
  return got, ended
end

return scheduler
