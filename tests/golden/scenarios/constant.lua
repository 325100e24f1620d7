--- Steps that take the same time whatever they compute, for a fixed number of clients.
local oracle = require "oracle"

return oracle.scenario {
  model    = "llama-3.1-8b",
  hardware = "h100-sxm",
  replicas = 2,
  cost     = { kind = "constant", constant_step = "10 ms", constant_prefill_token = "20 us" },
  workload = oracle.workload.closed_loop {
    concurrency = 20, think = oracle.dist.exponential(0.5), count = 300,
    prompt = oracle.dist.uniform { low = 50, high = 900 },
    output = oracle.dist.uniform { low = 1, high = 80 },
  },
  seed     = 16,
}
