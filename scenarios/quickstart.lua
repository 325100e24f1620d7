--- Five minutes of chat on one H100: what do the users of Llama-3.1-8B see at 8 requests per second?
local oracle = require "oracle"

return oracle.scenario {
  model    = "meta-llama/Llama-3.1-8B-Instruct",
  hardware = "h100-sxm",
  workload = oracle.workload.poisson {
    rate     = "8 req/s",
    duration = "5 min",
    prompt   = oracle.dist.lognormal { median = 500, p99 = 4000, max = 16000 },  -- tokens
    output   = oracle.dist.lognormal { median = 150, p99 = 1000, max = 4000 },   -- tokens
  },
  slo      = { ttft = "500 ms", tpot = "50 ms" },
  seed     = 1,
}
