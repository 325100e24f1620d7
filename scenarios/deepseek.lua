--- How many decode deployments does DeepSeek-V3 need to give tokens every 24 ms? One pool computes prompts, with
-- attention split over 4 GPUs and experts over 16; deployments of 32 GPUs decode, each with all experts among them.
local oracle = require "oracle"

return oracle.scenario {
  name     = "deepseek",
  model    = "deepseek-v3",
  hardware = "h200",
  engine   = { enable_expert_parallel = true, max_model_len = 8192 },
  pools    = {
    prefill  = { replicas = 1, engine = { tensor_parallel_size = 4, data_parallel_size = 4 } },
    decode   = { replicas = 1, engine = { data_parallel_size = 32 } },
    transfer = "layerwise",
  },
  network  = { topology = "hgx_ib", hosts = 10 },
  router   = "least_loaded",
  workload = oracle.workload.poisson { rate = 10, count = 600, prompt = 2000, output = 200 },
  slo      = { ttft = 2, tpot = 0.024 },
  vary     = { { "pools.decode.replicas", { 1, 2 } } },
  report   = { "gpus", "goodput", "ttft.p99", "tpot.mean", "tpot.p99" },
}
