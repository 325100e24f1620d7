--- Least slack first: how long a request could still wait and yet make its objective on TTFT (or its time-out).
-- The slack of all who wait shrinks alike, so their order is known when they arrive: due time less the time the prompt
-- takes. No running request is disturbed; the one with the most slack gives way when blocks run short.
-- Source: Mok, Fundamental design problems of distributed systems for the hard-real-time environment, MIT, 1983
-- (least laxity first).
local policy = require "oracle.policy"

return policy.batching {
  name = "least_slack",
  victim = "key",
  params = { prefill_rate = 20000.0 },                    -- tokens/s a prompt is computed at, for the estimate

  order = function(r, e, s)
    local slo = e.slo or {}
    return r.arrival + (slo.ttft or r.timeout or slo.e2e or 0) - r.prompt / s.params.prefill_rate
  end,
}
