local cost = require("oracle.core").cost

local function llama2_7b()
  return {
    num_hidden_layers = 32, hidden_size = 4096, num_attention_heads = 32, num_key_value_heads = 32, head_dim = 128,
    intermediate_size = 11008, vocab_size = 32000, max_position_embeddings = 4096,
  }
end

local function a100()
  return {
    flops = { bf16 = 312e12, fp16 = 312e12, int8 = 624e12 }, memory = 80 * 2 ^ 30, bandwidth = 2039e9,
    nvlink = { bandwidth = 300e9, latency = 3e-6 },
  }
end

local function near(expected, got)
  assert.is_true(math.abs(got - expected) <= 1e-9 * math.abs(expected), ("%.17g is not %.17g"):format(got, expected))
end

local function step(shape, change)
  local d = { model = llama2_7b(), hardware = a100(), layout = {}, shape = shape }
  if change then change(d) end
  return cost.step(d)
end

-- The message of check's refusal of a deployment changed by f.
local function refused(f)
  local d = { model = llama2_7b(), hardware = a100(), layout = {}, cost = {} }
  f(d)
  local ok, message = pcall(cost.check, d)
  assert.is_false(ok)
  return message
end

describe("cost.parameters", function()
  it("counts a model", function()
    assert.same({
      total = 6738415616, active = 6607077376, layer = 32 * 202383360, embedding = 131072000, lm_head = 131072000,
      tower = 0, parts = { qkv = 32 * 3 * 4096 * 4096, output = 32 * 4096 * 4096, up = 32 * 2 * 4096 * 11008,
                           down = 32 * 4096 * 11008, router = 0, expert = 0, shared = 0 },
    }, cost.parameters(llama2_7b()))
  end)
end)

describe("cost.memory", function()
  local function memory(layout)
    return cost.memory { model = llama2_7b(), layout = layout, max_num_batched_tokens = 2048, max_num_seqs = 256 }
  end

  it("gives bytes per GPU", function()
    local m = memory {}
    assert.equal(2 * 6738415616, m.weight_bytes)
    assert.equal(524288, m.kv_bytes_per_token)
    assert.is_true(m.activation_bytes > m.overhead_bytes and m.overhead_bytes > 0)
  end)

  it("knows formats and degrees", function()
    local m = memory { tensor_parallel_size = 2, weights = "fp8", kv = "fp8" }
    assert.equal(131072, m.kv_bytes_per_token)
    -- matrices 6476005376 / 2 at 1 B, two tables of 131072000 / 2 and 65 x 4096 norms at 2 B
    assert.equal(6476005376 / 2 + 262144000 + 2 * 65 * 4096, m.weight_bytes)
  end)

  it("wants the batch", function()
    assert.has_error(function() cost.memory { model = llama2_7b(), layout = {}, max_num_seqs = 1 } end,
      "memory.max_num_batched_tokens: missing, a whole number expected")
    assert.has_error(function()
      cost.memory { model = llama2_7b(), layout = {}, max_num_batched_tokens = 0, max_num_seqs = 1 }
    end, "memory.max_num_batched_tokens: 0, expected a count of at least 1")
  end)
end)

describe("cost.step", function()
  it("prices a lone decode: one more token of context is 524288 B at 0.8 of 2039 GB/s", function()
    local a, b = step { decode_seqs = 1, decode_context = 1000 }, step { decode_seqs = 1, decode_context = 2000 }
    near(1000 * 524288 / (0.8 * 2039e9), b.total - a.total)
    near(a.gemm + a.attention + a.lm_head + a.other, a.total)
    assert.is_true(a.total > 8.1e-3)
  end)

  it("prices a prompt of 512: matrices 2 x 6476005376 x 512 FLOP at half of 312 TFLOP/s", function()
    local t = step { chunks = { { tokens = 512, samples = true } } }
    near(2 * 6476005376 * 512 / 156e12, t.gemm)
    assert.same(t, step { prefill_tokens = 512, prefill_pairs = 512 * 513 / 2, sampled = 1 })
  end)

  it("takes its parameters", function()
    local t = step({ decode_seqs = 3, decode_context = 9 }, function(d)
      d.cost = { kind = "constant", constant_step = 0.01 }
    end)
    assert.equal(0.01, t.total)
    t = step({ decode_seqs = 3, decode_context = 9 }, function(d) d.cost = { step_overhead = 0.5 } end)
    assert.equal(0.5, t.overhead)
    t = step({ decode_seqs = 3, decode_context = 9 }, function(d) d.layout.tensor_parallel_size = 4 end)
    assert.is_true(t.collective > 64 * 6 * 3e-6)
  end)

  it("is nothing without work", function()
    assert.equal(0, step({}).total)
  end)

  it("refuses negative amounts", function()
    assert.has_error(function() step { decode_seqs = -1 } end, "shape.decode_seqs: -1, expected a count of at least 0")
    assert.has_error(function() step { chunks = { { tokens = 0 } } } end, "shape.chunks: tokens of at least 1 expected")
  end)
end)

describe("cost.check", function()
  it("passes what is sound", function()
    assert.is_true(cost.check { model = llama2_7b() })
    assert.is_true(cost.check { model = llama2_7b(), hardware = a100(), layout = { tensor_parallel_size = 8 } })
  end)

  it("says what is missing or of the wrong type", function()
    assert.equal("model: a table expected, got nil", refused(function(d) d.model = nil end))
    assert.equal("model.hidden_size: missing, a whole number expected",
      refused(function(d) d.model.hidden_size = nil end))
    assert.equal("model.vocab_size: a whole number expected", refused(function(d) d.model.vocab_size = "many" end))
    assert.equal("model.gated_mlp: true or false expected", refused(function(d) d.model.gated_mlp = 1 end))
    assert.equal("hardware.flops: a table expected, got number", refused(function(d) d.hardware.flops = 1e12 end))
    assert.equal("hardware.nvlink.bandwidth: missing, a number expected",
      refused(function(d) d.hardware.nvlink = {} end))
    assert.equal('layout.kv: "bf61" is no format; fp32, bf16, fp16, fp8, fp8_block, int8, fp4, int4, mxfp8, mxfp6, '
      .. 'fp6 or mxfp4 expected', refused(function(d) d.layout.kv = "bf61" end))
    assert.equal('cost.kind: "magic" is no cost model; roofline, constant or calibrated expected',
      refused(function(d) d.cost.kind = "magic" end))
  end)

  it("gives the table of number formats, and a chip's rate in each", function()
    local formats = require "oracle.scenario.number_formats"
    assert.equal(4.25, formats.of.mxfp4.weight_bits)
    assert.equal(4.15625, formats.of.int4.weight_bits)
    assert.same({ "fp32", "bf16", "fp16", "fp8", "int8", "fp4", "int4" }, formats.PEAKS)
    assert.equal("int4", formats.find("weights", "awq"))
    assert.equal("fp16", formats.find("activations", "half"))
    assert.is_nil(formats.find("kv", "awq"))
    assert.same({ "fp4", "int8" }, { formats.of_bits(4, true), formats.of_bits(8, false) })
    assert.is_nil(formats.of_bits(3, false))
    local chip = { flops = { fp16 = 2e12, fp8 = 4e12 }, memory = 1e10, bandwidth = 1e12, idle_watts = 0, tdp_watts = 0 }
    local function rate(format) return cost.flops(chip, format) end
    assert.same({ 4e12, 4e12, 2e12, 2e12 }, { rate "fp8", rate "mxfp8", rate "bf16", rate "int4" })
    assert.matches("is no format", select(2, pcall(cost.flops, chip, "awq")))
  end)

  it("says what does not fit", function()
    assert.equal("model.num_hidden_layers: -1, expected a count from 0 to 2147483647",
      refused(function(d) d.model.num_hidden_layers = -1 end))
    assert.equal("layout: tensor_parallel_size = 3 does not divide the model's num_attention_heads = 32",
      refused(function(d) d.layout.tensor_parallel_size = 3 end))
    assert.equal("cost: decode_mbu = 1.5, expected above 0, at most 1",
      refused(function(d) d.cost.decode_mbu = 1.5 end))
    assert.equal("hardware: bandwidth = 0, expected a finite number above 0",
      refused(function(d) d.hardware.bandwidth = 0 end))
    assert.equal("hardware: no nvlink or pcie bandwidth, needed for tensor_parallel_size = 2",
      refused(function(d) d.hardware.nvlink, d.layout.tensor_parallel_size = nil, 2 end))
  end)
end)

describe("oracle.cost", function()
  local oracle = require "oracle"
  local deployment = { model = "Llama-2-7b", hardware = "a100-80gb", cost = "roofline" }

  it("prices a step of a deployment by its names", function()
    local one, two = oracle.cost.decode(deployment, 1000), oracle.cost.decode(deployment, 2000)
    assert.is_true(one.total > 2 * 6.607e9 / (0.8 * 2039e9))
    near(1000 * 524288 / (0.8 * 2039e9), two.total - one.total)
    local prompt = oracle.cost.prefill(deployment, 512)
    near(2 * 6476005376 * 512 / 156e12, prompt.gemm)
    local four = { model = "Llama-2-7b", hardware = "a100-80gb", cost = "roofline",
                   engine = { tensor_parallel_size = 4 } }
    near(prompt.gemm / 4, oracle.cost.prefill(four, 512).gemm)
    assert.is_true(oracle.cost.decode(four, 512).collective > 0)
  end)

  it("gives what the engine takes", function()
    local s = oracle.scenario { model = "gemma-2-9b", hardware = "h100-sxm", engine = { max_num_batched_tokens = 8192 },
                                workload = { kind = "batch", count = 1, prompt = 5000, output = 2 } }
    s.cost = "roofline"
    local r = s:run().latency
    assert.is_true(math.abs(1e3 * oracle.cost.prefill(s, 5000).total - r.time_to_first_token_ms.mean) < 2e-6)
    assert.is_true(math.abs(1e3 * oracle.cost.decode(s, 5001).total - r.time_per_output_token_ms.mean) < 2e-6)
    assert.same(oracle.cost.decode(s, 700, 2), oracle.cost.step(s, { decode = { 700, 700 } }))
    assert.same(oracle.cost.prefill(s, 300), oracle.cost.step(s, { prefill = { 300 } }))
  end)

  it("says what is wrong", function()
    local function why(f, ...) return select(2, pcall(f, ...)) end
    assert.equal("cost: a scenario, its path or its keys expected, got nil", why(oracle.cost.decode))
    assert.equal("decode: context: 0: a whole number of at least 1 expected", why(oracle.cost.decode, deployment, 0))
    assert.equal("step: decode or prefill expected, both are empty", why(oracle.cost.step, deployment, {}))
    assert.equal("step.decodes: unknown key; valid: decode, prefill",
      why(oracle.cost.step, deployment, { decodes = { 1 } }))
    assert.equal("step.prefill[1].token: unknown key; valid: tokens, past, samples",
      why(oracle.cost.step, deployment, { prefill = { { token = 1 } } }))
    assert.matches("^model: unknown model", why(oracle.cost.decode, { model = "lama", hardware = "a100" }))
    assert.matches("^pools: ", why(oracle.cost.decode, "scenarios/pools.lua"))
  end)
end)
