--- Ten times the usual requests come for half a minute: does shedding load help those that are served?
local oracle = require "oracle"

local USUAL, SPIKE = 4, 40                                -- requests per second

return oracle.scenario {
  model    = "meta-llama/Llama-3.1-8B-Instruct",
  hardware = "h100-sxm",
  workload = oracle.workload.poisson {
    rate     = function(t) return t >= 60 and t < 90 and SPIKE or USUAL end,
    rate_max = SPIKE,
    duration = "3 min",
    lengths  = function(rng)                              -- tokens of the prompt and of the answer go together
      if rng:random() < 0.7 then return rng:lognormal(400, 0.8), 1 + rng:exponential(120) end
      return rng:lognormal(3000, 0.5), 1 + rng:exponential(400)
    end,
  },
  slo      = { ttft = "2 s", tpot = "50 ms" },
  vary     = { { "admission", { "always", "slo_shedding" } } },
  report   = { "requests", "rejected", "goodput", "ttft.p50", "ttft.p99" },
  seed     = 1,
}
