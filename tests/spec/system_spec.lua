--- Serving systems: their own knobs and defaults, and that each behaves as its sources say.
local oracle = require "oracle"
local planning = require "oracle.plan"

local store = os.getenv("ORACLE_DATA") or "../shared/data"

local function raised(f, ...)
  local ok, why = pcall(f, ...)
  assert.is_false(ok)
  return tostring(why)
end

local function scenario(engine, changes)
  engine.max_model_len = engine.max_model_len or 4096
  local t = {
    model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", engine = engine, seed = 1,
    workload = oracle.workload.poisson { rate = 30, count = 300, prompt = 400, output = 150 },
  }
  for k, v in pairs(changes or {}) do t[k] = v end
  return oracle.scenario(t)
end

local function knobs(engine, changes)
  local plan = planning.plan(scenario(engine, changes))
  return plan.spec.engine, plan
end

describe("a system", function()
  it("has defaults of its own", function()
    local e, plan = knobs { system = "sglang" }
    assert.equal(1, e.block_size)
    assert.equal(8192, e.max_num_batched_tokens)          -- chunked_prefill_size on 80 GB
    assert.equal("sglang", plan.spec.batching.name)
    local tiny = { hardware = "l4", model = "meta-llama/Llama-3.2-1B-Instruct" }
    assert.equal(4096, (knobs({ system = "sglang", max_model_len = 2048 }, tiny)).max_num_batched_tokens)
    e, plan = knobs { system = "tensorrt-llm" }
    assert.same({ 32, 8192, 2048, false },
      { e.block_size, e.max_num_batched_tokens, e.max_num_seqs, e.enable_chunked_prefill })
    assert.equal("no_evict", plan.spec.batching.name)
    e, plan = knobs {}
    assert.same({ 16, 8192, 1024, true }, { e.block_size, e.max_num_batched_tokens, e.max_num_seqs,
                                            e.enable_chunked_prefill })
    assert.equal("chunked", plan.spec.batching.name)
    assert.equal("fcfs", select(2, knobs { use_v1 = false }).spec.batching.name)
    assert.equal("kv_aware", select(2, knobs { system = "dynamo" }).spec.router.name)
  end)

  it("takes its own names of knobs and vLLM's", function()
    assert.equal(4096, knobs({ system = "sglang", chunked_prefill_size = 4096 }).max_num_batched_tokens)
    assert.equal(4096, knobs({ system = "sglang", max_num_batched_tokens = 4096 }).max_num_batched_tokens)
    assert.equal(64, knobs({ system = "trtllm", tokens_per_block = 64 }).block_size)
    assert.equal(12, knobs({ system = "triton", max_batch_size = 12 }).max_num_seqs)
    local s = scenario { system = "sglang" }
    s:set("engine.mem_fraction_static", 0.7)
    assert.equal(0.7, planning.plan(s).scenario.engine.gpu_memory_utilization)
  end)

  it("refuses what is wrong by the name it was given", function()
    assert.equal("engine.chunked_prefill_size: the same knob as max_num_batched_tokens; one of them expected",
      raised(knobs, { system = "sglang", chunked_prefill_size = 1, max_num_batched_tokens = 2 }))
    assert.matches("^engine.page_size: 0: a whole number from 1", raised(knobs, { system = "sglang", page_size = 0 }))
    assert.matches("^engine.page_size: unknown key", raised(knobs, { page_size = 16 }))
    assert.matches('^engine.system: "sglnag": unknown; did you mean "sglang"%?', raised(knobs, { system = "sglnag" }))
    assert.matches('^engine.schedule_policy: "lpn"', raised(knobs, { system = "sglang", schedule_policy = "lpn" }))
  end)

  it("gives way to a policy the scenario names", function()
    assert.equal("sjf", select(2, knobs({ system = "sglang" }, { batching = "sjf" })).spec.batching.name)
  end)
end)

describe("TensorRT-LLM", function()
  -- Documentation, Useful Runtime Options: MAX_UTILIZATION may pause requests, GUARANTEED_NO_EVICT never does.
  it("never sends a request back unless it is to use all memory", function()
    local tight = { system = "trtllm", num_gpu_blocks_override = 200 }
    assert.equal(0, scenario(tight):run().preemptions.count)
    tight.capacity_scheduler_policy = "MAX_UTILIZATION"
    assert.is_true(scenario(tight):run().preemptions.count > 0)
    tight.capacity_scheduler_policy = "STATIC_BATCH"
    local static = scenario(tight):run()
    assert.equal(0, static.preemptions.count)
    assert.equal(300, static.requests.successful)
  end)
end)

describe("continuous batching", function()
  -- Yu et al., Orca, OSDI 2022, section 6: throughput many times that of batches that run to their end.
  it("beats static batching on throughput under a saturating load", function()
    local load = { workload = oracle.workload.batch { count = 300, prompt = 200,
      output = oracle.dist.lognormal { median = 100, p99 = 1000, max = 2000 } } }
    local static = scenario({ system = "static" }, load):run().throughput.requests_per_second
    for _, name in ipairs { "orca", "vllm", "sglang", "trtllm", "sarathi" } do
      assert.is_true(scenario({ system = name }, load):run().throughput.requests_per_second > 1.3 * static, name)
    end
  end)
end)

describe("Sarathi-Serve", function()
  -- Agrawal et al., OSDI 2024, section 5: small token budgets keep the gaps between tokens short.
  it("has a shorter tail of gaps than whole prompts do", function()
    local load = { workload = oracle.workload.poisson { rate = 10, count = 300, prompt = 1500, output = 100 } }
    local sarathi = scenario({ system = "sarathi" }, load):run()
    local v0 = scenario({ use_v1 = false }, load):run()
    assert.is_true(sarathi.latency.inter_token_latency_ms.p99 < 0.7 * v0.latency.inter_token_latency_ms.p99)
  end)
end)

describe("Triton's dynamic batcher", function()
  local function busy(engine)
    engine.system = "triton"
    return scenario(engine, { workload = oracle.workload.constant { rate = 20, count = 40, prompt = 100, output = 3 } })
      :run()
  end

  it("waits for company as long as it may, or until a size is preferred", function()
    local at_once, later = busy { max_batch_size = 8 }, busy { max_batch_size = 8, max_queue_delay = "200 ms" }
    assert.is_true(at_once.latency.queue_time_ms.max < 50)
    assert.is_true(later.latency.queue_time_ms.max >= 200 and later.latency.queue_time_ms.max < 260)
    assert.is_true(later.simulation.steps < at_once.simulation.steps)
    local us = busy { max_batch_size = 8, max_queue_delay_microseconds = 200000 }
    assert.same(later.latency, us.latency)
    local sized = busy { max_batch_size = 8, max_queue_delay = "200 ms", preferred_batch_size = { 2 } }
    assert.is_true(sized.latency.queue_time_ms.max < 60)  -- the second comes 50 ms after the first
  end)
end)

describe("SGLang", function()
  it("sends back the requests with the fewest tokens when memory runs short", function()
    local r = scenario({ system = "sglang", num_gpu_blocks_override = 6000, schedule_conservativeness = 0.1 }):run()
    assert.is_true(r.preemptions.count > 0)
    assert.equal(300, r.requests.successful)
  end)

  -- Zheng et al., SGLang, arXiv:2312.07104, section 3: longest shared prefix first raises the hit rate.
  it("finds more in its cache with lpm than with fcfs on a loaded trace", function()
    local path = store .. "/traces/mooncake-conversation.jsonl"
    local f = io.open(path)
    if not f then return pending("no traces/mooncake-conversation.jsonl in " .. store) end
    f:close()
    local rate = {}
    for _, order in ipairs { "fcfs", "lpm" } do
      local r = oracle.scenario {
        model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm",
        engine = { system = "sglang", schedule_policy = order, page_size = 64, num_gpu_blocks_override = 4000,
                   max_running_requests = 64 },
        workload = oracle.workload.trace { path = path, count = 500, rate_scale = 0.35 },
      }:run()
      rate[order] = r.prefix_caching.block_hit_rate
    end
    assert.is_true(rate.lpm > rate.fcfs, ("lpm %g, fcfs %g"):format(rate.lpm, rate.fcfs))
  end)

  -- With little memory and prompts of many families in turn, those of one family are served together.
  it("finds more in its cache depth first through the prefix tree than first come, first served", function()
    local rate = {}
    for _, order in ipairs { "fcfs", "dfs-weight" } do
      local r = scenario({ system = "sglang", schedule_policy = order, page_size = 16, num_gpu_blocks_override = 300,
                           max_running_requests = 4 }, { workload = oracle.workload.poisson {
        rate = 100, count = 300, prompt = 1000, output = 5, prompt_pool = 30 } }):run()
      assert.equal(300, r.requests.successful)
      rate[order] = r.prefix_caching.block_hit_rate
    end
    assert.is_true(rate["dfs-weight"] > rate.fcfs + 0.1, ("%g, fcfs %g"):format(rate["dfs-weight"], rate.fcfs))
  end)

  it("goes depth first in order of arrival where no prefix is known", function()
    local function run(order)
      return scenario { system = "sglang", schedule_policy = order, enable_prefix_caching = false }:run()
    end
    assert.same(run "fcfs".latency, run "dfs-weight".latency)
  end)
end)

describe("Dynamo", function()
  local function run(engine, network)
    return scenario(engine, { cost = "roofline", replicas = 4, network = network, workload = oracle.workload.poisson {
      rate = 40, count = 600, output = 150, prompt = oracle.dist.lognormal { median = 800, p99 = 3000, max = 3500 } } })
      :run()
  end

  -- Zhong et al., DistServe, OSDI 2024, section 2.3, and Patel et al., Splitwise, ISCA 2024: prompts computed apart do
  -- not disturb decodes, so TPOT has a shorter tail; fewer GPUs compute prompts, so TTFT is longer.
  it("has a shorter tail of TPOT and a longer TTFT with prompts computed apart", function()
    local together, apart = run { system = "vllm" }, run({ system = "dynamo", prefill_workers = 2 }, "dgx_h100")
    assert.equal(600, apart.requests.successful)
    assert.is_true(apart.latency.time_per_output_token_ms.p99 < together.latency.time_per_output_token_ms.p99)
    assert.is_true(apart.latency.time_to_first_token_ms.p99 > together.latency.time_to_first_token_ms.p99)
  end)

  it("says what prompts computed apart need", function()
    assert.matches("^engine.prefill_workers: KV caches go over a network", raised(run, { system = "dynamo",
      prefill_workers = 2 }))
    assert.matches("^engine.prefill_workers: 4 of 4 replicas: some must decode",
      raised(run, { system = "dynamo", prefill_workers = 4 }, "dgx_h100"))
  end)

  -- NVIDIA Dynamo documentation v0.2, "Dynamo Disaggregation": a prompt is computed apart if it is long and the prefill
  -- queue is short.
  describe("with conditional disaggregation", function()
    local function conditional(own, load)
      own.system, own.prefill_workers = "dynamo", 2
      return scenario(own, { replicas = 4, network = "dgx_h100", workload = oracle.workload.poisson(load) }):run()
    end
    local function load(rate, prompt)
      return { rate = rate, count = 300, prompt = prompt, output = 100 }
    end

    it("leaves short prompts to who decodes them", function()
      local most = { max_local_prefill_length = 500, max_prefill_queue_size = 100000 }
      assert.equal(0, conditional(most, load(10, 500)).kv_transfer.count)
      most = { max_local_prefill_length = 500, max_prefill_queue_size = 100000 }
      local r = conditional(most, load(10, 501))
      assert.equal(300, r.kv_transfer.count)
      assert.same(conditional({}, load(10, 501)).latency, r.latency)
      assert.equal(300, conditional({ conditional_disagg = true }, load(2, 1500)).kv_transfer.count)
      assert.equal(0, conditional({ conditional_disagg = true }, load(2, 1000)).kv_transfer.count)
      assert.equal(300, conditional({ conditional_disagg = false, max_local_prefill_length = 5000 },
        load(2, 1000)).kv_transfer.count)
    end)

    it("leaves long ones to them too while many wait to be computed", function()
      local always = conditional({}, load(25, 3000))
      local r = conditional({ max_local_prefill_length = 100, max_prefill_queue_size = 3 }, load(25, 3000))
      assert.equal(300, always.kv_transfer.count)
      assert.is_true(r.kv_transfer.count > 0 and r.kv_transfer.count < 300, tostring(r.kv_transfer.count))
      assert.equal(300, r.requests.successful)
      assert.is_true(r.latency.time_to_first_token_ms.p99 < always.latency.time_to_first_token_ms.p99)
      assert.is_true(r.latency.time_per_output_token_ms.p99 > always.latency.time_per_output_token_ms.p99)
      assert.equal(0, conditional({ max_prefill_queue_size = 0 }, load(10, 3000)).kv_transfer.count)
    end)

    it("counts only what their caches lack", function()
      local asked = load(2, 3000)
      asked.prompt_pool = 10
      local r = conditional({ max_local_prefill_length = 500 }, asked)
      assert.is_true(r.kv_transfer.count >= 10 and r.kv_transfer.count < 40, tostring(r.kv_transfer.count))
    end)

    it("says what the limits must be", function()
      assert.matches("^engine.max_local_prefill_length: %-1: a whole number from 0",
        raised(conditional, { max_local_prefill_length = -1 }, load(1, 10)))
      assert.matches("^engine.max_prefill_queue_size: 1.5: a whole number",
        raised(conditional, { max_prefill_queue_size = 1.5 }, load(1, 10)))
    end)
  end)

  -- NVIDIA Dynamo documentation, KV Router: requests go where their prefix is.
  it("routes by what the caches hold", function()
    local load = { replicas = 4, workload = oracle.workload.poisson { rate = 20, count = 400, prompt = 1000,
      output = 20, prompt_pool = 40 } }
    local aware = scenario({ system = "dynamo" }, load):run()
    load.router = "random"
    local blind = scenario({ system = "vllm" }, load):run()
    assert.is_true(aware.prefix_caching.block_hit_rate > blind.prefix_caching.block_hit_rate)
  end)
end)
