--- What do users notice when an operator takes one of two, three or four replicas out for an update of two minutes?
local oracle = require "oracle"

local function update(env, cluster)
  env:sleep(180)
  cluster:drain(0)                                          -- it takes no more requests, and ends those it has
  while cluster.replicas[0].phase ~= "off" do env:sleep(1) end
  env:sleep(120)
  cluster:restore(0)
end

return oracle.scenario {
  model     = "meta-llama/Llama-3.1-8B-Instruct",
  hardware  = "h100-sxm",
  router    = "least_loaded",
  workload  = oracle.workload.poisson {
    rate     = "40 req/s",
    duration = "8 min",
    prompt   = oracle.dist.lognormal { median = 500, p99 = 4000, max = 16000 },  -- tokens
    output   = oracle.dist.lognormal { median = 150, p99 = 1000, max = 4000 },
  },
  processes = { update },
  vary      = { { "replicas", { 2, 3, 4 } } },
  report    = { "ttft.p50", "ttft.p99", "tpot.p99", "e2e.p99" },
  seed      = 1,
}
