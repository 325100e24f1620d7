--- Chat, search and work at night side by side: shared beginnings, histories, a prompt asked again and again; a prefix
-- cache that must let go, under each router.
local oracle = require "oracle"

return oracle.scenario {
  model    = "llama-3.1-8b",
  hardware = "h100-sxm",
  cost     = "roofline",
  replicas = 3,
  engine   = { num_gpu_blocks_override = 1200, max_model_len = 8192, prefix_cache_blocks = 900,
               min_prefix_cache_length = 64 },
  eviction = "conversations",
  workload = oracle.workload.mix {
    { name = "chat", kind = "sessions", rate = 2,
      prompt = oracle.dist.lognormal { median = 300, p99 = 2000 }, output = 80,
      input = 60, think = oracle.dist.exponential(2), continue_probability = 0.8, max_turns = 6,
      prefix = "helpful_assistant" },
    { name = "search", rate = 5, prompt = 1500, output = 40,
      prefix = { { type = "few_shot", name = "qa_5shot", weight = 3 },
                 { name = "ours", tokens = 900, variants = 20 } } },
    { name = "again", rate = 3, prompt = 700, output = 20, prompt_pool = 4 },
    { name = "nightly", inter_arrival = oracle.dist.exponential(3), prompt = 3000, output = 100, priority = 5,
      conversation = { probability = 0.5, turns = 2, think = 1 } },
    duration = 15,
  },
  vary     = { { "router", { "round_robin", "random", "least_loaded", "power_of_two", "session_affinity",
                             "prefix_aware", "kv_aware" } } },
  report   = { "hit_rate", "saved", "ttft.p99", "e2e.mean" },
  seed     = 11,
}
