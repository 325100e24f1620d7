-- max_model_len as vLLM takes it, and memory told for the KV cache.
local oracle = require "oracle"
local planning = require "oracle.plan"

local GiB = 2 ^ 30

local function plan(engine, model, hardware)
  return planning.plan(oracle.scenario { model = model or "llama-3.1-8b", hardware = hardware or "l4", engine = engine,
    workload = oracle.workload.batch { count = 1, prompt = 16, output = 2 } })
end

local function refused(engine, model, hardware)
  local ok, why = pcall(plan, engine, model, hardware)
  assert.is_false(ok)
  return why
end

describe("max_model_len", function()
  it("may be written with a unit", function()
    for written, tokens in pairs { ["8k"] = 8000, ["8K"] = 8192, ["1.5k"] = 1500, [4096] = 4096 } do
      assert.equal(tokens, plan({ max_model_len = written }, nil, "h100").scenario.engine.max_model_len)
    end
    assert.matches("max_model_len: \"long\": a number of tokens expected", refused { max_model_len = "long" })
    assert.matches("max_model_len: 0: a whole number", refused { max_model_len = 0 })
    assert.matches("the model's context is 131,072 tokens", refused { max_model_len = "1M" })
  end)

  it("is the longest that fits where it is auto or -1", function()
    assert.matches("too small for one request of max_model_len 131,072", refused { })
    for _, auto in ipairs { "auto", -1 } do
      local p = plan { max_model_len = auto }
      local longest = p.scenario.engine.max_model_len
      assert.is_true(longest < 131072 and longest > 1000)
      assert.equal(longest, p.deployment.num_gpu_blocks * 16)
      assert.is_true(pcall(plan, { max_model_len = longest }))
      assert.matches("too small", refused { max_model_len = longest + 1 })
    end
    assert.equal(131072, plan({ max_model_len = "auto" }, nil, "h200").scenario.engine.max_model_len)
  end)

  it("that fits counts what windows free", function()
    local p = plan({ max_model_len = "auto", gpu_memory_utilization = 0.8 }, "gemma-3-27b", "h100-sxm")
    local longest = p.scenario.engine.max_model_len
    assert.is_true(longest < 131072)
    assert.is_true(p.deployment.hybrid_kv.concurrency >= 1)
    assert.matches("too small", refused({ max_model_len = longest + 64, gpu_memory_utilization = 0.8 },
      "gemma-3-27b", "h100-sxm"))
  end)
end)

describe("kv_cache_memory_bytes", function()
  it("is the KV cache's, whatever the share of memory", function()
    local p = plan({ kv_cache_memory_bytes = "2 GiB", max_model_len = 4096, gpu_memory_utilization = 0.1 })
    assert.equal(2 * GiB // (131072 * 16), p.deployment.num_gpu_blocks)
  end)

  it("must fit beside the rest", function()
    assert.matches("kv_cache_memory_bytes: 20.00 GiB beside weights and activations of %d+%.%d%d GiB per GPU: l4 has",
      refused { kv_cache_memory_bytes = "20 GiB", max_model_len = 4096 })
  end)
end)
