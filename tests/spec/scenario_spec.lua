--- Scenarios as values, the deployment worked out from them, and the checks before a run.
local oracle = require "oracle"
local scenario = require "oracle.scenario"
local planning = require "oracle.plan"

-- A GPU with round numbers: 80 GiB, so that memory can be added up by hand.
local function gpu(changes)
  local h = { id = "test-gpu", flops = { bf16 = "1000 TFLOPS", fp8 = "2000 TFLOPS" }, memory = "80 GiB",
              bandwidth = "3 TB/s", nvlink = { bandwidth = "450 GB/s", latency = "1 us" } }
  for k, v in pairs(changes or {}) do h[k] = v end
  return h
end

local function small(changes)
  local t = {
    model = "llama-3.1-8b", hardware = gpu(),
    workload = oracle.workload.poisson { rate = "10 req/s", count = 50, prompt = 200, output = 20 },
  }
  for k, v in pairs(changes or {}) do t[k] = v end
  return oracle.scenario(t)
end

local function raised(f, ...)
  local ok, why = pcall(f, ...)
  assert.is_false(ok)
  return why
end

describe("a scenario", function()
  it("is read and changed key by key", function()
    local s = small()
    assert.equal("10 req/s", s.workload.rate)
    assert.equal(16, s.engine.block_size)                 -- a default
    s.engine.max_num_seqs = 64
    s.workload.rate = 5
    s.slo = { ttft = "1 s" }
    assert.equal(64, s.engine.max_num_seqs)
    assert.equal(64, s:get "engine.max_num_seqs")
    assert.equal("1 s", s.slo.ttft)
    s:set("slo.tpot", "20 ms")
    assert.equal("20 ms", s.slo.tpot)
  end)

  it("refuses a mistyped key at once", function()
    local s = small()
    assert.equal("engine.max_num_seq: unknown key; did you mean max_num_seqs?",
      raised(function() s.engine.max_num_seq = 8 end))
    assert.matches("^replicas: 0", raised(function() s.replicas = 0 end))
    assert.matches("^engine.block_sze: unknown key; did you mean block_size%?",
      raised(oracle.scenario, { engine = { block_sze = 3 } }))
  end)

  it("shares nothing with its copy or with the table it was made from", function()
    local t = { model = "m", engine = { block_size = 16 } }
    local s = oracle.scenario(t)
    t.engine.block_size = 32
    local c = s:copy()
    c.engine.block_size = 64
    assert.equal(16, s.engine.block_size)
    assert.equal(64, c.engine.block_size)
    s.percentiles[1] = 1                                  -- a default is nobody's to change
    assert.same({ 50, 90, 95, 99 }, oracle.scenario({}).percentiles)
  end)

  it("lists its keys in the schema's order", function()
    local keys = {}
    for k in pairs(small().workload) do keys[#keys + 1] = k end
    assert.same({ "kind", "rate", "count", "prompt", "output" }, keys)
  end)
end)

describe("scenario.load", function()
  local path

  local function file(text)
    path = os.tmpname()
    local f = io.open(path, "w")
    f:write(text)
    f:close()
    return path
  end

  after_each(function()
    if path then os.remove(path) end
  end)

  local function why(text)
    local s, message = scenario.load(file(text))
    assert.is_nil(s)
    assert.is_nil(message:find("\n"))
    assert.equal(path, message:sub(1, #path))             -- the file is named, once
    return message:sub(#path + 1)
  end

  it("says in one line why a file is none", function()
    assert.matches("^: returns nothing; `return oracle.scenario", why "local x = 1")
    assert.matches("^: returns a number", why "return 5")
    assert.matches("^: returns a table", why "return { model = 'x' }")
    assert.matches("^:2: ", why "local x = 1\nx = = 3")
    assert.matches("^:1: .*nil value", why "local t = nil; t.x = 1")
    assert.matches("^: replica: unknown key", why "return require('oracle').scenario { replica = 1 }")
    assert.matches("^: ", why "error({})")
    assert.matches("^:", why "\27Lua")
    local s, message = scenario.load("/nowhere/x.lua")
    assert.is_nil(s)
    assert.equal("/nowhere/x.lua: no such file", message)
  end)

  it("remembers where the file is", function()
    local s = assert(scenario.load(file "return require('oracle').scenario { }"))
    assert.equal(path, scenario.origin(s).path)
    assert.equal(path:match("^(.*)/"), scenario.origin(s).folder)
  end)
end)

describe("experiment.plan", function()
  it("has vLLM's defaults for the GPU", function()
    local function knobs(s)
      local e = planning.plan(s).spec.engine
      return { e.max_num_batched_tokens, e.max_num_seqs }
    end
    assert.same({ 8192, 1024 }, knobs(small()))
    assert.same({ 2048, 256 }, knobs(small { hardware = gpu { memory = "40 GiB" } }))
    assert.same({ 2048, 256 }, knobs(small { hardware = gpu { id = "A100-SXM-80GB" } }))
    assert.same({ 8192, 64 }, knobs(small { engine = { max_num_seqs = 64 } }))
    assert.same({ 512, 512 }, knobs(small { engine = { max_num_batched_tokens = 512 } }))
    assert.same({ 131072, 1024 }, knobs(small { engine = { enable_chunked_prefill = false } }))
    assert.same({ 256, 256 }, knobs(small { engine = { max_num_batched_tokens = 256, max_num_seqs = 256 } }))
  end)

  it("works out the KV blocks from the memory", function()
    local plan = planning.plan(small())
    local m = plan.deployment.memory
    -- 32 layers x 2 x 8 heads x 128 x 2 B = 131,072 B per token; (0.92 x 80 GiB - weights - activations - CUDA graphs
    -- of 51 sizes, 0.67 MiB each in 32 layers) / (16 tokens)
    assert.equal(131072, m.kv_bytes_per_token)
    local graphs = 0.67 * 2^20 * 51 * 32
    local blocks = math.floor((0.92 * 80 * 2^30 - m.weight_bytes - m.activation_bytes - graphs) / (131072 * 16))
    assert.equal(blocks, plan.deployment.num_gpu_blocks)
    assert.is_true(blocks > 20000 and blocks < 29000)
    assert.equal(500, planning.plan(small { engine = { num_gpu_blocks_override = 500 } }).deployment.num_gpu_blocks)
  end)

  it("lays out formats", function()
    local function layout(engine)
      local l = planning.plan(small { engine = engine }).spec.layout
      return { l.activations, l.weights, l.compute, l.kv }
    end
    assert.same({ "bf16", "bf16", "bf16", "bf16" }, layout {})
    assert.same({ "bf16", "fp8", "fp8", "bf16" }, layout { quantization = "fp8" })
    assert.same({ "fp16", "int4", "fp16", "fp8" },
      layout { quantization = "awq", dtype = "half", kv_cache_dtype = "fp8_e4m3" })
  end)

  it("stops before the run what cannot run", function()
    local function why(changes) return raised(planning.plan, small(changes)) end
    assert.matches("does not fit: weights 131%.4%d GiB .* 73%.60 GiB usable .* raise tensor_parallel_size",
      why { model = "llama-3-70b" })
    -- 131,072 tokens of 128 KiB need 16 GiB; 0.45 x 80 - 15 - activations leave them, 0.35 x 80 do not
    assert.matches("KV cache is too small for one request of max_model_len 131,072: it needs 16%.00 GiB",
      why { engine = { gpu_memory_utilization = 0.35 } })
    assert.matches("^engine.max_model_len: 200,000: the model's context is 131,072",
      why { engine = { max_model_len = 200000 } })
    assert.matches("at least max_num_seqs %(64%)", why { engine = { max_num_seqs = 64, max_num_batched_tokens = 32 } })
    assert.matches("without chunked prefill", why {
      engine = { enable_chunked_prefill = false, max_num_batched_tokens = 4096 } })
    assert.matches("^engine: .*tensor_parallel_size", why { engine = { tensor_parallel_size = 3 } })
    assert.matches("^model: .*lama%-3.1%-8b", why { model = "lama-3.1-8b" })
    assert.matches("^hardware: .*unknown hardware", why { hardware = "h9000" })
    assert.matches("^hardware: /nowhere.json: no such file", why { hardware = "/nowhere.json" })
    assert.matches("^batching: .*did you mean chunked", why { batching = "chunkd" })
    assert.matches("^router: .*round_robin", why { router = "robin_round" })
    assert.matches("^cost.constant_step: missing", why { cost = "constant" })
    assert.matches("^warm_up: 100 s leaves nothing of duration, 50 s", why { warm_up = 100, duration = 50 })
  end)

  it("wants an end for the arrivals, and one way to give their rate", function()
    local function why(workload)
      workload.prompt, workload.output = 10, 10
      return raised(planning.plan, small { workload = workload })
    end
    assert.matches("^workload.count: missing; arrivals need an end", why(oracle.workload.poisson { rate = 1 }))
    assert.matches("^workload.rate: missing", why(oracle.workload.poisson { count = 1 }))
    assert.matches("^workload.stages: rate is given too", why(oracle.workload.constant {
      rate = 1, stages = { { rate = 1, duration = 1 } } }))
    assert.matches("^workload.cv: missing", why(oracle.workload.gamma { rate = 1, count = 1 }))
    assert.matches("^workload.count: missing", why(oracle.workload.closed_loop { concurrency = 1 }))
    local g = planning.plan(small { workload = oracle.workload.gamma {
      rate = 1, count = 1, burstiness = 0.25, prompt = 1, output = 1 } })
    assert.equal(2, g.spec.workload.cv)                   -- 1/sqrt(0.25)
  end)

  it("looks for a trace beside the scenario, here, and in $ORACLE_DATA", function()
    local s = small { workload = oracle.workload.trace { path = "no/such.csv" } }
    scenario.origin(s).folder = "/tmp"
    local why = raised(planning.plan, s)
    assert.matches("^workload.path: no/such.csv: no such file beside the scenario %(/tmp%), in the current folder or "
      .. "in $ORACLE_DATA", why)
  end)
end)

describe("a run", function()
  it("answers every request", function()
    local r = small():run()
    assert.equal(50, r.requests.total)
    assert.equal(50, r.requests.successful)
    assert.equal(1, r.requests.success_rate)
    assert.equal(50, r.latency.time_to_first_token_ms.count)
    assert.is_true(r.oracle.complete)
  end)

  it("runs every combination of vary, the first key slowest", function()
    local r = small { vary = { { "seed", { 1, 2 } }, { "workload.rate", { "5 req/s", 20 } } } }:run()
    assert.equal(4, #r.points)
    local seeds = {}
    for i, point in ipairs(r.points) do seeds[i] = point.set.seed end
    assert.same({ 1, 1, 2, 2 }, seeds)
    assert.equal("5 req/s", r.points[3].set["workload.rate"])
    assert.equal(2, r.points[3].oracle.seed)
    assert.not_equal(r.points[1].latency.time_to_first_token_ms.mean, r.points[3].latency.time_to_first_token_ms.mean)
  end)

  it("checks every combination before the first", function()
    assert.matches("^vary: replicas: 0", raised(function() small { vary = { { "replicas", { 1, 0 } } } }:run() end))
    assert.matches("^vary: enginee?", raised(function() small { vary = { { "enginee.x", { 1 } } } }:run() end))
  end)

  it("takes a policy written in place", function()
    local policy = require "oracle.policy"
    local calls = 0
    local mine = policy.batching { name = "mine", step = function(b, e)
      calls = calls + 1
      local left = e.max_num_batched_tokens - b:decode()
      left = left - b:resume(left)
      while left > 0 do
        local granted = b:admit(left)
        if granted == 0 then break end
        left = left - granted
      end
    end }
    local r = small { batching = mine }:run()
    assert.is_true(calls > 0)
    assert.equal(50, r.requests.successful)
  end)
end)
