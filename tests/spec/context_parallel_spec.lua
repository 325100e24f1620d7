--- KV dealt out over ranks (decode_context_parallel_size), and layers over stages where they do not divide.
local core = require "oracle.core"
local experiments = require "experiments"
local oracle = require "oracle"

local near, raised = experiments.near, experiments.raised

local function served(engine, model)
  return { model = model or "deepseek-v3", hardware = "h200", cost = "roofline",
           engine = experiments.with({ tensor_parallel_size = 8, max_model_len = 32768, version = "0.11" }, engine),
           workload = oracle.workload.batch { count = 4, prompt = 2000, output = 20 } }
end

describe("decode_context_parallel_size", function()
  it("multiplies what the KV cache holds, in blocks as many times as long", function()
    local one = experiments.run(served {}).deployment
    for _, ranks in ipairs { 2, 4, 8 } do
      local d = experiments.run(served { decode_context_parallel_size = ranks }).deployment
      assert.equal(one.num_gpu_blocks, d.num_gpu_blocks)
      assert.equal(16 * ranks, d.block_size)
      assert.equal(ranks * one.kv_capacity_tokens, d.kv_capacity_tokens)
    end
  end)

  -- Kept latent of 512 + 64 values in bf16, 61 layers, 128 heads / 8; H200's links.
  it("reads a share of the context and gathers queries, sums and outputs", function()
    local function step(ranks, interleave)
      local spec = experiments.plan(served { decode_context_parallel_size = ranks,
                                             cp_kv_cache_interleave_size = interleave }).spec
      return core.cost.step { model = spec.model, hardware = spec.hardware, layout = spec.layout, cost = spec.cost,
                              shape = { decode_seqs = 4, decode_context = 400000 } }, spec
    end
    local one, spec = step(1)
    local h = spec.hardware
    local memory = 1 / (0.8 * h.bandwidth)
    local kv, values = 61 * 576 * 2, 61 * 16 * (128 + 64 + 128) * 2
    near((400000 * kv + 4 * values) * memory, one.attention, 1e-9)
    local four = step(4)
    -- Tokens in turn: the first of four ranks has (1 - 1/4) / 2 of a token more than its share.
    near((400000 * kv / 4 + 4 * (values + 0.375 * kv / 4)) * memory, four.attention, 1e-9)
    local wide = step(4, 16)
    near((400000 * kv / 4 + 4 * (values + 16 * 0.375 * kv / 4)) * memory, wide.attention, 1e-9)
    -- Rings of 4: 3 (latency + bytes / 4 / bandwidth) each.
    local link = h.nvlink
    local heads = 4 * 16
    local function ring(bytes) return 3 * (link.latency + bytes / 4 / link.bandwidth) end
    local exchange = 61 * (ring(4 * heads * 576 * 2) + ring(4 * 4 * heads * 4) + ring(4 * heads * 512 * 2))
    near(exchange, four.collective - one.collective, 1e-9)
  end)

  it("costs the same at every level of detail", function()
    local t = served { decode_context_parallel_size = 4 }
    t.lod = "medium"
    local medium = experiments.run(t).latency.end_to_end_latency_ms.mean
    t.lod = "high"
    near(medium, experiments.run(t).latency.end_to_end_latency_ms.mean, 1e-3)
  end)

  it("needs ranks that hold the same KV, and layers that keep all of it", function()
    assert.matches("decode_context_parallel_size: 3 does not divide tensor_parallel_size %(8%)",
      raised(served { decode_context_parallel_size = 3 }))
    assert.matches("decode_context_parallel_size = 2: a divisor of 1 expected",
      raised(served({ decode_context_parallel_size = 2 }, "llama-3.1-8b")))
    assert.matches("decode_context_parallel_size = 4: a divisor of 2 expected",
      raised(served({ decode_context_parallel_size = 4 }, "qwen3-235b-a22b")))
    assert.matches("all layers of the model must keep every token; 18 have a window",
      raised(served({ decode_context_parallel_size = 2 }, "gpt-oss-120b")))
    assert.matches("cp_kv_cache_interleave_size: 3 does not divide block_size %(16%)",
      raised(served { cp_kv_cache_interleave_size = 3 }))
    assert.matches("decode_context_parallel_size: 0: a whole number from 1",
      raised(served { decode_context_parallel_size = 0 }))
  end)
end)

describe("layers that do not divide", function()
  -- vLLM 0.11, distributed/utils.py, get_pp_indices: the rest goes to the stages before the last, from behind.
  it("go where vLLM puts them", function()
    local function layers(model, stages, system)
      local list = {}
      local t = served({ system = system, version = system and experiments.NONE or "0.11",
                         pipeline_parallel_size = stages, num_gpu_blocks_override = 4096, max_model_len = 8192 }, model)
      for i, stage in ipairs(experiments.plan(t).deployment.memory.stages) do list[i] = stage.layers end
      return list
    end
    assert.same({ 31, 30 }, layers("deepseek-v3", 2))
    assert.same({ 15, 15, 16, 15 }, layers("deepseek-v3", 4))
    assert.same({ 20, 21, 20 }, layers("deepseek-v3", 3))
    assert.same({ 10, 10, 10, 10, 11, 10 }, layers("deepseek-v3", 6))
    assert.same({ 10, 11, 11, 10 }, layers("gemma-2-9b", 4))
    assert.same({ 11, 11, 10 }, layers("llama-3.1-8b", 3))
    assert.same({ 16, 16 }, layers("llama-3.1-8b", 2))
    -- SGLang: "the last N partitions will have one extra layer" (srt/distributed/utils.py).
    assert.same({ 30, 31 }, layers("deepseek-v3", 2, "sglang"))
    assert.same({ 10, 11, 11 }, layers("llama-3.1-8b", 3, "sglang"))
  end)
end)
