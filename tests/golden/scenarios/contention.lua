--- Tensor-parallel groups either half of which is on another side of one cable: their messages share it.
local oracle = require "oracle"

local groups, size = 3, 2
local nodes = { { name = "left", kind = "switch" }, { name = "right", kind = "switch" } }
local links = { { from = "left", to = "right", bandwidth = "20 GB/s", latency = "1 us" } }
for i = 0, groups * size - 1 do
  local name = "gpu" .. i
  nodes[#nodes + 1] = name
  links[#links + 1] = { from = name, to = i % size < size / 2 and "left" or "right", bandwidth = "50 GB/s",
                        latency = "1 us" }
end

return oracle.scenario {
  model    = "meta-llama/Meta-Llama-3-8B",
  hardware = "a100-80gb",
  cost     = "roofline",
  replicas = groups,
  engine   = { tensor_parallel_size = size },
  network  = { nodes = nodes, links = links },
  lod      = "high",
  workload = oracle.workload.poisson { rate = 12, count = 30, prompt = 400, output = 15 },
  seed     = 8,
}
