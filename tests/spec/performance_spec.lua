--- Performance models by name, calibration files, and deployments said in flags or a flat JSON.
local calibration = require "oracle.models.calibration"
local formats = require "oracle.formats"
local core = require "oracle.core"
local json = core.json
local performance = require "oracle.cost_model"
local problems = require "oracle.formats.problems"
local program = require "program"

local write, oracle = program.write, program.run

local RATES = [[{"xpu_name": "gb10", "model_name": "llama-7b", "tp_size": 1, "roofline_params": {
  "prefill_effective_tflops": 62.5, "prefill_effective_bandwidth_gbs": 136.5, "prefill_comm_overhead_s": 0.001,
  "decode_effective_tflops": 31.25, "decode_effective_bandwidth_gbs": 218.4, "decode_comm_overhead_s": 0.0005}}]]

-- What a model makes of a chip of 125 TFLOPS (bf16) and 273 GB/s.
local function context(path)
  local catalog = require "oracle.models.catalog"
  return { hardware = catalog.hardware("gb10"), model = catalog.model("llama-7b"), find = function() return path end,
           names = { model = "huggyllama/llama-7b", asked_model = "llama-7b", hardware = "gb10" },
           layout = { tensor_parallel_size = 1, activations = "fp16", weights = "fp16", compute = "fp16",
                      kv = "fp16" } }
end

setup(program.open)
teardown(program.close)

describe("the factory", function()
  it("makes each model by its name", function()
    local roofline = performance.create("roofline", { prefill_mfu = 0.5, decode_mbu = 0.8 }, context())
    assert.equal("roofline", roofline.kind)
    assert.equal(0.5, roofline.prefill_mfu)
    local path = write("cal.json", RATES)
    local fitted, about = performance.create("vLLM-roofline", { calibration = "cal.json" }, context(path))
    assert.near(0.5, fitted.prefill_mfu, 1e-12)
    assert.near(0.5, fitted.prefill_mbu, 1e-12)
    assert.near(0.25, fitted.decode_mfu, 1e-12)
    assert.near(0.8, fitted.decode_mbu, 1e-12)
    assert.equal(0.001, fitted.prefill_comm_overhead)
    assert.equal(0.0005, fitted.decode_comm_overhead)
    assert.same({ fit = "cal", warnings = {} }, about)
  end)

  it("refuses other names, naming the nearest", function()
    local ok, why = pcall(performance.create, "vllm_rofline", {}, context())
    assert.is_false(ok)
    assert.matches("did you mean vllm_roofline", why)
  end)

  it("warns when the calibration is of something else", function()
    local path = write("other.json", (RATES:gsub('"gb10"', '"h100"'):gsub('"tp_size": 1', '"tp_size": 4')))
    local _, about = performance.create("vllm_roofline", { calibration = "other.json" }, context(path))
    assert.equal(2, #about.warnings)
    assert.matches("measured on accelerator h100, used for gb10", about.warnings[1])
    assert.matches("tensor_parallel_size 4, used for 1", about.warnings[2])
  end)

  it("refuses rates above the chip's peak", function()
    local path = write("fast.json", (RATES:gsub("62%.5", "625")))
    local ok, why = pcall(performance.create, "vllm_roofline", { calibration = "fast.json" }, context(path))
    assert.is_false(ok)
    assert.matches("prefill_effective_tflops is 625 TFLOPS, above the chip's peak of 125", why)
  end)
end)

describe("a calibration", function()
  it("may be flat", function()
    local flat = json.decode(RATES).roofline_params
    assert.equal(62.5e12, calibration.read(flat).prefill.flops)
  end)

  it("is checked", function()
    for text, pattern in pairs {
      ['{"roofline_params": {}}'] = "prefill_effective_tflops: a number of at least 1e%-06",
      [RATES:gsub("31.25", "-1")] = "decode_effective_tflops: a number of at least 1e%-06",
      [RATES:gsub("decode_comm_overhead_s", "decode_com_overhead_s")] = "did you mean decode_comm_overhead_s",
    } do
      local ok, why = pcall(calibration.read, json.decode(text))
      assert.is_false(ok)
      assert.matches(pattern, why)
    end
  end)

  it("sets the time of a decode step: bytes over the effective rate, and the overhead", function()
    local c = context(write("cal.json", RATES))
    local params = performance.create("vllm_roofline", { calibration = "x" }, c)
    local t = core.cost.step { model = c.model, hardware = c.hardware, layout = c.layout, cost = params,
                               shape = { decode_seqs = 1, decode_context = 100 } }
    assert.near(t.bytes / 218.4e9 + 0.0005, t.total, 1e-6)
    assert.equal(0.0005, t.overhead)
  end)
end)

describe("flags", function()
  it("are a deployment: both models, the calibration's name in the result", function()
    local path = write("cal.json", RATES)
    local rc, out, err = oracle("--model llama-7b --xpu gb10 --arrival-rate 0.2 --duration 30 -q --json -")
    assert.equal(0, rc, err)
    local plain = json.decode(out)
    assert.equal("roofline", plain.deployment.cost_model)
    rc, out, err = oracle(("--model llama-7b --xpu gb10 --performance-model vllm_roofline --calibration-data '%s'"
      .. " --arrival-rate 0.2 --duration 30 -q --json -"):format(path))
    assert.equal(0, rc, err)
    local fitted = json.decode(out)
    assert.same({ "vllm_roofline", "cal" }, { fitted.deployment.cost_model, fitted.deployment.fit })
    assert.equal(plain.requests.total, fitted.requests.total)
    assert.not_equal(plain.latency.time_to_first_token_ms.mean, fitted.latency.time_to_first_token_ms.mean)
  end)

  it("serve the default load as continuous batching does, unlike batches that run to their end", function()
    local rc, out = oracle("--model llama2-7b --xpu a100-80gb --arrival-rate 2 --duration 60 -q --json -")
    assert.equal(0, rc)
    local r = json.decode(out)
    assert.equal(1, r.requests.success_rate)
    assert.equal(0, r.requests.pending)
    assert.is_true(r.latency.time_per_output_token_ms.min > 6.5)   -- one pass over the weights at peak bandwidth
  end)

  it("form windowed batches that run to their end, which newcomers wait for", function()
    local args = "--model llama-2-7b --duration 20 -q --json - --batching-strategy "
    local _, greedy = oracle(args .. "greedy")
    local rc, windowed, err = oracle(args .. "windowed")
    assert.equal(0, rc, err)
    local a, b = json.decode(greedy), json.decode(windowed)
    assert.equal(a.requests.total, b.requests.total)
    assert.is_true(b.latency.time_to_first_token_ms.mean > 10 * a.latency.time_to_first_token_ms.mean)
  end)

  it("are refused by name when wrong: 2 for the command line, 1 for what does not go together", function()
    for args, expected in pairs {
      ["--modle x"] = { 2, "did you mean %-%-model" }, ["--tp two"] = { 2, "%-%-tp" },
      ["--performance-model vlm"] = { 2, "vllm_roofline" }, ["--model llama-7b a.lua"] = { 2, "take no scenario" },
      ["--model llama-9b"] = { 1, "unknown model" }, ["--xpu gb11"] = { 1, "gb10" },
      ["--tp 2 --n-xpus-per-node 1"] = { 1, "the cluster has 1" },
      ["--performance-model vllm_roofline"] = { 1, "calibration_data: missing" },
      ["--calibration-data x.json"] = { 1, "goes with performance_model vllm_roofline" },
      ["--avg-input-length 2000"] = { 1, "above max_input_length" },
      ["--max-input-length 3000"] = { 1, "max_input_length: 3000 and max_output_length, 256, are more than the 2048" },
      ["--batching-strategy windowed --disaggregated"] = { 1, "windowed goes with one cluster" },
      ["--disaggregated --tp 2"] = { 1, "disaggregated has prefill_tp and decode_tp" },
      ["--disaggregated --prefill-n-xpus 3"] = { 1, "no whole number of groups" },
      ["--decode-tp 2"] = { 1, "goes with disaggregated" },
    } do
      local rc, out, err = oracle(args)
      assert.same({ expected[1], "" }, { rc, out }, args .. "\n" .. err)
      assert.matches(expected[2], err)
      assert.matches("^oracle: [^\n]*\n$", err)
    end
  end)
end)

describe("disaggregated clusters", function()
  it("hand each prompt's KV over the transfer link", function()
    local rc, out, err = oracle("--model llama-2-7b --disaggregated --duration 10 -q --json -")
    assert.equal(0, rc, err)
    local s = json.decode(out)
    assert.same({ 12, 1 }, { s.deployment.gpus, s.requests.success_rate })
    assert.is_true(s.kv_transfer.bytes > 0)
    assert.is_true(s.kv_transfer.mean_ms > 1)             -- the link's latency is 1 ms
    local _, far = oracle("--model llama-2-7b --disaggregated --duration 10 --transfer-latency 50 -q --json -")
    assert.near(s.kv_transfer.mean_ms + 49, json.decode(far).kv_transfer.mean_ms, 1)
  end)
end)

describe("the flat JSON", function()
  it("says the same as the flags", function()
    write("cal.json", RATES)
    local path = write("flat.json", [[{"model": "llama-7b", "cluster": {"xpu": "gb10", "n_xpus_per_node": 1},
      "workload": {"arrival_rate": 0.2}, "simulation": {"duration": 30},
      "performance_model": {"model_type": "vllm_roofline", "calibration_data_path": "cal.json"}}]])
    local rc, out, err = oracle(("run '%s' -q --json -"):format(path))
    assert.equal(0, rc, err)
    local _, flags = oracle(("--model llama-7b --xpu gb10 --performance-model vllm_roofline --calibration-data"
      .. " '%s/cal.json' --arrival-rate 0.2 --duration 30 -q --json -"):format(program.dir))
    assert.equal(out, flags)
  end)

  it("is told by a model with any of its sections or keys, and read wherever a key stands", function()
    local function first(text)
      local e = formats.parse(text).problems.errors[1]
      return e and problems.text(e)
    end
    assert.is_nil(first '{"model": "llama-7b"}')
    assert.is_nil(first '{"model": "llama-7b", "performance_model": "roofline"}')
    assert.is_nil(first '{"model": "llama-7b", "workload": {"avg_input_length": 100}, "simulation": {"duration": 9}}')
    assert.matches("^parallelism.tp: 0: a whole number", first '{"model": "llama-7b", "parallelism": {"tp": 0}}')
    assert.equal("cluster.xpu: given twice", first '{"model": "llama-7b", "cluster": {"xpu": "b200"}, "xpu": "gb10"}')
    assert.equal("workload: 5: a mapping expected", first '{"model": "llama-7b", "workload": 5}')
    assert.equal("model: a list: a text expected", first '{"model": ["llama-7b"], "xpu": "gb10"}')
    assert.matches("^warm_up: 20 s leaves nothing", first '{"model": "llama-7b", "duration": 10, "warm_up": 20}')
    assert.matches("^Missing top%-level fields", first '{"model": "llama-7b", "hardware_profile": {}}')
  end)

  it("names unknown keys with their path", function()
    local read = formats.parse('{"model": "llama-7b", "cluster": {"xpu": "gb10", "n_xpu_per_node": 1}}')
    assert.equal("cluster.n_xpu_per_node: unknown key; did you mean n_xpus_per_node?",
      problems.text(read.problems.errors[1]))
  end)
end)
