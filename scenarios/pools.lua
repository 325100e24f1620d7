--- Prefill and decode on GPUs of their own: what does it take off the gaps between tokens, and what does moving KV add?
-- `oracle run scenarios/pools.lua --set pools=nil --set replicas=4` is the same hardware without pools.
local oracle = require "oracle"

return oracle.scenario {
  model    = "meta-llama/Llama-3.1-8B-Instruct",
  hardware = "h100-sxm",
  pools    = {
    prefill  = { replicas = 2 },
    decode   = { replicas = 2 },
    transfer = "layerwise",                         -- each layer's KV goes while the next is computed
  },
  network  = "dgx_h100",
  workload = oracle.workload.poisson {
    rate = "20 req/s", count = 2000,
    prompt = oracle.dist.lognormal { median = 1500, p99 = 6000 },  -- tokens
    output = oracle.dist.lognormal { median = 150, p99 = 800 },    -- tokens
  },
  slo      = { ttft = "500 ms", tpot = "20 ms" },
  seed     = 1,
}
