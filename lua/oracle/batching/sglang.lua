--- SGLang's scheduler: prompts go before decodes and alone, in chunks; one joins only when the memory that running
-- requests are expected to need yet is spared. How much that is falls while all goes well and rises when memory ran
-- short after all; then the requests with the fewest tokens generated are sent back.
-- Source: SGLang v0.5, python/sglang/srt/managers/scheduler.py and schedule_policy.py: new_token_ratio starts at 0.7 of
-- the longest answers (times schedule_conservativeness), falls to 0.14 of that within 600 decode steps, an answer
-- counts for at most 4096 tokens; retract_decode sends back by fewest output tokens, then longest prompt.
local policy = require "oracle.policy"

local CLIP, FIRST, FLOOR, DECAY = 4096, 0.7, 0.14, 600

-- The share of the longest answers that is kept free, brought up to this step.
local function ratio_now(b, s)
  local first = math.min(FIRST * s.params.schedule_conservativeness, 1.0)
  local least = math.min(first * FLOOR, 1.0)
  local steps, preemptions = b:steps()
  local ratio = s.ratio or first
  if preemptions > (s.preemptions or 0) then
    ratio = math.min(1.0, b:progress(20))                 -- what came out so far, and 20 more tokens each
  else
    ratio = math.max(least, ratio - (steps - (s.steps or 0)) * (first - least) / DECAY)
  end
  s.ratio, s.steps, s.preemptions = ratio, steps, preemptions
  return ratio
end

-- Longest cached prefix first; SGLang does so while no more than 128 requests wait.
local function by_prefix(b, s)
  s.ids = s.ids or {}
  local n = b:waiting(s.ids)
  if n > 128 then
    if s.sorted then
      for i = 1, n do b:key(s.ids[i], s.ids[i]) end
      s.sorted = false
    end
    return
  end
  for i = 1, n do b:key(s.ids[i], -b:cached(s.ids[i])) end
  s.sorted = true
end

return policy.batching {
  name = "sglang",
  victim = "shortest",
  params = { schedule_policy = "fcfs", schedule_conservativeness = 1.0, max_prefill_tokens = 16384 },

  order = function(r, _, s)
    local how = s.params.schedule_policy
    if how == "lof" then return -r.max_output end         -- longest output first
    if how == "random" then return math.random() end
    return r.id
  end,

  step = function(b, e, s)
    local chunk = e.max_num_batched_tokens
    local left = chunk - b:resume(chunk)
    if left > 0 and b:queue() > 0 then
      if s.params.schedule_policy == "lpm" then by_prefix(b, s) end
      if s.params.schedule_policy == "dfs-weight" then b:walk() end
    end
    local ratio = ratio_now(b, s)
    local room = b:free() * e.block_size - ratio * b:owed(CLIP)
    local begun = 0
    while left > 0 and begun < s.params.max_prefill_tokens do
      local tokens, _, whole = b:head()
      if tokens == 0 then break end
      local wanted = tokens + math.min(whole * e.block_size - tokens, CLIP)
      if wanted >= room and b:size() > 0 then
        b:again()                                         -- less is kept free as time goes by
        break
      end
      local granted = b:admit(left)
      if granted == 0 then break end
      left, begun, room = left - granted, begun + granted, room - wanted
    end
    if left == chunk then b:decode() end
  end,
}
