-- Disaggregated pools against hand calculations: KV between other degrees, room, failures, replicas that come and go.
local oracle = require "oracle"
local planning = require "oracle.plan"
local experiments = require "experiments"
local rows = dofile "tests/spec/rows.lua"

local run, with, raised, near, NONE
  = experiments.run, experiments.with, experiments.raised, experiments.near, experiments.NONE

local MODEL, GPU = "meta-llama/Llama-3.1-8B-Instruct", "h100-sxm"
local TOKEN = 2 * 32 * 8 * 128 * 2                        -- B of KV: (K, V) x layers x KV heads x size x 2 B

-- A step takes 10 ms whatever it does, a link 1 GB/s: a prompt of 1000 tokens moves in 131.072 ms.
local BASE = {
  model = MODEL, hardware = GPU, cost = { kind = "constant", constant_step = "10 ms" },
  engine = { max_model_len = 2048 },
  pools = { prefill = { replicas = 1 }, decode = { replicas = 1 } },
  network = { topology = "nvlink_mesh", gpus = 16, bandwidth = "1 GB/s", latency = 0 },
  workload = oracle.workload.batch { count = 1, prompt = 1000, output = 3 },
}
local MOVE = 1000 * TOKEN / 1e6                           -- ms

describe("KV caches between replicas of other degrees", function()
  local function moved(prefill, decode, changes)
    local t = with(BASE, changes or {})
    t.cost = { kind = "roofline" }
    t.pools = { prefill = { engine = prefill }, decode = { engine = decode } }
    local times = {}
    for _, lod in ipairs { "medium", "high" } do
      local s = run(with(t, { lod = lod }))
      assert.equal(1, s.requests.successful)
      times[#times + 1] = s.kv_transfer.mean_ms
      near(1000 * TOKEN * (decode.copies or 1), s.kv_transfer.bytes, 1e-12)
    end
    near(times[1], times[2], 1e-6)
    return times[1]
  end

  local function tp(n) return { tensor_parallel_size = n, max_model_len = 2048 } end
  local function pp(layers)
    return { pipeline_parallel_size = #layers, pipeline_layers = layers, max_model_len = 2048 }
  end

  it("go from the ranks that have heads and layers to those that want them", function()
    near(MOVE, moved(tp(1), tp(1)), 1e-6)
    near(MOVE / 2, moved(tp(2), tp(2)), 1e-6)             -- rank to rank
    near(MOVE / 4, moved(tp(2), tp(4)), 1e-6)             -- each sends to two, over links of their own
    near(MOVE / 4, moved(tp(4), tp(1)), 1e-6)
    near(MOVE * 20 / 32, moved(pp { 20, 12 }, tp(1)), 1e-6)
    near(MOVE * 16 / 32, moved(pp { 20, 12 }, pp { 16, 16 }), 1e-6) -- 16 to the first, 4 and 12 to the second
    near(MOVE / 2 * 20 / 32, moved(pp { 20, 12 }, tp(2)), 1e-6)
  end)

  it("go to each rank that holds a copy of a head", function()
    local function copies(n)
      local t = tp(16)
      t.dtype = "float16"
      return run(with(BASE, { pools = { prefill = { engine = tp(n) }, decode = { engine = t } },
                              network = { topology = "nvlink_mesh", gpus = 32, bandwidth = "1 GB/s", latency = 0 },
                              engine = { max_model_len = 2048, dtype = "float16" } })).kv_transfer
    end
    assert.equal(2 * 1000 * TOKEN, copies(8).bytes)       -- 8 heads on 16 ranks
    near(MOVE / 8, copies(8).mean_ms, 1e-6)
    near(MOVE / 8, copies(16).mean_ms, 1e-6)              -- from 16 ranks to 16: an eighth each
  end)
end)

describe("KV that goes layer by layer", function()
  -- Four steps of 10 ms compute 512 tokens each; their KV takes 12 ms each on the link. From the end of the first
  -- step's first layer, at 10 / 32 ms, the link is never idle: at 40 ms it has carried 40 - 10 / 32 of 48 ms.
  it("goes on while later chunks are computed", function()
    local t = with(BASE, {
      engine = { max_model_len = 4096, max_num_batched_tokens = 512, max_num_seqs = 8 },
      pools = { prefill = {}, decode = {}, transfer = "layerwise" },
      network = { topology = "nvlink_mesh", gpus = 2, bandwidth = 512 * TOKEN / 0.012, latency = 0 },
      workload = oracle.workload.batch { count = 1, prompt = 2048, output = 2 } })
    near(48 - (40 - 10 / 32), run(t).kv_transfer.mean_ms, 1e-6)
    -- On a link twice as fast it is idle at times: the last layer of the last chunk is left.
    t.network = { topology = "nvlink_mesh", gpus = 2, bandwidth = 512 * TOKEN / 0.006, latency = 0 }
    near(6 / 32, run(t).kv_transfer.mean_ms, 1e-6)
    -- All at the end: all of it.
    t.pools = { prefill = {}, decode = {} }
    near(24, run(t).kv_transfer.mean_ms, 1e-6)
  end)
end)

describe("a decode pool", function()
  it("that is full lets KV caches wait where they are", function()
    -- Room for one request at a time (63 blocks of 16 tokens for 1001 to 1003 tokens). The prompts are computed in one
    -- step, at 10 ms. Each moves when the one before has ended: after MOVE and two steps.
    local list = rows.of(with(BASE, {
      engine = { max_model_len = 1100 },
      pools = { prefill = {}, decode = { engine = { num_gpu_blocks_override = 70 } } },
      workload = oracle.workload.batch { count = 3, prompt = 1000, output = 3 } }))
    for i, r in ipairs(list) do
      near(10, r.ttft_ms, 1e-9)
      near(10 + i * (MOVE + 20), r.e2e_latency_ms, 1e-6)
    end
  end)

  it("of any number takes from a prefill pool of any number", function()
    for _, n in ipairs { { 3, 1 }, { 1, 3 }, { 2, 3 } } do
      local s = run(with(BASE, { pools = { prefill = { replicas = n[1] }, decode = { replicas = n[2] } },
                                 workload = oracle.workload.batch { count = 12, prompt = 100, output = 20 } }))
      assert.equal(12, s.requests.successful)
      assert.equal(12, s.kv_transfer.count)
      assert.equal("prefill", s.per_replica["replica" .. n[1] - 1].pool)
      assert.equal("decode", s.per_replica["replica" .. n[1]].pool)
      for i = 0, n[2] - 1 do
        assert.equal(12 / n[2], s.per_replica["replica" .. n[1] + i].requests.total)
      end
    end
  end)

  it("may have hardware of its own", function()
    local s = run(with(BASE, { cost = NONE, pools = { prefill = { hardware = "h100-sxm" },
                                                      decode = { hardware = "a100-80gb", replicas = 2 } } }))
    assert.equal("h100-sxm + a100-80gb", s.deployment.hardware)
    local alone = run(with(BASE, { cost = NONE, pools = NONE, network = NONE, hardware = "a100-80gb" }))
    assert(s.latency.time_to_first_token_ms.mean < alone.latency.time_to_first_token_ms.mean)
  end)
end)

describe("in pools that fail", function()
  local function outage(pool, at, lasts)
    return { outages = { { at = at, lasts = lasts, replica = 0, pool = pool } } }
  end
  local function e2e(changes)
    local list, s = rows.of(with(BASE, changes))
    assert.equal("SUCCESS", list[1].status)
    near(10, list[1].ttft_ms, 1e-9)                       -- what the client has it keeps
    return list[1].e2e_latency_ms, s
  end

  it("nothing is lost without one", function()
    near(10 + MOVE + 20, e2e {}, 1e-6)
  end)

  it("a KV cache is lost with the replica that computed it", function()
    -- It fails at 50 ms, while the KV is on its way, and is back at 80: prompt and first token anew, for one more.
    for _, lod in ipairs { "medium", "high" } do
      local ms, s = e2e { failures = outage("prefill", 0.05, 0.03), lod = lod }
      if lod == "medium" then near(80 + 10 + 1001 / 1000 * MOVE + 10, ms, 1e-6) end
      assert.equal(1, s.kv_transfer.count)
      assert.equal(1000, s.preemptions.recomputed_tokens)
    end
    -- Another one computes it at once.
    local ms = e2e { failures = outage("prefill", 0.05, 1), pools = { prefill = { replicas = 2 }, decode = {} } }
    near(50 + 10 + 1001 / 1000 * MOVE + 10, ms, 1e-6)
  end)

  it("a KV cache that has not come in goes to another replica, or waits for one", function()
    near(80 + MOVE + 20, e2e { failures = outage("decode", 0.05, 0.03) }, 1e-6)
    local two = { prefill = {}, decode = { replicas = 2 } }
    near(50 + MOVE + 20, e2e { failures = outage("decode", 0.05, 1), pools = two }, 1e-6)
    -- Before it sets out: the failure comes while the prompt is computed.
    near(40 + MOVE + 20, e2e { failures = outage("decode", 0.005, 0.035) }, 1e-6)
  end)

  it("a request that is decoded begins anew where prompts are computed", function()
    -- At 155 ms the second token is there (10 + 131.072 + 10); it fails, and prompt and two tokens are computed anew,
    -- which gives the third, the last.
    local ms, s = e2e { failures = outage("decode", 0.155, 1) }
    near(155 + 10, ms, 1e-6)
    assert.equal(1001, s.preemptions.recomputed_tokens)
  end)

  it("attention replicas of one deployment fail together", function()
    local moe = { model = "mixtral-8x7b", hardware = GPU, router = "round_robin",
                  engine = { data_parallel_size = 2, enable_expert_parallel = true, max_model_len = 4096 },
                  cost = { kind = "constant", constant_step = "10 ms" },
                  workload = oracle.workload.batch { count = 2, prompt = 100, output = 10 } }
    local whole = rows.of(moe)
    near(100, whole[2].e2e_latency_ms, 1e-6)
    local broken = rows.of(with(moe, { failures = { outages = { { at = 0.035, lasts = 0.1, replica = 1 } } } }))
    for _, r in ipairs(broken) do near(135 + 70, r.e2e_latency_ms, 1e-6) end -- three tokens were there, seven to come
    local spare = with(moe, { replicas = 2, failures = { outages = { { at = 0.035, lasts = 0.1, replica = 1 } } } })
    for i, r in ipairs(rows.of(spare)) do
      near(i <= 2 and 35 + 70 or 100, r.e2e_latency_ms, 1e-6)
    end
  end)

  it("an outage names a replica of a pool that is there", function()
    local function failing(o) return with(BASE, { failures = { outages = { o } } }) end
    assert.matches('^failures.outages%[1%].pool: "decoder": one of prefill, decode expected',
      raised(failing { at = 1, lasts = 1, replica = 0, pool = "decoder" }))
    assert.matches("^failures.outages%[1%].replica: 1: a replica from 0 to 0 expected",
      raised(failing { at = 1, lasts = 1, replica = 1, pool = "decode" }))
    assert.matches("^failures.outages%[1%].replica: 2: a replica from 0 to 1 expected",
      raised(failing { at = 1, lasts = 1, replica = 2 }))
    assert.matches('pool: "decode": a scenario with pools or groups expected',
      raised(with(failing { at = 1, lasts = 1, replica = 0, pool = "decode" }, { pools = NONE, network = NONE })))
  end)
end)

describe("pools that grow and shrink", function()
  local LOAD = oracle.workload.poisson { prompt = 3000, output = 200, stages = {
    { rate = 2, duration = 60 }, { rate = 20, duration = 180 }, { rate = 1, duration = 300 } } }
  local function scaled(policy, changes)
    local own = { policy = policy, min = 1, max = 3, interval = 5, cold_start = 20 }
    return with({
      model = MODEL, hardware = GPU, network = "dgx_h100", workload = LOAD, slo = { ttft = 0.5, tpot = 0.01 },
      pools = { prefill = { autoscaling = own }, decode = { autoscaling = own } },
    }, changes or {})
  end

  local function simulate(spec)
    local plan = planning.plan(oracle.scenario(spec))
    return planning.simulate(plan), plan
  end

  it("follow the load by Dynamo's planners", function()
    local fixed = simulate(with(scaled "planner", { pools = { prefill = {}, decode = {} } }))
    for _, name in ipairs { "planner", "sla_planner" } do
      local raw = simulate(scaled(name))
      assert.equal(raw.requests.total, raw.requests.successful)
      local prompts = 0
      for i = 1, 3 do prompts = prompts + (raw.replicas[i].steps > 0 and 1 or 0) end
      assert(prompts >= 2, name)
      assert(raw.latency.ttft:mean() < 0.5 * fixed.latency.ttft:mean())
      local rented = 0
      for _, r in ipairs(raw.replicas) do rented = rented + r.rented_s end
      assert(rented < 0.9 * 6 * raw.now and rented > 2 * raw.now)
    end
  end)

  it("meet a target of the time between tokens with as many as it takes", function()
    local function decoders(itl)
      local own = { policy = { "sla_planner", itl = itl }, min = 1, max = 3, interval = 5, cold_start = 5 }
      local both = { prefill = { replicas = 3 }, decode = { autoscaling = own } }
      local raw = simulate(scaled("planner", { pools = both }))
      local rented = 0
      for i = 4, 6 do rented = rented + raw.replicas[i].rented_s end
      return rented / raw.now, raw.latency.itl:mean()
    end
    local tight, fast = decoders(0.008)
    local loose, slow = decoders(0.05)
    assert(tight > loose + 0.3, ("%.2f and %.2f replicas"):format(tight, loose))
    assert(fast < slow)
  end)

  it("come whole where attention replicas share experts", function()
    local own = { policy = "queue_length", min = 1, max = 2, interval = 1, cold_start = 3 }
    local raw, plan = simulate {
      model = "mixtral-8x7b", hardware = GPU, network = { topology = "nvlink_mesh", gpus = 12 },
      engine = { data_parallel_size = 2, enable_expert_parallel = true, max_model_len = 4096, max_num_seqs = 8 },
      pools = { prefill = { autoscaling = own, engine = { data_parallel_size = 4 } }, decode = {} },
      workload = oracle.workload.poisson { rate = 60, count = 900, prompt = 2000, output = 5 },
    }
    assert.equal(900, raw.requests.successful)
    assert.equal(10, #raw.replicas)
    assert.equal(6, plan.deployment.replicas)             -- at the start
    assert(raw.replicas[5].steps > 0)
    for i = 5, 8 do assert.equal(raw.replicas[5].rented_s, raw.replicas[i].rented_s) end
  end)

  it("start from none when told so, and say what does not fit together", function()
    local spec = scaled "planner"
    assert.matches("^pools.decode.autoscaling: replicas = 5: a number from min %(1%) to max %(3%)", raised(with(spec, {
      pools = { prefill = {}, decode = { replicas = 5, autoscaling = spec.pools.decode.autoscaling } } })))
    assert.matches("^autoscaling: with pools each has its own: pools.prefill.autoscaling or pools.decode.autoscaling",
      raised(with(spec, { autoscaling = spec.pools.decode.autoscaling })))
    assert.matches("^replicas: 4: with pools each says how many it has: pools.prefill.replicas",
      raised(with(spec, { replicas = 4 })))
    assert.matches("network: it has 4 GPUs; the deployment needs 6",
      raised(with(spec, { network = { topology = "nvlink_mesh", gpus = 4 } })))
    assert.matches("^groups: pools say what the replicas are", raised(with(spec, { groups = { {} } })))
    assert.matches("^pools: engine.max_model_len is 2048 in prefill and 50 in decode",
      raised(with(BASE, { pools = { prefill = {}, decode = { engine = { max_model_len = 50 } } } })))
    assert.matches("^pools.prefill.engine.system: sglang, and vllm in pools.decode; one system for all expected",
      raised(with(BASE, { pools = { prefill = { engine = { system = "sglang" } }, decode = {} } })))
    assert.matches("^replicas: 80,000 in all, .*: at most 65,535 expected",
      raised(with(BASE, { pools = NONE, network = NONE, groups = { { replicas = 40000 }, { replicas = 40000 } } })))
    assert.matches("^replicas: 67,107,840 in all", raised(with(BASE, { pools = NONE, network = NONE, replicas = 65535,
      engine = { data_parallel_size = 1024, max_model_len = 2048 } })))
    assert.matches("^group1: hardware: unknown",
      raised(with(BASE, { pools = NONE, groups = { { hardware = "nothing" } } })))
  end)
end)

describe("a pool that decodes", function()
  -- What decodes takes the blocks of one that waits with its KV; the rest of these is enough for the head of the queue.
  it("asks its policy again once one that waits has given its blocks up", function()
    local function times(runs)
      local s = oracle.scenario {
        model = "tiny-1b", hardware = GPU, network = "dgx_h100", batching = "fcfs", seed = 4,
        engine = { block_size = 1, num_gpu_blocks_override = 192, max_model_len = 64, max_num_seqs = 3,
                   max_num_batched_tokens = 128, enable_prefix_caching = false },
        pools = { prefill = { replicas = 1 }, decode = { replicas = 1 } },
        workload = oracle.workload.poisson { rate = 530, count = 50,
          prompt = oracle.dist.uniform { low = 1, high = 32 }, output = 9 },
      }
      return s:run({ runs = runs }).latency
    end
    assert.same(times(false), times(true))
  end)

  it("counts a token once where its request is lost and comes again", function()
    local function times(runs)
      return oracle.scenario {
        model = "tiny-1b", hardware = GPU, network = { topology = "nvlink_mesh", gpus = 16 }, batching = "vtc",
        seed = 4, engine = { system = "sarathi", block_size = 7, num_gpu_blocks_override = 50, max_model_len = 128,
                   max_num_seqs = 1, max_num_batched_tokens = 128, enable_prefix_caching = false },
        pools = { prefill = { replicas = 2 }, decode = { replicas = 1 } }, router = "random",
        failures = { mtbf = "617 ms", mttr = "17 ms" },
        workload = oracle.workload.closed_loop { concurrency = 15, count = 164, prompt = 10,
          output = oracle.dist.uniform { low = 1, high = 14 },
          prefix = { { name = "x", tokens = 41, variants = 3 }, { name = "y", tokens = 18 } } },
      }:run({ runs = runs }).latency
    end
    assert.same(times(false), times(true))
  end)
end)

describe("groups", function()
  it("each scale and fail by themselves", function()
    local own = { policy = "queue_length", min = 1, max = 3, interval = 1, cold_start = 2 }
    local plan = planning.plan(oracle.scenario {
      model = MODEL, hardware = GPU, router = "least_loaded",
      groups = { { replicas = 1 }, { replicas = 1, hardware = "a100-80gb", autoscaling = own } },
      failures = { outages = { { at = 3, lasts = 2, replica = 0, pool = "group1" } } },
      workload = oracle.workload.poisson { rate = 60, count = 900, prompt = 1500, output = 60 },
    })
    local raw = planning.simulate(plan)
    assert.equal(900, raw.requests.successful)
    assert.equal(1, raw.failures)
    assert.equal(4, #raw.replicas)
    assert(raw.replicas[3].steps > 0)
  end)
end)
