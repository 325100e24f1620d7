--- What does a router that knows the prefix caches save four H100s of chat? Sessions, two shared system prompts.
local oracle = require "oracle"

return oracle.scenario {
  model    = "meta-llama/Llama-3.1-8B-Instruct",
  hardware = "h100-sxm",
  replicas = 4,
  workload = oracle.workload.sessions {
    rate     = "10 req/s",                                            -- sessions
    duration = "2 min",
    prompt   = oracle.dist.lognormal { median = 400, p99 = 3000 },    -- tokens of the first question
    input    = oracle.dist.lognormal { median = 80, p99 = 600 },      -- and of those that follow
    output   = oracle.dist.lognormal { median = 180, p99 = 900 },
    think    = oracle.dist.exponential(10),                           -- s
    continue_probability = 0.75, max_turns = 12,
    prefix   = { { name = "assistant", tokens = 1200, weight = 2 }, { name = "tutor", tokens = 2600 } },
  },
  vary     = { { "router", { "round_robin", "least_loaded", "session_affinity", "prefix_aware" } } },
  report   = { "hit_rate", "saved", "ttft.p50", "ttft.p99", "e2e.mean" },
  seed     = 1,
}
