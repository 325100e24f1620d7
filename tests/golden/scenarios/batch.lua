--- A hundred prompts at once on a mixture of experts whose weights are four bits; overheads beside the roofline.
local oracle = require "oracle"

return oracle.scenario {
  model    = "qwen3-30b-a3b",
  hardware = "h200",
  engine   = { tensor_parallel_size = 2, quantization = "int4", all_reduce = "tree" },
  cost     = { step_overhead = "200 us", layer_overhead = "3 us", sequence_overhead = "5 us", request_overhead = "1 ms",
               smooth_p = 4, prefill_mfu = 0.6, decode_mbu = 0.7 },
  workload = oracle.workload.batch { count = 100, prompt = 900, output = 64 },
  seed     = 17,
}
