--- Chat with Llama-3.1-70B on eight H100s, two copies of four: the deployment that questions of sizing start from.
local oracle = require "oracle"

return oracle.scenario {
  model    = "meta-llama/Llama-3.1-70B-Instruct",
  hardware = "h100-sxm",
  replicas = 2,
  engine   = { tensor_parallel_size = 4, quantization = "fp8", max_model_len = 16384 },
  workload = oracle.workload.poisson {
    rate   = "8 req/s",
    count  = 2000,
    prompt = oracle.dist.lognormal { median = 800, p99 = 6000, max = 12000 },  -- tokens
    output = oracle.dist.lognormal { median = 200, p99 = 1000, max = 4000 },   -- tokens
  },
  slo      = { "ttft.p99 <= 2 s", "tpot.p95 <= 50 ms" },
  seed     = 1,
}
