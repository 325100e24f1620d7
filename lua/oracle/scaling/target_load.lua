--- As many replicas as keep the requests in flight on each near a target; fewer only after it was so for a while.
-- Source: the rule of the Kubernetes Horizontal Pod Autoscaler: wanted = ceil(ready * load / target), a tolerance of
-- 0.1, and the highest wish of the last 300 s counts when scaling down (kubernetes.io, "Horizontal Pod Autoscaling").
local policy = require "oracle.policy"

return policy.autoscaler {
  name = "target_load",
  params = { target = 32, tolerance = 0.1, stabilization = 300.0 }, -- requests in flight per replica; share; s

  scale = function(c, s)
    local p, ready, total = s.params, c:size(), c:held()
    for i = 1, ready do total = total + c:in_flight(i) end
    local present = ready + c:starting()
    local wanted = math.ceil(total / p.target)
    if present > 0 and math.abs(total / (present * p.target) - 1) <= p.tolerance then wanted = present end
    -- The wishes of the last minutes, the highest of which counts.
    s.times, s.wishes, s.first = s.times or {}, s.wishes or {}, s.first or 1
    local now, n = c:now(), #s.times + 1
    s.times[n], s.wishes[n] = now, wanted
    while s.times[s.first] < now - p.stabilization do s.first = s.first + 1 end
    for i = s.first, n do wanted = math.max(wanted, s.wishes[i]) end
    return math.max(1, wanted)
  end,
}
