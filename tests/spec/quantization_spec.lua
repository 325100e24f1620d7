-- What checkpoints say of the formats of their weights, part by part.
local catalog = require "oracle.models.catalog"
local core = require "oracle.core"
local huggingface = require "oracle.models.huggingface"

local LLAMA = { model_type = "llama", num_hidden_layers = 4, hidden_size = 256, intermediate_size = 1024,
                num_attention_heads = 4, vocab_size = 1000, max_position_embeddings = 512 }
local MOE = { model_type = "qwen3_moe", num_hidden_layers = 4, hidden_size = 256, intermediate_size = 1024,
              num_attention_heads = 4, vocab_size = 1000, max_position_embeddings = 512, num_experts = 8,
              num_experts_per_tok = 2, moe_intermediate_size = 128, shared_expert_intermediate_size = 128 }

local function read(base, q)
  local raw = { quantization_config = q }
  for k, v in pairs(base) do raw[k] = v end
  return huggingface.read(raw, "config.json")
end

local function bits(base, q) return read(base, q).weight_bits end

describe("weights", function()
  it("of one format have its scales and zero points beside them", function()
    for _, case in ipairs {
      { { quant_method = "awq", bits = 4, group_size = 128, zero_point = true }, 4 + (16 + 4) / 128 },
      { { quant_method = "awq", bits = 4, group_size = 64, zero_point = false }, 4 + 16 / 64 },
      { { quant_method = "gptq", bits = 4, group_size = 32, sym = true }, 4 + (16 + 4) / 32 },
      { { quant_method = "gptq", bits = 8, group_size = -1 }, 8 },
      { { quant_method = "fp8", weight_block_size = { 128, 128 } }, 8 + 32 / 16384 },
      { { quant_method = "fp8" }, 8 },
      { { quant_method = "bitsandbytes", load_in_4bit = true }, 4.5 },
      { { quant_method = "bitsandbytes", load_in_4bit = true, bnb_4bit_use_double_quant = true },
        4 + 8 / 64 + 32 / 16384 },
      { { quant_method = "bitsandbytes", load_in_8bit = true }, 8 },
      { { quant_method = "modelopt", quant_algo = "NVFP4" }, 4.5 },
      { { quant_method = "modelopt", quant_algo = "FP8" }, 8 },
      { { quant_method = "compressed-tensors", config_groups = { group_0 = { targets = { "Linear" },
        weights = { num_bits = 4, type = "int", strategy = "group", group_size = 32, symmetric = true } } } },
        4 + 16 / 32 },
      { { quant_method = "compressed-tensors", format = "nvfp4-pack-quantized", config_groups = { group_0 = {
        targets = { "Linear" }, weights = { num_bits = 4, type = "float", strategy = "tensor_group",
        group_size = 16 } } } }, 4.5 },
      { { quant_method = "quark", global_quant_config = { weight = { dtype = "fp8_e4m3" } } }, 8 },
    } do
      for _, part in ipairs { "qkv", "output", "up", "down" } do
        assert.equal(case[2], bits(LLAMA, case[1])[part], case[1].quant_method .. " " .. part)
      end
    end
  end)

  it("that are left out by name stay as they are", function()
    local of = bits(MOE, { quant_method = "compressed-tensors",
      ignore = { "lm_head", "re:.*self_attn.*", "re:.*mlp\\.(gate|shared_expert|shared_experts)\\..*" },
      config_groups = { group_0 = { targets = { "Linear" }, weights = { num_bits = 8, type = "float" } } } })
    assert.same({ 16, 16, 8, 16 }, { of.qkv, of.output, of.expert, of.shared })
    of = bits(LLAMA, { quant_method = "fbgemm_fp8", modules_to_not_convert = { "model.layers.0.mlp.up_proj",
      "model.layers.3.self_attn", "lm_head" } })          -- of one layer in four
    assert.same({ 10, 10, 10, 8 }, { of.qkv, of.output, of.up, of.down })
    of = bits(LLAMA, { quant_method = "modelopt", quant_algo = "NVFP4",
      exclude_modules = { "model.layers.0.self_attn*", "model.layers.1.self_attn*", "lm_head" } })
    assert.same({ (16 + 4.5) / 2, 4.5 }, { of.qkv, of.up })
    of = bits(LLAMA, { quant_method = "awq", modules_to_not_convert = { "self_attn" } })
    assert.same({ 16, 4.15625 }, { of.qkv, of.up })
  end)

  it("may have a format for each target", function()
    local m = read(MOE, { quant_method = "compressed-tensors", config_groups = {
      group_0 = { targets = { "re:.*self_attn.*" }, weights = { num_bits = 8, type = "float" } },
      group_1 = { targets = { "re:.*experts.*" }, weights = { num_bits = 4, type = "int", strategy = "group",
                                                             group_size = 32 } } } })
    assert.same({ 8, 8, 4.5 }, { m.weight_bits.qkv, m.weight_bits.output, m.weight_bits.expert })
    assert.equal("int4", m.quantization)
    m = read(LLAMA, { quant_method = "modelopt", quant_algo = "MIXED_PRECISION", quantized_layers = {
      ["model.layers.0.mlp.up_proj"] = { quant_algo = "NVFP4" },
      ["model.layers.1.mlp.up_proj"] = { quant_algo = "NVFP4" },
      ["model.layers.0.self_attn.q_proj"] = { quant_algo = "FP8" } } })
    assert.same({ (2 * 4.5 + 2 * 16) / 4, (8 + 3 * 16) / 4, 16 },
      { m.weight_bits.up, m.weight_bits.qkv, m.weight_bits.down })
  end)

  it("of MXFP4 checkpoints are the experts'", function()
    local m = read(MOE, { quant_method = "mxfp4" })
    assert.same({ "mxfp4", 4.25, 16, 16 }, { m.quantization, m.weight_bits.expert, m.weight_bits.qkv,
                                             m.weight_bits.shared })
  end)

  it("are told with the KV cache's format", function()
    assert.equal("fp8", read(LLAMA, { quant_method = "modelopt", quant_algo = "FP8",
                                      kv_cache_quant_algo = "FP8" }).kv_cache_dtype)
    assert.equal("fp8", read(LLAMA, { quant_method = "compressed-tensors", config_groups = { g = {
      weights = { num_bits = 8, type = "float" } } }, kv_cache_scheme = { num_bits = 8, type = "float" } })
      .kv_cache_dtype)
    assert.is_nil(read(LLAMA, { quant_method = "fp8" }).kv_cache_dtype)
  end)
end)

describe("a checkpoint's folder", function()
  it("may tell the format beside config.json", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir -p " .. folder))
    local function write(name, text)
      local f = assert(io.open(folder .. "/" .. name, "w"))
      f:write(text)
      f:close()
    end
    write("config.json", core.json.encode(LLAMA))
    write("hf_quant_config.json", '{"producer": {"name": "modelopt"}, "quantization": {"quant_algo": "NVFP4", '
      .. '"kv_cache_quant_algo": "FP8", "exclude_modules": ["lm_head"]}}')
    local m = catalog.model(folder)
    write("hf_quant_config.json", '{"producer": 1}')
    local ok, why = pcall(catalog.model, folder .. "/config.json")
    os.execute("rm -r " .. folder)
    assert.same({ "fp4", "fp8", 4.5 }, { m.quantization, m.kv_cache_dtype, m.weight_bits.down })
    assert.is_false(ok)
    assert.matches("hf_quant_config.json: quantization: an object expected$", why)
  end)
end)

describe("published sizes", function()
  local oracle = require "oracle"
  local planning = require "oracle.plan"

  -- Weights of one GPU that holds all, GiB.
  local function weights(model, engine)
    local p = planning.plan(oracle.scenario { model = model, hardware = "b200", engine = engine,
      workload = oracle.workload.batch { count = 1, prompt = 16, output = 2 } })
    return p.deployment.memory.weight_bytes / 2 ^ 30
  end

  it("of gpt-oss come out: 4.25 bits for experts, 16 for the rest", function()
    assert.near(60.77, weights("gpt-oss-120b", { max_model_len = 4096 }), 0.3)  -- 65.2 GB, model card
    assert.near(12.8, weights("gpt-oss-20b", { max_model_len = 4096 }), 0.1)    -- 13.8 GB
  end)

  it("give way to the engine's own quantisation", function()
    assert.is_true(weights("gpt-oss-20b", { max_model_len = 4096, quantization = "fp8" }) > 19)
  end)
end)

describe("show model", function()
  local show = require "oracle.models.show"

  it("tells parameters, bits and weights of each part, and the KV cache by kind of layer", function()
    local text = show.model "gpt-oss-120b"
    assert.matches("kinds of layers%s+18 sliding %(128 tokens%), 18 full\n", text)
    assert.matches("weights%s+mxfp4, 60.77 GiB\n", text)
    assert.matches("\nexperts%s+114662%s+4.25%s+56.73\n", text)
    assert.matches("\nattention, in%s+530.842%s+16%s+0.99\n", text)
    assert.matches("\nwindow of 128%s+18%s+36%s+4.5%s+4.5%s+4.5\n", text)
    assert.matches("\nfull%s+18%s+36%s+36%s+1152%s+4608\n", text)
  end)
end)
