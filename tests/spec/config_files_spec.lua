-- Files and folders of models: what can be read, and what is said of what cannot.
local catalog = require "oracle.models.catalog"
local core = require "oracle.core"
local json = core.json

local BASE = { model_type = "llama", num_hidden_layers = 4, hidden_size = 256, intermediate_size = 1024,
               num_attention_heads = 4, num_key_value_heads = 2, vocab_size = 1000, max_position_embeddings = 512,
               torch_dtype = "bfloat16" }
local NONE = {}

-- The text of a config with those changes; NONE takes a key away.
local function text_of(changes)
  local raw = {}
  for k, v in pairs(BASE) do raw[k] = v end
  for k, v in pairs(changes or {}) do raw[k] = v ~= NONE and v or nil end
  return json.encode(raw)
end

-- f(folder) of a new folder with those files: name -> text.
local function with_files(files, f)
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir -p " .. folder))
  for name, text in pairs(files) do
    local out = assert(io.open(folder .. "/" .. name, "w"))
    out:write(text)
    out:close()
  end
  local ok, why = pcall(f, folder)
  os.execute("rm -r " .. folder)
  if not ok then error(why, 0) end
end

local function refusal(files, name)
  local message
  with_files(files, function(folder)
    local ok, why = pcall(catalog.model, folder .. (name or "/config.json"))
    assert.is_false(ok)
    assert.is_nil(why:find("\n", 1, true))
    message = why:gsub("^" .. folder:gsub("%p", "%%%0") .. "/?", "")
  end)
  return message
end

describe("a model's file", function()
  it("may be compressed, as may those beside it", function()
    with_files({ ["config.json"] = text_of(), ["hf_quant_config.json"] = '{"quantization": {"quant_algo": "FP8"}}' },
      function(folder)
        local plain = catalog.model(folder)
        assert(os.execute("gzip " .. folder .. "/*.json"))
        local m = catalog.model(folder)
        assert.same({ "fp8", plain.id, plain.hidden_size }, { m.quantization, m.id, m.hidden_size })
        assert.equal(plain.id, catalog.model(folder .. "/config.json.gz").id)
        assert(os.execute(("head -c 60 %s/config.json.gz > %s/cut.json.gz"):format(folder, folder)))
        local ok, why = pcall(catalog.model, folder .. "/cut.json.gz")
        assert.is_false(ok)
        assert.matches("cut.json.gz: the compressed file is cut short$", why)
      end)
  end)

  it("may have NaN and Infinity, as PyTorch writes them", function()
    with_files({ ["config.json"] = (text_of():gsub("}$", ', "x": NaN, "y": [Infinity, -Infinity]}')) }, function(folder)
      assert.equal(256, catalog.model(folder).hidden_size)
    end)
  end)

  it("of 100 MB is not read", function()
    with_files({ ["config.json"] = text_of() }, function(folder)
      assert(os.execute("truncate -s 100000000 " .. folder .. "/config.json"))
      local start = os.clock()
      local ok, why = pcall(catalog.model, folder)
      assert.is_false(ok)
      assert.matches("config.json: longer than 64 MiB$", why)
      assert.is_true(os.clock() - start < 5)
    end)
  end)

  it("is refused in one line where it says too little", function()
    for expected, changes in pairs {
      ["num_hidden_layers is missing %(needed for model_type llama%); is num_hidden_layer meant for it%?"] =
        { num_hidden_layers = NONE, num_hidden_layer = 4 },
      ["vocab_size is missing"] = { vocab_size = NONE },
      ["kv_lora_rank is missing %(needed for model_type deepseek_v3%)"] = { model_type = "deepseek_v3" },
      ["index_topk is missing"] = { model_type = "deepseek_v32", kv_lora_rank = 64 },
      ["num_experts is missing %(needed for model_type mixtral%)"] = { model_type = "mixtral" },
      ["attn_layer_period is missing"] = { model_type = "jamba" },
      ["hybrid_override_pattern is missing"] = { model_type = "nemotron_h" },
      ["compress_ratios is missing"] = { model_type = "deepseek_v4", n_routed_experts = 4, num_experts_per_tok = 1 },
      ["cross_attention_layers is missing"] = { model_type = "mllama" },
      ["hidden_size_per_layer_input is missing"] = { model_type = "gemma3n" },
      ["block_configs is missing"] = { model_type = "nemotron-nas" },
      ["linear_attn_config is missing"] = { model_type = "kimi_linear" },
    } do
      assert.matches("^config.json: " .. expected, (refusal { ["config.json"] = text_of(changes) }))
    end
  end)

  it("is refused in one line where it contradicts itself", function()
    for expected, changes in pairs {
      ["num_key_value_heads = 3 does not divide num_attention_heads = 4"] = { num_key_value_heads = 3 },
      ["num_key_value_heads = 8"] = { num_key_value_heads = 8 },
      ["compress_ratios: a list of 4 numbers expected"] = { compress_ratios = { 4, 128 } },
      ["compress_ratios%[1%]: a count expected"] = { compress_ratios = { 4, -1, 4, 4 } },
      ["compress_ratios: one above 0 expected"] = { compress_ratios = { 0, 0, 0, 0 } },
      ["layer 2: 4 heads, 3 KV heads"] = { num_key_value_heads = { 4, 2, 3, 4 }, num_attention_heads = { 4, 4, 4, 4 } },
      ["num_attention_heads_per_layer%[2%] = 2: 4 in layers of its kind before"] = {
        num_attention_heads_per_layer = { 4, 2, 2, 2 }, sliding_window = 64,
        layer_types = { "full_attention", "sliding_attention", "full_attention", "sliding_attention" } },
      ["index_topk = 16: an indexer beside attention that is not latent is not known; approximate = true"] = {
        index_topk = 16 },
      ["layer_types: 3 layers, num_hidden_layers is 4"] = { layer_types = { "full_attention", "full_attention",
                                                                            "full_attention" } },
      ["hybrid_override_pattern: 3 layers, num_hidden_layers is 4"] = { model_type = "nemotron_h",
                                                                        hybrid_override_pattern = "M*-" },
      ['layer_types%[1%] = "spiral": no known kind of layer'] = { layer_types = { "full_attention", "spiral",
        "full_attention", "full_attention" } },
      ["hidden_size = 256.5: a whole number"] = { hidden_size = 256.5 },
      ['num_attention_heads = "4": a whole number'] = { num_attention_heads = "4" },
      ["num_experts_per_tok = 9: a whole number from 1 to 8"] = { model_type = "mixtral", num_local_experts = 8,
                                                                 num_experts_per_tok = 9 },
      ["head_dim"] = { hidden_size = 250, head_dim = NONE },
    } do
      assert.matches(expected, (refusal { ["config.json"] = text_of(changes) }))
    end
  end)

  it("may stand in a folder, which is refused without it", function()
    assert.matches("a folder without config.json$", (refusal({ ["other.json"] = "{}" }, "")))
    assert.matches("hf_quant_config.json: quantization: quant_algo = \"NVFP5\": no known format; did you mean NVFP4%?",
      (refusal { ["config.json"] = text_of(), ["hf_quant_config.json"] = '{"quantization": {"quant_algo": "NVFP5"}}' }))
    assert.matches("^hf_quant_config.json:1: ",
      (refusal { ["config.json"] = text_of(), ["hf_quant_config.json"] = "{" }))
  end)

  it("is compared with the index of the weights beside it", function()
    local function warnings(size)
      local list
      with_files({ ["config.json"] = text_of(), ["model.safetensors.index.json"] =
        ('{"metadata": {"total_size": %d}}'):format(size) }, function(folder) list = catalog.model(folder).warnings end)
      return list
    end
    local bytes = 2 * (2 * 1000 * 256 + 256 + 4 * (256 * 256 * 3 + 3 * 256 * 1024 + 2 * 256))
    assert.same({}, warnings(bytes))
    assert.same({}, warnings(bytes * 1.009 // 1))
    assert.matches("model.safetensors.index.json: total_size is .* from config.json .* follow %(%-2%.0 %%%)$",
      warnings(bytes * 1.02 // 1)[1])
  end)
end)
