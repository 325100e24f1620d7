local catalog = require "oracle.models.catalog"
local core = require "oracle.core"
local hardware_file = require "oracle.models.hardware"
local huggingface = require "oracle.models.huggingface"
local json = core.json

-- Parameters of a model, from the shape alone (counts of weights, biases and norms).
local function parameters(m)
  local h, heads = m.hidden_size, m.num_attention_heads
  local q, kv = heads * m.head_dim, m.num_key_value_heads * m.head_dim
  local attention = 2 * h * q + 2 * h * kv                -- Q and O, K and V
  if m.linear_bias then attention = attention + q + 2 * kv + h
  elseif m.attention_bias then attention = attention + q + 2 * kv end
  if m.qk_norm then attention = attention + 2 * m.head_dim end
  if m.kv_lora_rank > 0 then                              -- MLA: down and up projections, their two norms
    local rank = m.q_lora_rank
    attention = (rank > 0 and h * rank + rank + rank * q or h * q)
      + h * (m.kv_lora_rank + m.qk_rope_head_dim) + m.kv_lora_rank
      + m.kv_lora_rank * heads * (m.qk_nope_head_dim + m.v_head_dim) + heads * m.v_head_dim * h
  end
  local matrices = m.gated_mlp and 3 or 2
  if m.index_topk then                                    -- its queries, key and weights, and the key's norm
    attention = attention + m.q_lora_rank * m.index_n_heads * m.index_head_dim
      + h * (m.index_head_dim + m.index_n_heads) + 2 * m.index_head_dim
  end
  local function mlp(width) return matrices * h * width + (m.linear_bias and (matrices - 1) * width + h or 0) end
  local sparse = m.num_experts > 0 and m.num_hidden_layers - m.num_dense_layers or 0
  local norm = m.norm_bias and 2 * h or h
  local experts = m.num_experts * mlp(m.moe_intermediate_size) + h * m.num_experts
    + (m.shared_expert_size > 0 and mlp(m.shared_expert_size) or 0)
  return m.num_hidden_layers * (attention + m.norms_per_layer * norm)
    + (m.num_hidden_layers - sparse) * mlp(m.intermediate_size) + sparse * experts + norm
    + m.vocab_size * h * (m.tie_word_embeddings and 1 or 2)
    + (m.learned_positions and m.max_position_embeddings * h or 0)
    + m.tower_parameters
end

-- A config.json of a small llama, changed by the fields given.
local function config(changes)
  local c = { model_type = "llama", num_hidden_layers = 2, hidden_size = 64, intermediate_size = 128,
              num_attention_heads = 4, vocab_size = 100, max_position_embeddings = 512 }
  for k, v in pairs(changes or {}) do c[k] = v end
  for k, v in pairs(c) do
    if v == "none" then c[k] = nil end
  end
  return c
end

local function read(changes, overrides) return huggingface.read(config(changes), "config.json", overrides) end

local function refused(changes, overrides)
  local ok, message = pcall(read, changes, overrides)
  assert.is_false(ok)
  return message
end

local function fields(m, expected)
  for key, value in pairs(expected) do assert.equal(value, m[key], key) end
end

-- A file of that text, for the length of the test.
local function with_file(text, run)
  local path = os.tmpname()
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
  local ok, message = pcall(run, path)
  os.remove(path)
  if not ok then error(message, 0) end
end

describe("shipped models", function()
  it("count the same in the cost model", function()
    if not core.cost.parameters then return pending "the cost model is not there" end
    for _, entry in ipairs(catalog.models()) do
      local m = catalog.model(entry.id)
      -- The cost model gives routers a bias too; layers with a state have parameters of their own, and so have those of
      -- families with attention of several sizes.
      local plain = not m.num_state_layers
      for _, family in ipairs { "deepseek_v4", "gemma3n", "gemma4", "longcat", "mimo_v2", "minimax_m3",
                              "nemotron-nas" } do
        plain = plain and not m.model_type:find(family, 1, true)
      end
      if (not m.linear_bias or m.num_experts == 0) and plain then
        assert.equal(parameters(m), core.cost.parameters(m).total, entry.id)
      end
    end
  end)

  it("say where each comes from", function()
    for _, entry in ipairs(catalog.models()) do
      local m = catalog.model(entry.id)
      assert.matches("%d%d%d%d", m.source, entry.id)
      for _, w in ipairs(m.warnings) do
        assert.is_true(w:find "without vision" ~= nil or w:find "attention in chunks" ~= nil
          or w:find "attend to images alone" ~= nil, w)
      end
      assert.is_string(m.torch_dtype, entry.id)
    end
  end)

  it("answer to every name people use", function()
    for name, id in pairs {
      ["Llama2-7B"] = "llama-2-7b", ["llama2_7b"] = "llama-2-7b", ["meta-llama/Llama-2-7b-hf"] = "llama-2-7b",
      ["Llama-2-7b-hf"] = "llama-2-7b", ["llama-7b"] = "llama-7b", ["LLAMA-13B"] = "llama-13b",
      ["llama-30b"] = "llama-30b", ["llama-65b"] = "llama-65b", ["llama2-70b"] = "llama-2-70b",
      ["Llama3-8B"] = "llama-3-8b", ["llama3-70b"] = "llama-3-70b", ["Llama-3.1-8B-Instruct"] = "llama-3.1-8b",
      ["meta-llama/Meta-Llama-3-8B"] = "llama-3-8b", ["Mistral-7B-v0.3"] = "mistral-7b-v0.3",
      ["mistral-7b"] = "mistral-7b-v0.1", ["Mixtral-8x7B"] = "mixtral-8x7b", ["GPT-3-175B"] = "gpt-3-175b",
      ["gpt3-175b"] = "gpt-3-175b", ["gpt3-13b"] = "gpt-3-13b", ["Qwen2.5-7B"] = "qwen2.5-7b",
      ["Qwen2.5-32B"] = "qwen2.5-32b", ["Qwen2.5-72B"] = "qwen2.5-72b", ["Gemma2-9B"] = "gemma-2-9b",
      ["gemma-2-27b-it"] = "gemma-2-27b", ["Qwen/Qwen3-32B"] = "qwen3-32b", ["bigscience/bloom"] = "bloom-176b",
      ["openai/gpt-oss-120b"] = "gpt-oss-120b", ["deepseek-ai/DeepSeek-R1"] = "deepseek-v3",
      ["codellama/CodeLlama-34b-Instruct-hf"] = "codellama-34b", ["bloom-176b"] = "bloom-176b",
      ["tiny-1b"] = "tiny-1b", ["small-3b"] = "small-3b",
    } do
      assert.equal(id, catalog.model(name).id, name)
    end
  end)

  it("are called what was asked for, where several have one shape", function()
    for asked, name in pairs {
      ["llama-3.1-8b"] = "meta-llama/Llama-3.1-8B", ["Llama3.1-8B"] = "meta-llama/Llama-3.1-8B",
      ["llama-3.1-8b-instruct"] = "meta-llama/Llama-3.1-8B-Instruct",
      ["meta_llama/Llama-3.1-8B-INSTRUCT"] = "meta-llama/Llama-3.1-8B-Instruct",
      ["nvidia/Llama-3.1-8B-Instruct-FP8"] = "nvidia/Llama-3.1-8B-Instruct-FP8",
      ["gemma-2-9b"] = "google/gemma-2-9b-it", ["google/gemma-2-9b"] = "google/gemma-2-9b",
      ["gemma-2-9b-it"] = "google/gemma-2-9b-it",
      ["GPT-3"] = "openai/GPT-3-175B", ["llama-7b"] = "huggyllama/llama-7b",
    } do
      assert.equal(name, catalog.model(asked).name)
    end
  end)

  it("keep what sets their kin apart", function()
    fields(catalog.model "mistral-7b-v0.1", { sliding_window = 4096, num_windowed_layers = 32, vocab_size = 32000 })
    fields(catalog.model "mistral-7b-v0.3", { sliding_window = 0, num_windowed_layers = 0, vocab_size = 32768 })
    fields(catalog.model "gemma-2-9b", { num_windowed_layers = 21, norms_per_layer = 4, head_dim = 256 })
    fields(catalog.model "gemma-3-27b", { sliding_window = 1024, num_windowed_layers = 52, vocab_size = 262208,
                                          qk_norm = true, tie_word_embeddings = true })
    fields(catalog.model "gpt-oss-120b", { quantization = "mxfp4", sliding_window = 128, num_windowed_layers = 18 })
    fields(catalog.model "deepseek-v3", { quantization = "fp8", num_dense_layers = 3, shared_expert_size = 2048 })
    fields(catalog.model "qwen2.5-7b", { sliding_window = 0, attention_bias = true, max_position_embeddings = 131072 })
    fields(catalog.model "qwen3-32b", { head_dim = 128, qk_norm = true, torch_dtype = "bf16" })
    fields(catalog.model "gpt-3-175b", { linear_bias = true, learned_positions = true, gated_mlp = false,
                                         intermediate_size = 49152, max_position_embeddings = 2048 })
  end)

  it("have variants that differ in a field", function()
    fields(catalog.model "Qwen/Qwen2.5-7B-Instruct", { max_position_embeddings = 32768,
                                                       name = "Qwen/Qwen2.5-7B-Instruct", id = "qwen2.5-7b" })
    fields(catalog.model "nvidia/Llama-3.1-8B-Instruct-FP8", { quantization = "fp8" })
    fields(catalog.model "DeepSeek-R1-NVFP4", { quantization = "fp4" })
    assert.is_nil(catalog.model("llama-3.1-8b").quantization)
  end)

  it("are listed in order", function()
    local list = catalog.models()
    for i = 2, #list do assert.is_true(list[i - 1].id < list[i].id) end
    for _, entry in ipairs(list) do assert.matches("layers of", entry.about) end
  end)
end)

describe("an unknown name", function()
  it("gets the nearest and the way to all", function()
    local _, message = pcall(catalog.model, "lama-3-8b")
    assert.equal('unknown model "lama-3-8b": the nearest is llama-3-8b; `oracle models` lists all, '
      .. "and a path to a config.json works too", message)
    _, message = pcall(catalog.hardware, "h100sx")
    assert.matches("the nearest is h100%-sxm", message)
    _, message = pcall(catalog.model, "qqqqqqqqqqqq")
    assert.matches("^unknown model \"qqqqqqqqqqqq\"; `oracle models`", message)
  end)

  it("is told from a missing file", function()
    assert.equal("./nope/config.json: no such file", (select(2, pcall(catalog.model, "./nope/config.json"))))
    assert.matches("a name or the path", (select(2, pcall(catalog.model, 7))))
    assert.matches("empty text", (select(2, pcall(catalog.hardware, ""))))
    assert.matches("a folder without config.json", (select(2, pcall(catalog.model, "/"))))
  end)
end)

describe("a config.json", function()
  it("is read by its path, and by its folder", function()
    with_file(json.encode(config()), function(path)
      fields(catalog.model(path), { hidden_size = 64, head_dim = 16, source = path })
    end)
    local folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
    local f = assert(io.open(folder .. "/config.json", "w"))
    f:write(json.encode(config { _name_or_path = "me/Tiny" }))
    f:close()
    local ok, m = pcall(catalog.model, folder .. "/")
    os.execute("rm -r " .. folder)
    assert.is_true(ok, m)
    fields(m, { name = "me/Tiny", id = folder:match "[^/]+$", file = folder .. "/config.json" })
  end)

  it("is named by its file where it tells a path of another machine", function()
    for _, path in ipairs { "/home/alice/ckpts/out-17", ".", "./out-17", "C:\\models\\out-17", "out/put/17", "" } do
      with_file(json.encode(config { _name_or_path = path }), function(file)
        assert.equal(file:match "([^/]+)$", catalog.model(file).name, path)
      end)
    end
  end)

  it("gets transformers' own defaults", function()
    fields(read(), { num_key_value_heads = 4, head_dim = 16, tie_word_embeddings = false, gated_mlp = true,
                     norms_per_layer = 2, sliding_window = 0, num_experts = 0, attention_bias = false })
    fields(read { model_type = "gemma" , num_attention_heads = 16 },
      { head_dim = 256, tie_word_embeddings = true, num_key_value_heads = 16 })
    fields(read { max_position_embeddings = "none" }, { max_position_embeddings = 2048 })
    fields(read { model_type = "mistral", num_attention_heads = 16, max_position_embeddings = 32768 },
      { num_key_value_heads = 8, sliding_window = 4096, num_windowed_layers = 2 })
    fields(read { model_type = "mistral", num_attention_heads = 16, num_key_value_heads = json.null,
                  sliding_window = json.null }, { num_key_value_heads = 16, sliding_window = 0 })
    assert.is_nil(read().torch_dtype)
    assert.equal("fp16", read({ torch_dtype = "float16" }).torch_dtype)
    assert.equal("bf16", read({ dtype = "bfloat16" }).torch_dtype)
  end)

  it("has the context that vLLM derives", function()
    local function context(changes) return read(changes).max_position_embeddings end
    local function rope(kind, factor, from)
      return { rope_type = kind, factor = factor, original_max_position_embeddings = from }
    end
    -- Vicuna-7B-16k; a file stretched by YaRN; Llama-3.1, Phi-3-128k and Gemma-3, whose files say the stretched length
    assert.equal(16384, context { max_position_embeddings = 4096, rope_scaling = { type = "linear", factor = 4.0 } })
    assert.equal(131072, context { max_position_embeddings = 32768, rope_scaling = rope("yarn", 4.0, 32768) })
    assert.equal(163840, context { max_position_embeddings = 163840, rope_scaling = rope("yarn", 40, 4096) })
    assert.equal(131072, context { max_position_embeddings = 131072, rope_scaling = rope("llama3", 8.0, 8192) })
    assert.equal(131072, context { max_position_embeddings = 131072, rope_scaling = { type = "su" } })
    assert.equal(131072, context { model_type = "gemma3", max_position_embeddings = 131072,
                                   rope_scaling = rope("linear", 8.0) })
    assert.equal(131072, context { model_type = "cohere", max_position_embeddings = 8192, model_max_length = 131072 })
    assert.equal(2048, context { max_position_embeddings = 2048, model_max_length = 1e30 })
    assert.equal(8192, context { max_position_embeddings = 32768, seq_length = 8192 })
    assert.equal(4096, context { max_position_embeddings = 4096, rope_scaling = json.null })
  end)

  it("may be a Qwen of the first generation", function()
    local m = huggingface.read({ model_type = "qwen", hidden_size = 4096, intermediate_size = 22016,
      num_attention_heads = 32, num_hidden_layers = 32, kv_channels = 128, seq_length = 8192,
      max_position_embeddings = 32768, no_bias = true, vocab_size = 151936 }, "config.json")
    assert.equal(7721324544, parameters(m))               -- Qwen-7B
  end)

  it("may name its fields as GPT-2 does", function()
    local m = huggingface.read({ model_type = "gpt2", n_layer = 12, n_embd = 768, n_head = 12, n_positions = 1024,
                                 n_ctx = 1024, vocab_size = 50257, n_inner = json.null }, "config.json")
    fields(m, { intermediate_size = 3072, head_dim = 64, learned_positions = true, tie_word_embeddings = true,
                norm_bias = true, linear_bias = true, gated_mlp = false })
    assert.equal(124439808, parameters(m))                -- GPT-2 small
  end)

  it("may be an OPT, a GPT-NeoX, a Falcon, a BLOOM", function()
    local opt = huggingface.read({ model_type = "opt", num_hidden_layers = 40, hidden_size = 5120, ffn_dim = 20480,
      num_attention_heads = 40, vocab_size = 50272, max_position_embeddings = 2048 }, "config.json")
    fields(opt, { intermediate_size = 20480, tie_word_embeddings = true })
    assert.equal(12853473280 - 2 * 5120, parameters(opt)) -- OPT-13B; its position table has two rows more
    local neox = huggingface.read({ model_type = "gpt_neox", num_hidden_layers = 44, hidden_size = 6144,
      intermediate_size = 24576, num_attention_heads = 64, vocab_size = 50432, max_position_embeddings = 2048,
      tie_word_embeddings = false }, "config.json")
    assert.equal(20554567680, parameters(neox))           -- GPT-NeoX-20B
    local falcon = huggingface.read({ model_type = "falcon", num_hidden_layers = 32, hidden_size = 4544,
      num_attention_heads = 71, num_kv_heads = 71, vocab_size = 65024, multi_query = true, parallel_attn = true,
      new_decoder_architecture = false, bias = false }, "config.json")
    fields(falcon, { num_key_value_heads = 1, norms_per_layer = 1, intermediate_size = 4 * 4544 })
    assert.equal(6921720704, parameters(falcon))          -- Falcon-7B
    local new = huggingface.read({ model_type = "falcon", num_hidden_layers = 60, hidden_size = 8192,
      num_attention_heads = 128, num_kv_heads = 8, vocab_size = 65024, new_decoder_architecture = true },
      "config.json")
    fields(new, { num_key_value_heads = 8, norms_per_layer = 2 })
  end)

  it("knows which layers a window covers", function()
    local function windows(changes) return read(changes).num_windowed_layers end
    local base = { num_hidden_layers = 10, sliding_window = 128 }
    local function with(t)
      for k, v in pairs(base) do t[k] = t[k] == nil and v or t[k] end
      return t
    end
    assert.equal(0, windows(with { model_type = "qwen2", use_sliding_window = false, num_key_value_heads = 4 }))
    assert.equal(3, windows(with { model_type = "qwen2", use_sliding_window = true, max_window_layers = 7,
                                   num_key_value_heads = 4 }))
    assert.equal(5, windows(with { model_type = "gemma2" }))
    assert.equal(9, windows(with { model_type = "gemma3" }))           -- the sixth sees all
    assert.equal(8, windows(with { model_type = "cohere2" }))          -- the fourth and the eighth see all
    assert.equal(10, windows(with { model_type = "mixtral", num_attention_heads = 8, num_local_experts = 4,
                                    num_experts_per_tok = 2 }))
    assert.equal(1, windows(with { model_type = "qwen2", num_hidden_layers = 2, num_key_value_heads = 4,
      layer_types =
      setmetatable({ "full_attention", "sliding_attention" }, json.array) }))
    -- as wide as the context: no window at all
    assert.equal(0, windows(with { model_type = "mistral", num_key_value_heads = 4, sliding_window = 512 }))
  end)

  it("knows which layers hold experts", function()
    local moe = { num_hidden_layers = 10, num_experts = 8, num_experts_per_tok = 2, moe_intermediate_size = 32,
                  num_key_value_heads = 4 }
    local function with(t)
      for k, v in pairs(moe) do t[k] = t[k] == nil and v or t[k] end
      return read(t)
    end
    fields(with { model_type = "qwen2_moe", shared_expert_intermediate_size = 48 },
      { num_dense_layers = 0, shared_expert_size = 48, attention_bias = true, moe_intermediate_size = 32 })
    fields(with { model_type = "qwen3_moe", decoder_sparse_step = 2 }, { num_dense_layers = 5 })
    fields(with { model_type = "qwen3_moe", mlp_only_layers = setmetatable({ 0, 3, 9 }, json.array) },
      { num_dense_layers = 3 })
    fields(with { model_type = "deepseek", first_k_dense_replace = 1, n_shared_experts = 2, moe_layer_freq = 1 },
      { num_dense_layers = 1, shared_expert_size = 64 })
    fields(with { model_type = "glm4_moe", first_k_dense_replace = 3 }, { num_dense_layers = 3 })
    fields(with { model_type = "mixtral", moe_intermediate_size = "none" }, { moe_intermediate_size = 128 })
    assert.matches("num_experts_per_tok = 9: a whole number from 1 to 8", refused { num_experts = 8,
      num_experts_per_tok = 9 })
  end)

  it("may be a DeepSeek with latent attention", function()
    local m = huggingface.read({ model_type = "deepseek_v2", num_hidden_layers = 27, hidden_size = 2048,
      intermediate_size = 10944, num_attention_heads = 16, num_key_value_heads = 16, vocab_size = 102400,
      max_position_embeddings = 163840, n_routed_experts = 64, n_shared_experts = 2, num_experts_per_tok = 6,
      moe_intermediate_size = 1408, first_k_dense_replace = 1, moe_layer_freq = 1, q_lora_rank = json.null,
      kv_lora_rank = 512, qk_rope_head_dim = 64, qk_nope_head_dim = 128, v_head_dim = 128 }, "config.json")
    fields(m, { q_lora_rank = 0, kv_lora_rank = 512, head_dim = 192, num_dense_layers = 1, shared_expert_size = 2816 })
    assert.matches("v_head_dim is missing %(needed for model_type deepseek_v3%)",
      refused { model_type = "deepseek_v3", kv_lora_rank = 8, qk_rope_head_dim = 4, qk_nope_head_dim = 4,
                n_routed_experts = 4, num_experts_per_tok = 2 })
  end)

  it("may be multimodal, with the defaults of its text part", function()
    local m = huggingface.read(json.decode [[{"model_type": "gemma3", "torch_dtype": "bfloat16", "vision_config": {},
      "text_config": {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
      "num_hidden_layers": 34, "sliding_window": 1024}}]], "config.json")
    fields(m, { num_attention_heads = 8, num_key_value_heads = 4, head_dim = 256, vocab_size = 262208,
                max_position_embeddings = 131072, num_windowed_layers = 29, torch_dtype = "bf16" })
    assert.matches("without vision", m.warnings[1])
    local scout = huggingface.read(json.decode [[{"model_type": "llama4", "text_config": {"attention_chunk_size": 8192,
      "head_dim": 128, "hidden_size": 5120, "interleave_moe_layer_step": 1, "intermediate_size": 8192,
      "intermediate_size_mlp": 16384, "max_position_embeddings": 10485760, "model_type": "llama4_text",
      "num_attention_heads": 40, "num_experts_per_tok": 1, "num_hidden_layers": 48, "num_key_value_heads": 8,
      "num_local_experts": 16, "use_qk_norm": true, "vocab_size": 202048}}]], "config.json")
    fields(scout, { shared_expert_size = 8192, moe_intermediate_size = 8192, num_dense_layers = 0,
                    sliding_window = 8192, num_windowed_layers = 36, tie_word_embeddings = false })
    assert.near(107.77e9, parameters(scout), 0.01e9)      -- the language model of Scout, "109B" with vision
  end)

  it("may be a DBRX, with configurations inside", function()
    local m = huggingface.read(json.decode [[{"model_type": "dbrx", "d_model": 6144, "n_heads": 48, "n_layers": 40,
      "max_seq_len": 32768, "vocab_size": 100352, "tie_word_embeddings": false, "attn_config": {"kv_n_heads": 8},
      "ffn_config": {"ffn_hidden_size": 10752, "moe_num_experts": 16, "moe_top_k": 4}}]], "config.json")
    fields(m, { num_key_value_heads = 8, num_experts = 16, num_experts_per_tok = 4, moe_intermediate_size = 10752,
                max_position_embeddings = 32768 })
    assert.near(131.6e9, parameters(m), 0.05e9)           -- "132B"
  end)

  it("tells how its weights are stored", function()
    local function format(q) return read({ quantization_config = q }).quantization end
    assert.equal("fp8", format { quant_method = "fp8" })
    assert.equal("int4", format { quant_method = "awq", bits = 4 })
    assert.equal("int8", format { quant_method = "gptq", bits = 8 })
    assert.is_nil(format { quant_method = "mxfp4" })       -- of experts alone, and there are none
    assert.equal("fp4", format { quant_method = "modelopt", quant_algo = "NVFP4" })
    assert.equal("fp8", format { quant_method = "modelopt", quant_algo = "FP8" })
    assert.equal("int4", format { quant_method = "bitsandbytes", load_in_4bit = true })
    local function groups(weights)
      return { quant_method = "compressed-tensors", config_groups = { group_0 = { weights = weights } } }
    end
    assert.equal("int4", format(groups { num_bits = 4, type = "int" }))
    assert.equal("fp8", format(groups { num_bits = 8, type = "float" }))
    local ok, why = pcall(read, { quantization_config = { quant_method = "hitherto" } })
    assert.is_false(ok)
    assert.matches('^config.json: quantization_config: quant_method = "hitherto": no known method; known are ', why)
    local m = read { quantization_config = { quant_method = "hitherto" }, approximate = true }
    assert.is_nil(m.quantization)
    assert.matches("hitherto", m.warnings[1])
  end)

  it("of an unknown kind is taken for a llama, and says so", function()
    local m = read { model_type = "llamma" }
    assert.equal("config.json: model_type llamma is not known (nearest: llama); taken as built like llama",
      m.warnings[1])
    assert.equal("llama", read({ model_type = "none",
      architectures = setmetatable({ "LlamaForCausalLM" }, json.array) }).model_type)
    assert.matches("max_position_embeddings is missing", refused { model_type = "new",
      max_position_embeddings = "none" })
  end)

  it("with layers that are no llama's is refused by name, unless approximate", function()
    assert.equal("config.json: model_type new is not known, and its mamba_d_state tells of layers that are not llama's;"
      .. " approximate = true takes it as built like llama", refused { model_type = "new", mamba_d_state = 16 })
    assert.matches("taken as built like llama", read { model_type = "new", mamba_d_state = 16,
      approximate = true }.warnings[1])
    local odd = setmetatable({ "full_attention", "odd_attention" }, json.array)
    assert.equal('config.json: layer_types[1] = "odd_attention": no known kind of layer; approximate = true takes it '
      .. "as full attention", refused { layer_types = odd })
    assert.matches("odd_attention is taken as full attention",
      read({ layer_types = odd }, { approximate = true }).warnings[1])
    assert.matches("2 layers are no attention, and what they are in model_type llama is not known",
      refused { layer_types = setmetatable({ "mamba", "mamba" }, json.array) })
    assert.matches("linear_num_key_heads is missing", refused { model_type = "qwen3_next" })
  end)

  it("may hold what PyTorch writes and JSON has not", function()
    with_file('{"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 64, \z
      "num_attention_heads": 2, "vocab_size": 64, "max_position_embeddings": 64, "a": Infinity, "b": [-Infinity, NaN]}',
      function(path) assert.equal(2, catalog.model(path).num_hidden_layers) end)
    with_file('{"a": Infinity, "b": oops}', function(path)
      assert.is_false(pcall(catalog.model, path))
    end)
  end)

  it("is called by its folder, whatever the path to it", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(os.execute(("mkdir -p %s/my-model"):format(folder)))
    local f = assert(io.open(folder .. "/my-model/config.json", "w"))
    f:write '{"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 64, \z
      "num_attention_heads": 2, "vocab_size": 64, "max_position_embeddings": 64}'
    f:close()
    assert.equal("my-model", catalog.model(folder .. "/my-model").name)
    assert.equal("my-model", catalog.model(folder .. "/my-model/../my-model/./config.json").name)
    local bin = os.getenv "ORACLE_BIN" or "./oracle"
    if not bin:find "^/" then bin = os.getenv "PWD" .. "/" .. bin end
    local p = io.popen(("cd %s/my-model && %s show model ./config.json"):format(folder, bin))
    local shown = p:read "a"
    p:close()
    os.execute("rm -r " .. folder)
    assert.matches("^my%-model", shown)
  end)

  it("without a needed field is refused by file, field and model_type", function()
    assert.equal("config.json: hidden_size is missing (needed for model_type llama)",
      refused { hidden_size = "none" })
    for _, field in ipairs { "num_hidden_layers", "num_attention_heads", "intermediate_size", "vocab_size" } do
      assert.matches(field .. " is missing", refused { [field] = "none" })
    end
  end)

  it("with a wrong kind of value is refused, or left aside with a warning that can be read", function()
    local whole = { num_hidden_layers = 2, hidden_size = 64, intermediate_size = 64, num_attention_heads = 2,
                    vocab_size = 64, max_position_embeddings = 64, model_type = "llama" }
    local function with(key, value)
      local t = {}
      for k, v in pairs(whole) do t[k] = v end
      t[key] = value
      return pcall(huggingface.read, t, "x.json")
    end
    assert.same({ false, "x.json: model_type = a list or object: a text expected" }, { with("model_type", {}) })
    assert.same({ false, "x.json: tie_word_embeddings = a list or object: true or false expected" },
      { with("tie_word_embeddings", {}) })
    local ok, m = with("torch_dtype", {})
    assert.is_true(ok)
    assert.same({ "x.json: torch_dtype a list or object is not known; ignored" }, m.warnings)
  end)

  it("with an absurd number is refused", function()
    for _, bad in ipairs { -3, 0, 1.5, 2e7, "many", true, setmetatable({ 1 }, json.array) } do
      assert.matches("^config.json: num_attention_heads = .+: a whole number from 1 to 10000000 expected",
        refused { num_attention_heads = bad })
    end
    assert.equal(64, read({ hidden_size = 64.0 }).hidden_size)
    assert.matches("num_key_value_heads = 3 does not divide num_attention_heads = 4",
      refused { num_key_value_heads = 3 })
    assert.matches("head_dim is missing, and hidden_size = 66 is no multiple", refused { hidden_size = 66 })
    assert.matches("true or false", refused { tie_word_embeddings = "yes" })
  end)

  it("that is none is refused", function()
    assert.matches("not a decoder%-only transformer", refused { model_type = "bert" })
    assert.matches("not a decoder%-only transformer", refused { model_type = "new", is_encoder_decoder = true })
    assert.matches("an object expected", (select(2, pcall(huggingface.read, json.decode "[1]", "x.json"))))
    with_file("{\n\"hidden_size\": 1,,\n}", function(path)
      assert.matches(":2: not JSON from here", (select(2, pcall(catalog.model, path))))
    end)
  end)

  it("can be changed field by field", function()
    fields(catalog.model("llama-3.1-8b", { num_hidden_layers = 2, max_position_embeddings = 4096 }),
      { num_hidden_layers = 2, max_position_embeddings = 4096, hidden_size = 4096 })
    fields(catalog.model("gpt-3-175b", { num_hidden_layers = 3 }), { num_hidden_layers = 3 })  -- n_layer there
    fields(catalog.model("gemma-3-27b", { num_hidden_layers = 12 }),
      { num_hidden_layers = 12, num_windowed_layers = 10 })
    assert.matches("no such field of a config.json; did you mean num_hidden_layers%?",
      (select(2, pcall(catalog.model, "llama-3-8b", { num_hiden_layers = 2 }))))
  end)
end)

describe("shipped hardware", function()
  it("is in SI units", function()
    local h = catalog.hardware "h100-sxm"
    fields(h, { memory = 81559 * 2 ^ 20, bandwidth = 3.35e12, idle_watts = 70, tdp_watts = 700, id = "h100-sxm" })
    assert.near(989.4e12, h.flops.bf16, 1)
    assert.near(1978.9e12, h.flops.fp8, 1)
    assert.equal(450e9, h.nvlink.bandwidth)
    assert.near(1.9e-6, h.nvlink.latency, 1e-12)
    assert.equal(63e9, h.pcie.bandwidth)
    assert.is_nil(h.flops.fp4)
    fields(catalog.hardware("l4").nvlink, { bandwidth = 0, latency = 0 })
    fields(catalog.hardware "gb10", { bandwidth = 273e9, usd_per_hour = 0 })
    assert.equal(450e9, catalog.hardware("gh200").c2c.bandwidth)
    assert.is_nil(h.c2c)
  end)

  it("gives dense rates, with FP32 accumulation", function()
    for name, tflops in pairs { ["a100-80gb"] = 312, ["h100-pcie"] = 756, l4 = 121, l40s = 362.05, a10g = 70,
                                ["h100-nvl"] = 835.5, h20 = 148, b300 = 2250, ["rtx-5090"] = 209.5, mi355x = 2516.6,
                                ["rtx-4090"] = 165.2, b200 = 2250, gb200 = 2500, mi300x = 1307.4 } do
      assert.near(tflops * 1e12, catalog.hardware(name).flops.bf16, 1, name)
    end
  end)

  it("has every figure sourced and dated, and the estimates marked", function()
    for _, entry in ipairs(catalog.hardwares()) do
      for _, figure in ipairs(catalog.hardware(entry.id).figures) do
        local where = entry.id .. "." .. figure.field
        assert.is_true(type(figure.source) == "string" and #figure.source > 10, where)
        assert.matches("^20%d%d", figure.date, where)
        if (figure.note or ""):find "^estimated" then assert.is_true(figure.estimate, where) end
      end
    end
  end)

  it("says of which generation it is", function()
    for _, entry in ipairs(catalog.hardwares()) do
      assert.is_string(catalog.hardware(entry.id).generation, entry.id)
    end
    for name, generation in pairs { h20 = "hopper", gh200 = "hopper", b300 = "blackwell", gb10 = "blackwell-rtx",
                                    l40s = "ada", t4 = "turing", mi250 = "cdna2", mi325x = "cdna3" } do
      assert.equal(generation, catalog.hardware(name).generation)
    end
  end)

  it("is plausible", function()
    for _, entry in ipairs(catalog.hardwares()) do
      local h = catalog.hardware(entry.id)
      local own = h.generation == "apple"
      assert.is_true(h.memory > 10e9 and h.memory < 500e9, entry.id)
      assert.is_true(h.bandwidth > 200e9 and h.bandwidth <= 8e12, entry.id)
      local flops = h.flops.bf16 or h.flops.fp16 or h.flops.fp32
      assert.is_true(flops / h.bandwidth > 20 and flops / h.bandwidth < 1000, entry.id)  -- FLOP per byte
      assert.is_true((h.flops.fp8 or 2 * flops) >= flops, entry.id)
      -- dense: no format is more than twice as fast as the next wider one, but FP4 of Blackwell
      assert.is_true((h.flops.fp8 or flops) <= 2.03 * flops, entry.id)
      assert.is_true((h.flops.fp4 or 0) <= 4.01 * (h.flops.fp8 or 0), entry.id)
      local unsaid = own or h.generation == "tpu" or h.generation == "neuron"
      local unknown = unsaid and h.idle_watts == 0 and h.tdp_watts == 0
      assert.is_true(unknown or h.idle_watts > 0 and h.idle_watts < h.tdp_watts, entry.id)
      local link = h.pcie.bandwidth > 0 and h.pcie.latency > 0
      assert.is_true(link or own or h.nvlink.bandwidth > 0, entry.id)
    end
  end)

  it("answers to every name people use", function()
    for name, id in pairs {
      ["h100_sxm"] = "h100-sxm", ["H100-SXM-80GB"] = "h100-sxm", h100 = "h100-sxm", ["h100-80gb"] = "h100-sxm",
      ["NVIDIA H100 80GB HBM3"] = "h100-sxm", ["a100-80gb"] = "a100-80gb", ["A100-40GB"] = "a100-40gb",
      b200 = "b200", gb200 = "gb200", ["b200_sxm"] = "b200", ["h200_sxm"] = "h200", mi300x = "mi300x", gb10 = "gb10",
      ["RTX 4090"] = "rtx-4090", ["RTX PRO 6000"] = "rtx-pro-6000", L40S = "l40s", a10g = "a10g", gh200 = "gh200",
      ["h100-pcie"] = "h100-pcie", ["l4"] = "l4", ["NVIDIA B300"] = "b300", GB300 = "gb300", H20 = "h20",
      ["H100 NVL"] = "h100-nvl", ["h200_nvl"] = "h200-nvl", A30 = "a30", A40 = "a40", A10 = "a10", L20 = "l20",
      T4 = "t4", V100 = "v100-32gb", ["RTX 3090"] = "rtx-3090", ["NVIDIA GeForce RTX 5090"] = "rtx-5090",
      A6000 = "rtx-a6000",
      ["RTX 6000 Ada"] = "rtx-6000-ada", MI250 = "mi250", MI325X = "mi325x", MI350X = "mi350x", MI355X = "mi355x",
      ["Gaudi 2"] = "gaudi-2", gaudi3 = "gaudi-3",
      ["TPU v5e"] = "tpu-v5e", ["tpu_v6e"] = "tpu-v6e", trn2 = "trainium-2",
      Inferentia2 = "inferentia-2", B60 = "arc-pro-b60", Max1550 = "max-1550", ["DGX Spark"] = "gb10",
      ["Jetson Thor"] = "jetson-thor", ["M2 Ultra"] = "apple-m2-ultra", ["GH200 144GB"] = "gh200-144gb",
      RTX6000PRO = "rtx-pro-6000", ["910B"] = "ascend-910b", ["A100 PCIe"] = "a100-pcie", L40 = "l40",
    } do
      assert.equal(id, catalog.hardware(name).id, name)
    end
  end)
end)

describe("a hardware file", function()
  local GOOD = [[{"flops": {"bf16": "100 TFLOPS"}, "memory": "16 GiB", "bandwidth": {"value": 1, "unit": "TB/s"},
    "pcie": {"bandwidth": "32 GB/s", "latency": "2 us"}%s}]]

  local function refused_file(text)
    local message
    with_file(text, function(path) message = select(2, pcall(catalog.hardware, path)):gsub("^.-: ", "", 1) end)
    return message
  end

  it("of one's own works by path", function()
    with_file(GOOD:format ', "_remark": "mine", "generation": "Blackwell_RTX"', function(path)
      local h = catalog.hardware(path)
      fields(h, { memory = 16 * 2 ^ 30, bandwidth = 1e12, tdp_watts = 0, usd_per_hour = 0, file = path,
                  generation = "blackwell-rtx" })
      assert.equal(100e12, h.flops.bf16)
      assert.equal(2e-6, h.pcie.latency)
    end)
  end)

  it("may be a table, with numbers in SI", function()
    local h = hardware_file.read({ flops = { fp16 = 1e14 }, memory = 8e10, bandwidth = 1e12, tdp_watts = 300 }, "mine")
    fields(h, { memory = 8e10, bandwidth = 1e12, tdp_watts = 300 })
    fields(h.pcie, { bandwidth = 0, latency = 0 })
    assert.equal(1e14, h.flops.fp16)
  end)

  it("may be like another, but for some figures", function()
    local h100 = catalog.hardware "h100-sxm"
    local h = catalog.own_hardware({ like = "H100", usd_per_hour = 2, flops = { bf16 = 8e14 },
                                     nvlink = { bandwidth = 2e11 } }, "mine")
    fields(h, { usd_per_hour = 2, memory = h100.memory, generation = "hopper",
                name = "NVIDIA H100 SXM5 80 GB, changed" })
    assert.same({ 8e14, h100.flops.fp8 }, { h.flops.bf16, h.flops.fp8 })
    assert.same({ 2e11, h100.nvlink.latency }, { h.nvlink.bandwidth, h.nvlink.latency })
    with_file('{"like": "h100-sxm", "usd_per_hour": "2.10 USD/h"}', function(path)
      assert.equal(2.1, catalog.hardware(path).usd_per_hour)
      assert.equal(path .. ": like: " .. path .. " is no whole accelerator of its own",
        (select(2, pcall(catalog.own_hardware, { like = path }, path))))
    end)
    assert.matches('^mine: like: unknown hardware "h10%-sxm": the nearest is h100%-sxm',
      (select(2, pcall(catalog.own_hardware, { like = "h10-sxm" }, "mine"))))
    assert.matches("^mine: like: hardware: a name or the path of a file expected, got a number",
      (select(2, pcall(catalog.own_hardware, { like = 7 }, "mine"))))
  end)

  it("is checked field by field", function()
    assert.equal("bandwith: no such field; did you mean bandwidth?", refused_file(GOOD:format ', "bandwith": 1'))
    assert.matches("^flops.bf61: no such field; did you mean", refused_file '{"flops": {"bf61": "1 TFLOPS"}}')
    assert.matches("^memory: missing", refused_file '{"flops": {"bf16": "1 TFLOPS"}}')
    assert.matches("^flops: missing", refused_file "{}")
    assert.matches("^flops: no rate for bf16", refused_file '{"flops": {"fp8": "1 TFLOPS"}}')
    assert.matches('^memory: unit "GB/s": one of MiB, GiB, GB expected', refused_file '{"memory": "80 GB/s"}')
    assert.equal("memory: 80 B: at least 1.04858e+06 B expected", refused_file '{"memory": 80}')
    assert.matches("^memory: .+, \"NUMBER UNIT\" or a number in B expected", refused_file '{"memory": true}')
    assert.matches('^memory: "80": a number and a unit expected', refused_file '{"memory": "80"}')
    assert.matches("^memory: %-1 GiB: at least", refused_file '{"memory": "-1 GiB"}')
    assert.matches("^tdp_watts: %-5 W: at least 0 W expected", refused_file(GOOD:format ', "tdp_watts": "-5 W"'))
    assert.matches("^idle_watts: 9 W is above tdp_watts, 5 W",
      refused_file(GOOD:format ', "tdp_watts": "5 W", "idle_watts": "9 W"'))
    assert.matches("^nvlink.bandwidth: missing", refused_file(GOOD:format ', "nvlink": {"latency": "1 us"}'))
    assert.matches("^memory.valu: no such field; did you mean value%?",
      refused_file '{"memory": {"valu": 1, "unit": "GiB"}}')
    assert.matches("^name: a text expected", refused_file(GOOD:format ', "name": 5'))
    assert.matches('^generation: "hoper": one of pascal, .+, or none; did you mean hopper%?',
      refused_file(GOOD:format ', "generation": "hoper"'))
    assert.matches('^generation: "9": one of', refused_file(GOOD:format ', "generation": 9'))
    assert.matches("an object expected", refused_file "[]")
  end)
end)
