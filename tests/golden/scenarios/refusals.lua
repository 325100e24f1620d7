--- Clients who are refused, give up or leave early; what counts begins after the warm-up and ends with the run.
local oracle = require "oracle"

return oracle.scenario {
  model       = "llama-3.1-8b",
  hardware    = "a100-80gb",
  cost        = "roofline",
  replicas    = 2,
  engine      = { max_model_len = 2048, max_num_seqs = 24 },
  admission   = { "token_bucket", rate = 18.0, burst = 5 },
  workload    = oracle.workload.renewal {
    inter_arrival = oracle.dist.lognormal { median = 0.03, p99 = 0.3 }, duration = 14,
    prompt = oracle.dist.lognormal { median = 300, p99 = 3000 },
    output = oracle.dist.lognormal { median = 150, p99 = 900 },
    timeout = 4, cancel = { probability = 0.15, after = oracle.dist.exponential(1.5) }, streaming = 0.7,
  },
  client_link = { latency = "20 ms", bandwidth = "1 MB/s" },
  slo         = { ttft = 0.5, tpot = 0.03 },
  warm_up     = 3,
  duration    = 15,
  percentiles = { 25, 50, 99.9 },
  seed        = 15,
}
