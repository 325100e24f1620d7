--- What a request costs that Lua makes, beside its twin in C: poisson arrivals with lengths that are drawn, made row by
-- row, in a loop that yields, and in blocks; and the C kind whose lengths, or whose rate, a function gives. Whole
-- simulations of one-token answers under a constant cost; CPU time, the best of several rounds.
local oracle, planning = require "oracle", require "oracle.plan"
local core = require "oracle.core"

local COUNT, ROUNDS, WANTED = 100000, 21, 0.3             -- requests; us a request over the kind in C, in blocks
local RATE, MEDIAN, SIGMA = 100, 200, 0.6

local function poisson(changes)
  local w = { rate = RATE, count = COUNT, output = 1,
              prompt = oracle.dist.lognormal { median = MEDIAN, sigma = SIGMA } }
  for k, v in pairs(changes or {}) do w[k] = v end
  return oracle.workload.poisson(w)
end

local function generator(t)
  t.count = COUNT
  return oracle.workload.generator(t)
end

local function drawn(rng) return rng:lognormal(MEDIAN, SIGMA) end

local WORKLOADS = {
  { "C, poisson", poisson() },
  { "rows (next)", generator { next = function(g)
    return { gap = g:exponential(1 / RATE), prompt = g:lognormal(MEDIAN, SIGMA), output = 1 }
  end } },
  { "rows (a loop that yields)", generator { next = function(g)
    while true do
      coroutine.yield { gap = g:exponential(1 / RATE), prompt = g:lognormal(MEDIAN, SIGMA), output = 1 }
    end
  end } },
  { "blocks (fill)", generator { fill = function(g, block)
    local gap, prompt, output = block.gap, block.prompt, block.output
    for i = 1, block.rows do
      gap[i], prompt[i], output[i] = g:exponential(1 / RATE), g:lognormal(MEDIAN, SIGMA), 1
    end
    return block.rows
  end } },
  { "blocks, drawn by columns", generator { fill = function(g, block)
    g:exponential(1 / RATE, block.gap, block.rows)
    g:lognormal(MEDIAN, SIGMA, block.prompt, block.rows)
    local output = block.output
    for i = 1, block.rows do output[i] = 1 end
    return block.rows
  end }, WANTED },
  { "C, prompt = function", poisson { prompt = drawn } },
  { "C, rate = function", poisson { rate = function() return RATE end, rate_max = RATE } },
}

local function spec_of(workload)
  return planning.spec(planning.plan(oracle.scenario {
    model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", workload = workload,
    cost = { kind = "constant", constant_step = 1e-4 },
  }))
end

local specs, least, made = {}, {}, {}
for i, w in ipairs(WORKLOADS) do specs[i], least[i] = spec_of(w[2]), math.huge end
for _ = 1, ROUNDS do                                      -- in turn: what else runs then meets all of them
  for i, spec in ipairs(specs) do
    collectgarbage()
    local start = os.clock()
    local raw = core.sim.run(spec)
    least[i] = math.min(least[i], os.clock() - start)
    made[i] = raw.requests.total
  end
end
print(("%d requests; us each, and more than from the kind in C"):format(COUNT))
for i, w in ipairs(WORKLOADS) do
  if made[i] ~= COUNT then error(("%s: %d requests"):format(w[1], made[i])) end
  local each, more = 1e6 * least[i] / COUNT, 1e6 * (least[i] - least[1]) / COUNT
  print(("  %-27s %.3f us   %+.3f us   %.2fx%s"):format(w[1], each, more, least[i] / least[1],
    w[3] and ("   (wanted <= +%.1f us)"):format(w[3]) or ""))
end
