--- Until which load do draft tokens pay? Llama-3.1-70B on four H100 with a 1B draft model whose tokens hold with
-- probability 0.8, 0.6 and 0.4: alone it answers nearly twice as fast, and loaded it has more to compute.
local oracle = require "oracle"

local SPECULATION = { method = "draft_model", model = "llama-3.2-1b", num_speculative_tokens = 3,
                      acceptance = { 0.8, 0.6, 0.4 } }

return oracle.scenario {
  name     = "speculation",
  model    = "llama-3.1-70b",
  hardware = "h100-sxm",
  engine   = { tensor_parallel_size = 4, max_model_len = 8192, speculative_config = SPECULATION },
  workload = oracle.workload.closed_loop { concurrency = 1, count = 256, prompt = 500, output = 250 },
  slo      = { tpot = 0.03 },
  vary     = { { "workload.concurrency", { 1, 16, 256 } } },
  report   = { "output_throughput", "goodput", "tpot.mean", "itl.mean", "acceptance_length" },
}
