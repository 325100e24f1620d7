--- Does the level of detail change the answer? Llama-3-8B on 8 A100s under tensor parallelism.
-- `oracle lod scenarios/lod_tp8.lua` compares the levels: answers, events and wall time.
local oracle = require "oracle"

local gpus = 8

return oracle.scenario {
  model    = "meta-llama/Meta-Llama-3-8B",
  hardware = "a100-80gb",
  engine   = { tensor_parallel_size = gpus, dtype = "float16" },
  network  = { topology = "nvlink_mesh", gpus = gpus, bandwidth = "75 GB/s", latency = "1 us" },  -- 600 Gbit/s a pair
  workload = oracle.workload.poisson {
    rate = 2 * gpus, duration = "20 s",              -- requests/s
    prompt = 512, output = 128,                      -- tokens
  },
  seed     = 1,
}
