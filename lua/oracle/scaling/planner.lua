--- Scales by load: one replica more above a threshold, one less below another. Replicas that only compute prompts by
-- the requests that wait at each, all others by how full their KV caches are.
-- Source: NVIDIA Dynamo, load-based planner (documentation of v0.4, "Planner"; docs/architecture/load_planner.md) with
-- the thresholds of components/planner/src/dynamo/planner/defaults.py, LoadPlannerDefaults: decode_kv_scale_up 0.9,
-- decode_kv_scale_down 0.5, prefill_queue_scale_up 5.0, prefill_queue_scale_down 0.2; one worker at a time, and after a
-- decode worker was added none is taken away for three questions (NEW_DECODE_WORKER_GRACE_PERIOD). It averages what it
-- sees between two questions; here it is what there is when it asks.
local policy = require "oracle.policy"

local function queue(c)
  local n, waiting = c:size(), c:held()
  for i = 1, n do waiting = waiting + c:waiting(i) end
  return waiting / n
end

local function fill(c)
  local n, used = c:size(), 0
  for i = 1, n do
    local free, total = c:free(i)
    used = used + (total - free) / total
  end
  return used / n
end

return policy.autoscaler {
  name = "planner",
  params = {
    kv_scale_up = 0.9, kv_scale_down = 0.5,               -- share of the KV blocks in use, mean over the ready replicas
    queue_scale_up = 5.0, queue_scale_down = 0.2,         -- requests that wait for their prompt, per ready replica
    grace = 3,                                            -- questions after one was added until one may be taken away
  },

  scale = function(c, s)
    local p, n, prompts = s.params, c:size(), c:role() == "prefill"
    local present = n + c:starting()
    local load = n > 0 and (prompts and queue(c) or fill(c)) or math.huge
    local waits = not prompts and c:held() > 0
    s.grace = math.max(0, (s.grace or 0) - 1)
    if load > (prompts and p.queue_scale_up or p.kv_scale_up) or waits then
      if c:starting() > 0 then return present end         -- one at a time
      s.grace = prompts and 0 or p.grace
      return present + 1
    end
    local low = prompts and p.queue_scale_down or p.kv_scale_down
    return load < low and s.grace == 0 and math.max(1, present - 1) or present
  end,
}
