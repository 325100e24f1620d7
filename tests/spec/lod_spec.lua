-- Levels of detail, pipelines and pools: what they must agree on, against hand calculations.
local experiments = require "experiments"
local oracle = require "oracle"
local planning = require "oracle.plan"
local study = require "oracle.study"

local run, with, raised, near, NONE
  = experiments.roofline, experiments.with, experiments.raised, experiments.near, experiments.NONE

local MODEL, GPU = "meta-llama/Meta-Llama-3-8B", "a100-80gb"

describe("the level of detail", function()
  local METRICS = { "time_to_first_token_ms", "time_per_output_token_ms", "end_to_end_latency_ms" }

  it("does not change what the user learns where nothing is shared", function()
    for _, layout in ipairs { { 2, 1 }, { 4, 1 }, { 2, 2 }, { 1, 4 } } do
      local base = {
        model = MODEL, hardware = GPU,
        engine = { tensor_parallel_size = layout[1], pipeline_parallel_size = layout[2] },
        network = { topology = "nvlink_mesh", gpus = 4, bandwidth = "75 GB/s", latency = "1 us" },
        workload = oracle.workload.poisson { rate = 6, count = 20, prompt = 512, output = 32 }, seed = 3,
      }
      local medium, high = run(with(base, { lod = "medium" })), run(with(base, { lod = "high" }))
      assert.equal("medium", medium.oracle.lod)
      assert.equal("high", high.oracle.lod)
      assert.equal("medium", run(base).oracle.lod)
      assert.same({}, medium.oracle.warnings)
      assert.equal(medium.requests.successful, high.requests.successful)
      for _, metric in ipairs(METRICS) do
        for _, statistic in ipairs { "mean", "p50", "p90", "p99" } do
          near(medium.latency[metric][statistic], high.latency[metric][statistic], 1e-3)
        end
      end
      near(medium.energy.kwh, high.energy.kwh, 1e-3)
    end
  end)

  -- Two rings of two GPUs whose messages all cross one cable between two switches, both ways.
  local SHARED = {
    model = MODEL, hardware = GPU, replicas = 2, engine = { tensor_parallel_size = 2, dtype = "float16" },
    network = {
      nodes = { "a0", "a1", "b0", "b1", { name = "s0", kind = "switch" }, { name = "s1", kind = "switch" } },
      links = {
        { from = "a0", to = "s0", bandwidth = "25 GB/s", latency = "1 us" },
        { from = "b0", to = "s0", bandwidth = "25 GB/s", latency = "1 us" },
        { from = "a1", to = "s1", bandwidth = "25 GB/s", latency = "1 us" },
        { from = "b1", to = "s1", bandwidth = "25 GB/s", latency = "1 us" },
        { from = "s0", to = "s1", bandwidth = "25 GB/s", latency = "1 us" },
      },
    },
    placement = { "a0", "a1", "b0", "b1" },
    workload = oracle.workload.batch { count = 2, prompt = 2048, output = 1 },
  }

  it("shows contention: two groups over one cable get half of it each", function()
    -- Each step all-reduces 2048 tokens x 4096 x 2 B = 16,777,216 B twice in each of 32 layers; a ring of two sends
    -- half of that in each of 2 rounds. At half the bandwidth a round takes 8,388,608 B / 25 GB/s = 335.544 us more.
    local medium = run(with(SHARED, { lod = "medium" }))
    local more = 64 * 2 * 8388608 / 25e9 * 1e3                -- ms: 42.95
    local alone = medium.latency.time_to_first_token_ms.mean
    assert.matches("contention was not modelled.*s0%->s1", medium.oracle.warnings[1])
    assert.same({ "s0->s1", "s1->s0" }, { table.unpack(medium.oracle.shared_links) })
    for _, level in ipairs { "high", "auto" } do
      local s = run(with(SHARED, { lod = level }))
      assert.equal("high", s.oracle.lod)
      assert.same({}, s.oracle.warnings)
      near(alone + more, s.latency.time_to_first_token_ms.mean, 1e-5)
      near(alone + more, s.latency.time_to_first_token_ms.max, 1e-5)
    end
  end)

  it("is exact on shared links that nobody else happens to use", function()
    local one = with(SHARED, { workload = oracle.workload.batch { count = 1, prompt = 2048, output = 20 } })
    local medium, auto = run(with(one, { lod = "medium" })), run(one)
    assert.equal("high", auto.oracle.lod)
    near(medium.latency.end_to_end_latency_ms.mean, auto.latency.end_to_end_latency_ms.mean, 1e-6)
  end)

  it("is high for what hybrid names", function()
    local s = run(with(SHARED, { lod = "hybrid", detail = { "replica1" } }))
    assert.equal("hybrid", s.oracle.lod)
    assert.equal("medium", s.per_replica.replica0.lod)
    assert.equal("high", s.per_replica.replica1.lod)
    assert.equal("high", run(with(SHARED, { lod = "hybrid", detail = { "s0->s1" } })).oracle.lod)
    assert.matches('detail%[1%]: "replica7"', raised(with(SHARED, { lod = "hybrid", detail = { "replica7" } })))
  end)
end)

describe("a level of detail of its own", function()
  local BASE = {
    model = MODEL, hardware = GPU, network = { topology = "nvlink_mesh", gpus = 3 },
    groups = { { lod = "high" }, { lod = "medium" }, {} }, router = "round_robin",
    workload = oracle.workload.batch { count = 6, prompt = 100, output = 5 },
  }

  local function levels(s)
    return { s.per_replica.replica0.lod, s.per_replica.replica1.lod, s.per_replica.replica2.lod }
  end

  it("is a group's, and the scenario's where it has none", function()
    local s = run(BASE)
    assert.same({ "high", "medium", "medium" }, levels(s)) -- the third is auto, and shares nothing
    assert.equal("hybrid", s.oracle.lod)
    assert.same({ "high", "medium", "high" }, levels(run(with(BASE, { lod = "high" }))))
    assert.same({ "high", "medium", "high" }, levels(run(with(BASE, { lod = "hybrid", detail = { "gpu2" } }))))
    local low = with(BASE, { groups = { { lod = "low" } } })
    assert.matches('groups%[1%].lod: "low": one of auto, medium, high', raised(low))
  end)

  it("gives way to one that is asked for", function()
    local s = oracle.scenario(BASE)
    require("oracle.study.lod").choose(s, "high")
    assert.same({ "high", "high", "high" }, levels(study.run(s)))
    assert.equal("high", BASE.groups[1].lod)
    local found = require("oracle.study.lod").compare(oracle.scenario(BASE), { clock = os.clock })
    assert(found.fewer_events > 60)
  end)

  it("decides whether a KV cache is a formula or a transfer", function()
    -- Two caches meet on gpu0's way out: by formula each has it to itself.
    local base = {
      model = MODEL, hardware = GPU, network = { topology = "nvswitch", gpus = 3, bandwidth = "1 GB/s" },
      workload = oracle.workload.batch { count = 2, prompt = 1000, output = 3 },
    }
    local function mean(prefill, decode)
      base.pools = { prefill = { lod = prefill }, decode = { replicas = 2, lod = decode } }
      local s = run(base)
      return s.kv_transfer.mean_ms, s.oracle.warnings
    end
    local alone, warnings = mean("medium", "medium")
    near(1000 * 131072 / 1e9 * 1e3 + 1e-3, alone, 1e-6)
    assert.matches("contention was not modelled", warnings[1])
    near(2 * (alone - 1e-3) + 1e-3, (mean("medium", "high")), 1e-6)
    assert.same({}, select(2, mean("high", "medium")))
  end)
end)

describe("a pipeline", function()
  -- A step costs 4 ms, so 1 ms on each of 4 stages; sending takes no time.
  local function pipeline(count)
    return run {
      model = MODEL, hardware = GPU, cost = { kind = "constant", constant_step = "4 ms" },
      engine = { pipeline_parallel_size = 4, max_num_batched_tokens = 256, max_num_seqs = 64 },
      network = { topology = "nvlink_mesh", gpus = 4, bandwidth = 1e18, latency = 0 },
      workload = oracle.workload.batch { count = count, prompt = 256, output = 1 },
    }
  end

  it("has the bubble of (stages - 1) / (stages - 1 + microbatches)", function()
    for _, m in ipairs { 1, 2, 4, 8, 32 } do
      local s = pipeline(m)
      near((m + 3) * 1e-3, s.simulation.total_duration_s, 1e-9)
      for gpu = 0, 3 do near(3 / (3 + m), 1 - s.gpu_utilization["gpu" .. gpu], 1e-9) end
    end
  end)

  it("that is full and balanced around the LM head reaches 0.9 of the ideal", function()
    -- Ideal: four stages at work all the time, each step's time spread over them evenly.
    local function tokens_per_second(stages, seqs, layers)
      local s = run {
        model = MODEL, hardware = "h100-sxm",
        engine = { pipeline_parallel_size = stages, pipeline_layers = layers, max_num_seqs = seqs },
        network = { topology = "dgx_h100" },
        workload = oracle.workload.batch { count = seqs, prompt = 16, output = 600 },
      }
      return s.throughput.output_tokens_per_second
    end
    local one = tokens_per_second(1, 32)
    local balanced, even = tokens_per_second(4, 128, "balanced"), tokens_per_second(4, 128)
    assert(balanced >= 0.9 * 4 * one, ("%.3f of the ideal"):format(balanced / (4 * one)))
    assert(balanced > even)
  end)

  it("that is full of prompts is balanced by the LM head's time, which is small beside theirs", function()
    local function run_of(stages, prompt, output, layers)
      return run {
        model = MODEL, hardware = "h100-sxm",
        engine = { pipeline_parallel_size = stages, pipeline_layers = layers, max_num_batched_tokens = 2048,
                   max_num_seqs = 256 * stages, enable_prefix_caching = false },
        workload = oracle.workload.poisson { rate = 1e5, count = 800 * stages, prompt = prompt, output = output },
      }.throughput.output_tokens_per_second
    end
    for _, c in ipairs { { 512, 128 }, { 1024, 64 } } do
      local one, balanced = run_of(1, c[1], c[2]), run_of(4, c[1], c[2], "balanced")
      assert(balanced >= 0.9 * 4 * one, ("%d/%d: %.3f of the ideal"):format(c[1], c[2], balanced / (4 * one)))
    end
  end)

  it("is balanced by the mean step of what the replica does, or by weights", function()
    local function layers(workload, pools)
      local plan = planning.plan(oracle.scenario {
        model = MODEL, hardware = "h100-sxm", workload = workload, pools = pools,
        engine = { pipeline_parallel_size = 4, pipeline_layers = "balanced", max_num_seqs = 256 },
        network = pools and { topology = "dgx_h100" },
      })
      local found = {}
      for i, p in ipairs(plan.deployment.pools or { plan }) do
        for j, stage in ipairs(p.deployment.memory.stages) do
          found[#found + 1] = ("%d.%d=%d"):format(i, j, stage.layers)
        end
      end
      return table.concat(found, " ")
    end
    -- LM head: 128,256 x 4096 weights, 2.41 times a layer's 218 million: 9 + 9 + 8 + (6 + 2.4) by weights.
    local by_weights = "1.1=9 1.2=9 1.3=8 1.4=6"
    local poisson = oracle.workload.poisson
    -- 64 sequences of 316 tokens read 4 KiB each in a layer: 83 MB beside its 436 MB of weights, and activations.
    -- The head's 1,051 MB are as long as less than 2 layers: 9 + 8 + 8 + (7 + 2).
    assert.equal("1.1=9 1.2=8 1.3=8 1.4=7", layers(poisson { rate = 1, count = 9, prompt = 16, output = 600 }))
    assert.equal("1.1=8 1.2=8 1.3=8 1.4=8", layers(poisson { rate = 1, count = 9, prompt = 4000, output = 2 }))
    assert.equal("1.1=8 1.2=8 1.3=8 1.4=8", layers(oracle.workload.mix {
      { rate = 3, prompt = 5000, output = 2 }, { rate = 1, prompt = 1000, output = 2 }, count = 9 }))
    local unknown = { kind = "pareto", shape = 3, scale = 4000 }
    assert.equal(by_weights, layers(poisson { rate = 1, count = 9, prompt = unknown, output = 2 }))
    assert.equal("1.1=8 1.2=8 1.3=8 1.4=8 2.1=9 2.2=8 2.3=8 2.4=7",
      layers(poisson { rate = 1, count = 9, prompt = 1000, output = 100 }, { prefill = {}, decode = {} }))
  end)

  it("deals layers out as told, else as vLLM does where they do not divide", function()
    local base = { model = MODEL, hardware = GPU,
                   workload = oracle.workload.batch { count = 1, prompt = 9, output = 9 } }
    local function stages(n)
      local list = {}
      local s = oracle.scenario(with(base, { engine = { pipeline_parallel_size = n } }))
      for i, stage in ipairs(planning.plan(s).deployment.memory.stages) do list[i] = stage.layers end
      return list
    end
    assert.same({ 11, 11, 10 }, stages(3))
    assert.same({ 6, 6, 7, 7, 6 }, stages(5))
    assert.same({ 16, 16 }, stages(2))
    assert.matches("2 stages of 31 layers",
      raised(with(base, { engine = { pipeline_parallel_size = 2, pipeline_layers = { 15, 16 } } })))
    run(with(base, { engine = { pipeline_parallel_size = 3, pipeline_layers = "even" } }))
    run(with(base, { engine = { pipeline_parallel_size = 2, pipeline_layers = { 20, 12 } } }))
  end)

  it("checks the memory of each stage, on the GPU it has", function()
    local base = {
      model = "meta-llama/Meta-Llama-3-70B", hardware = "h100-sxm",
      workload = oracle.workload.batch { count = 1, prompt = 9, output = 9 },
    }
    assert.matches("does not fit on stage 0 %(70 layers%): weights",
      raised(with(base, { engine = { pipeline_parallel_size = 2, pipeline_layers = { 70, 10 } } })))
    assert.matches("does not fit on stage 1 .*a10g", raised(with(base, {
      engine = { pipeline_parallel_size = 4 },
      stages = { { hardware = "h100-sxm" }, { hardware = "a10g" }, { hardware = "h100-sxm" },
                 { hardware = "h100-sxm" } },
    })))
  end)

  it("waits for its slowest stage where the GPUs differ", function()
    local base = {
      model = MODEL, hardware = "h100-sxm", engine = { pipeline_parallel_size = 2 },
      workload = oracle.workload.batch { count = 1, prompt = 512, output = 64 },
    }
    local tpot = {}
    for i, second in ipairs { "h100-sxm", "a100-80gb" } do
      local s = run(with(base, { stages = { { hardware = "h100-sxm" }, { hardware = second } } }))
      tpot[i] = s.latency.time_per_output_token_ms.mean
    end
    near(tpot[1], run(base).latency.time_per_output_token_ms.mean, 1e-9)
    assert(tpot[2] > 1.2 * tpot[1])
  end)
end)

describe("disaggregated pools", function()
  local BASE = {
    model = MODEL, hardware = "h100-sxm", engine = { dtype = "float16" },
    pools = { prefill = { replicas = 1 }, decode = { replicas = 1 } },
    network = { topology = "nvlink_mesh", gpus = 2, bandwidth = "10 GB/s", latency = "5 us" },
    workload = oracle.workload.batch { count = 1, prompt = 2048, output = 2 },
  }
  local KV = 2048 * 2 * 32 * 8 * 128 * 2                      -- B: tokens x (K, V) x layers x KV heads x size x 2 B

  it("hand a request over with its first token; its KV takes bytes over bandwidth", function()
    local whole = run(with(BASE, { pools = NONE, network = NONE }))
    for _, level in ipairs { "medium", "high", "auto" } do
      local s = run(with(BASE, { lod = level }))
      near(whole.latency.time_to_first_token_ms.mean, s.latency.time_to_first_token_ms.mean, 1e-9)
      near(KV, s.kv_transfer.bytes, 1e-12)
      near(KV / 10e9 * 1e3 + 5e-3, s.kv_transfer.mean_ms, 1e-6) -- 26.84 ms + 5 us
      assert.equal(1, s.requests.successful)
      assert.equal(2, s.deployment.gpus)
    end
  end)

  it("hide what goes layer by layer behind the step", function()
    local pools = { prefill = {}, decode = {}, transfer = "layerwise" }
    -- Sending (26.84 ms) is faster than computing (some 65 ms): the last of 32 layers is left.
    local s = run(with(BASE, { pools = pools }))
    near(KV / 32 / 10e9 * 1e3 + 5e-3, s.kv_transfer.mean_ms, 1e-6)
    -- At a tenth of the bandwidth it is slower: what did not fit behind the first 31 layers' computing is left.
    local slow = run(with(BASE, { pools = pools, network = { topology = "nvlink_mesh", gpus = 2, bandwidth = "1 GB/s",
                                                             latency = "5 us" } }))
    local step = slow.latency.time_to_first_token_ms.mean
    near(KV / 1e9 * 1e3 - step * 31 / 32, slow.kv_transfer.mean_ms, 1e-3)
  end)

  it("share the links of tensor parallelism with it", function()
    -- A KV cache crosses the links of the decode group's ring while that decodes: high and auto feel it.
    local base = {
      model = MODEL, hardware = "h100-sxm", engine = { dtype = "float16" },
      pools = { prefill = { replicas = 1 }, decode = { replicas = 1, engine = { tensor_parallel_size = 2 } } },
      network = { topology = "pcie", gpus = 4, pcie_bandwidth = "10 GB/s" },
      placement = { "gpu0", "gpu1", "gpu2" },
      workload = oracle.workload.constant { rate = 20, count = 20, prompt = 2048, output = 64 },
    }
    local medium = run(with(base, { lod = "medium" }))
    assert.matches("contention was not modelled", medium.oracle.warnings[1])
    local high, auto = run(with(base, { lod = "high" })), run(base)
    assert.equal("high", auto.per_replica.replica1.lod)
    near(high.latency.end_to_end_latency_ms.mean, auto.latency.end_to_end_latency_ms.mean, 1e-4)
    assert(high.latency.inter_token_latency_ms.mean > 1.02 * medium.latency.inter_token_latency_ms.mean)
  end)

  -- Two caches of 4000 x 131072 B meet on a cable of 10 GB/s; one comes over 4 GB/s, so the other has 6.
  it("share links max-min also where hybrid names one end, or a link on the way", function()
    local links, bytes = {}, 4000 * 131072
    for i, way in ipairs { { "gpu0", "left", 4e9 }, { "gpu1", "left", 40e9 }, { "left", "right", 10e9 },
                           { "right", "gpu2", 40e9 }, { "right", "gpu3", 40e9 } } do
      links[i] = { from = way[1], to = way[2], bandwidth = way[3], latency = 0 }
    end
    local base = { model = MODEL, hardware = GPU, network = { links = links }, lod = "hybrid",
                   pools = { prefill = { replicas = 2 }, decode = { replicas = 2 } },
                   workload = oracle.workload.batch { count = 2, prompt = 4000, output = 3 } }
    local function sent(detail)
      local s = run(with(base, { detail = detail }))
      return s.kv_transfer.mean_ms, s.oracle.warnings
    end
    for _, detail in ipairs { { "left->right" }, { "replica0", "replica1" }, { "replica2", "replica3" } } do
      local mean, warnings = sent(detail)
      near(1e3 * (bytes / 4e9 + bytes / 6e9) / 2, mean, 1e-6)
      assert.equal(0, #warnings)
    end
    local mean, warnings = sent { "gpu0" }                -- the other goes by formula, at the cable's 10 GB/s
    near(1e3 * (bytes / 4e9 + bytes / 10e9) / 2, mean, 1e-6)
    assert.matches("hybrid: contention was not modelled", warnings[1])
    assert.matches('"gpu7": no replica, nor a GPU or link', raised(with(base, { detail = { "gpu7" } })))
  end)

  it("need a network, two sides and one KV format", function()
    assert.matches("pools: KV caches go over the network", raised(with(BASE, { network = NONE })))
    assert.matches("pools.decode: missing", raised(with(BASE, { pools = { prefill = {} } })))
    assert.matches("the KV cache is fp16 in prefill and fp8 in decode",
      raised(with(BASE, { pools = { prefill = {}, decode = { engine = { kv_cache_dtype = "fp8" } } } })))
    assert.matches("network: it has 2 GPUs; the deployment needs 3",
      raised(with(BASE, { pools = { prefill = { replicas = 2 }, decode = {} } })))
  end)
end)

describe("groups of different replicas", function()
  it("each have their own GPUs, degrees and memory", function()
    local s = run {
      model = MODEL, hardware = "h100-sxm", router = "round_robin",
      groups = { { replicas = 1 }, { replicas = 1, hardware = "a100-80gb", engine = { tensor_parallel_size = 2 } } },
      workload = oracle.workload.constant { rate = 5, count = 20, prompt = 512, output = 64 },
    }
    assert.equal(3, s.deployment.gpus)
    assert.equal(20, s.requests.successful)
    local h100, a100 = s.per_replica.replica0, s.per_replica.replica1
    assert(h100.latency.time_per_output_token_ms.mean ~= a100.latency.time_per_output_token_ms.mean)
  end)
end)

describe("attention replicas that share experts", function()
  local BASE = {
    model = "mixtral-8x7b", hardware = "h100-sxm", engine = { data_parallel_size = 2 },
    workload = oracle.workload.batch { count = 2, prompt = 256, output = 32 },
  }

  it("hold half of the experts each and wait for each other", function()
    local s = run(BASE)
    local alone = run(with(BASE, { engine = { tensor_parallel_size = 2 } }))
    assert.equal(2, s.deployment.gpus)
    assert(s.deployment.weights_bytes_per_gpu > alone.deployment.weights_bytes_per_gpu) -- attention is whole on each
    assert(s.deployment.weights_bytes_per_gpu < 1.1 * alone.deployment.weights_bytes_per_gpu)
    -- One request on each: both step together, so the first tokens come at one time.
    local a, b = s.per_replica.replica0, s.per_replica.replica1
    assert.equal(a.steps, b.steps)
    assert.equal(a.latency.time_to_first_token_ms.max, b.latency.time_to_first_token_ms.max)
  end)

  it("agree at every level of detail, with whole experts too", function()
    for _, whole in ipairs { false, true } do
      local base = with(BASE, { engine = { data_parallel_size = 2, tensor_parallel_size = 2,
                                           enable_expert_parallel = whole } })
      local medium, high = run(with(base, { lod = "medium" })), run(with(base, { lod = "high" }))
      near(medium.latency.end_to_end_latency_ms.mean, high.latency.end_to_end_latency_ms.mean, 1e-6)
    end
  end)

  it("are refused where experts cannot be dealt out", function()
    assert.matches("12 ranks .* do not divide the model's num_experts = 8", raised(with(BASE, {
      engine = { tensor_parallel_size = 4, data_parallel_size = 3, enable_expert_parallel = true } })))
    assert.matches("the model has no experts",
      raised(with(BASE, { model = MODEL, engine = { enable_expert_parallel = true } })))
    assert.matches("engine: 6 ranks %(tensor_parallel_size 2 x data_parallel_size 3%) do not divide",
      raised(with(BASE, { engine = { tensor_parallel_size = 2, data_parallel_size = 3, pipeline_parallel_size = 2,
                                     enable_expert_parallel = true } })))
  end)
end)

describe("a deployment", function()
  local BASE = { model = MODEL, hardware = "h100-sxm",
                 workload = oracle.workload.batch { count = 1, prompt = 9, output = 9 } }

  it("names all of its GPUs", function()
    local mixed = with(BASE, { groups = { { replicas = 2 }, { hardware = GPU } } })
    assert.equal("h100-sxm + a100-80gb", run(mixed).deployment.hardware)
    local stages = with(BASE, { engine = { pipeline_parallel_size = 2 },
                                stages = { { hardware = GPU }, { hardware = "h100-sxm" } } })
    assert.equal("a100-80gb + h100-sxm", run(stages).deployment.hardware)
    assert.equal("h100-sxm", run(BASE).deployment.hardware)
  end)

  it("says which stage and which degree is wrong", function()
    assert.matches("stages%[2%]%.hardware: unknown", raised(with(BASE, { engine = { pipeline_parallel_size = 2 },
      stages = { { hardware = GPU }, { hardware = "nothing" } } })))
    assert.matches("= 5 does not divide the model's num_attention_heads = 32",
      raised(with(BASE, { engine = { tensor_parallel_size = 5 } })))
  end)
end)

describe("sequence parallelism", function()
  it("cuts the norms and nothing else", function()
    local base = { model = MODEL, hardware = GPU, engine = { tensor_parallel_size = 4 },
                   workload = oracle.workload.batch { count = 1, prompt = 4096, output = 1 } }
    local without = run(base).latency.end_to_end_latency_ms.mean
    local cut = run(with(base, { engine = { tensor_parallel_size = 4, enable_sequence_parallelism = true } }))
    -- 32 layers x 2 norms x 4 x 4096 values x 2 B x 4096 tokens at 0.8 x 2039 GB/s; three quarters are saved.
    local saved = 0.75 * 32 * 2 * 4 * 4096 * 2 * 4096 / (0.8 * 2039e9) * 1e3
    near(without - saved, cut.latency.end_to_end_latency_ms.mean, 1e-4)
  end)
end)

describe("a placement", function()
  local BASE = {
    model = MODEL, hardware = GPU, engine = { tensor_parallel_size = 2 },
    network = { topology = "nvlink_mesh", gpus = 4 },
    workload = oracle.workload.batch { count = 1, prompt = 9, output = 9 },
  }

  it("names each GPU once, and only GPUs there are", function()
    assert.matches('"gpu1" is placement%[1%] already', raised(with(BASE, { placement = { "gpu1", "gpu1" } })))
    assert.matches('"gpu9": the network has no such GPU', raised(with(BASE, { placement = { "gpu1", "gpu9" } })))
    assert.matches("3 GPUs are named; the deployment has 2 ranks",
      raised(with(BASE, { placement = { "gpu1", "gpu2", "gpu3" } })))
    assert.matches("placement: there is no network", raised(with(BASE, { network = NONE, placement = { "gpu0" } })))
  end)

  it("fits the network without a rest, unless it is told", function()
    local six = with(BASE, { network = { topology = "nvlink_mesh", gpus = 6 }, engine = { tensor_parallel_size = 4 } })
    assert.matches("replicas of 4 GPUs .* do not divide its 6", raised(six))
    run(with(six, { placement = { "gpu0", "gpu1", "gpu2", "gpu3" } }))
    assert.matches("it has 4 GPUs; the deployment needs 8", raised(with(BASE, { replicas = 4 })))
  end)

  it("stands on a network that is whole", function()
    local nothing = { topology = "nvlink_mesh", gpus = 4, bandwidth = 0 }
    assert.matches("bandwidth", raised(with(BASE, { network = nothing })))
    assert.matches("gpu", raised(with(BASE, { network = {
      nodes = { "gpu0", "gpu1", "gpu2" },
      links = { { from = "gpu0", to = "gpu1", bandwidth = 1e9, latency = 0 } } } })))
  end)
end)
