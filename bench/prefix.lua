--- What prefix caching costs: the same requests on four replicas with and without it, and routers that ask each replica
-- how much of a prompt its cache holds, beside one that does not. Mooncake's conversations where $ORACLE_DATA has
-- them; and traffic of that shape, made up: long prompts of which some are asked again. CPU time of the best of
-- several runs; the limit is the run without caching, or the other router, measured beside it.
local oracle, planning = require "oracle", require "oracle.plan"
local sim = require "oracle.core".sim

local TRACE = (os.getenv "ORACLE_DATA" or "data") .. "/traces/mooncake-conversation.jsonl"
local REQUESTS, RATE = 12031, 3.4                         -- as many as the trace has, and as fast

local function exists(path)
  local f = io.open(path)
  if f then f:close() end
  return f ~= nil
end

local function alike(count, rate)
  return oracle.workload.poisson { rate = rate, count = count, prompt_pool = 2 * count // 3,
    prompt = oracle.dist.lognormal { median = 7000, p99 = 60000 },
    output = oracle.dist.lognormal { median = 300, p99 = 1200 } }
end

local function seconds(rounds, t)
  t.model, t.hardware = "meta-llama/Llama-3.1-8B-Instruct", "h100-sxm"
  local plan = planning.plan(oracle.scenario(t))
  local least = math.huge
  for _ = 1, rounds do
    local spec = planning.spec(plan, { brief = true })
    collectgarbage()
    local start = os.clock()
    sim.run(spec)
    least = math.min(least, os.clock() - start)
  end
  return least
end

local function caching(workload, yes, rounds)
  return seconds(rounds, { replicas = 4, router = "round_robin", engine = { enable_prefix_caching = yes },
                           workload = workload })
end

-- ---- cached beside uncached ----

local rows = { { "traffic of its shape", alike(REQUESTS, RATE) } }
if exists(TRACE) then table.insert(rows, 1, { "Mooncake's conversations", oracle.workload.trace { path = TRACE } }) end
for _, row in ipairs(rows) do
  local without, with = caching(row[2], false, 3), caching(row[2], true, 3)
  print(("  %-26s cached %5.2f s, uncached %5.2f s: %4.1f x (wanted: 3)"):format(row[1], with, without,
    with / without))
end
local tenfold = caching(alike(10 * REQUESTS, RATE), true, 1)
print(("  %-26s cached %5.2f s (wanted: 5)"):format("the same ten times over", tenfold))

-- ---- routers that match prefixes ----

local COUNT = 3000
for _, router in ipairs { "prefix_aware", "kv_aware" } do
  local one
  for _, replicas in ipairs { 1, 16, 64 } do
    local function run(name)
      return seconds(3, { replicas = replicas, router = name, engine = { enable_prefix_caching = true },
                          workload = alike(COUNT, 0.85 * replicas) })
    end
    local us = 1e6 * (run(router) - run "least_loaded") / COUNT
    one = one or us
    print(("  %-12s %3d replicas: %6.1f us a request over least_loaded's (one replica: %.1f)"):format(router, replicas,
      us, one))
  end
end
