--- Attention replicas that share the experts of a mixture and step together, with prompts on some and none on others;
-- a deployment of them fails as a whole.
local oracle = require "oracle"

return oracle.scenario {
  model    = "mixtral-8x7b",
  hardware = "h100-sxm",
  replicas = 2,
  engine   = { data_parallel_size = 4, tensor_parallel_size = 1, enable_expert_parallel = true, max_model_len = 8192 },
  cost     = { moe_imbalance = 1.3 },
  network  = { topology = "hgx_ib", hosts = 1 },
  failures = { outages = { { at = 1, lasts = 0.5, replica = 0 } } },
  workload = oracle.workload.gamma {
    rate = 12, cv = 2, count = 50,
    prompt = oracle.dist.lognormal { median = 600, p99 = 3000 },
    output = oracle.dist.lognormal { median = 40, p99 = 150 },
  },
  seed     = 7,
}
