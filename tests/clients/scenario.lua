--- What the clients measure: two replicas of a model whose steps are long beside what loopback and a client add.
local oracle = require "oracle"

return oracle.scenario {
  model = "meta-llama/Llama-3.1-70B-Instruct", hardware = "h100-sxm", replicas = 2,
  engine = { tensor_parallel_size = 4, max_model_len = 8192 },
  workload = oracle.workload.poisson { rate = 1, count = 1, prompt = 100, output = 100 },
}
