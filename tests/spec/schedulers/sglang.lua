--- SGLang's scheduler, written plainly, request by request, with nothing of the engine's: what it forms a step from, in
-- its own order of events. One rule stands in one place, with the version it holds for and where it is written. Files
-- are those below sglang/srt/managers in the wheels: sched = scheduler.py, policy = schedule_policy.py, batch =
-- schedule_batch.py; of 0.5.23 unless 0.5.5 is said; budget = mem_cache/prefill_budget.py (0.5.23).
--
-- Modelled: 0.5.5 and 0.5.23, one worker, full attention, no speculation, no LoRA. Not modelled: preemption by
-- priority, routing-key, mixed chunks, delayed prefills (prefill_delayer, prefill_decode_interval), loading from lower
-- tiers, add_one_req_ignore_eos (ignore_eos without a cache).
local Cache = require "schedulers.sglang_cache"

local Scheduler = {}
Scheduler.__index = Scheduler

local CLIP = 4096                                         -- policy:89: an answer counts for at most so many tokens
local FIRST, FLOOR, DECAY, AHEAD = 0.7, 0.14, 600, 20     -- environ.py:646-649
local LPM_MOST, SHORT, ALIKE = 128, 32, 32                -- policy:137, 110, 117: requests, tokens, tokens
local TOUCH_EVERY = 32                                    -- policy:139

-- What differs between the versions.
local VERSIONS = {
  ["0.5.5"] = {
    -- A spent max_prefill_tokens closes a batch, chunked or not (policy 0.5.5:584,603).
    prefill_limit_always = true,
    -- Finished requests leave the running batch when it decodes (sched 0.5.5:1896), and count until then.
    finished_stay = true,
    -- Whoever does not fit closes admission, even if nobody runs (sched 0.5.5:1813).
    always_full = true,
    spare = 0,                                            -- pages more that an admitted request is charged: none
    -- The KV of an answer's last token never enters the tree, even where it was computed (mem_cache/radix_cache.py
    -- 0.5.5:357-410); what an overlapped step took for a request that had ended or was sent back comes free when that
    -- step is over (scheduler_output_processor_mixin.py:85-92, 316-352).
    frees_late = true,
  },
  ["0.5.23"] = {
    -- Every request is charged a page more (policy:1408-1417, budget:156-169).
    spare = 1,
    -- Nobody is looked up once the chunk or max_prefill_tokens is spent (sched:4205-4208).
    spent_stops = true,
    -- Requests that ignore their stop token count fully (policy:785-795).
    fixed_count_fully = true,
    -- Under the overlap loop, who is about to end by length does not decode once more (sched:4444-4466, 2029).
    skip_finishing = true,
    -- A continued chunk goes on when memory is over-committed (budget:142-145).
    chunk_goes_on = true,
    -- What waiting requests would find counts as used, every 32nd time the queue is looked at (policy:282-302).
    touch_waiting = true,
    -- lpm: of a prompt found whole the last token does not count (mem_cache/common.py: match_kv_cache).
    last_token_uncounted = true,
    -- An answer reaches to the capacity at most (mem_cache/allocator/base.py:88-105).
    capped_by_capacity = true,
  },
}

--- How requests are sent back: a list of fields, the first to go having the least (batch:3541-3580). "priority" has the
-- least urgent first (0.5.23).
local RETRACTION = { length = {}, priority = { "priority" } }

-- ---- the share of the longest answers that is kept free (new_token_ratio) ----

-- 0.5.5 sched:475-487; 0.5.23 scheduler_components/new_token_ratio_tracker.py:13-56.
local function start_ratio(s)
  s.first = math.min(FIRST * s.knobs.schedule_conservativeness, 1.0)
  s.least = math.min(s.first * FLOOR, 1.0)
  s.ratio = s.first
end

local function decay_ratio(s) s.ratio = math.max(s.ratio - (s.first - s.least) / DECAY, s.least) end

local function ratio_after_retraction(s)
  local made, longest = 0, 0
  for _, r in ipairs(s.running.requests) do made, longest = made + r.output, longest + r.max_new end
  s.ratio = math.min(1.0, (made + AHEAD * #s.running.requests) / (longest + 1))
end

-- ---- the order of the queue ----

local function sort_stably(list, before)
  local place = {}
  for i, r in ipairs(list) do place[r] = i end
  table.sort(list, function(a, b)
    if before(a, b) then return true end
    return not before(b, a) and place[a] < place[b]
  end)
end

-- What of the request is cached, as far as anyone looks (at most all but the last token when it is to be computed).
local function look_up(s, r, longest)
  r.prefix, r.node = s.cache:match(r.tokens, longest)
  return r.prefix
end

-- For the orders that go by prefixes: what each finds, and who begins like another one that finds as little
-- (policy:346-396).
local function match_all(s)
  local fresh, deferred = Cache.new(s.version, 0, 1), {}
  for _, r in ipairs(s.waiting) do
    local n = r.prompt + r.output
    r.found = look_up(s, r, n)
    if s.rules.last_token_uncounted then r.found = math.min(r.found, n - 1) end
    if r.prefix <= SHORT then
      if fresh:match(r.tokens, n) >= ALIKE then
        deferred[r] = true
      else
        fresh:keep({ tokens = r.tokens, prompt = n, node = fresh.root, kept = n }, n)
      end
    end
  end
  return deferred
end

local function later(deferred, a, b)                      -- nil: neither is
  if deferred[a] ~= deferred[b] then return deferred[b] == true end
end

local ORDERS = {
  -- By priority first, where priorities are on (policy:526-536).
  fcfs = function(s)
    if not s.knobs.enable_priority_scheduling then return end
    sort_stably(s.waiting, function(a, b)
      if a.priority ~= b.priority then return a.priority > b.priority end
      return a.queued < b.queued
    end)
  end,
  -- Longest output first (policy:504-519).
  lof = function(s)
    sort_stably(s.waiting, function(a, b)
      if s.knobs.enable_priority_scheduling and a.priority ~= b.priority then return a.priority > b.priority end
      return a.max_new > b.max_new
    end)
  end,
  -- Longest cached prefix first (policy:441-451).
  lpm = function(s)
    local deferred = match_all(s)
    sort_stably(s.waiting, function(a, b)
      local less = later(deferred, a, b)
      if less ~= nil then return less end
      return not deferred[a] and a.found > b.found
    end)
  end,
  -- Down the tree, the branch first at which most are waiting (policy:496-501).
  ["dfs-weight"] = function(s)
    match_all(s)
    local at, there = {}, {}
    for _, r in ipairs(s.waiting) do
      at[r.node] = (at[r.node] or 0) + 1
      there[r.node] = there[r.node] or {}
      table.insert(there[r.node], r)
    end
    s.waiting = {}
    s.cache:by_weight(at, function(node)
      for _, r in ipairs(there[node] or {}) do table.insert(s.waiting, r) end
    end)
  end,
  -- 0.5.23: the highest ratio of prompt tokens computed since it came to tokens it lacks, then the name
  -- (policy:460-493).
  hrrn = function(s)
    local deferred = match_all(s)
    local function key(r)
      if deferred[r] then return math.huge end
      local lacking = math.max(0, r.prompt - r.found)
      return lacking == 0 and -math.huge or -(s.computed - r.computed_before) / lacking
    end
    sort_stably(s.waiting, function(a, b)
      if key(a) ~= key(b) then return key(a) < key(b) end
      return a.name < b.name
    end)
  end,
  -- 0.5.23: the least that is left to compute (policy:399-416).
  ["shortest-prefill-first"] = function(s)
    local deferred = match_all(s)
    local function work(r) return math.max(1, r.prompt + r.output - r.found) end
    sort_stably(s.waiting, function(a, b)
      local less = later(deferred, a, b)
      if less ~= nil then return less end
      if work(a) ~= work(b) then return work(a) < work(b) end
      return a.queued < b.queued
    end)
  end,
}
local BY_PREFIX = { lpm = true, ["dfs-weight"] = true, hrrn = true, ["shortest-prefill-first"] = true }
local NOT_LONG = { lpm = true, hrrn = true }

-- The queue is put in order each time an admission is tried (sched 0.5.5:1738; 0.5.23:4129). Without a cache, orders by
-- prefix are fcfs (policy:324-344; 0.5.5:117-138); above 128 waiting, lpm and hrrn leave what came as it is
-- (policy:304-317).
local function put_in_order(s)
  local how = s.knobs.schedule_policy
  if BY_PREFIX[how] and s.cache.disabled then how = "fcfs" end
  local leave = NOT_LONG[how] and #s.waiting > LPM_MOST
  if not leave then ORDERS[how](s) end
  if s.rules.touch_waiting and (leave or not BY_PREFIX[how]) and #s.waiting > 0 and not s.cache.disabled then
    if s.touches % TOUCH_EVERY == 0 then
      for i = math.min(#s.waiting, LPM_MOST), 1, -1 do
        s.cache:match(s.waiting[i].tokens, s.waiting[i].prompt + s.waiting[i].output)
      end
    end
    s.touches = s.touches + 1
  end
end

-- ---- admission (PrefillAdder) ----

-- What the running requests are expected to need yet (policy:785-795; 0.5.5:366-374).
local function expected(s)
  local sum = 0
  for _, r in ipairs(s.running.requests) do
    local ratio = s.rules.fixed_count_fully and r.ignore_eos and 1.0 or s.ratio
    sum = sum + math.min(r.max_new - r.output, CLIP) * ratio
  end
  return sum
end

local function left_in_all(s, add) return s.cache:room() - add.promised end
local function left_now(s, add) return s.cache:room() - add.taken end

-- Charges a request that was admitted for `tokens` now and `answer` later (0.5.5:433-447; budget:156-169).
local function charge(s, add, r, tokens, answer)
  local pages = s.cache:pages_up(tokens)
  local spare = s.rules.spare * s.cache.page
  add.promised = add.promised + pages + spare + answer
  add.taken = add.taken + pages + spare
  add.prompts, add.chunk = add.prompts - pages, add.chunk - pages
  r.upto = r.prefix + tokens
  add.batch[#add.batch + 1] = r
end

-- The prompt whose chunk did not end last time goes on, before all others (0.5.5:449-467; 0.5.23:1140-1223).
local function continue_chunk(s, add)
  local r = s.chunked
  local lacking = r.prompt + r.output - r.prefix
  local most = math.min(add.chunk, left_in_all(s, add) // 1 | 0)
  if most <= 0 and s.rules.chunk_goes_on then most = add.chunk end
  if s.knobs.schedule_policy == "shortest-prefill-first" then most = math.min(most, s:spared_chunk(lacking, add)) end
  local whole = lacking <= most
  charge(s, add, r, math.min(lacking, most), whole and math.min(r.max_new, CLIP) or 0)
  if whole then s.chunked = nil end
end

--- shortest-prefill-first: the tokens left for the continued prompt when shorter ones go first (policy:418-438).
function Scheduler:spared_chunk(lacking, add)
  local page, reserved = self.cache.page, 0
  if add.chunk < 2 * page then return add.chunk end
  for _, r in ipairs(self.waiting) do
    local work = math.max(1, r.prompt + r.output - r.found)
    if work >= lacking or reserved + self.cache:pages_up(work) > add.chunk - page then break end
    reserved = reserved + self.cache:pages_up(work)
  end
  return reserved > 0 and self.cache:pages_down(add.chunk - reserved) or add.chunk
end

-- May others follow? "memory": nobody until somebody has left; "step": not in this step
-- (0.5.5:421-431; 0.5.23:874-893).
local function verdict(s, add)
  if left_in_all(s, add) <= 0 or left_now(s, add) <= 0 then return "memory" end
  if add.prompts <= 0 or add.chunk <= 0 then return "step" end
end

-- Takes the request into the batch, as far as the chunk reaches (0.5.5:556-645; 0.5.23:1395-1683).
local function add_one(s, add, r)
  local lacking = r.prompt + r.output - r.prefix
  local wanted = lacking + math.min(math.max(r.max_new - r.output, 0), CLIP) + s.rules.spare * s.cache.page
  local pages, left_if_unlocked = s.cache:pages_up(lacking), left_in_all(s, add)
  s.cache:lock(r.node)                                    -- what it found does not count as room for it
  local reason, tokens, answer
  local beyond = pages >= add.prompts and #add.batch > 0  -- the first one may exceed max_prefill_tokens
  if beyond and s.rules.prefill_limit_always and wanted < left_if_unlocked then
    reason = "step"
  elseif wanted >= left_in_all(s, add) then
    reason = "memory"
  elseif beyond and add.chunk == math.huge then
    reason = "step"
  elseif pages <= add.chunk then
    tokens, answer = lacking, math.min(r.max_new, CLIP)
  elseif s.chunked and s.knobs.schedule_policy == "shortest-prefill-first" then
    reason = "step"
  else
    tokens, answer = s.cache:pages_down(r.prefix + s.cache:pages_down(add.chunk)) - r.prefix, 0
    if tokens <= 0 then reason = "step" end
  end
  if reason then
    s.cache:unlock(r.node)
    return reason
  end
  r.kept, r.cached = r.prefix, r.cached or r.prefix
  charge(s, add, r, tokens, answer)
  if answer == 0 and tokens < lacking then s.chunked = r end
  return verdict(s, add)
end

-- Requests that may be admitted beside those running.
local function seats(s) return s.knobs.max_running_requests - #s.running.requests end

-- Whoever fits, in order; the first who does not ends it (sched 0.5.5:1766-1814; 0.5.23:4201-4306).
local function admit_waiting(s, add)
  for _, r in ipairs(s.waiting) do
    if s.rules.spent_stops and verdict(s, add) == "step" then return end
    if #add.batch >= seats(s) then s.running.full = true end
    if s.running.full then return end
    look_up(s, r, r.prompt + r.output - 1)                -- one token at least is computed
    local reason = add_one(s, add, r)
    if reason == "memory" then
      s.running.full = s.rules.always_full or #add.batch > 0 or #s.running.requests > 0
    end
    if reason then return end
  end
end

local function without(list, set)
  local rest = {}
  for _, r in ipairs(list) do
    if not set[r] then rest[#rest + 1] = r end
  end
  return rest
end

-- A batch of prompts, or nil (sched 0.5.5:1705-1890; 0.5.23:4079-4414).
local function prefill(s)
  local running = s.running
  if not s.rules.always_full and #running.requests == 0 then running.full = false end
  if (running.full or #s.waiting == 0) and not s.chunked then return end
  if seats(s) <= 0 and not s.chunked then
    running.full = true
    return
  end
  put_in_order(s)
  local promised = expected(s)
  local add = { batch = {}, promised = promised, taken = 0, prompts = s.knobs.max_prefill_tokens,
                chunk = s.knobs.chunked_prefill_size or math.huge }
  if s.chunked then continue_chunk(s, add) end
  admit_waiting(s, add)
  if #add.batch == 0 then return end
  local in_batch, tokens, needed, step = {}, 0, 0, { kind = "prefill", requests = add.batch, chunked = s.chunked }
  for i, r in ipairs(add.batch) do
    in_batch[r], r.retracted = true, false
    step[i] = r.upto - r.prefix
    tokens = tokens + step[i]
    needed = needed + s.cache:pages_up(r.upto) - s.cache:pages_up(r.prefix)
    r.held = r.upto
  end
  s.waiting = without(s.waiting, in_batch)
  -- Of pages, one more per request is made room for (0.5.5 mem_cache/common.py:244-247; mem_cache/allocation.py).
  s.cache:take(needed, s.cache.page > 1 and tokens + #add.batch * s.cache.page or tokens)
  s.computed = s.computed + tokens
  return step
end

-- ---- decode ----

-- Tokens that the next step of these requests needs (0.5.5 batch:1429-1456; 0.5.23 batch:3403-3417).
local function next_tokens(s, requests)
  local pages = 0
  for _, r in ipairs(requests) do
    if r.held % s.cache.page == 0 then pages = pages + 1 end
  end
  return pages * s.cache.page
end

local function decode_fits(s, requests)
  local needed = next_tokens(s, requests)
  s.cache:evict_for(needed)
  return s.cache.free >= needed
end

-- Gives back what r holds, keeping none of it. `known`: tokens whose KV 0.5.5 knows of; an overlapped step that has
-- begun for r took one more, which comes free when it is over.
local function give_back(s, r, known)
  if s.rules.frees_late then
    r.late, r.held = s.cache:pages_up(r.held) - s.cache:pages_up(known), known
  end
  s.cache:release(r, r.held)
  r.held = 0
end

local function enqueue(s, r)
  s.came = s.came + 1
  r.queued, r.computed_before = s.came, s.computed
  s.waiting[#s.waiting + 1] = r
end

-- Of the running requests those with most tokens made stay, of equal ones those with the shorter prompt, of equal ones
-- those who came first; at least one is sent back, and so many that the next step of the others fits. What they
-- generated is not kept, and 20 tokens for each one left are made room for at once. They go to the end of the queue
-- (0.5.5 batch:1458-1543, sched:1923; 0.5.23 batch:3451-3580, 2360-2395, sched:4533).
local function retract(s)
  local kept, gone = table.move(s.running.requests, 1, #s.running.requests, 1, {}), {}
  local first = RETRACTION[s.knobs.retraction_policy or "length"]
  sort_stably(kept, function(a, b)
    for _, field in ipairs(first) do
      if a[field] ~= b[field] then return a[field] > b[field] end
    end
    if a.output ~= b.output then return a.output > b.output end
    return a.prompt < b.prompt
  end)
  repeat
    if #kept == 1 then break end
    local r = table.remove(kept)
    gone[#gone + 1] = r
    give_back(s, r, r.prompt + math.max(r.output - 1, 0))
    s.cache:evict_for(#kept * AHEAD)
    r.prefix, r.upto, r.retracted, r.retractions = 0, nil, true, r.retractions + 1
  until decode_fits(s, kept)
  s.running.requests = kept                               -- from now on in this order
  ratio_after_retraction(s)
  for _, r in ipairs(gone) do enqueue(s, r) end
  return gone
end

local function finished(r) return r.finish ~= nil end

-- The running requests without those who are done; if any was, others may be admitted again.
local function drop_finished(s, also)
  local set = also or {}
  for _, r in ipairs(s.running.requests) do
    if finished(r) then set[r] = true end
  end
  local before = #s.running.requests
  s.running.requests = without(s.running.requests, set)
  if #s.running.requests < before then s.running.full = false end
end

-- Overlap, 0.5.23: those whose last token is being computed, if it is the last by length (sched:4444-4457).
local function finishing(s)
  local set, any = {}, false
  if not (s.rules.skip_finishing and s.in_flight) then return set, any end
  for _, r in ipairs(s.in_flight.requests) do
    if r ~= s.in_flight.chunked and r.output + 1 >= r.max_new then set[r], any = true, true end
  end
  return set, any
end

-- One token of every running request, or nil (sched 0.5.5:1892-1936; 0.5.23:4459-4552).
local function decode(s)
  if #s.running.requests == 0 then return end
  local set, any = finishing(s)
  drop_finished(s, set)
  if #s.running.requests == 0 then
    s.running.full = false
    return
  end
  local gone
  if decode_fits(s, s.running.requests) then
    decay_ratio(s)
  elseif any then                                         -- who is about to leave makes room: this step is passed over
    s.running.full = false
    return
  else
    gone = retract(s)
    if #gone > 0 then s.running.full = false end
  end
  s.cache:take(next_tokens(s, s.running.requests))
  local step = { kind = "decode", requests = s.running.requests, retracted = gone }
  for i, r in ipairs(step.requests) do r.held, step[i] = r.held + 1, 1 end
  return step
end

-- ---- a step ----

-- Those whose prompts the last batch ended join the running ones, behind them. A batch that finds nobody running
-- becomes the running one, with admission open (sched 0.5.5:1645-1666; 0.5.23:3930-3957).
local function merge_last(s)
  local last = s.last
  if s.chunked then
    s.cache:keep(s.chunked, s.chunked.upto)               -- what a chunk computed can be found at once
    s.chunked.prefix = s.chunked.upto
  end
  if not last or last.kind ~= "prefill" then return end
  local stay = {}
  for _, r in ipairs(last.requests) do
    if not finished(r) and r ~= s.chunked and r ~= last.chunked then stay[#stay + 1] = r end
  end
  if #stay < #last.requests then s.running.full = false end
  if #stay == 0 then return end
  if #s.running.requests == 0 then s.running = { requests = {}, full = false } end
  s.running.requests = table.move(stay, 1, #stay, #s.running.requests + 1,
                                  table.move(s.running.requests, 1, #s.running.requests, 1, {}))
end

--- Forms the next step: prompts if there are any, else one token of each running request, else nil
-- (sched 0.5.5:1630-1697; 0.5.23:3894-4024). Returns { kind, requests, tokens per request in [1..], retracted }.
function Scheduler:form()
  merge_last(self)
  if not self.rules.finished_stay then drop_finished(self) end  -- 0.5.23: at every step (sched:3963-3968)
  return prefill(self) or decode(self)
end

-- The request's next token is there. It ends by its stop token (r.stop) or by length.
local function token(s, r, now)
  r.output = r.output + 1
  r.tokens[r.prompt + r.output] = s.unlike
  s.unlike = s.unlike + 1
  r.first = r.first or now
  if r.output < math.min(r.stop, r.max_new) then return end
  r.finish = now
  -- Its KV can be found: all but that of the last token, which no step computed - unless, in the overlap loop, one more
  -- had begun for it: 0.5.23 then keeps that too (batch:1552-1563, mem_cache/common.py: release_kv_cache).
  local known = r.prompt + r.output - (s.rules.frees_late and 1 or 0)
  s.cache:keep(r, math.min(r.held, known))
  give_back(s, r, math.min(r.held, known))
end

--- The step has ended (0.5.5 scheduler_output_processor_mixin.py; 0.5.23
-- scheduler_components/batch_result_processor.py:258-446, 952-1110).
function Scheduler:apply(step, now)
  for _, r in ipairs(step.requests) do
    if (finished(r) or r.retracted) and r.late then
      self.cache.free, r.late = self.cache.free + r.late, nil
    elseif not finished(r) and not r.retracted and r ~= step.chunked then  -- else its token is lost
      token(self, r, now)
      if step.kind == "prefill" and not finished(r) then
        self.cache:keep(r, r.upto)
        r.prefix = r.upto
      end
    end
  end
end

--- Nothing to do and nothing waiting (0.5.5 scheduler_runtime_checker_mixin.py:219-223; 0.5.23 sched:5241).
function Scheduler:idle() start_ratio(self) end

--- A request comes: { name, prompt = { { text, tokens }, ... }, output = tokens until its stop token, max_new_tokens,
-- ignore_eos, priority }.
function Scheduler:arrive(q)
  local tokens = {}
  for _, part in ipairs(q.prompt) do
    self.texts[part[1]] = self.texts[part[1]] or {}
    local text = self.texts[part[1]]
    for i = 1, part[2] do
      if not text[i] then text[i], self.unlike = self.unlike, self.unlike + 1 end
      tokens[#tokens + 1] = text[i]
    end
  end
  local knobs, max_new = self.knobs, q.max_new_tokens or q.output
  -- An answer fits the context and the memory (0.5.5 sched:1136-1144; 0.5.23 sched:2693-2735, tp_worker.py:421-424).
  max_new = math.min(max_new, math.min(knobs.context_length - 1, knobs.kv_tokens - 1) - #tokens - 1)
  if self.rules.capped_by_capacity then
    max_new = math.min(max_new, knobs.kv_tokens - self.cache:pages_up(#tokens) - self.cache.page - 1)
  end
  local r = { name = q.name, arrival = q.arrival_ms, tokens = tokens, prompt = #tokens, output = 0, stop = q.output,
              max_new = math.max(0, max_new), ignore_eos = q.ignore_eos, priority = q.priority or 0, prefix = 0,
              kept = 0, held = 0, node = self.cache.root, retractions = 0 }
  enqueue(self, r)
  return r
end

--- knobs: kv_tokens, page_size, max_running_requests, chunked_prefill_size (nil: off), max_prefill_tokens,
-- schedule_policy, schedule_conservativeness, context_length, radix_cache (false: off), retraction_policy,
-- enable_priority_scheduling.
function Scheduler.new(version, knobs)
  local s = setmetatable({ version = version, rules = assert(VERSIONS[version], "no such version"), knobs = knobs,
                           waiting = {}, running = { requests = {}, full = false }, computed = 0, came = 0, touches = 0,
                           texts = {}, unlike = 1,
                           cache = Cache.new(version, knobs.kv_tokens, knobs.page_size, knobs.radix_cache == false) },
                         Scheduler)
  start_ratio(s)
  return s
end

return Scheduler
