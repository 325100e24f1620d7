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

describe("weights", function()
  local function layer_bits(q, base) return bits(base or LLAMA, q) end

  it("have the bits of their method", function()
    for _, case in ipairs {
      { { quant_method = "gptq", bits = 3, group_size = 128 }, 3 + 19 / 128 },
      { { quant_method = "gptq", bits = 4, group_size = 128, dynamic = { ["-:.*mlp.*"] = {} } }, 16, 4 + 20 / 128 },
      { { quant_method = "gptq", bits = 4, modules_in_block_to_quantize = { { "self_attn.q_proj" },
        { "self_attn.o_proj" } } }, 16, 4 + 20 / 128 },
      { { quant_method = "auto-round", bits = 4, group_size = 128, extra_config = { [".*self_attn.*"] = { bits = 16 },
        ["model.layers.0.mlp.up_proj"] = { bits = 8, group_size = 128 } } }, nil, 16 },
      { { quant_method = "auto-round", bits = 4, data_type = "mx_fp", group_size = 32 }, 4.25, 4.25 },
      { { quant_method = "hqq", quant_config = { weight_quant_params = { nbits = 4, group_size = 64 } } }, 4.5, 4.5 },
      { { bits = 4, group_size = 64 }, 4.5, 4.5 },
      { { bits = 4, group_size = 32, mode = "mxfp4" }, 4.25, 4.25 },
      { { quant_method = "aqlm", in_group_size = 8, nbits_per_codebook = 16, num_codebooks = 1 }, 2, 2 },
      { { quant_method = "fbgemm_fp8", modules_to_not_convert = { "lm_head" } }, 8, 8 },
      { { quant_method = "fp8", weight_block_size = { 128, 128 }, scale_fmt = "ue8m0" }, 8 + 8 / 16384, 8 + 8 / 16384 },
      { { quant_method = "mxfp8", ignored_layers = { "lm_head" } }, 8.25, 8.25 },
      { { quant_method = "modelopt", quant_algo = "FP8_PB_WO" }, 8 + 32 / 16384, 8 + 32 / 16384 },
      { { quant_method = "modelopt", quant_algo = "W4A16_AWQ", group_size = 64 }, 4.25, 4.25 },
      { { quant_algo = "W4A16_NVFP4", exclude_modules = { "*self_attn*" } }, 4.5, 16 },
      { { quant_method = "quark", global_quant_config = { weight = { dtype = "fp4" } }, exclude = { "lm_head" },
        layer_quant_config = { ["*self_attn*"] = { weight = { dtype = "fp8_e4m3" } } } }, 4.25, 8 },
      { { quant_method = "quark", global_quant_config = { weight = { { dtype = "fp8_e4m3" }, { dtype = "int4" } } } },
        4, 4 },
      { { quant_method = "quark", global_quant_config = { weight = { dtype = "uint4", group_size = 64 } } },
        4 + 16 / 64, 4 + 16 / 64 },
      { { quant_method = "quark", global_quant_config = { weight = { dtype = "int8", group_size = 32 } } },
        8 + 16 / 32, 8 + 16 / 32 },
      { { quant_method = "torchao", quant_type = { default = { _type = "Int4WeightOnlyConfig", _data = {
        group_size = 64 } } } }, 4.5, 4.5 },
      { { quant_method = "torchao", quant_type = "float8_dynamic_activation_float8_weight" }, 8, 8 },
      { { quant_method = "quanto", weights = "int8" }, 8.25, 8.25 },
      { { load_in_4bit = true, bnb_4bit_quant_type = "nf4" }, 4.5, 4.5 }, { { load_in_8bit = true }, 8, 8 },
      { { quant_method = "w8a8_int8" }, 8, 8 }, { { quant_method = "eetq" }, 8, 8 },
      { { quant_method = "bitnet" }, 2, 2 }, { { quant_method = "fp_quant", forward_dtype = "mxfp4" }, 4.25, 4.25 },
    } do
      local of = layer_bits(case[1])
      local name = tostring(case[1].quant_method or case[1].mode or case[1].quant_algo)
      if case[2] then assert.equal(case[2], of and of.up or 16, name .. " up") end
      assert.equal(case[3] or case[2], of and of.qkv or 16, name .. " qkv")
    end
    local of = layer_bits({ quant_method = "auto-round", bits = 4, group_size = 128, extra_config = {
      ["model.layers.0.mlp.up_proj"] = { bits = 8, group_size = 128 } } })
    assert.same({ 4 + 20 / 128, 4 + 20 / 128 }, { of.down, of.qkv })
  end)

  it("of experts alone", function()
    local of = layer_bits({ quant_method = "experts_int8" }, MOE)
    assert.same({ 8, 16, 16 }, { of.expert, of.shared, of.qkv })
    of = layer_bits({ quant_method = "w4afp8", group_size = 128 }, MOE)
    assert.same({ 4.125, 8 + 32 / 16384, 8 + 32 / 16384 }, { of.expert, of.shared, of.qkv })
    of = layer_bits({ quant_method = "compressed-tensors", ignore = { "re:^(?!.*experts\\.).*" },
      config_groups = { g = { targets = { "Linear" }, weights = { num_bits = 4, type = "float", group_size = 16 } } } },
      MOE)
    assert.same({ 4.5, 16, 16 }, { of.expert, of.shared, of.qkv })
    of = layer_bits({ quant_method = "compressed-tensors", ignore = { "re:.*self_attn.*|.*shared_expert.*", "lm_head" },
      config_groups = { g = { targets = { "Linear" }, weights = { num_bits = 8, type = "float" } } } }, MOE)
    assert.same({ 8, 16, 16 }, { of.expert, of.shared, of.qkv })
  end)

  it("of the layers with a state are told by wildcards too", function()
    local q = { quant_method = "modelopt", quant_algo = "NVFP4", exclude_modules = { "*linear_attn*", "lm_head" } }
    local of = bits({ model_type = "qwen3_next", num_hidden_layers = 4, hidden_size = 256, intermediate_size = 1024,
      num_attention_heads = 4, num_key_value_heads = 2, vocab_size = 1000, max_position_embeddings = 512,
      num_experts = 8, num_experts_per_tok = 2, moe_intermediate_size = 128, shared_expert_intermediate_size = 128,
      linear_num_key_heads = 2, linear_num_value_heads = 4, linear_key_head_dim = 64, linear_value_head_dim = 64,
      linear_conv_kernel_dim = 4 }, q)
    assert.same({ (3 * 16 + 4.5) / 4, 4.5 }, { of.qkv, of.expert })
  end)

  it("of layers that predict further tokens are told apart", function()
    local checkpoint = require "oracle.models.checkpoint"
    local config
    for _, e in ipairs(require "published") do
      if e.id == "deepseek-ai/DeepSeek-V3" then config = e.config end
    end
    local left = { "lm_head", "model.layers.61*" }
    for i = 0, 60 do left[#left + 1] = ("model.layers.%d.self_attn*"):format(i) end
    local raw = {}
    for k, v in pairs(config) do raw[k] = v end
    raw.quantization_config = { quant_method = "modelopt", quant_algo = "NVFP4", exclude_modules = left }
    local m = huggingface.read(raw, "config.json")
    local of = m.weight_bits
    assert.same({ 4.5, 4.5, 4.5, 16 }, { of.expert, of.shared, of.up, of.qkv })
    assert.same({ 16, 16 }, { m.further_bits.expert, m.further_bits.qkv })
    -- 653.9 billion experts' weights and 3.7 others of 4.5 bits, 11.4 of attention and 1.9 of tables of 16.
    assert.near(369.4, (checkpoint.bytes(m) - checkpoint.mtp_bytes(m)) / 2 ^ 30, 0.2)
    assert.near(2 * checkpoint.mtp_parameters(m), checkpoint.mtp_bytes(m), 1e6)
  end)

  it("of the LM head, and of MLX's embedding", function()
    local groups = { g = { targets = { "Linear" }, weights = { num_bits = 4, type = "float", group_size = 16 } } }
    assert.equal(4.5, layer_bits({ quant_method = "compressed-tensors", config_groups = groups }).lm_head)
    assert.is_nil(layer_bits({ quant_method = "compressed-tensors", config_groups = groups,
                               ignore = { "lm_head" } }).lm_head)
    assert.equal(4.5, layer_bits({ quant_method = "modelopt", quant_algo = "MIXED_PRECISION", quantized_layers = {
      lm_head = { quant_algo = "W4A16_NVFP4" }, ["model.layers.0.mlp.up_proj"] = { quant_algo = "FP8" } } }).lm_head)
    assert.is_nil(layer_bits({ quant_method = "modelopt", quant_algo = "FP8" }).lm_head)
    local of = layer_bits({ bits = 8, group_size = 64 })
    assert.same({ 8.5, 8.5 }, { of.lm_head, of.embedding })
    local plain = core.cost.memory { model = read(LLAMA), layout = {}, max_num_batched_tokens = 1, max_num_seqs = 1 }
    local cut = core.cost.memory { model = read(LLAMA), layout = { weight_bits = { lm_head = 4, embedding = 8 } },
                                   max_num_batched_tokens = 1, max_num_seqs = 1 }
    assert.equal(1000 * 256 * (1.5 + 1), plain.weight_bytes - cut.weight_bytes)
  end)

  it("that are unpacked on the way compute as the activations do", function()
    local quantization = require "oracle.models.quantization"
    local function compute(q) return quantization.layout(read(LLAMA, q)).compute end
    assert.equal("bf16", compute { quant_method = "gptq", bits = 8, group_size = 128 })
    assert.equal("bf16", compute { quant_method = "modelopt", quant_algo = "W4A16_NVFP4" })
    assert.equal("bf16", compute { quant_method = "compressed-tensors", config_groups = { g = { weights = {
      num_bits = 8, type = "int", strategy = "channel" } } } })
    assert.equal("int8", compute { quant_method = "compressed-tensors", config_groups = { g = { weights = {
      num_bits = 8, type = "int", strategy = "channel" }, input_activations = { num_bits = 8, type = "int" } } } })
    assert.equal("fp4", compute { quant_method = "modelopt", quant_algo = "NVFP4" })
    assert.equal("fp8_block", compute { quant_method = "fp8", weight_block_size = { 128, 128 } })
  end)

  it("in a format that is not known are refused by name, unless approximate", function()
    for expected, q in pairs {
      ['quant_method = "fp9": no known method; did you mean fp8%?'] = { quant_method = "fp9" },
      ['quant_algo = "NVFP5": no known format; did you mean NVFP4%?'] = { quant_method = "modelopt",
        quant_algo = "NVFP5" },
      ["config_groups.g.weights: 12 bits of type int are no known format"] = { quant_method = "compressed-tensors",
        config_groups = { g = { weights = { num_bits = 12, type = "int" } } } },
      ["bits = 5: one of 2, 3, 4, 8 bits expected"] = { quant_method = "gptq", bits = 5 },
      ["ignored_layers: a list of names expected"] = { quant_method = "fp8", ignored_layers = "lm_head" },
      ["quantized_layers: an object expected"] = { quant_method = "modelopt", quant_algo = "MIXED_PRECISION" },
      ['quantized_layers%["a"%]: quant_algo = "FP7": no known format; did you mean FP8'] = { quant_method = "modelopt",
        quant_algo = "MIXED_PRECISION", quantized_layers = { a = { quant_algo = "FP7" } } },
      ["quant_method = none: no known method; known are "] = {},
      ["group_size = 0: a whole number above 0, or %-1, expected"] = { quant_method = "awq", group_size = 0 },
      ["neither load_in_4bit nor load_in_8bit is true"] = { quant_method = "bitsandbytes" },
      ["weight_block_size = 128: %[rows, columns%] expected"] = { quant_method = "fp8", weight_block_size = 128 },
    } do
      local ok, why = pcall(read, LLAMA, q)
      assert.is_false(ok)
      assert.matches("^config.json: quantization_config: " .. expected, why)
      assert.is_nil(why:find "\n")
      local raw = { approximate = true, quantization_config = q }
      for k, v in pairs(LLAMA) do raw[k] = v end
      local m = huggingface.read(raw, "config.json")
      assert.is_nil(m.quantization)
      assert.matches("the weights are taken as not quantised$", m.warnings[1])
    end
    assert.matches("a KV cache of NVFP4 is not known; ignored", read(LLAMA, { quant_method = "modelopt",
      quant_algo = "FP8", kv_cache_quant_algo = "NVFP4" }).warnings[1])
  end)

  it("of many layers by name are read in a moment", function()
    local layers = {}
    for i = 0, 60 do
      for k = 0, 127 do
        for _, name in ipairs { "gate_proj", "up_proj", "down_proj" } do
          layers[("model.layers.%d.mlp.experts.%d.%s"):format(i, k, name)] = { quant_algo = "NVFP4" }
        end
      end
    end
    local raw = { num_hidden_layers = 61, quantization_config = { quant_method = "modelopt",
      quant_algo = "MIXED_PRECISION", quantized_layers = layers } }
    for k, v in pairs(MOE) do raw[k] = raw[k] or v end
    local start = os.clock()
    assert.equal(4.5, huggingface.read(raw, "config.json").weight_bits.expert)
    assert.is_true(os.clock() - start < 5)
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
    write("model.safetensors.index.json", '{"metadata": {"total_size": "much"}}')
    local _, index = pcall(catalog.model, folder)
    write("hf_quant_config.json", '{"producer": 1}')
    local ok, why = pcall(catalog.model, folder .. "/config.json")
    os.execute("rm -r " .. folder)
    assert.same({ "fp4", "fp8", 4.5 }, { m.quantization, m.kv_cache_dtype, m.weight_bits.down })
    assert.is_false(ok)
    assert.matches("hf_quant_config.json: quantization: an object expected$", why)
    assert.matches('index.json: metadata.total_size = "much": bytes above 0 expected$', index)
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

describe("show model --ops", function()
  local show = require "oracle.models.show"

  -- The line of an operation: work (MFLOP), weights a step (MiB), other memory (KiB).
  local function op(text, name)
    local work, weights, other = text:match("\n" .. name .. " +([%d.]+) +([%d.]+) +([%d.]+) ")
    return tonumber(work), tonumber(weights), tonumber(other)
  end

  it("is what a step reads and computes, on one of the GPUs that share it", function()
    local whole, half = show.ops "llama-3.1-8b", show.ops("llama-3.1-8b", 2)
    -- 32 layers; 4096 wide, queries of 4096, keys and values of 1024 each; bf16
    local work, weights = op(whole, "qkv")
    assert.near(2 * 32 * 4096 * (4096 + 2 * 1024) / 1e6, work, 0.01)
    assert.near(32 * 4096 * (4096 + 2 * 1024) * 2 / 2 ^ 20, weights, 0.01)
    work, weights = op(whole, "mlp down")
    assert.near(2 * 32 * 4096 * 14336 / 1e6, work, 0.05)
    assert.near(32 * 4096 * 14336 * 2 / 2 ^ 20, weights, 0.01)
    assert.near(128, (select(3, op(whole, "attention, decode"))), 1e-6)  -- KV of a token, KiB
    for _, name in ipairs { "qkv", "output", "mlp up", "mlp down", "lm head" } do
      local a, b = { op(whole, name) }, { op(half, name) }
      assert.near(a[1] / 2, b[1], 1e-3 * a[1], name)
      assert.near(a[2] / 2, b[2], 1e-3 * a[2], name)
    end
    assert.matches("one of 2 GPUs", half)
  end)

  it("is in the formats of the model", function()
    assert.matches("in bf16, weights in fp8_block,", show.ops "deepseek-v3")
    local _, bytes = op(show.ops "deepseek-v3", "output")
    local parameters = 61 * 128 * 128 * 7168                -- heads x their width x hidden
    assert.near(parameters / 2 ^ 20, bytes, 0.001 * bytes)  -- a byte each, beside scales of blocks of 128 x 128
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
