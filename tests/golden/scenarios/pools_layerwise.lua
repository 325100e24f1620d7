--- KV caches that go layer by layer, over links they share, from pools that grow and shrink.
local oracle = require "oracle"

return oracle.scenario {
  model    = "llama-3.1-8b",
  hardware = "h100-sxm",
  cost     = "roofline",
  engine   = { max_model_len = 16384 },
  pools    = {
    prefill  = { replicas = 1,
                 autoscaling = { policy = "queue_length", min = 1, max = 3, interval = 1, cold_start = 0.5 } },
    decode   = { replicas = 1, engine = { num_gpu_blocks_override = 1100 },
                 autoscaling = { policy = { "target_load", target = 4, stabilization = 1.0 }, min = 1, max = 3,
                                 interval = 0.5, cold_start = 0.5 } },
    transfer = "layerwise",
  },
  network  = "hgx_ib",
  lod      = "high",
  workload = oracle.workload.poisson {
    stages = { { rate = 5, duration = 2 }, { rate = 30, duration = 3 }, { rate = 4, duration = 4 } },
    prompt = oracle.dist.lognormal { median = 2000, p99 = 8000 },
    output = oracle.dist.lognormal { median = 40, p99 = 200 },
  },
  seed     = 4,
}
