--- Recorded arrivals; the path says in which format.
local oracle = require "oracle"

return oracle.scenario {
  model    = "llama-3.1-8b",
  hardware = "h100-sxm",
  cost     = "roofline",
  engine   = { block_size = 128 },
  workload = oracle.workload.trace { path = "traces/azure.csv", rate_scale = 2 },
  seed     = 19,
}
