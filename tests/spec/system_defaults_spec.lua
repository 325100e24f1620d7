--- Defaults of the serving systems that go by the GPU, and the memory each gives to the KV cache.
local oracle = require "oracle"
local planning = require "oracle.plan"
local rows = require "rows"

local MiB = 2^20

local function plan(engine, hardware, model)
  return planning.plan(oracle.scenario {
    model = model or "meta-llama/Llama-3.1-8B-Instruct", hardware = hardware or "h100-sxm", engine = engine,
    workload = oracle.workload.poisson { rate = 1, count = 1, prompt = 10, output = 10 } })
end

describe("SGLang's defaults", function()
  -- github.com/sgl-project/sglang v0.5.5, server_args.py: MiB kept: 512 + 1.5 x chunk + 2 x graphs + 128 per GPU of a
  -- replica, 10 GiB at least above 60 GiB. v0.5.23, arg_groups/memory_hook.py: from 20 to 35 GiB chunk 4096, graphs 48.
  it("go by the GPU's memory", function()
    local function of(engine, hardware)
      engine.system, engine.max_model_len = "sglang", engine.max_model_len or 2048
      local p = plan(engine, hardware, "meta-llama/Llama-3.2-1B-Instruct")
      local e = p.scenario.engine
      return e.max_num_batched_tokens, e.gpu_memory_utilization, p.deployment.hardware.memory / MiB
    end
    local function expect(chunk, kept, engine, hardware)
      local tokens, share, memory = of(engine, hardware)
      assert.equal(chunk, tokens)
      assert.near(1 - kept / memory, share, 0.0005001)
    end
    expect(2048, 512 + 3072 + 48 + 128, { version = "0.5.5" }, "l4")
    expect(4096, 512 + 6144 + 96 + 128, {}, "l4")
    expect(4096, 512 + 6144 + 64 + 128, {}, "l40s")
    expect(8192, 512 + 12288 + 512 + 128, {}, "h100-sxm")
    expect(8192, 512 + 12288 + 1024 + 4 * 128, { tensor_parallel_size = 4 }, "h100-sxm")
    expect(2048, 10 * 1024, { tensor_parallel_size = 2, chunked_prefill_size = 2048 }, "h100-sxm")
    expect(8192, 512 + 12288 + 512 + 128, {}, "h200-sxm")
    expect(16384, 512 + 24576 + 1024 + 128, {}, "b200")
  end)

  it("give weights and KV cache that share, activations the rest", function()
    local p = plan { system = "sglang", max_model_len = 4096 }
    local room = p.scenario.engine.gpu_memory_utilization * (p.deployment.hardware.memory - 1.1 * 2^30)
      - p.deployment.memory.stages[1].weight_bytes
    assert.equal(math.floor(room / p.deployment.memory.kv_bytes_per_token), p.deployment.num_gpu_blocks)
    assert.near(0.835, p.scenario.engine.gpu_memory_utilization, 1e-9)
  end)

  -- What servers printed: 27.13 GiB each of K and V (log of a benchmark, 2025-01-23); 367,404 tokens
  -- (github.com/vllm-project/vllm, issue 21348); about 509 thousand (github.com/ai-dynamo/aisimulate,
  -- pull request 263).
  it("share what is free before weights are loaded", function()
    local function tokens(model, hardware, share, tp, format)
      return plan({ system = "sglang", mem_fraction_static = share, tensor_parallel_size = tp, quantization = format },
                  hardware, model).deployment.num_gpu_blocks
    end
    local function near(printed, derived)
      assert.is_true(math.abs(derived / printed - 1) < 0.02, derived .. " beside " .. printed)
    end
    near(2 * 27.13 * 2 ^ 30 / 131072, tokens("llama-3.1-8b", "h100", 0.88))
    near(367404, tokens("qwen3-235b-a22b", "h100", 0.93, 4, "fp8"))
    near(509000, tokens("deepseek-r1", "h200", 0.82, 8))
  end)

  it("can do without the radix cache", function()
    assert.is_true(plan { system = "sglang" }.spec.engine.enable_prefix_caching)
    assert.is_false(plan { system = "sglang", disable_radix_cache = true }.spec.engine.enable_prefix_caching)
  end)

  -- model_runner.py: 512 requests for each of the longest length that fits, from 2048 to 4096.
  it("run as many requests as the KV cache is worth", function()
    assert.equal(4096, plan { system = "sglang", max_model_len = 4096 }.spec.engine.max_num_seqs)
    assert.equal(2048, plan { system = "sglang" }.spec.engine.max_num_seqs)
    local p = plan { system = "sglang", max_model_len = 70000 }
    assert.equal(512 * p.deployment.num_gpu_blocks // 70000, p.spec.engine.max_num_seqs)
    assert.equal(77, plan { system = "sglang", max_running_requests = 77 }.spec.engine.max_num_seqs)
    local function on_l4(version)
      return plan({ system = "sglang", max_model_len = 2048, version = version }, "l4",
        "meta-llama/Llama-3.2-1B-Instruct").spec.engine.max_num_seqs
    end
    assert.equal(2048, on_l4 "0.5.5")                     -- no more than the tokens of a chunk
    assert.equal(4096, on_l4())
  end)

  it("are those of a version, and an unknown one is refused with those that are modelled", function()
    local e = plan({ system = "sglang" }).scenario.engine
    assert.equal("0.5.23", e.modelled_version)
    assert.equal("0.5.5", plan({ system = "sglang", version = "0.5.9" }).scenario.engine.modelled_version)
    assert.error_matches(function() plan { system = "sglang", version = "0.5.24" } end,
      "engine.version: 0.5.24: no modelled version is that new; 0.5.5 and 0.5.23 are modelled")
    assert.error_matches(function() plan { system = "sglang", version = "0.4" } end,
      "engine.version: 0.4: no modelled version is that old; 0.5.5 and 0.5.23 are modelled")
  end)
end)

describe("TensorRT-LLM", function()
  -- llm_args.py, KvCacheConfig.free_gpu_memory_fraction: 0.9 of what is free once the model is there.
  it("gives the KV cache a share of what weights and activations leave", function()
    for _, share in ipairs { 0.9, 0.5 } do
      local p = plan { system = "trtllm", kv_cache_free_gpu_memory_fraction = share < 0.9 and share or nil }
      local m = p.deployment.memory
      local room = share * (p.deployment.hardware.memory - m.stages[1].weight_bytes - m.activation_bytes)
      assert.equal(math.floor(room / (32 * m.kv_bytes_per_token)), p.deployment.num_gpu_blocks)
    end
  end)
end)

describe("vLLM", function()
  -- arg_utils.py, v0.6 and v0.11.
  it("has other defaults as V0", function()
    local e = plan { max_model_len = 8192 }.spec.engine
    assert.same({ 1024, 8192, true, true },
      { e.max_num_seqs, e.max_num_batched_tokens, e.enable_chunked_prefill, e.enable_prefix_caching })
    e = plan { use_v1 = false, max_model_len = 9000 }.spec.engine
    assert.same({ 256, 9000, false, false },
      { e.max_num_seqs, e.max_num_batched_tokens, e.enable_chunked_prefill, e.enable_prefix_caching })
    assert.equal(2048, plan { use_v1 = false, max_model_len = 1000 }.spec.engine.max_num_batched_tokens)
    assert.is_true(plan { use_v1 = false }.spec.engine.enable_chunked_prefill)
    assert.is_true(plan { use_v1 = false, enable_prefix_caching = true }.spec.engine.enable_prefix_caching)
  end)
end)

describe("SGLang's lpm", function()
  local function run(order, workload, engine)
    local e = { system = "sglang", schedule_policy = order, page_size = 16, max_model_len = 4096 }
    for k, v in pairs(engine) do e[k] = v end
    return rows.of { model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", engine = e,
                     workload = workload }
  end

  -- schedule_policy.py: of those that begin alike and are not cached one goes first, so that the others find it. Two
  -- pairs of prompts, and two prompts go into a step: one of each pair, then the others from the cache.
  it("lets those that begin alike wait for one another", function()
    local pairs_of_two = oracle.workload.mix {
      { name = "a", kind = "batch", count = 2, prompt = 1000, output = 4, prompt_pool = 1 },
      { name = "b", kind = "batch", count = 2, prompt = 1000, output = 4, prompt_pool = 1 },
    }
    local list = run("lpm", pairs_of_two, { chunked_prefill_size = 2000, max_running_requests = 64 })
    local found = {}
    for i, r in ipairs(list) do found[i] = r.cached_prefix_length end
    assert.same({ 0, 992, 0, 992 }, found)
    list = run("fcfs", pairs_of_two, { chunked_prefill_size = 2000, max_running_requests = 64 })
    for i, r in ipairs(list) do found[i] = r.cached_prefix_length end
    assert.same({ 0, 0, 0, 0 }, found)
  end)

  -- schedule_policy.py, _determine_active_policy: above 128 requests it is first come, first served.
  it("is given up while more than 128 requests wait", function()
    local load = oracle.workload.batch { count = 400, prompt = 800, output = 10, prompt_pool = 40 }
    local few = { chunked_prefill_size = 1600, max_running_requests = 8, num_gpu_blocks_override = 500 }
    local fcfs, lpm = run("fcfs", load, few), run("lpm", load, few)
    local same, last = 0, 0
    for i = 1, 400 do
      if fcfs[i].first_token_time == lpm[i].first_token_time then same, last = same + 1, i end
    end
    assert.is_true(same >= 260 and same < 400, tostring(same))
    assert.is_true(last >= 260)
  end)
end)

describe("a version of vLLM", function()
  local function run(version)
    return select(2, rows.of { model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm",
                               engine = { system = "vllm", version = version },
                               workload = oracle.workload.batch { count = 1, prompt = 10, output = 2 } })
  end

  it("that is not modelled is the nearest older one, and the result says so", function()
    for told, modelled in pairs { ["0.20"] = "0.11", ["v0.32.9"] = "0.11" } do
      local s = run(told)
      local says = "engine.version: %s is scheduled as %s is, the nearest older version that is modelled"
      assert.same({ says:format(told, modelled) }, s.oracle.warnings)
    end
    assert.same({}, run "v0.11.0".oracle.warnings)
    assert.same({}, run "0.33.1".oracle.warnings)
    assert.same({}, run().oracle.warnings)
  end)

  it("that is none, too old or too new is refused with those that are", function()
    assert.error_matches(function() run "0.40.1" end, "engine.version: 0.40.1: no modelled version is that new")
    assert.error_matches(function() run "latest" end, 'engine.version: latest: a version such as "0.33" expected; '
      .. "0.11 and 0.33 are modelled")
    assert.error_matches(function() run "0.5" end, "engine.version: 0.5: no modelled version is that old; 0.11 and")
  end)

  -- engine/arg_utils.py, get_batch_defaults: 0.11 :1605-1625, 0.33 :2973-3006.
  it("has the step's size of the GPU, for the server and for the offline LLM class", function()
    local function size(version, hardware, context)
      local e = plan({ version = version, usage_context = context, max_model_len = 4096 }, hardware).scenario.engine
      return { e.max_num_batched_tokens, e.max_num_seqs }
    end
    for _, c in ipairs { { "0.11", "b200", 8192, 16384, 1024 }, { "0.33", "b200", 16384, 16384, 1024 },
                         { "0.33", "h200", 8192, 16384, 1024 }, { "0.33", "a100-80gb", 2048, 8192, 256 },
                         { "0.11", "l40s", 2048, 8192, 256 } } do
      assert.same({ c[3], c[5] }, size(c[1], c[2]))
      assert.same({ c[4], c[5] }, size(c[1], c[2], "LLM_CLASS"))
    end
  end)

  it("is the newest unless said otherwise, as --version says", function()
    assert.equal("v" .. require("oracle.system.versions.vllm").DEFAULT, require("oracle.version").vllm)
    assert.equal(run("0.33").deployment.num_gpu_blocks, run().deployment.num_gpu_blocks)
  end)
end)

describe("SGLang", function()
  -- scheduler.py, _extend_requests_to_queue: who was sent back waits behind everyone who is there already.
  it("sends requests back to the end of the queue", function()
    local list, s = rows.of {
      model = "meta-llama/Llama-3.1-8B-Instruct", hardware = "h100-sxm", seed = 1,
      engine = { system = "sglang", page_size = 1, num_gpu_blocks_override = 4000, max_model_len = 2048,
                 schedule_conservativeness = 0.05, enable_prefix_caching = false },
      workload = oracle.workload.batch { count = 60, prompt = 200,
        output = oracle.dist.uniform { low = 20, high = 600 } },
    }
    assert.equal(60, s.requests.successful)
    local sent, passed = 0, 0
    for i, r in ipairs(list) do
      if r.preemptions > 0 then
        sent = sent + 1
        for j = i + 1, #list do
          if list[j].preemptions == 0 and list[j].completion_time < r.completion_time then passed = passed + 1 end
        end
      end
    end
    assert.is_true(sent > 0 and passed > 0, ("%d sent back, passed %d times"):format(sent, passed))
  end)
end)
