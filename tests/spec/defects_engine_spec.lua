--- Defects of the cost model, the scheduler, parallel instances and the prefix cache that are known of other
-- simulators and must not be here: each test says what holds instead.
local oracle = require "oracle"
local rows = require "rows"

local workload = oracle.workload

-- One Llama-2 7B on an A100 (312 TFLOPS, 2,039 GB/s, half and four fifths of which are reached).
local function a100(w, more)
  local t = { model = "llama-2-7b", hardware = "a100-sxm-80gb", workload = w }
  for k, v in pairs(more or {}) do t[k] = v end
  local list, s = rows.of(t)
  return s, list
end

local function alone(prompt, output)
  return workload.constant { rate = 0.01, count = 2, prompt = prompt, output = output }
end

local function crowd(n, prompt, output)
  return workload.closed_loop { concurrency = n, count = 2 * n, prompt = prompt, output = output }
end

local function ttft(s) return s.latency.time_to_first_token_ms.p50 end
local function tpot(s) return s.latency.time_per_output_token_ms.p50 end

describe("of one GPU:", function()
  it("a decode step takes at least the time to read the weights (W-10)", function()
    assert.is_true(tpot(a100(alone(128, 100))) > 13.2e9 / (0.8 * 2039e9) * 1e3)
  end)

  it("a batch of 64 gives 20 times the tokens of one request (W-11)", function()
    local function rate(n) return a100(crowd(n, 128, 100)).throughput.output_tokens_per_second end
    local one, many = rate(1), rate(64)
    assert.is_true(many > 20 * one)
  end)

  it("chunks keep to the token budget (W-12)", function()
    local s = a100(workload.batch { count = 1, prompt = 4000, output = 1 },
      { engine = { max_num_batched_tokens = 512, max_num_seqs = 64 } })
    assert.equal(8, s.simulation.steps)                   -- of 512 tokens: 4000 / 512
  end)

  it("a large decode batch takes at least the time of its FLOPs (W-13)", function()
    local s = a100(crowd(512, 16, 64), { engine = { max_num_seqs = 512 } })
    assert.is_true(tpot(s) > 2 * 6.6e9 * 512 / (0.5 * 312e12) * 1e3)
  end)

  it("a longer context takes longer, to decode and to prefill (W-14)", function()
    assert.is_true(tpot(a100(alone(3900, 50))) > 1.05 * tpot(a100(alone(128, 50))))
    local long = { model = "llama-3.1-8b", engine = { max_num_batched_tokens = 65536 } }
    assert.is_true(ttft(a100(alone(64000, 2), long)) > 4.4 * ttft(a100(alone(16000, 2), long)))
  end)

  it("levels of detail give the same times for one GPU (W-15)", function()
    local medium, high = a100(crowd(8, 300, 50), { lod = "medium" }), a100(crowd(8, 300, 50), { lod = "high" })
    assert.near(1, tpot(high) / tpot(medium), 1e-3)
    assert.near(1, ttft(high) / ttft(medium), 1e-3)
  end)

  it("prompts that arrive together share a step, which yields their first tokens (W-16)", function()
    local s, list = a100(workload.batch { count = 4, prompt = 100, output = 1 })
    assert.equal(1, s.simulation.steps)
    for _, r in ipairs(list) do assert.equal(r.ttft_ms, r.e2e_latency_ms) end
  end)

  it("decodes go on while prompts are computed (W-16)", function()
    local _, list = a100(workload.constant { rate = 20, count = 40, prompt = 2000, output = 100 },
      { engine = { max_num_batched_tokens = 512, max_num_seqs = 64 } })
    for _, r in ipairs(list) do assert.is_true(r.tpot_ms < 100) end
  end)

  it("efficiencies can be set, and zero is refused (W-17)", function()
    local fast, slow = a100(alone(2000, 20), { cost = { mfu = 0.6 } }), a100(alone(2000, 20), { cost = { mfu = 0.3 } })
    assert.is_true(ttft(slow) > 1.8 * ttft(fast))
    local ok, why = pcall(a100, alone(10, 2), { cost = { mbu = 0 } })
    assert.is_false(ok)
    assert.matches("cost.mbu: 0", tostring(why))
  end)

  it("int8 weights halve a decode step, and a token reads only its experts (W-19)", function()
    local whole = a100(alone(100, 50), { cost = "roofline" })
    local half = a100(alone(100, 50), { cost = "roofline", engine = { quantization = "int8" } })
    assert.is_true(tpot(half) < 0.6 * tpot(whole))
    local mixtral = { model = "mixtral-8x7b", cost = "roofline", engine = { tensor_parallel_size = 2 } }
    local one, many = a100(alone(100, 50), mixtral), a100(crowd(64, 100, 50), mixtral)
    assert.is_true(tpot(one) * 2 < tpot(many))            -- 2 of 8 experts' weights, then all
  end)

  it("urgent requests wait less than half as long as others (W-29)", function()
    local w = workload.mix { { name = "late", rate = 20, prompt = 500, output = 50, priority = 5 },
                             { name = "early", rate = 20, prompt = 500, output = 50, priority = 0 }, duration = 10 }
    local s = a100(w, { batching = "priority", engine = { max_num_seqs = 8 } })
    local early, late = s.per_profile.early, s.per_profile.late
    assert.is_true(2 * early.latency.queue_time_ms.mean < late.latency.queue_time_ms.mean)
  end)

  -- Were each length of a prompt looked up, this would take days.
  it("looking a prompt of 100,000 tokens up is quick (W-35)", function()
    local s = a100(workload.batch { count = 300, prompt = 100000, output = 1, prompt_pool = 3 },
      { model = "llama-3.1-8b", engine = { recompute_last_block = false } })
    assert.equal(297, s.prefix_caching.event_counts.FULL_HIT)
    assert.equal(297 * 99999, s.prefix_caching.total_tokens_saved)
  end)

  it("a prefix cache that is turned off holds nothing (W-36)", function()
    local s = a100(workload.batch { count = 200, prompt = 1000, output = 10, prompt_pool = 150 },
      { engine = { enable_prefix_caching = false, num_gpu_blocks_override = 1000 } })
    assert.is_nil(s.prefix_caching)
    assert.same({ 0, 1 }, { s.kv_cache.evictions, s.requests.success_rate })
  end)

  it("an H100's default budget takes 8192 tokens in one step (W-37)", function()
    local s = a100(workload.batch { count = 1, prompt = 8192, output = 1 },
      { model = "llama-3.1-8b", hardware = "h100-sxm" })
    assert.equal(1, s.simulation.steps)
  end)

  it("KV blocks and weights together fit the GPU's memory (W-38)", function()
    local d = a100(alone(10, 2)).deployment
    local bytes = d.kv_capacity_tokens * 524288           -- 2 x 32 layers x 4096 x 2 bytes
    assert.is_true(bytes + d.weights_bytes_per_gpu < 0.9 * 81920 * 2^20)
    assert.is_true(bytes > 0.5 * 81920 * 2^20)
  end)

  it("where blocks run short requests give way and are computed again (W-40)", function()
    local s = a100(workload.batch { count = 30, prompt = 200, output = 300 }, { engine = {
      num_gpu_blocks_override = 200, max_model_len = 1024, enable_prefix_caching = false } })
    assert.is_true(s.preemptions.count > 0 and s.preemptions.recomputed_tokens > 0)
    assert.equal(1, s.requests.success_rate)
  end)

  -- Arrivals 0.7919 ms apart from any tick of a millisecond.
  it("an idle server begins with a request as it arrives (W-42)", function()
    local _, list = a100(workload.constant { rate = 1 / 1.0007919, count = 40, prompt = 100, output = 3 })
    for _, r in ipairs(list) do assert.near(list[1].ttft_ms, r.ttft_ms, 1e-4) end
  end)
end)

-- Four A100s with links of 25 GB/s.
local function four(w, more)
  local t = { network = { nodes = {}, links = {} } }
  for i = 0, 3 do
    t.network.nodes[i + 1] = { name = "gpu" .. i, kind = "device" }
    for j = i + 1, 3 do
      t.network.links[#t.network.links + 1] = { from = "gpu" .. i, to = "gpu" .. j, bandwidth = "25 GB/s",
                                                latency = "1 us", bidirectional = true }
    end
  end
  for k, v in pairs(more) do t[k] = v end
  return (a100(w, t))
end

describe("of several GPUs:", function()
  local TP4 = { tensor_parallel_size = 4 }

  -- Two all-reduces in each of 32 layers, of 2000 x 4096 x 2 bytes, a ring of four: 2 (N - 1) / N of them, 2 (N - 1)
  -- latencies.
  it("a layer has two all-reduces, each as long as a ring takes (W-43, W-44, W-46)", function()
    local all_reduce = 2 * 3 / 4 * 2000 * 4096 * 2 / 25e9 + 6e-6
    local far = four(alone(2000, 2), { engine = TP4, lod = "medium", cost = "roofline" })
    local near = a100(alone(2000, 2), { engine = TP4, hardware = "a100-sxm-80gb", cost = "roofline" })
    local near_all_reduce = 2 * 3 / 4 * 2000 * 4096 * 2 / 300e9
    assert.near(64 * (all_reduce - near_all_reduce) * 1e3, ttft(far) - ttft(near), 0.03 * ttft(far))
    local high = four(alone(2000, 2), { engine = TP4, lod = "high", cost = "roofline" })
    assert.near(1, ttft(high) / ttft(far), 1e-3)
    assert.near(1, tpot(high) / tpot(far), 1e-3)
  end)

  it("a pipeline decodes a larger model more slowly (W-50)", function()
    local PP4 = { pipeline_parallel_size = 4 }
    local small = four(alone(500, 20), { engine = PP4, cost = "roofline" })
    local large = four(alone(500, 20), { engine = PP4, cost = "roofline", model = "llama-2-13b" })
    assert.is_true(tpot(large) > 1.7 * tpot(small))
  end)

  it("a pipeline decodes 16 requests in less than twice the time of one (W-51, W-56)", function()
    local PP4 = { pipeline_parallel_size = 4 }
    local w = workload.batch { count = 16, prompt = 500, output = 100 }
    local one, many = four(alone(500, 100), { engine = PP4 }), four(w, { engine = PP4 })
    local slowest = many.latency.end_to_end_latency_ms.max
    assert.is_true(slowest < 2 * one.latency.end_to_end_latency_ms.max)
  end)

  it("stages keep to their own GPUs at the high level of detail (W-55)", function()
    local both = { tensor_parallel_size = 2, pipeline_parallel_size = 2 }
    local medium, high = four(alone(1000, 20), { engine = both, lod = "medium" }),
      four(alone(1000, 20), { engine = both, lod = "high" })
    assert.near(1, ttft(high) / ttft(medium), 1e-3)
    for i = 0, 3 do
      assert.near(1, high.gpu_utilization["gpu" .. i] / medium.gpu_utilization["gpu" .. i], 1e-2)
    end
  end)

  -- 2000 messages a second over a link of a millisecond: it is free again as soon as a message has left.
  it("a link is free again as soon as a message has left (W-60)", function()
    local _, list = a100(workload.constant { rate = 2000, count = 200, prompt = 10, output = 1 }, {
      cost = { kind = "constant", constant_step = "100 us" },
      client_link = { latency = "1 ms", bandwidth = "1 GB/s" } })
    for _, r in ipairs(list) do assert.near(1.1, r.ttft_ms, 0.001) end
  end)

  it("the slowest pair of GPUs counts, wherever it is (W-63)", function()
    local function slow_between(a, b)
      local t = { engine = TP4, lod = "medium", network = { nodes = {}, links = {} } }
      for i = 0, 3 do
        t.network.nodes[i + 1] = { name = "gpu" .. i, kind = "device" }
        t.network.links[i + 1] = { from = "gpu" .. i, to = "gpu" .. (i + 1) % 4, latency = "1 us",
          bandwidth = (i == a and (i + 1) % 4 == b) and "5 GB/s" or "100 GB/s", bidirectional = true }
      end
      return ttft((a100(alone(2000, 2), t)))
    end
    assert.near(1, slow_between(2, 3) / slow_between(0, 1), 1e-3)
    assert.is_true(slow_between(2, 3) > 1.5 * slow_between(-1, -1))
  end)

  it("a GPU has its own memory and its dense FLOP/s (W-64)", function()
    local h = require("oracle.models.catalog").hardware("gh200")
    assert.is_true(h.memory <= 96 * 2^30 and h.flops.fp16 < 1000e12)
  end)

  it("a pipeline does not compute what is cached (W-57)", function()
    local w = workload.constant { rate = 0.1, count = 3, prompt = 2000, output = 5, prompt_pool = 1 }
    local s = four(w, { engine = { pipeline_parallel_size = 4, recompute_last_block = false } })
    assert.equal(2 * 1999, s.prefix_caching.total_tokens_saved)
    local p = s.prefix_caching
    assert.is_true(p.time_to_first_token_hit_ms.max < 0.2 * p.time_to_first_token_miss_ms.min)
  end)
end)
