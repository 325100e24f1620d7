--- Clients of different priority and haste, and little memory, under each batching policy.
local oracle = require "oracle"

return oracle.scenario {
  model    = "llama-3.1-8b",
  hardware = "h100-sxm",
  cost     = "roofline",
  engine   = { num_gpu_blocks_override = 600, max_model_len = 4096, max_num_seqs = 32, max_num_batched_tokens = 1024 },
  workload = oracle.workload.mix {
    { name = "hasty", rate = 12, prompt = 150,
      output = oracle.dist.lognormal { median = 60, p99 = 400, max = 800 }, priority = 0 },
    { name = "patient", rate = 9,
      prompt = oracle.dist.lognormal { median = 700, p99 = 2500, max = 3000 }, output = 120,
      priority = 3, timeout = 20 },
    { name = "few", kind = "closed_loop", concurrency = 8, think = 0.5, prompt = 300, output = 90, priority = 1 },
    duration = 8,
  },
  slo      = { ttft = 1, tpot = 0.05, e2e = 8 },
  vary     = { { "batching", { "adaptive", "chunked", "edf", "fcfs", "least_slack", "mlfq", "no_evict", "orca",
                               "priority", "sarathi", "sglang", "sjf", "srpt", "static", "triton", "vtc" } } },
  report   = { "throughput", "goodput", "ttft.p99", "tpot.mean", "preemptions" },
  seed     = 13,
}
