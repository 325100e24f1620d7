--- Queueing theory: a server that takes one request at a time, each step a millisecond, is the server of M/M/1 and
-- M/D/1; Little's law holds for any.
local oracle = require "oracle"
local rows = require "rows"
local study = require "oracle.study"

local STEP = 1e-3                                         -- s; an answer of n tokens takes n steps

local function queue(output, rho, mean, count)
  return rows.constant("1 ms", {
    engine = { max_num_seqs = 1, max_num_batched_tokens = 64 },
    workload = oracle.workload.poisson { rate = rho / (mean * STEP), count = count, prompt = 16, output = output },
    seed = 11,
  })
end

local function close(expected, got, share)
  assert.is_true(math.abs(got - expected) <= share * expected, ("%g expected, got %g"):format(expected, got))
end

describe("queueing theory", function()
  it("gives the mean wait of M/D/1: rho D / (2 (1 - rho))", function()
    for _, rho in ipairs { 0.3, 0.5, 0.7 } do
      local s = study.run(oracle.scenario(queue(20, rho, 20, 120000)))
      local wait = rho * 20 * STEP / (2 * (1 - rho))
      close(wait * 1e3, s.latency.queue_time_ms.mean, 0.03)
      close(rho, s.gpu_utilization.gpu0, 0.02)
    end
  end)

  it("gives the mean wait of M/M/1, its service geometric in steps", function()
    for _, rho in ipairs { 0.3, 0.6 } do
      local mean, p = 40, 1 / 40
      local s = study.run(oracle.scenario(queue(oracle.dist.geometric { mean = mean }, rho, mean, 40000)))
      -- Pollaczek and Khinchine: lambda E[S^2] / (2 (1 - rho)), with E[N^2] = (2 - p) / p^2 of the geometric
      local rate = rho / (mean * STEP)
      close(rate * (2 - p) / p ^ 2 * STEP ^ 2 / (2 * (1 - rho)) * 1e3, s.latency.queue_time_ms.mean, 0.05)
      -- and its limit for many short steps, M/M/1 itself: rho S / (1 - rho)
      close(rho * mean * STEP / (1 - rho) * 1e3, s.latency.queue_time_ms.mean, 0.06)
    end
  end)

  -- Every running request holds one block, so the mean KV use counts them over time, apart from any request's times.
  it("obeys Little's law: requests in service = rate x time in service", function()
    local t = rows.constant("1 ms", {
      engine = { max_num_seqs = 8, block_size = 64, num_gpu_blocks_override = 4001, max_model_len = 4096 },
      workload = oracle.workload.poisson { rate = 300, count = 30000, prompt = 16,
                                           output = oracle.dist.uniform { low = 2, high = 40 } },
      seed = 3,
    })
    local s = study.run(oracle.scenario(t))
    local served = (s.latency.end_to_end_latency_ms.mean - s.latency.queue_time_ms.mean) / 1e3
    close(s.throughput.requests_per_second * served, s.kv_cache.mean_usage * 4000, 1e-3)
    assert.is_true(s.kv_cache.mean_usage * 4000 > 4)      -- busy enough to say something
  end)
end)
