--- Prefill on single GPUs, decode under tensor and pipeline parallelism: each rank gets its layers and heads when a
-- prompt is computed. A decode replica fails and comes back.
local oracle = require "oracle"

return oracle.scenario {
  model    = "llama-3.1-8b",
  hardware = "h100-sxm",
  cost     = "roofline",
  pools    = {
    prefill  = { replicas = 2, engine = { tensor_parallel_size = 2 } },
    decode   = { replicas = 2, engine = { tensor_parallel_size = 1, pipeline_parallel_size = 2 } },
    transfer = "end",
  },
  network  = "dgx_h100",
  router   = "kv_aware",
  failures = { outages = { { at = 2, lasts = 1, replica = 0, pool = "decode" } } },
  workload = oracle.workload.poisson {
    rate = 20, count = 150,
    prompt = oracle.dist.lognormal { median = 1200, p99 = 5000 },
    output = oracle.dist.lognormal { median = 60, p99 = 300 },
  },
  slo      = { ttft = 0.5, tpot = 0.02 },
  seed     = 3,
}
