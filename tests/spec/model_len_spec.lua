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
      assert.equal(longest, (p.deployment.num_gpu_blocks - 1) * 16) -- without the null block
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

describe("a KV cache", function()
  -- gpt-oss-120b on 0.33: blocks of 16 tokens, 18 layers and 2,048 B each (0.5625 MiB); 1 + (127 + 2 x 8192) / 16 =
  -- 1,033 for the window, 8,192 for full attention.
  it("that holds a request only without its window layers is refused with both", function()
    local why = refused({ kv_cache_memory_bytes = "4.6 GiB" }, "gpt-oss-120b", "h100-sxm")
    assert.matches("it needs 5%.07 GiB per GPU, 0%.57 GiB of it for layers with a window of 128 tokens and what is in "
      .. "flight, 4%.60 GiB is left", why)
    assert.not_matches("window", refused({ kv_cache_memory_bytes = "4.4 GiB" }, "gpt-oss-120b", "h100-sxm"))
  end)

  it("of no block at all names no length that would fit", function()
    local why = refused { kv_cache_memory_bytes = 1 }
    assert.matches("0%.00 GiB is left %(0 tokens%); raise", why)
  end)

  it("of vLLM keeps a block to itself", function()
    local p = plan({ num_gpu_blocks_override = 65, max_model_len = 1024 })
    assert.equal(64, planning.spec(p, {}).engine.num_gpu_blocks)
    assert.equal(65, planning.spec(plan({ system = "static", num_gpu_blocks_override = 65, max_model_len = 1024 }),
                                   {}).engine.num_gpu_blocks)
    assert.matches("num_gpu_blocks_override: 1: at least 2 expected, one of which vllm keeps to itself",
      refused { num_gpu_blocks_override = 1, max_model_len = 1024 })
  end)

  it("has blocks that its layers can take", function()
    assert.matches("engine.block_size: 16: a multiple of 64 expected for layers whose indexer chooses 2048 tokens",
      refused({ block_size = 16, tensor_parallel_size = 8 }, "deepseek-v3.2", "h200"))
    assert.equal(64, plan({ tensor_parallel_size = 8 }, "deepseek-v3.2", "h200").scenario.engine.block_size)
    assert.matches("engine.block_size: 7: a multiple of 16 expected for attention beside layers that keep a state",
      refused({ block_size = 7, tensor_parallel_size = 2 }, "qwen3-next-80b-a3b", "h200"))
  end)
end)

describe("a sliding window longer than the context", function()
  it("is said, and its layers keep all tokens", function()
    local name = os.tmpname() .. ".json"
    local f = assert(io.open(name, "w"))
    f:write [=[{ "model_type": "mistral", "hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32,
      "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 32000, "max_position_embeddings": 4096,
      "sliding_window": 8192 }]=]
    f:close()
    local p = plan({}, name, "h100-sxm")
    os.remove(name)
    assert.matches("sliding_window = 8192 is longer than the context of 4096: its layers keep all of it",
      table.concat(p.warnings, "\n"))
    assert.is_nil(p.deployment.hybrid_kv)
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
