--- Every serving system and every batching policy under every kind of workload, with parallelism, replicas, little
-- memory, swapping, lower tiers, uncut prompts: each request ends in one counted state, and whoever reserves memory
-- never sends anyone back. A part of all combinations, another one for each system and workload.
local oracle = require "oracle"
local policy = require "oracle.policy"
local system = require "oracle.system"

local workload, dist = oracle.workload, oracle.dist

-- Workloads of some dozens of requests, in order.
local function workloads()
  local function with(t)
    t.count = t.count or 40
    t.prompt = dist.uniform { low = 20, high = 900 }
    t.output = dist.uniform { low = 1, high = 120 }
    return t
  end
  return {
    workload.poisson(with { rate = 30 }),
    workload.gamma(with { rate = 30, cv = 3 }),
    workload.constant(with { rate = 50 }),
    workload.batch(with {}),
    workload.closed_loop(with { concurrency = 10 }),
    workload.poisson(with { rate = 50, prompt_pool = 5 }),
    workload.poisson(with { rate = 80, timeout = 1 }),
    workload.sessions { rate = 5, duration = 4, turns = 3, think = 0.5, prompt = 300, input = 50, output = 40 },
    workload.mix { { name = "a", kind = "batch", count = 20, prompt = 500, output = 30 },
                   { name = "b", kind = "poisson", rate = 20, count = 20, prompt = 100, output = 50 } },
  }
end

-- Tokens of KV cache that make requests give way, or blocks move down.
local TIGHT, TIERED = 2200, 4400
local OPTIONS = {
  {}, { tensor_parallel_size = 2 }, { pipeline_parallel_size = 2 }, { enable_prefix_caching = false },
  { tokens = TIGHT }, { enable_chunked_prefill = false }, { tokens = TIGHT, preemption = "swap" },
  { tokens = TIERED, kv_tiers = { { name = "dram", capacity = "4 GiB", bandwidth = "20 GB/s", latency = "10 us" } } },
  { replicas = 3 },
}
local SCENARIO = { preemption = true, kv_tiers = true, replicas = true }

local function scenario(name, load, option, batching)
  local engine, t = { system = name, max_model_len = 2048 }, {}
  for k, v in pairs(option) do
    if SCENARIO[k] then t[k] = v elseif k ~= "tokens" then engine[k] = v end
  end
  if option.tokens then
    local block = name == "sglang" and 1 or name == "trtllm" and 32 or 16
    engine.num_gpu_blocks_override = option.tokens // block
  end
  t.model, t.hardware, t.engine, t.workload, t.batching, t.seed = "llama-3.1-8b", "h100-sxm", engine, load, batching, 7
  return oracle.scenario(t)
end

local RESERVES = { static = true, orca = true, triton = true, trtllm = true, no_evict = true }

local function check(label, name, s)
  local ok, r = pcall(s.run, s)
  assert.is_true(ok, label .. ": " .. tostring(r))
  local q = r.requests
  local ended = q.successful + q.timed_out + q.rejected
  assert.is_true(q.total > 0 and ended == q.total and q.successful > 0,
    ("%s: %d of %d ended, %d well"):format(label, ended, q.total, q.successful))
  if RESERVES[name] then assert.equal(0, r.preemptions.count, label) end
end

-- Each name with each workload, and of the options those whose turn it is.
local function cross(names, run)
  for i, name in ipairs(names) do
    for j, load in ipairs(workloads()) do
      for k, option in ipairs(OPTIONS) do
        if (i + j + k) % 3 == 0 then run(name, load, option, ("%s, workload %d, option %d"):format(name, j, k)) end
      end
    end
  end
end

describe("all together", function()
  it("serving systems serve everybody", function()
    cross(system.names(), function(name, load, option, label) check(label, name, scenario(name, load, option)) end)
  end)

  it("batching policies serve everybody", function()
    cross(policy.names "batching", function(name, load, option, label)
      check(label, name, scenario("vllm", load, option, name))
    end)
  end)
end)
