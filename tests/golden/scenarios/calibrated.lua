--- Models of each kind under a fit that stays as it is: dense, with windows, of experts, with latent and sparse
-- attention, with states, in several formats, on two generations of chips.
local oracle = require "oracle"

return oracle.scenario {
  model    = "llama-3.1-8b",
  hardware = "h200",
  engine   = { tensor_parallel_size = 8, max_model_len = 8192 },
  cost     = { kind = "calibrated", fit = "fit.json" },
  workload = oracle.workload.poisson {
    rate = 10, count = 40, prompt = oracle.dist.uniform { low = 100, high = 3000 },
    output = oracle.dist.uniform { low = 10, high = 120 },
  },
  vary     = { { "hardware", { "h200", "b200" } },
               { "model", { "llama-3.1-8b", "gemma-2-9b", "qwen3-30b-a3b", "gpt-oss-120b", "deepseek-v3",
                            "deepseek-v3.2", "qwen3-next-80b-a3b" } } },
  report   = { "throughput", "ttft.mean", "tpot.mean", "e2e.p99" },
  seed     = 21,
}
