--- Two tiers below a GPU with little room for the prefix cache, in each way of loading.
local oracle = require "oracle"

return oracle.scenario {
  model      = "llama-3.1-8b",
  hardware   = "h100-sxm",
  cost       = "roofline",
  engine     = { num_gpu_blocks_override = 700, max_model_len = 8192 },
  kv_tiers   = {
    { name = "dram", capacity = "400 MiB", bandwidth = "25 GB/s", latency = "10 us" },
    { name = "nvme", capacity = "2 GiB", bandwidth = "5 GB/s", latency = "100 us" },
  },
  kv_loading = "blocking",
  eviction   = "conversations",
  workload   = oracle.workload.sessions {
    rate = 3, duration = 20, turns = 4, think = oracle.dist.exponential(3),
    prompt = oracle.dist.lognormal { median = 800, p99 = 3000 }, input = 100, output = 60,
    prefix = { { name = "assistant", tokens = 600, weight = 2 }, { name = "tutor", tokens = 1100, variants = 3 } },
  },
  seed       = 5,
}
