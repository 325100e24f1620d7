--- SGLang's scheduler: prompts go before decodes and alone, in chunks; one joins only when the memory that running
-- requests are expected to need yet is spared. How much that is falls while all goes well and rises when memory ran
-- short after all; then the requests with the fewest tokens generated are sent back to the end of the queue. Once one
-- did not fit, no other request is tried until a running one has left.
-- Source: SGLang v0.5.5 and v0.5.23, python/sglang/srt/managers: sched = scheduler.py, policy = schedule_policy.py,
-- batch = schedule_batch.py, with the lines of 0.5.23; environ.py. The share of the longest answers that is kept free
-- (new_token_ratio) starts at 0.7 times schedule_conservativeness, falls to 0.14 of that within 600 decode steps and
-- starts anew when there was nothing to do; an answer counts for at most 4096 tokens. Requests are sent back by fewest
-- tokens generated, then longest prompt, until the others' next step fits; the share is then what these have so far,
-- with 20 tokens more each (batch:3451-3580). lpm sorts while no more than 128 requests wait; above, those who come are
-- behind those sorted already. A request with 32 cached tokens or fewer that begins like another one waiting (32
-- tokens) goes last: once the other is computed, it finds its prefix (policy:346-396).
local policy = require "oracle.policy"

local CLIP, FIRST, FLOOR, DECAY, AHEAD = 4096, 0.7, 0.14, 600, 20
local LPM_MOST, SHORT, ALIKE = 128, 32, 32                -- requests; tokens; tokens
local TOUCH_EVERY = 32                                    -- looks at the queue

-- Where those go that begin like others: behind all sorted by prefix, before later arrivals (key: its id).
local LAST = 0.5
-- Of equal ones in an order, those stay first that were.
local TIE = 2^-24

-- The key of a request whose answer may be so long: longest first, of equal ones in the order in which they came.
local function by_length(longest, came) return came * 2^-30 - longest end

-- The share of the longest answers that is kept free, brought up to this step.
local function ratio_now(b, s)
  local first = math.min(FIRST * s.params.schedule_conservativeness, 1.0)
  local least = math.min(first * FLOOR, 1.0)
  local idle = b:idle()
  if b:size() == 0 and idle > (s.idle or 0) + 1e-9 then s.ratio, s.decodes = nil, nil end
  s.idle = idle
  local decodes = b:steps() - (s.prompts or 0)            -- steps that computed no prompts
  s.ratio = math.max(least, (s.ratio or first) - (decodes - (s.decodes or decodes)) * (first - least) / DECAY)
  s.decodes = decodes
  return s.ratio
end

-- Longest cached prefix first (policy:441-451).
local function by_prefix(b, s)
  local n, ids, seen = b:waiting(s.waiting), s.waiting.id, s.seen
  for i = 1, n do
    local id = ids[i]
    local cached = b:cached(id)
    local kin = cached <= SHORT and b:prefix_hash(id, ALIKE) or nil
    b:requeue(id, (kin and seen[kin] and LAST or -cached) + i * TIE)
    if kin then seen[kin] = true end
  end
  for kin in pairs(seen) do seen[kin] = nil end
end

-- In orders that do not go by prefixes, every 32nd time the queue is looked at, what it would find counts as used, of
-- the first most of all (policy:282-302).
local function touch_waiting(b, s)
  if b:queue() == 0 then return end
  s.touches = (s.touches or -1) + 1
  if s.touches % TOUCH_EVERY ~= 0 then return end
  local n, ids = b:waiting(s.waiting), s.waiting.id
  for i = math.min(n, LPM_MOST), 1, -1 do b:cached(ids[i]) end
end

-- The queue is put in order.
local function put_in_order(b, e, s, rules)
  local how = s.params.schedule_policy
  if not e.enable_prefix_caching then return end
  if how == "lpm" and b:queue() <= LPM_MOST then
    by_prefix(b, s)
  elseif how == "dfs-weight" then
    b:prefix_order()
  elseif rules.touches_waiting then
    touch_waiting(b, s)
  end
end

-- What is expected of the memory: what running requests may need yet, and what this batch was promised.
-- A batch: { begun = requests in it, promised, taken = tokens, prompts, chunk = tokens that are left }.
local function left_in_all(b, e, batch) return b:free() * e.block_size + batch.taken - batch.promised end

local function charge(batch, e, rules, tokens, answer)
  batch.begun = batch.begun + 1
  batch.promised = batch.promised + tokens + rules.spare_pages * e.block_size + answer
  batch.taken = batch.taken + tokens
  batch.prompts, batch.chunk = batch.prompts - tokens, batch.chunk - tokens
end

-- Requests whose prompts are computed, or will be by the step that runs, and those that ended and stay until others
-- decode.
local function running(b, s) return b:size() - (s.lacking > 0 and 1 or 0) + s.ended end

-- The prompt that is begun goes on, before all others (policy:1140-1223). It is the one admitted last.
local function continue_chunk(b, e, s, rules, batch)
  local lacking, longest, more = b:begun()
  if lacking == 0 then
    s.lacking = 0                                         -- it has left, timed out or cancelled
    return
  end
  batch.promised = batch.promised - s.ratio * math.min(more, CLIP)
  local most = math.min(batch.chunk, left_in_all(b, e, batch) // 1 | 0)
  if most <= 0 then
    if not rules.chunk_goes_on then return end
    most = batch.chunk
  end
  local granted = b:resume(most)
  s.lacking = lacking - granted
  charge(batch, e, rules, granted, s.lacking <= 0 and math.min(longest, CLIP) or 0)
end

-- Waiting requests join as far as memory and chunk allow (policy:1395-1683). Returns "memory" where one did not fit.
local function admit_waiting(b, e, s, rules, batch, seats)
  while b:queue() > 0 do
    if batch.chunk <= 0 or batch.prompts <= 0 then return end
    if batch.begun >= seats then
      s.full = true
      return
    end
    local tokens, lacks, whole, id = b:head()
    local answer = math.min((whole - lacks) * e.block_size, CLIP)
    local wanted = lacks * e.block_size + answer + rules.spare_pages * e.block_size
    local beyond = tokens >= batch.prompts and batch.begun > 0
    local alone = batch.begun == 0 and b:size() == 0       -- no one will ever leave it more memory
    if wanted >= left_in_all(b, e, batch) and not alone then return "memory" end
    if beyond and (rules.prefill_limit_always or not e.enable_chunked_prefill) then return end
    local waiting = b:queue()
    local granted = b:admit(batch.chunk)
    if granted == 0 then
      s.full = b:queue() == waiting                       -- it may also have set out to load what is cached of it
      return
    end
    s.lacking = tokens - granted
    answer = s.lacking <= 0 and math.min(answer + (s.sent_back[id] or 0), CLIP) or 0
    s.sent_back[id] = nil
    charge(batch, e, rules, granted, answer)
  end
end

-- A batch of prompts (sched:4079-4414). Returns whether there is one.
local function prefill(b, e, s, rules)
  local decoding, chunked = running(b, s), s.lacking > 0
  if not rules.always_full and decoding == 0 then s.full = false end
  if (s.full or b:queue() == 0) and not chunked then return false end
  if decoding >= e.max_num_seqs and not chunked then
    s.full = true
    return false
  end
  put_in_order(b, e, s, rules)
  local batch = s.batch
  batch.begun, batch.taken, batch.promised = 0, 0, ratio_now(b, s) * b:remaining(CLIP)
  batch.prompts, batch.chunk = s.params.max_prefill_tokens, e.max_num_batched_tokens
  if chunked then continue_chunk(b, e, s, rules, batch) end
  if admit_waiting(b, e, s, rules, batch, e.max_num_seqs - decoding) == "memory" then
    s.full = rules.always_full or batch.begun > 0 or decoding > 0
  end
  return batch.begun > 0
end

-- The running request with the fewest tokens, of those the one with the longest prompt.
local function shortest(b, s)
  local n, best = b:running(s.all), 1
  local prompt, generated = s.all.prompt, s.all.generated
  for i = 2, n do
    local less = generated[i] - generated[best]
    if less < 0 or less == 0 and prompt[i] >= prompt[best] then best = i end
  end
  return s.all.id[best], generated[best], s.all.max_output[best]
end

-- Memory is short of the next tokens: requests go back to the end of the queue.
local function retract(b, e, s)
  repeat
    local id, generated, longest = shortest(b, s)
    if not b:preempt(id) then break end
    s.back = (s.back or 0) + TIE
    s.sent_back[id] = generated
    local key = s.newest + LAST + s.back
    b:requeue(id, s.params.schedule_policy == "lof" and by_length(longest, key) or key)
    b:make_room((b:size() * AHEAD + e.block_size - 1) // e.block_size)
  until b:size() <= 1 or b:decode_blocks() <= b:free()
  s.ratio, s.decodes = math.min(1.0, b:progress(AHEAD)), s.decodes + 1   -- this step does not count
  s.full = false
end

-- Requests that ended make room for others, or stay until others decode.
local function notice_ended(b, s, rules)
  local ended = s.size - b:size()
  if ended <= 0 then return end
  if rules.finished_stay and b:steps() > s.prefilled then -- others decoded since
    s.ended = s.ended + ended
  else
    s.full = false
  end
end

-- Those that stayed leave: admission is tried again in the next step. Returns whether there were any.
local function drop_ended(b, s)
  if s.ended == 0 then return false end
  s.ended, s.full = 0, false
  b:call_again()
  return true
end

-- Nobody is left to decode: admission is tried once more.
local function again(b, e, s, rules)
  s.first = b:size() == 0
  return s.first and prefill(b, e, s, rules)
end

-- What is kept: all of it is made before the first step.
local function begin(b, s)
  s.batch, s.sent_back, s.lacking, s.ended, s.size, s.prefilled = {}, {}, 0, 0, 0, 0
  s.waiting, s.seen = b:columns { "id" }, {}
  s.all = b:columns { "id", "prompt", "generated", "max_output" }
end

return policy.batching {
  name = "sglang",
  victim = "shortest",
  params = { schedule_policy = "fcfs", schedule_conservativeness = 1.0, max_prefill_tokens = 16384,
             -- What versions differ in (oracle.system.versions.sglang); these are 0.5.23's.
             rules = { spare_pages = 1, chunk_goes_on = true, touches_waiting = true } },

  order = function(r, _, s)
    local how = s.params.schedule_policy
    if r.id > (s.newest or 0) then s.newest = r.id end
    if how == "lof" then return by_length(r.max_output, r.id) end
    if how == "random" then return math.random() end
    return r.id
  end,

  step = function(b, e, s)
    local rules = s.params.rules
    if not s.batch then begin(b, s) end
    if b:size() == 0 then s.lacking = 0 end
    notice_ended(b, s, rules)
    if s.lacking > 0 or s.first or running(b, s) == 0 then s.full = false end
    s.first = running(b, s) == 0                           -- the next step admits anew (sched:3957)
    if prefill(b, e, s, rules) or drop_ended(b, s) and again(b, e, s, rules) then
      s.prompts, s.prefilled = (s.prompts or 0) + 1, b:steps() + 1
    else
      s.first = false
      ratio_now(b, s)
      if b:decode_blocks() > b:free() then
        retract(b, e, s)
        if b:size() == 0 then b:wake(b:now()) end          -- nothing runs that would ask again
      end
      b:decode()
    end
    s.size = b:size()
  end,
}
