--- Workers that decode, others that compute long prompts for them, and a router that knows their caches.
local oracle = require "oracle"

return oracle.scenario {
  model    = "llama-3.1-8b",
  hardware = "h100-sxm",
  cost     = "roofline",
  replicas = 2,
  engine   = { system = "dynamo", prefill_workers = 1, conditional_disagg = true, max_local_prefill_length = 400,
               max_prefill_queue_size = 3, max_model_len = 16384 },
  network  = "dgx_h100",
  workload = oracle.workload.poisson {
    rate = 20, count = 200, prefix = { { name = "ours", tokens = 800, variants = 4 } },
    prompt = oracle.dist.lognormal { median = 1200, p99 = 5000 },
    output = oracle.dist.lognormal { median = 80, p99 = 400 },
  },
  seed     = 18,
}
