--- The same requests through each serving system with its defaults.
local oracle = require "oracle"

return oracle.scenario {
  model    = "llama-3.1-8b",
  hardware = "h100-sxm",
  cost     = "roofline",
  replicas = 2,
  engine   = { max_model_len = 8192 },
  workload = oracle.workload.poisson {
    rate = 40, count = 250, prefix = { { name = "ours", tokens = 400, variants = 5 } },
    prompt = oracle.dist.lognormal { median = 700, p99 = 3000, max = 6000 },
    output = oracle.dist.lognormal { median = 80, p99 = 400, max = 1000 },
  },
  vary     = { { "engine.system", { "vllm", "sglang", "trtllm", "dynamo", "triton", "static", "orca", "sarathi" } } },
  report   = { "throughput", "ttft.p99", "tpot.mean", "e2e.mean" },
  seed     = 14,
}
