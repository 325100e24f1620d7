--- Many replicas: what a step costs on 512 of them beside one, what each takes in memory, and policies beside fcfs.
-- CPU time of the best of several runs; the limit is the single replica, or fcfs, measured beside it.
local oracle, planning = require "oracle", require "oracle.plan"
local sim = require "oracle.core".sim

local function spec_of(t)
  t.model, t.hardware = "meta-llama/Llama-3.1-8B-Instruct", "h100-sxm"
  return planning.plan(oracle.scenario(t))
end

local function best(rounds, plan)
  local least, raw = math.huge, nil
  for _ = 1, rounds do
    local spec = planning.spec(plan, { brief = true })
    collectgarbage()
    local start = os.clock()
    raw = sim.run(spec)
    least = math.min(least, os.clock() - start)
  end
  return least, raw
end

-- KiB of this process that are in memory.
local function resident()
  local f = io.open("/proc/self/statm")
  if not f then return nil end
  local pages = tonumber(f:read("a"):match("^%d+ (%d+)"))
  f:close()
  return pages * 4
end

-- ---- replicas ----

local ROWS = { { 1, 100000 }, { 64, 100000 }, { 512, 100000 }, { 10000, 20000 } }

for _, router in ipairs { "round_robin", "least_loaded" } do
  local one
  for _, row in ipairs(ROWS) do
    local replicas, count = row[1], row[2]
    local before = resident()
    local seconds, raw = best(replicas > 1000 and 1 or 3, spec_of {
      replicas = replicas, router = router,
      workload = oracle.workload.poisson { rate = math.min(20 * replicas, 20000), count = count,
        prompt = oracle.dist.lognormal { median = 500, p99 = 4000 },
        output = oracle.dist.lognormal { median = 100, p99 = 500 } },
    })
    local ns = 1e9 * seconds / raw.steps
    one = one or ns
    local grown = before and resident() - before
    print(("  %-12s %6d replicas: %6.0f ns a step, %4.1f x one replica's (wanted: 3 at 512); %5.2f s%s"):format(router,
      replicas, ns, ns / one, seconds, grown and replicas > 1000
      and ("; %.1f KiB a replica, its results included (wanted: 8)"):format(grown / replicas) or ""))
  end
end

-- ---- policies under a long queue ----

-- us a step with so many waiting from the start, and the steps.
local function queued(policy, count)
  local seconds, raw = best(1, spec_of {
    batching = policy,
    workload = oracle.workload.batch { count = count, prompt = oracle.dist.uniform { low = 100, high = 900 },
      output = oracle.dist.uniform { low = 50, high = 400 } },
  })
  return 1e6 * seconds / raw.steps
end

local fcfs
for _, policy in ipairs { "fcfs", "vtc", "mlfq", "sjf", "srpt", "edf", "sglang" } do
  local short, us = queued(policy, 2000), queued(policy, 20000)
  fcfs = fcfs or us
  print(("  %-12s 20,000 waiting: %6.1f us a step, %4.1f x fcfs (wanted: 3), %4.1f x with 2,000 (wanted: 10)"):format(
    policy, us, us / fcfs, us / short))
end

-- ---- routers beside round_robin: us a request, its simulation included; prompts unlike any other, prompts of
-- which a third were asked before, and prompts that all begin alike, which each replica must be asked about ----

local ROUTED = 10000                                      -- requests
local TRAFFIC = {
  { "new", false, { rate = 20, prompt = 500 } },
  { "cached", true, { rate = 4, prompt = 2000, prompt_pool = 2 * ROUTED // 3 } },
  { "alike", true, { rate = 4, prompt = 2000, prefix = { name = "system", tokens = 500 } } },
}

for _, traffic in ipairs(TRAFFIC) do
  for _, replicas in ipairs { 4, 64, 512 } do
    local plain
    for _, router in ipairs { "round_robin", "least_loaded", "weighted_random", "prefix_aware", "kv_aware" } do
      local load = { count = ROUTED, output = 50 }
      for k, v in pairs(traffic[3]) do load[k] = v end
      load.rate = load.rate * replicas
      local us = 1e6 / ROUTED * best(2, spec_of {
        replicas = replicas, router = router, engine = { enable_prefix_caching = traffic[2] },
        workload = oracle.workload.poisson(load),
      })
      plain = plain or us
      print(("  %-16s %4d replicas, %-6s prompts: %6.1f us a request, %5.1f x round_robin (wanted: 3)"):format(router,
        replicas, traffic[1], us, us / plain))
    end
  end
end
