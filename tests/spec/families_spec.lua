-- Hybrid models by the fields of their config.json that matter here: parameters against the published counts (model
-- cards and the totals of Hugging Face's file pages), and what a sequence keeps.
local core = require "oracle.core"
local huggingface = require "oracle.models.huggingface"

local function A(list) return setmetatable(list, core.json.array) end

-- A list of what f gives for layers 0 to n - 1.
local function seq(n, f)
  local list = {}
  for i = 0, n - 1 do list[i + 1] = f(i) end
  return A(list)
end

local FAMILIES = {
    { "Nemotron-H-8B", 8.1e9, {
      model_type = "nemotron_h", hidden_size = 4096, num_hidden_layers = 52,
      hybrid_override_pattern = "M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-", mamba_num_heads = 128,
      mamba_head_dim = 64, ssm_state_size = 128, n_groups = 8, conv_kernel = 4, intermediate_size = 21504,
      num_attention_heads = 32, num_key_value_heads = 8, head_dim = 128, vocab_size = 131072,
      max_position_embeddings = 8192, tie_word_embeddings = false } },
    { "Nemotron-3-Nano-30B", 31.6e9, {
      model_type = "nemotron_h", hidden_size = 2688, num_hidden_layers = 52,
      hybrid_override_pattern = "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME", mamba_num_heads = 64,
      mamba_head_dim = 64, ssm_state_size = 128, n_groups = 8, conv_kernel = 4, intermediate_size = 1856,
      moe_intermediate_size = 1856, moe_shared_expert_intermediate_size = 3712, n_routed_experts = 128,
      n_shared_experts = 1, num_experts_per_tok = 6, num_attention_heads = 32, num_key_value_heads = 2,
      head_dim = 128, vocab_size = 131072, max_position_embeddings = 262144, tie_word_embeddings = false } },
    { "Jamba-v0.1", 51.57e9, {
      model_type = "jamba", hidden_size = 4096, num_hidden_layers = 32, attn_layer_period = 8,
      attn_layer_offset = 4, expert_layer_period = 2, expert_layer_offset = 1, num_experts = 16,
      num_experts_per_tok = 2, intermediate_size = 14336, mamba_d_state = 16, mamba_d_conv = 4, mamba_expand = 2,
      mamba_dt_rank = 256, num_attention_heads = 32, num_key_value_heads = 8, vocab_size = 65536,
      max_position_embeddings = 262144, tie_word_embeddings = false } },
    { "Bamba-9B", 9.78e9, {
      model_type = "bamba", hidden_size = 4096, num_hidden_layers = 32, attn_layer_indices = A{9,18,27},
      intermediate_size = 14336, mamba_n_heads = 128, mamba_d_head = 64, mamba_d_state = 128, mamba_n_groups = 1,
      mamba_d_conv = 4, mamba_expand = 2, num_attention_heads = 32, num_key_value_heads = 8, vocab_size = 128256,
      max_position_embeddings = 262144, tie_word_embeddings = false } },
    { "Falcon-H1-7B", 7.59e9, {
      model_type = "falcon_h1", hidden_size = 3072, num_hidden_layers = 44, intermediate_size = 12288,
      mamba_n_heads = 24, mamba_d_head = 128, mamba_d_ssm = 3072, mamba_d_state = 256, mamba_n_groups = 1,
      mamba_d_conv = 4, num_attention_heads = 12, num_key_value_heads = 2, head_dim = 128, vocab_size = 130048,
      max_position_embeddings = 262144, tie_word_embeddings = false } },
    { "granite-4.0-h-small", 32.2e9, {
      model_type = "granitemoehybrid", hidden_size = 4096, num_hidden_layers = 40,
      layer_types = seq(40, function(i) return (i == 5 or i == 15 or i == 25 or i == 35) and "attention"
        or "mamba" end),
      intermediate_size = 768, shared_intermediate_size = 1536, num_local_experts = 72, num_experts_per_tok = 10,
      mamba_n_heads = 128, mamba_d_head = 64, mamba_d_state = 128, mamba_n_groups = 1, mamba_d_conv = 4,
      mamba_expand = 2, num_attention_heads = 32, num_key_value_heads = 8, vocab_size = 100352,
      max_position_embeddings = 131072, tie_word_embeddings = true } },
    { "LFM2-1.2B", 1.17e9, {
      model_type = "lfm2", hidden_size = 2048, num_hidden_layers = 16, full_attn_idxs = A{2,5,8,10,12,14},
      block_ff_dim = 12288, block_auto_adjust_ff_dim = true, block_ffn_dim_multiplier = 1.0,
      block_multiple_of = 256, conv_L_cache = 3, num_attention_heads = 32, num_key_value_heads = 8,
      vocab_size = 65536, max_position_embeddings = 128000 } },
    { "MiniMax-Text-01", 456e9, {
      model_type = "minimax_text_01", hidden_size = 6144, num_hidden_layers = 80,
      attn_type_list = seq(80, function(i) return i % 8 == 7 and 1 or 0 end), intermediate_size = 9216,
      num_local_experts = 32, num_experts_per_tok = 2, num_attention_heads = 64, num_key_value_heads = 8,
      head_dim = 128, vocab_size = 200064, max_position_embeddings = 10240000, tie_word_embeddings = false } },
    { "Kimi-Linear-48B", 49.1e9, {
      model_type = "kimi_linear", hidden_size = 2304, num_hidden_layers = 27,
      linear_attn_config = { full_attn_layers = A{4,8,12,16,20,24,27}, head_dim = 128, num_heads = 32,
        short_conv_kernel_size = 4 },
      intermediate_size = 9216, moe_intermediate_size = 1024, num_experts = 256, num_experts_per_token = 8,
      num_shared_experts = 1, first_k_dense_replace = 1, moe_layer_freq = 1, kv_lora_rank = 512,
      qk_nope_head_dim = 128, qk_rope_head_dim = 64, v_head_dim = 128, num_attention_heads = 32,
      num_key_value_heads = 32, head_dim = 72, vocab_size = 163840, model_max_length = 1048576,
      tie_word_embeddings = false } },
    { "Qwen3-Next", 79.67e9, {
      model_type = "qwen3_next", num_hidden_layers = 48, hidden_size = 2048, num_attention_heads = 16,
      num_key_value_heads = 2, head_dim = 256, intermediate_size = 5120, num_experts = 512,
      num_experts_per_tok = 10, moe_intermediate_size = 512, shared_expert_intermediate_size = 512,
      full_attention_interval = 4, linear_conv_kernel_dim = 4, linear_key_head_dim = 128, linear_num_key_heads = 16,
      linear_num_value_heads = 32, linear_value_head_dim = 128, vocab_size = 151936,
      max_position_embeddings = 262144 } },
}

local function read(name)
  for _, family in ipairs(FAMILIES) do
    if family[1] == name then return huggingface.read(family[3], name) end
  end
end

local function memory(m)
  return core.cost.memory { model = m, max_num_batched_tokens = 1, max_num_seqs = 1,
                            layout = { activations = "bf16", kv = "bf16" } }.stages[1].kinds
end

describe("hybrid models", function()
  it("have the published number of parameters", function()
    for _, family in ipairs(FAMILIES) do
      local m = huggingface.read(family[3], family[1])
      assert.same({}, m.warnings, family[1])
      local off = core.cost.parameters(m).total / family[2] - 1
      assert.is_true(math.abs(off) <= 0.002, ("%s: %+.3f %%"):format(family[1], 100 * off))
    end
  end)

  it("keep KV in their attention layers, a state in the others", function()
    local kinds = memory(read "Nemotron-H-8B")
    assert.same({ layers = 4, bytes = 2 * 8 * 128 * 2 }, kinds.full)
    -- Mamba-2: 128 heads of 64 x 128 in 32 bits; 128 x 64 + 2 x 8 x 128 channels keep 3 values in 16.
    assert.same({ layers = 24, bytes = 4 * 128 * 64 * 128 + 2 * 3 * (8192 + 2048) }, kinds.state)
    kinds = memory(read "Jamba-v0.1")
    assert.same({ 4, 28 }, { kinds.full.layers, kinds.state.layers })
    assert.equal(2 * 3 * 8192 + 2 * 8192 * 16, kinds.state.bytes)
    kinds = memory(read "Falcon-H1-7B")                   -- both in every layer
    assert.same({ 44, 44 }, { kinds.full.layers, kinds.state.layers })
    kinds = memory(read "LFM2-1.2B")
    assert.same({ 6, 10, 2 * 2 * 2048 }, { kinds.full.layers, kinds.state.layers, kinds.state.bytes })
    kinds = memory(read "MiniMax-Text-01")
    assert.same({ 10, 70, 4 * 64 * 128 * 128 }, { kinds.full.layers, kinds.state.layers, kinds.state.bytes })
    kinds = memory(read "Kimi-Linear-48B")                -- a latent of 576 values in the full ones
    assert.same({ 7, 576 * 2, 20 }, { kinds.full.layers, kinds.full.bytes, kinds.state.layers })
    kinds = memory(read "Qwen3-Next")
    assert.same({ layers = 36, bytes = 2 * 3 * 8192 + 4 * 32 * 128 * 128 }, kinds.state)
  end)

  it("say it in their files' own ways", function()
    local base = { model_type = "qwen3_next", num_hidden_layers = 4, hidden_size = 64, intermediate_size = 64,
      num_attention_heads = 2, num_key_value_heads = 2, head_dim = 32, vocab_size = 64, max_position_embeddings = 64,
      linear_key_head_dim = 16, linear_num_key_heads = 2, linear_value_head_dim = 16, linear_num_value_heads = 2 }
    local function states(changes)
      local raw = {}
      for k, v in pairs(base) do raw[k] = v end
      for k, v in pairs(changes) do raw[k] = v end
      return huggingface.read(raw, "config.json").num_state_layers
    end
    assert.equal(3, states {})
    assert.equal(2, states { full_attention_interval = 2 })
    assert.equal(1, states { layer_types = A { "full_attention", "linear_attention", "full_attention",
                                               "full_attention" } })
    local ok, why = pcall(states, { model_type = "nemotron_h", hybrid_override_pattern = "M*" })
    assert.is_false(ok)
    assert.equal("config.json: hybrid_override_pattern: 2 layers, num_hidden_layers is 4", why)
    ok, why = pcall(states, { model_type = "nemotron_h", hybrid_override_pattern = "M*X-" })
    assert.is_false(ok)
    assert.matches('hybrid_override_pattern: "X" at 3: M, %*, %- or E expected', why)
  end)
end)

describe("a scenario", function()
  it("takes kinds of layers that are not known as attention only when told", function()
    local oracle = require "oracle"
    local planning = require "oracle.plan"
    local odd = { model_type = "odd", num_hidden_layers = 4, hidden_size = 256, intermediate_size = 512,
                  num_attention_heads = 4, vocab_size = 1024, max_position_embeddings = 512, mamba_d_state = 16 }
    local function plan(approximate)
      return planning.plan(oracle.scenario { model = odd, hardware = "h100-sxm", approximate = approximate,
        workload = oracle.workload.batch { count = 1, prompt = 16, output = 2 } })
    end
    local ok, why = pcall(plan)
    assert.is_false(ok)
    assert.matches("^model: model: model_type odd is not known, and its mamba_d_state tells", why)
    assert.matches("model_type odd is not known; taken as built like llama", plan(true).warnings[1])
  end)
end)

describe("sparse attention", function()
  local function model(changes, approximate)
    local raw = { model_type = "deepseek_v32", num_hidden_layers = 8, hidden_size = 256, intermediate_size = 512,
                  num_attention_heads = 4, num_key_value_heads = 4, vocab_size = 1000, max_position_embeddings = 4096,
                  kv_lora_rank = 64, qk_rope_head_dim = 16, qk_nope_head_dim = 32, v_head_dim = 32, index_topk = 512,
                  index_n_heads = 4, index_head_dim = 32, n_routed_experts = 8, num_experts_per_tok = 2,
                  moe_intermediate_size = 128 }
    for k, v in pairs(changes) do raw[k] = v or nil end
    return huggingface.read(raw, "config.json", approximate and { approximate = true } or nil)
  end

  it("has indexers in as many layers as the file says: others take what one before them chose", function()
    local m = model {}
    assert.same({ 512, 512, 8 }, { m.index_topk, m.sliding_window, m.num_windowed_layers })
    assert.is_nil(m.num_index_layers)                     -- in each
    local types = seq(8, function(i) return i % 3 == 0 and "full" or "shared" end)
    assert.equal(3, model { indexer_types = types }.num_index_layers)
    -- Two in front, then of each three the first.
    assert.equal(4, model { index_topk_freq = 3, index_skip_topk_offset = 2 }.num_index_layers)
  end)

  it("is full attention where no context is longer than what is chosen", function()
    local m = model { max_position_embeddings = 512, index_topk_freq = 3 }
    assert.is_nil(m.index_topk)
    assert.is_nil(m.num_index_layers)
    assert.equal(0, m.num_windowed_layers or 0)
  end)

  it("of kinds that servers do not know is taken as full, and said to be", function()
    local plain = { model_type = "llama", kv_lora_rank = false, qk_rope_head_dim = false, qk_nope_head_dim = false,
                    v_head_dim = false, index_topk = false, n_routed_experts = false,
                    num_experts_per_tok = false, moe_intermediate_size = false }
    plain.nsa_config = { block_size = 64 }
    local m = model(plain)
    assert.equal("config.json: nsa_config: sparse attention is taken as full, as servers that do not know it do",
      m.warnings[1])
    plain.nsa_config, plain.index_topk = nil, 512
    m = model(plain, true)
    assert.matches("index_topk = 512: sparse attention is taken as full", table.concat(m.warnings, "\n"))
    assert.is_nil(m.index_topk)
  end)

  it("or not, layers of one kind may have heads of their own number", function()
    local m = model { model_type = "llama", kv_lora_rank = false, qk_rope_head_dim = false, qk_nope_head_dim = false,
      v_head_dim = false, index_topk = false, n_routed_experts = false, num_experts_per_tok = false,
      moe_intermediate_size = false, head_dim = 64, sliding_window = 128,
      num_attention_heads_per_layer = seq(8, function(i) return i % 4 == 0 and 4 or 8 end),
      layer_types = seq(8, function(i) return i % 4 == 0 and "full_attention" or "sliding_attention" end) }
    assert.same({ 8, 4, 6 }, { m.num_attention_heads, m.full_attention_heads, m.num_windowed_layers })
  end)

  it("keeps keys of its indexer, and reads what it chooses", function()
    local catalog = require "oracle.models.catalog"
    local dense, sparse = catalog.model "deepseek-v3", catalog.model "deepseek-v3.2"
    assert.equal(576 * 2 + 132, memory(sparse).windowed.bytes)
    assert.equal(576 * 2, memory(dense).full.bytes)
    local function attention(m, context)
      local layout = { tensor_parallel_size = 8, activations = "bf16", weights = "fp8", kv = "bf16" }
      return core.cost.step { model = m, hardware = catalog.hardware "h200", layout = layout,
        shape = { decode_seqs = 32, decode_context = 32 * context,
                  decode_window = 32 * math.min(context, m.sliding_window > 0 and m.sliding_window or context),
                  sampled = 32 } }.attention
    end
    assert.is_true(attention(sparse, 65536) < 0.2 * attention(dense, 65536))
    -- Its own heads are few beside the 128 / 8 of the dense model, and what it adds grows with the context.
    assert.is_true(attention(sparse, 65536) > attention(sparse, 4096))
  end)

  it("is refused beside attention that is not latent", function()
    local ok, why = pcall(huggingface.read, { model_type = "llama", num_hidden_layers = 2, hidden_size = 64,
      intermediate_size = 64, num_attention_heads = 2, vocab_size = 64, max_position_embeddings = 64,
      index_topk = 16 }, "config.json")
    assert.is_false(ok)
    assert.matches("index_topk = 16: an indexer beside attention that is not latent is not known", why)
  end)
end)

describe("what files leave out", function()
  local function with(model_type, changes)
    local raw = { model_type = model_type, num_hidden_layers = 54, hidden_size = 2560, intermediate_size = 10240,
                  num_attention_heads = 32, num_key_value_heads = 32, vocab_size = 32000 }
    for k, v in pairs(changes) do raw[k] = v end
    return raw
  end

  local function refusal(...)
    local ok, why = pcall(huggingface.read, with(...), "config.json")
    assert.is_false(ok)
    return (why:gsub("^config.json: ", ""))
  end

  it("of Zamba's layers is what transformers takes, by period and by number", function()
    local m = huggingface.read({ model_type = "zamba", num_hidden_layers = 76, hidden_size = 3712,
      intermediate_size = 14848, num_attention_heads = 16, num_key_value_heads = 16, vocab_size = 32000,
      attn_layer_offset = 4, attn_layer_period = 6, mamba_d_state = 16, mamba_d_conv = 4, mamba_expand = 2,
      mamba_dt_rank = 232, n_mamba_heads = 2, attention_head_dim = 464 }, "config.json")
    -- layers 2, then every sixth from the fifth of those after it
    assert.same({ 13, 76 }, { m.num_hidden_layers - 76, m.num_state_layers })
    assert.near(7.23e9, core.cost.parameters(m).total, 0.005 * 7.23e9)
    local zamba2 = { mamba_d_state = 64, mamba_headdim = 64, attention_head_dim = 160, num_mem_blocks = 2 }
    m = huggingface.read(with("zamba2", zamba2), "config.json")
    assert.same({ 9, 54 }, { m.num_hidden_layers - 54, m.num_state_layers })
    zamba2.hybrid_layer_ids = A { 6, 12 }
    m = huggingface.read(with("zamba2", zamba2), "config.json")
    assert.same({ 2, 54 }, { m.num_hidden_layers - 54, m.num_state_layers })
    assert.equal("layers_block_type is missing (needed for model_type zamba2)",
      refusal("zamba2", { num_hidden_layers = 81 }))
  end)

  it("of experts is refused: their number, and their width where it is not the MLP's", function()
    assert.equal("moe_intermediate_size is missing (needed for model_type qwen3_moe)",
      refusal("qwen3_moe", { num_experts = 8, num_experts_per_tok = 2 }))
    assert.equal("num_experts is missing (needed for model_type qwen3_next)",
      refusal("qwen3_next", { num_experts_per_tok = 2 }))
    assert.equal("num_experts is missing (needed for model_type jamba)", refusal("jamba", { attn_layer_period = 8 }))
    assert.equal("num_experts is missing (needed for model_type nemotron_h)",
      refusal("nemotron_h", { hybrid_override_pattern = ("ME"):rep(27), mamba_num_heads = 8, mamba_head_dim = 64 }))
    local m = huggingface.read(with("mixtral", { num_local_experts = 8, num_experts_per_tok = 2 }), "config.json")
    assert.equal(10240, m.moe_intermediate_size)
  end)

  it("of MiniCPM3's values is their share of the width", function()
    local m = huggingface.read({ model_type = "minicpm3", num_hidden_layers = 62, hidden_size = 2560,
      intermediate_size = 6400, num_attention_heads = 40, num_key_value_heads = 40, vocab_size = 73448,
      q_lora_rank = 768, kv_lora_rank = 256, qk_nope_head_dim = 64, qk_rope_head_dim = 32 }, "config.json")
    assert.equal(64, m.v_head_dim)
    assert.near(4.07e9, core.cost.parameters(m).total, 0.005 * 4.07e9)
  end)

  it("of encoders is said: those without sizes, and experts for images alone", function()
    local m = huggingface.read(with("phi4mm", { embd_layer = { embedding_cls = "image_audio" } }), "config.json")
    assert.equal("config.json: embd_layer: an encoder of no known size; its memory does not count", m.warnings[2])
    m = huggingface.read(with("ernie4_5_moe_vl", { num_hidden_layers = 28, intermediate_size = 12288,
      num_attention_heads = 20, num_key_value_heads = 4, moe_num_experts = A { 64, 64 }, moe_k = 6,
      moe_intermediate_size = A { 1536, 512 }, moe_layer_start_index = A { 1, 1 } }), "config.json")
    assert.equal(27 * 64 * (3 * 2560 * 512 + 2560), m.tower_parameters)
    assert.same({ 64, 1536, 1 }, { m.num_experts, m.moe_intermediate_size, m.num_dense_layers })
  end)

  it("of kinds of layers in a model_type that is not known is refused", function()
    assert.matches("layer_group_size tells of layers that are not llama's",
      refusal("bailing_moe_linear", { layer_group_size = 8 }))
  end)
end)
