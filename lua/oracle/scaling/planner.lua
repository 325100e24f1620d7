--- Scales by how full the KV caches are: one replica more above a threshold, one less below another.
-- Source: NVIDIA Dynamo, load-based planner (documentation of v0.4, "Planner"): decode-kv-scale-up-threshold 0.9,
-- decode-kv-scale-down-threshold 0.5.
local policy = require "oracle.policy"

return policy.autoscaler {
  name = "planner",
  params = { kv_scale_up = 0.9, kv_scale_down = 0.5 },    -- share of the KV blocks in use, mean over the ready replicas

  scale = function(c, s)
    local n, used = c:size(), 0
    for i = 1, n do
      local free, total = c:free(i)
      used = used + (total - free) / total
    end
    local present = n + c:starting()
    if n == 0 or used / n > s.params.kv_scale_up or c:held() > 0 then
      return present + (c:starting() == 0 and 1 or 0)     -- one at a time
    end
    return used / n < s.params.kv_scale_down and math.max(1, present - 1) or present
  end,
}
