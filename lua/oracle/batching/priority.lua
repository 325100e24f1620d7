--- Priorities that age: smaller numbers go first, and who waits gains on who comes later. When blocks run short the
-- request that goes last in this order gives way.
-- Source: vLLM v0.11, --scheduling-policy priority (order by priority, then arrival; the last in that order is
-- preempted). Ageing: Silberschatz, Galvin and Gagne, Operating System Concepts, 10th edition, section 5.3.4.
local policy = require "oracle.policy"

return policy.batching {
  name = "priority",
  victim = "key",
  params = { aging = 0.0 },                               -- priority levels that a second of waiting is worth

  -- All who wait age alike, so their order never changes: it is enough to write down when they came.
  order = function(r, _, s) return r.priority + s.params.aging * r.arrival end,
}
