--- Longer answers than memory holds: requests give way, and are swapped out or computed again.
local oracle = require "oracle"

return oracle.scenario {
  model      = "llama-3.1-8b",
  hardware   = "h100-sxm",
  cost       = "roofline",
  engine     = { num_gpu_blocks_override = 700, max_model_len = 4096, max_num_seqs = 64,
                 enable_prefix_caching = false },
  preemption = "recompute",
  workload   = oracle.workload.poisson {
    rate = 25, count = 200,
    prompt = oracle.dist.lognormal { median = 200, p99 = 1500, max = 2000 },
    output = oracle.dist.lognormal { median = 200, p99 = 1000, max = 2000 },
  },
  seed       = 12,
}
