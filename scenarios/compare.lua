--- How do serving systems differ under the same load? Chat with shared instructions on four H100s, as much as they
-- take.
--   oracle compare vllm sglang trtllm dynamo static scenarios/compare.lua
local oracle = require "oracle"

return oracle.scenario {
  model    = "meta-llama/Llama-3.1-8B-Instruct",
  hardware = "h100-sxm",
  replicas = 4,
  network  = "dgx_h100",                            -- KV caches go over it where prompts are computed elsewhere
  engine   = { max_model_len = 8192 },
  workload = oracle.workload.poisson {
    rate   = "120 req/s",                           -- more than four of them serve at once
    count  = 3000,
    prompt = oracle.dist.lognormal { median = 600, p99 = 4000, max = 6000 },  -- tokens
    output = oracle.dist.lognormal { median = 200, p99 = 1000, max = 2000 },  -- tokens
  },
  slo      = { ttft = "2 s", tpot = "50 ms" },
  seed     = 1,
}
