--- How many H100s does a day of chat need that is quiet at night and busy at noon? A day passes in ten minutes here.
local oracle = require "oracle"

local DAY, MEAN, SWING = 600, 12, 9                       -- s; requests per second, and how far they swing about that

return oracle.scenario {
  model    = "meta-llama/Llama-3.1-8B-Instruct",
  hardware = "h100-sxm",
  workload = oracle.workload.poisson {
    rate     = function(t) return MEAN - SWING * math.cos(2 * math.pi * t / DAY) end,  -- t = 0: midnight
    rate_max = MEAN + SWING,
    duration = DAY,
    prompt   = oracle.dist.lognormal { median = 500, p99 = 4000, max = 16000 },
    output   = function(rng, _, _, prompt)                -- longer questions have longer answers
      return math.max(1, rng:lognormal(60 + 0.2 * prompt, 0.6))
    end,
  },
  router   = "least_loaded",
  slo      = { ttft = "500 ms", tpot = "20 ms" },
  vary     = { { "replicas", { 1, 2, 3 } } },
  report   = { "throughput", "goodput", "ttft.p99", "tpot.p99", "gpu_busy" },
  seed     = 1,
}
