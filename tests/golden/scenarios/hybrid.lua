--- One replica in full detail beside others that are not, and groups of different GPUs behind one router.
local oracle = require "oracle"

return oracle.scenario {
  model    = "llama-3.1-8b",
  hardware = "h100-sxm",
  cost     = "roofline",
  groups   = {
    { replicas = 1, engine = { tensor_parallel_size = 4, all_reduce = "auto" } },
    { replicas = 2, hardware = "a100-80gb", engine = { tensor_parallel_size = 2, kv_cache_dtype = "fp8" } },
  },
  router   = { "weighted_random", weights = { 4, 1, 1 } },
  network  = { topology = "nvlink_mesh", gpus = 8 },
  lod      = "hybrid",
  detail   = { "replica1" },
  workload = oracle.workload.constant { rate = 20, count = 60, prompt = 700, output = 40 },
  seed     = 9,
}
