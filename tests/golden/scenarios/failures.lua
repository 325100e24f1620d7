--- Replicas that fail at random and at given times, and others that come as load rises and go as it falls.
local oracle = require "oracle"

return oracle.scenario {
  model       = "llama-3.1-8b",
  hardware    = "h100-sxm",
  cost        = "roofline",
  replicas    = 2,
  router      = "least_loaded",
  autoscaling = { policy = "target_load", min = 1, max = 5, interval = 1, cold_start = 2 },
  failures    = { mtbf = 15, mttr = 3, outages = { { at = 6, lasts = 2, replica = 0 } } },
  workload    = oracle.workload.poisson {
    prompt = 500, output = oracle.dist.lognormal { median = 100, p99 = 500 },
    stages = { { rate = 5, duration = 5 }, { rate = 60, duration = 10 }, { rate = 5, duration = 10 } },
  },
  series_interval = 1,
  seed        = 6,
}
