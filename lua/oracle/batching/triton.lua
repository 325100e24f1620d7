--- Triton's dynamic batcher: a batch leaves when it has a preferred size, when it is as large as it may be, or when its
-- oldest request has waited long enough; it runs to its end before the next one forms.
-- Source: NVIDIA Triton Inference Server user guide, "Batchers" (preferred_batch_size, max_queue_delay_microseconds).
local policy = require "oracle.policy"

-- The size a batch of n who wait may have now; 0: wait for more.
local function size_of(n, most, preferred)
  if n >= most then return most end
  local best = 0
  for _, size in ipairs(preferred) do
    if size <= n and size > best then best = size end
  end
  return best
end

-- How many waiting requests form a batch now, when no batch runs.
local function leave(b, e, s)
  local n = b:queue()
  local size = size_of(n, e.max_num_seqs, s.params.preferred)
  if size > 0 or n == 0 then return size end
  s.waiting = s.waiting or b:columns { "arrival" }
  b:waiting(s.waiting)
  local latest = s.waiting.arrival[1] + s.params.max_queue_delay
  if b:now() >= latest - 1e-9 then return n end
  b:wake(latest)
  return 0
end

return policy.batching {
  name = "triton",
  params = { max_queue_delay = 0.0, preferred = {} },     -- s; batch sizes

  step = function(b, e, s)
    local left = e.max_num_batched_tokens - b:decode()
    if left > 0 then left = left - b:resume(left) end
    if b:size() == 0 then s.room = leave(b, e, s) end
    s.room = s.room or 0                                  -- what ran before this policy is a batch, too
    while s.room > 0 and left > 0 do
      local granted = b:admit_reserved(left)
      if granted == 0 then
        if left == e.max_num_batched_tokens or b:head() <= left then s.room = 0 end
        break
      end
      left, s.room = left - granted, s.room - 1
    end
  end,
}
