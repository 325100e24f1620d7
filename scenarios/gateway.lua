--- How many requests should a gateway let through at once, and keep the others in a queue of its own?
local oracle = require "oracle"

-- Half a minute of requests, 40 a second: what they wait for the gateway, and then for their first token.
local function run(places)
  local wait
  local function gateway(env, cluster)
    local desk, draws = env:resource(places), env:random "requests"
    wait = desk.waits
    while env.now < 30 do
      env:sleep(draws:exponential(1 / 40))
      local prompt, output = draws:integer(100, 900), draws:integer(20, 300)
      env:process(function()
        desk:use(function() cluster:send { prompt = prompt, output = output }:wait() end)
      end)
    end
  end
  local result = oracle.run(oracle.scenario {
    model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm",
    workload = oracle.workload.sent {}, processes = { gateway }, seed = 1,
  })
  return wait, result.latency
end

print "places   gateway p99 (s)   ttft p99 (ms)   tpot p99 (ms)"
for _, places in ipairs { 16, 32, 64, 128 } do
  local wait, latency = run(places)
  print(("%6d %17.2f %15.1f %15.2f"):format(places, wait:quantile(0.99),
    latency.time_to_first_token_ms.p99, latency.time_per_output_token_ms.p99))
end
