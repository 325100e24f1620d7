--- Requests come ever more often, from 2 to 20 per second: do more sequences at once help one H100 to keep up?
local oracle = require "oracle"

local FROM, TO, LASTS = 2, 20, 180                        -- requests per second; s

return oracle.scenario {
  model    = "meta-llama/Llama-3.1-8B-Instruct",
  hardware = "h100-sxm",
  workload = oracle.workload.poisson {
    rate     = function(t) return FROM + (TO - FROM) * t / LASTS end,
    rate_max = TO,
    duration = LASTS,
    prompt   = oracle.dist.lognormal { median = 800, p99 = 6000, max = 16000 },
    output   = oracle.dist.lognormal { median = 200, p99 = 1000, max = 4000 },
  },
  slo      = { ttft = "1 s", tpot = "50 ms" },
  vary     = { { "engine.max_num_seqs", { 16, 32, 64, 128, 256 } } },
  report   = { "throughput", "goodput", "ttft.p50", "ttft.p99", "tpot.p99" },
  seed     = 1,
}
