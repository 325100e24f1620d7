--- SGLang's scheduler: prompts go before decodes and alone, in chunks; one joins only when the memory that running
-- requests are expected to need yet is spared. How much that is falls while all goes well and rises when memory ran
-- short after all; then the requests with the fewest tokens generated are sent back to the end of the queue. Once one
-- did not fit, no other request is tried until a running one has left.
-- Source: SGLang v0.5.5, python/sglang/srt/managers/scheduler.py, schedule_policy.py, schedule_batch.py, environ.py:
-- new_token_ratio starts at 0.7 of the longest answers (times schedule_conservativeness), falls to 0.14 of that within
-- 600 decode steps and is set back when nothing runs; an answer counts for at most 4096 tokens. retract_decode sends
-- back by fewest output tokens, then longest prompt, until the others' next step fits; the ratio is then what these
-- have so far, with 20 tokens more each. lpm sorts while no more than 128 requests wait; above, those who come are
-- behind those sorted already. A request with 32 cached tokens or fewer that begins like another one waiting (32
-- tokens) goes last: once the other is computed, it finds its prefix.
local policy = require "oracle.policy"

local CLIP, FIRST, FLOOR, DECAY, AHEAD = 4096, 0.7, 0.14, 600, 20
local LPM_MOST, SHORT, ALIKE = 128, 32, 32                -- requests; tokens; tokens

-- Where those go that begin like others: behind all sorted by prefix, before later arrivals (key: its id).
local LAST = 0.5

-- The share of the longest answers that is kept free, brought up to this step.
local function ratio_now(b, s)
  local first = math.min(FIRST * s.params.schedule_conservativeness, 1.0)
  local least = math.min(first * FLOOR, 1.0)
  local steps = b:steps()
  if b:size() == 0 then s.ratio, s.decodes = nil, nil end
  local decodes = steps - (s.prompts or 0)                -- steps that computed no prompts
  s.ratio = math.max(least, (s.ratio or first) - (decodes - (s.decodes or decodes)) * (first - least) / DECAY)
  s.decodes = decodes
  return s.ratio
end

-- Longest cached prefix first.
local function by_prefix(b, s)
  s.waiting, s.seen = s.waiting or b:columns { "id" }, s.seen or {}
  local n, ids, seen = b:waiting(s.waiting), s.waiting.id, s.seen
  for i = 1, n do
    local id = ids[i]
    local cached = b:cached(id)
    local kin = cached <= SHORT and b:prefix_hash(id, ALIKE) or nil
    b:requeue(id, kin and seen[kin] and LAST or -cached)
    if kin then seen[kin] = true end
  end
  for kin in pairs(seen) do seen[kin] = nil end
end

-- Requests join as far as memory and chunk allow. Returns the tokens of the chunk that are left.
local function admit(b, e, s, left)
  local how = s.params.schedule_policy
  if how == "lpm" and b:queue() <= LPM_MOST then by_prefix(b, s) end
  if how == "dfs-weight" then b:prefix_order() end
  local room = b:free() * e.block_size - ratio_now(b, s) * b:remaining(CLIP)
  local begun = 0
  while left > 0 and b:queue() > 0 do
    local tokens, lacks, whole = b:head()
    if begun > 0 and tokens >= s.params.max_prefill_tokens - begun then break end
    local wanted = lacks * e.block_size + math.min((whole - lacks) * e.block_size, CLIP)
    if wanted >= room and b:size() > 0 then
      s.full = true
      break
    end
    local waiting = b:queue()
    local granted = b:admit(left)
    if granted == 0 then
      s.full = b:queue() == waiting                       -- it may also have set out to load what is cached of it
      break
    end
    left, begun, room = left - granted, begun + granted, room - wanted
  end
  return left
end

-- The running request with the fewest tokens, of those the one with the longest prompt.
local function shortest(b, s)
  s.running = s.running or b:columns { "id", "prompt", "generated" }
  local n, best = b:running(s.running), 1
  local prompt, generated = s.running.prompt, s.running.generated
  for i = 2, n do
    local less = generated[i] - generated[best]
    if less < 0 or less == 0 and prompt[i] > prompt[best] then best = i end
  end
  return s.running.id[best]
end

-- Memory is short of the next tokens: requests go back to the end of the queue.
local function retract(b, s)
  repeat
    local id = shortest(b, s)
    if not b:preempt(id) then break end
    b:requeue(id, s.newest + LAST)
  until b:size() <= 1 or b:decode_blocks() <= b:free()
  s.ratio = math.min(1.0, b:progress(AHEAD))
  s.full = false
end

return policy.batching {
  name = "sglang",
  victim = "shortest",
  params = { schedule_policy = "fcfs", schedule_conservativeness = 1.0, max_prefill_tokens = 16384 },

  order = function(r, _, s)
    local how = s.params.schedule_policy
    s.newest = r.id
    if how == "lof" then return -r.max_output end         -- longest output first
    if how == "random" then return math.random() end
    return r.id
  end,

  step = function(b, e, s)
    local chunk, size = e.max_num_batched_tokens, b:size()
    local left = chunk - b:resume(chunk)
    if size == 0 then s.full = false end
    if left > 0 and not s.full and b:queue() > 0 then left = admit(b, e, s, left) end
    if left < chunk then
      s.prompts = (s.prompts or 0) + 1
    else
      if s.full and size < (s.size or 0) then             -- who left makes room from the next step on
        s.full = false
        b:call_again()
      end
      ratio_now(b, s)
      if b:decode_blocks() > b:free() then retract(b, s) end
      b:decode()
    end
    s.size = b:size()
  end,
}
