-- Degrees that go together: stages, experts shared by attention replicas, pools and groups; and those that cannot.
local oracle = require "oracle"
local experiments = require "experiments"
local rows = dofile "tests/spec/rows.lua"

local plan, run, with, raised, near, NONE
  = experiments.plan, experiments.run, experiments.with, experiments.raised, experiments.near, experiments.NONE

local MODEL, MOE, GPU = "meta-llama/Llama-3.1-8B-Instruct", "mixtral-8x7b", "h100-sxm"
local CONSTANT = { kind = "constant", constant_step = "10 ms" }

describe("pipeline stages", function()
  -- Each prompt is a step of its own; a stage takes 10 ms / stages of it. m of them pass in (stages + m - 1) of these
  -- times, and each stage works m of them: it waits (stages - 1) / (stages - 1 + m) of the time.
  it("wait the bubble's share for equal microbatches", function()
    for _, case in ipairs { { 2, 4 }, { 4, 4 }, { 4, 8 }, { 8, 2 }, { 8, 24 } } do
      local stages, batches = table.unpack(case)
      local base = {
        model = MODEL, hardware = GPU, cost = CONSTANT,
        engine = { pipeline_parallel_size = stages, max_num_seqs = 64, max_num_batched_tokens = 100,
                   max_model_len = 200 },
        -- Links of no length: what one stage sends takes no time.
        network = { topology = "nvlink_mesh", gpus = stages, bandwidth = 1e18, latency = 0 },
        workload = oracle.workload.batch { count = batches, prompt = 100, output = 1 },
      }
      local s = run(base)
      local whole = 0.010 / stages * (stages + batches - 1)
      near(whole, s.simulation.total_duration_s, 1e-6)
      for gpu = 0, stages - 1 do
        near(1 - (stages - 1) / (stages - 1 + batches), s.gpu_utilization["gpu" .. gpu], 1e-5)
      end
    end
  end)

  it("of different depth and hardware are each as slow as their own", function()
    local base = { model = MODEL, hardware = GPU, cost = CONSTANT,
                   workload = oracle.workload.batch { count = 1, prompt = 100, output = 1 } }
    local s = run(with(base, { engine = { pipeline_parallel_size = 2, pipeline_layers = { 24, 8 } } }))
    near(3, s.gpu_utilization.gpu0 / s.gpu_utilization.gpu1, 1e-6)
    local mixed = with(base, { cost = NONE, engine = { pipeline_parallel_size = 2, max_model_len = 4096 },
                               stages = { { hardware = GPU }, { hardware = "a100-80gb" } },
                               workload = oracle.workload.batch { count = 1, prompt = 4000, output = 1 } })
    s = run(mixed)
    assert(s.gpu_utilization.gpu1 > 2 * s.gpu_utilization.gpu0) -- 989 against 312 TFLOP/s
    assert.equal("h100-sxm + a100-80gb", s.deployment.hardware)
  end)
end)

describe("tensor parallelism", function()
  it("copies KV heads to the ranks beyond them", function()
    local function kv(tp)
      return plan { model = MODEL, hardware = GPU, engine = { tensor_parallel_size = tp },
                    workload = oracle.workload.batch { count = 1, prompt = 9, output = 9 } }.deployment.memory
        .kv_bytes_per_token
    end
    assert.equal(kv(1) / 8, kv(8))                        -- 8 KV heads
    assert.equal(kv(8), kv(16))
    assert.matches("tensor_parallel_size = 12 .*does not divide .*num_attention_heads = 32",
      raised { model = MODEL, hardware = GPU, engine = { tensor_parallel_size = 12 },
               workload = oracle.workload.batch { count = 1, prompt = 9, output = 9 } })
  end)
end)

describe("experts shared by attention replicas", function()
  local BASE = { model = MOE, hardware = GPU,
                 workload = oracle.workload.batch { count = 8, prompt = 256, output = 32 } }
  local function engine(dp, tp, pp, whole)
    return { data_parallel_size = dp, tensor_parallel_size = tp, pipeline_parallel_size = pp,
             enable_expert_parallel = whole, max_model_len = 4096 }
  end

  it("are shared within each pipeline stage", function()
    for _, whole in ipairs { false, true } do
      local two = plan(with(BASE, { engine = engine(2, 1, 2, whole) })).deployment
      local one = plan(with(BASE, { engine = engine(2, 1, 1, whole) })).deployment
      assert.equal(4, two.gpus)
      assert(two.memory.weight_bytes < 0.52 * one.memory.weight_bytes) -- half of the layers
      local medium = run(with(BASE, { engine = engine(2, 2, 2, whole), lod = "medium" }))
      local high = run(with(BASE, { engine = engine(2, 2, 2, whole), lod = "high" }))
      assert.equal(8, medium.requests.successful)
      near(medium.latency.end_to_end_latency_ms.mean, high.latency.end_to_end_latency_ms.mean, 1e-6)
      near(medium.latency.time_to_first_token_ms.p99, high.latency.time_to_first_token_ms.p99, 1e-6)
    end
  end)

  -- A step of all takes 10 ms, 5 on each stage: a prompt's first token comes after 10 ms. It is not alone: the two
  -- prompts are on different replicas, which step together.
  it("make every stage wait for the slowest", function()
    local list = rows.of(with(BASE, {
      cost = { kind = "constant", constant_step = "10 ms", constant_prefill_token = "10 us" },
      network = { topology = "nvlink_mesh", gpus = 4, bandwidth = 1e18, latency = 0 },
      engine = engine(2, 1, 2, true), router = "round_robin",
      workload = oracle.workload.batch { count = 2, prompt = { kind = "uniform", low = 100, high = 4000 },
                                         output = 1 } }))
    local long = math.max(list[1].prompt_tokens, list[2].prompt_tokens)
    assert(list[1].prompt_tokens ~= list[2].prompt_tokens)
    for _, r in ipairs(list) do near(10 + 0.010 * long, r.ttft_ms, 1e-6) end
  end)

  -- As many batches as stages are in flight: the GPUs of a longer pipeline do nearly as much each.
  it("keep every stage at work", function()
    local function per_gpu(pp)
      local s = run(with(BASE, { cost = "roofline", engine = engine(2, 1, pp, true), warm_up = 3,
        workload = oracle.workload.closed_loop { concurrency = 128 * pp, prompt = 200, output = 100,
                                                 count = 1024 * pp } }))
      return s.throughput.output_tokens_per_second / s.deployment.gpus
    end
    local one = per_gpu(1)
    assert(per_gpu(2) > 0.9 * one)
    assert(per_gpu(4) > 0.85 * one)
  end)

  it("work in pools, uneven ones and with other degrees on each side", function()
    for _, case in ipairs { { 2, 1, 4, 1 }, { 2, 2, 8, 1 }, { 4, 1, 1, 4 } } do
      local s = run(with(BASE, {
        engine = { enable_expert_parallel = true, max_model_len = 4096 },
        pools = { prefill = { replicas = 1, engine = { data_parallel_size = case[1], tensor_parallel_size = case[2] } },
                  decode = { replicas = 2, engine = { data_parallel_size = case[3], tensor_parallel_size = case[4] } },
                  transfer = "layerwise" },
        network = { topology = "nvlink_mesh", gpus = 24 },
        workload = oracle.workload.poisson { rate = 40, count = 60, prompt = 500, output = 40 } }))
      assert.equal(60, s.requests.successful)
      assert.equal(60, s.kv_transfer.count)
      assert.equal(case[1] * case[2] + 2 * case[3] * case[4], s.deployment.gpus)
      assert.equal(case[1] + 2 * case[3], s.deployment.replicas)
    end
  end)

  it("work in groups of different replicas and on different stages", function()
    local s = run(with(BASE, {
      router = "round_robin",
      groups = { { replicas = 1, engine = { data_parallel_size = 2, enable_expert_parallel = true } },
                 { replicas = 2, hardware = "h200", engine = { pipeline_parallel_size = 2 } } },
      engine = { max_model_len = 4096 } }))
    assert.equal(8, s.requests.successful)
    assert.equal(2 + 2 * 2, s.deployment.gpus)
    assert.equal(4, s.deployment.replicas)
    s = run(with(BASE, { engine = engine(2, 1, 2, true), stages = { { hardware = "h200" }, { hardware = GPU } } }))
    assert.equal(8, s.requests.successful)
    assert.equal("h200 + h100-sxm", s.deployment.hardware)
  end)

  it("serve DeepSeek-V3 as it is deployed: experts over a pool for prompts and a wider one for decoding", function()
    local s = run {
      model = "deepseek-v3", hardware = "h200",
      engine = { enable_expert_parallel = true, max_model_len = 8192 },
      pools = { prefill = { replicas = 2, engine = { data_parallel_size = 4, tensor_parallel_size = 4 } },
                decode = { replicas = 1, engine = { data_parallel_size = 32 } } },
      network = { topology = "hgx_ib", hosts = 8 },
      workload = oracle.workload.poisson { rate = 10, count = 40, prompt = 1000, output = 20 },
    }
    assert.equal(64, s.deployment.gpus)
    assert.equal(40, s.requests.successful)
    -- One latent per token and layer on the one rank that decodes, however many ranks had computed it.
    assert.equal(40 * 1000 * 61 * (512 + 64) * 2, s.kv_transfer.bytes)
  end)

  it("are refused with the numbers where they cannot be dealt out", function()
    assert.matches("^prefill: engine: 3 ranks %(tensor_parallel_size 1 x data_parallel_size 3%) do not divide "
      .. "the model's num_experts = 8$",
      raised(with(BASE, { pools = { prefill = { engine = { data_parallel_size = 3, enable_expert_parallel = true } },
                                    decode = {} }, network = "dgx_h100" })))
    assert.matches("^group2: engine: 16 ranks .* num_experts = 8",
      raised(with(BASE, { groups = { { engine = engine(2, 1, 1, true) }, { engine = engine(8, 2, 1, true) } } })))
    assert.matches("network: it has 8 GPUs; the deployment needs 12",
      raised(with(BASE, { network = "dgx_h100", pools = {
        prefill = { engine = { data_parallel_size = 4 } }, decode = { engine = { data_parallel_size = 8 } } } })))
  end)
end)
