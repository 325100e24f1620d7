--- Does the level of detail change the answer? Llama-3-70B on 4 H100s: two stages of two GPUs each.
-- `oracle lod scenarios/lod_tp2pp2.lua` compares the levels: answers, events and wall time.
local oracle = require "oracle"

return oracle.scenario {
  model    = "meta-llama/Meta-Llama-3-70B",
  hardware = "h100-sxm",
  engine   = { tensor_parallel_size = 2, pipeline_parallel_size = 2, dtype = "float16" },
  network  = { topology = "nvlink_mesh", gpus = 4, bandwidth = "75 GB/s", latency = "1 us" },  -- 600 Gbit/s a pair
  workload = oracle.workload.poisson {
    rate = 8, duration = "20 s",                     -- requests/s
    prompt = 512, output = 128,                      -- tokens
  },
  seed     = 1,
}
