--- Four pipeline stages of two GPUs, prompts in parts that follow each other through them.
local oracle = require "oracle"

return oracle.scenario {
  model    = "meta-llama/Llama-3.1-70B-Instruct",
  hardware = "h100-sxm",
  cost     = "roofline",
  engine   = {
    tensor_parallel_size = 2, pipeline_parallel_size = 4, pipeline_layers = "balanced",
    num_microbatches_per_request = 4,
    max_num_batched_tokens = 1024, quantization = "fp8", enable_sequence_parallelism = true,
  },
  workload = oracle.workload.poisson {
    rate = 15, count = 150,
    prompt = oracle.dist.lognormal { median = 1200, p99 = 6000 },
    output = oracle.dist.lognormal { median = 80, p99 = 300 },
  },
  seed     = 10,
}
