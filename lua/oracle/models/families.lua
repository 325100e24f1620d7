--- What a model family's code fixes and its config.json leaves out: one entry per model_type.
-- Source of every entry: the configuration and modelling classes of that model_type in Hugging Face transformers
-- (v4.57, 2025-10), or of the model's own repository where transformers has none.
--
-- Keys, all optional:
--   like            the family whose entry this one starts from
--   tied            tie_word_embeddings when the file does not say (false)
--   gated           three MLP matrices (true)
--   norms           norms per layer (2); norm_bias: LayerNorm with bias instead of RMSNorm (false)
--   learned         a table of position embeddings (false)
--   attention_bias  biases on Q, K and V when the file does not say (false); linear_bias: on every matrix
--   qk_norm         norms on each head's Q and K (false)
--   head_dim, kv_heads, context   values when absent; context 0: must be given
--   both_halves     intermediate_size counts gate and up together (false)
--   mlp             MLP width as a multiple of hidden_size, when absent
--   multi_query     all heads share one K and V when the file does not say (false)
--   parallel        attention and MLP side by side under one norm, unless the file says otherwise
--   window          which layers a sliding window covers: "all", "even", "qwen", "chunked", "listed", or N: all but
--                   every N-th. Absent: the family has none; "none": its key means something else
--   state           what layers are that are no attention (oracle.models.states); state_beside: attention works beside
--                   it in every layer; halves: a layer is a mixer or an MLP, not both
--   attention_gate  queries come with a gate when the file does not say (false)
--   mlp_key, mlp_of the MLP's width where another key has it: function(c, its value)
--   per_layer       how sizes of single layers are given (oracle.models.per_layer)
--   mtp             layers that predict further tokens when the file does not say (none; 0: the checkpoint has none
--                   whatever the file says); mtp_dense: with a dense MLP; mtp_tables: copies of embedding and head
--                   that they bring
--   before, experts, finish   function(c, m): changes of the shape before anything is read, after the experts, at the
--                   end
--   needs           fields without which its files say too little, "a|b": one of them
--   routed          none of its files is without experts
--   even_values     v_head_dim when absent: hidden_size over heads
--   expert_width    experts have a width of their own, which is not the MLP's
--   window_size     its width when absent (an explicit null still means none)
--   nested          values of the text_config class that a multimodal file leaves out where they equal the default
local built = require "oracle.models.built"

local families = {}

families.llama = {
  context = 2048,
  nested = { hidden_size = 4096, intermediate_size = 11008, num_hidden_layers = 32, num_attention_heads = 32,
             vocab_size = 32000 },
}
families.mistral = {
  kv_heads = 8, context = 131072, window = "all", window_size = 4096,
  nested = { hidden_size = 4096, intermediate_size = 14336, num_hidden_layers = 32, num_attention_heads = 32,
             vocab_size = 32000 },
}
families.mixtral = { kv_heads = 8, context = 131072, window = "all" }
families.qwen = { attention_bias = true, context = 32768, both_halves = true }
families.qwen2 = {
  kv_heads = 32, context = 32768, attention_bias = true, window = "qwen", window_size = 4096,
}
families.qwen3 = { kv_heads = 32, context = 32768, head_dim = 128, qk_norm = true, window = "qwen" }
families.qwen2_moe = { like = "qwen2", kv_heads = 16 }
families.qwen3_moe = { like = "qwen3", kv_heads = 4, head_dim = false }
families.qwen3_next = { like = "qwen3_moe", head_dim = 256, state = "delta_net", attention_gate = true, mtp = 1 }
families.qwen3_5 = { like = "qwen3_next", kv_heads = 4, mtp = false }
families.bamba = { kv_heads = 8, context = 262144, state = "mamba2", needs = { "attn_layer_indices|layer_types" } }
families.falcon_h1 = { context = 8192, state = "mamba2", state_beside = true }
families.granitemoehybrid = {
  context = 2048, state = "mamba2", needs = { "layer_types|layers_block_type", "num_experts" },
  mlp_key = "shared_intermediate_size",
  mlp_of = function(c, own) return c:count("num_experts", 0, 0) <= 1 and own or c:need "intermediate_size" end,
}
families.jamba = {
  kv_heads = 8, context = 262144, state = "mamba", needs = { "attn_layer_period|layers_block_type|layer_types" },
}
families.kimi_linear = { context = 4096, state = "kimi_delta", needs = { "linear_attn_config", "kv_lora_rank" } }
-- The MLP is two thirds of what the file says, in whole 256s (Lfm2MLP).
families.lfm2 = {
  context = 128000, state = "convolution", needs = { "layer_types|full_attn_idxs" }, qk_norm = true, tied = true,
  kv_heads = 8, mlp_key = "block_ff_dim",
  mlp_of = function(c, own)
    if not c:flag("block_auto_adjust_ff_dim", true) then return own end
    local factor = tonumber((c:value "block_ffn_dim_multiplier")) or 1
    if not (factor > 0 and factor < 1000) then c:fail("block_ffn_dim_multiplier = %g: above 0 expected", factor) end
    local multiple = c:count("block_multiple_of", 256)
    return multiple * ((math.floor(factor * (2 * own // 3)) + multiple - 1) // multiple)
  end,
}
families.minimax = {
  kv_heads = 8, context = 4096, state = "lightning", needs = { "attn_type_list|layer_types|layers_block_type" },
}
families.nemotron_h = {
  gated = false, kv_heads = 8, context = 4096, state = "mamba2", halves = true,
  needs = { "hybrid_override_pattern|layers_block_type" },
}
families.zamba2 = { context = 4096, tied = true, state = "mamba2" }
families.zamba = { context = 4096, tied = true, state = "mamba" }
families.gemma = { tied = true, kv_heads = 16, head_dim = 256, context = 8192 }
families.gemma2 = {
  like = "gemma", kv_heads = 4, norms = 4, window = "even", window_size = 4096,
}
families.gemma3 = {
  like = "gemma", kv_heads = 4, norms = 4, qk_norm = true, context = 131072, window = 6, window_size = 4096,
  nested = { hidden_size = 2304, intermediate_size = 9216, num_hidden_layers = 26, num_attention_heads = 8,
             vocab_size = 262208 },
}
families.gemma3n = {
  like = "gemma3", window_size = 512, kv_heads = 2, finish = built.gemma3n,
  needs = { "hidden_size_per_layer_input", "vocab_size_per_layer_input" },
}
families.gemma4 = { like = "gemma3", window_size = 1024, experts = built.gemma4_experts, finish = built.gemma4 }
families.phi = {
  gated = false, norms = 1, norm_bias = true, linear_bias = true, mlp = 4, context = 2048,
}
families.phi3 = { context = 4096, window = "all" }
families.phimoe = { attention_bias = true, norm_bias = true, kv_heads = 8, context = 131072, window = "all" }
families.gpt2 = {
  tied = true, gated = false, norm_bias = true, linear_bias = true, learned = true, mlp = 4, context = 1024,
}
families.gpt_bigcode = { like = "gpt2", multi_query = true }
families.gpt_neo = { like = "gpt2", linear_bias = false, context = 2048, window = "listed", window_size = 256 }
families.gptj = { tied = false, gated = false, norms = 1, norm_bias = true, mlp = 4, context = 2048 }
families.gpt_neox = {
  gated = false, norm_bias = true, linear_bias = true, context = 2048,
}
families.opt = {
  tied = true, gated = false, norm_bias = true, linear_bias = true, learned = true, context = 2048,
}
families.bloom = {
  tied = true, gated = false, norm_bias = true, linear_bias = true, mlp = 4, context = 2048,
}
families.falcon = {
  tied = true, gated = false, norm_bias = true, mlp = 4, context = 2048, multi_query = true, parallel = true,
}
families.RefinedWeb = { like = "falcon", multi_query = false, parallel = false }  -- Falcon-40B's older name
families.mpt = { tied = true, gated = false, mlp = 4, context = 2048 }
families.openelm = { tied = true, qk_norm = true, mlp = 4, context = 2048, per_layer = "openelm" }
families["nemotron-nas"] = { mlp = 4, context = 131072, per_layer = "blocks", needs = { "block_configs" } }
families.starcoder2 = {
  tied = true, gated = false, norm_bias = true, linear_bias = true, kv_heads = 2, context = 4096, window = "all",
}
families.stablelm = { norm_bias = true, context = 4096 }
families.nemotron = { gated = false, norm_bias = true, context = 4096 }
families.arcee = { gated = false, context = 4096 }
families.apertus = { gated = false, qk_norm = true, context = 65536 }
families.afmoe = { norms = 4, qk_norm = true, attention_gate = true, context = 16384 }
families.cohere = { tied = true, norms = 1, context = 8192 }
families.cohere2 = { like = "cohere", window = 4, window_size = 4096 }
families.olmo = { norms = 0, context = 2048 }
families.olmo2 = { qk_norm = true, context = 2048 }
families.olmo3 = { like = "olmo2", context = 65536, window = 4, window_size = 4096 }
families.olmoe = { qk_norm = true, context = 4096 }
families.dbrx = { context = 2048 }
families.deepseek_v3 = { context = 4096, mtp_tables = 2, needs = { "kv_lora_rank|use_mla" } }
families.minicpm3 = { like = "deepseek_v3", even_values = true, tied = true }
families.deepseek_v32 = { like = "deepseek_v3", needs = { "kv_lora_rank", "index_topk" } }
families.glm_moe_dsa = { context = 202752, needs = { "kv_lora_rank", "index_topk" } }
families.deepseek_v4 = {
  context = 1048576, window = "none", head_dim = 512, needs = { "compress_ratios|layer_types" },
  finish = built.deepseek_v4,
}
families.longcat_flash = {
  context = 131072, before = built.two_in_one, experts = built.longcat_experts, mtp_dense = true, mtp_tables = 1,
  needs = { "kv_lora_rank", "num_experts" },
}
families.gpt_oss = {
  attention_bias = true, linear_bias = true, kv_heads = 8, head_dim = 64, context = 131072, window = "even",
  window_size = 128,
}
families.mllama = {
  like = "llama", kv_heads = 8, context = 131072, needs = { "cross_attention_layers" }, before = built.without_cross,
  finish = built.cross,
}
families.llama4 = {
  experts = built.llama4_experts,
  kv_heads = 8, head_dim = 128, context = 131072, window = "chunked", window_size = 8192,
  nested = { hidden_size = 5120, intermediate_size = 8192, intermediate_size_mlp = 16384, num_hidden_layers = 48,
             num_attention_heads = 40, vocab_size = 202048, num_experts = 16, num_experts_per_tok = 1 },
}
families.glm = { kv_heads = 2, head_dim = 128, context = 131072 }
families.glm4 = { like = "glm", norms = 4 }
families.glm4_moe = { kv_heads = 8, head_dim = 128, context = 131072, mtp_tables = 2 }
families.chatglm = { attention_bias = true, context = 32768 }
families.minicpm = { tied = true, context = 2048 }
families.exaone4 = { qk_norm = true, context = 2048, window = 4 }
families.minimax_m2 = { qk_norm = true, head_dim = 128, kv_heads = 8, context = 0, mtp = 0 }
families.minimax_m3 = {
  like = "minimax_m2", kv_heads = 4, context = 1048576, experts = built.minimax_m3_experts,
  mlp_key = "dense_intermediate_size", mlp_of = function(_, own) return own end,
}
families.mimo = { like = "qwen2", mtp_dense = true }
families.mimo_v2 = { context = 262144, mtp = 3, mtp_dense = true }
families.seed_oss = { kv_heads = 8, head_dim = 128, context = 524288, attention_bias = true }
families.dots1 = { qk_norm = true, context = 2048 }
families.ernie4_5 = { tied = true, kv_heads = 4, context = 131072, finish = built.ernie_experts }
families.hunyuan = { context = 32768 }
families.step3p5 = { qk_norm = true, context = 65536, mtp_dense = true }
families.step3_text = { context = 65536 }
families.laguna = { qk_norm = true, context = 131072 }
families.bailing_moe = { context = 16384 }
families.bailing_moe_v2 = { like = "bailing_moe", qk_norm = true }

-- model_type -> the family it is built as. `_text` at the end is dropped before.
local SAME = {
  llama = { "aquila", "baichuan", "deci", "deepseek", "exaone", "granite", "granitemoe", "granitemoeshared", "internlm",
            "internlm2", "internlm3", "smollm3", "solar", "xverse", "Yi" },
  mllama = { "mllama_text_model" },
  mistral = { "ministral", "ministral3", "mistral3", "pixtral" },
  qwen2 = { "qwen2_vl", "qwen2_5_vl", "qwen2_5_omni", "qwen2_audio", "qwen2_audio_encoder" },
  qwen3 = { "qwen3_vl" },
  qwen3_moe = { "qwen3_vl_moe", "qwen3_omni_moe" },
  qwen3_5 = { "qwen3_5_moe" },
  lfm2 = { "lfm2_moe", "lfm2_vl" },
  minimax = { "minimax_text_01", "minimax_m1", "MiniMaxText01", "MiniMaxM1" },
  minimax_m3 = { "minimax_m3_vl" },
  kimi_linear = { "kimi_k3" },
  phi3 = { "phi4mm", "phi3_v" },
  falcon = { "RefinedWebModel" },
  deepseek_v3 = { "deepseek_v2", "glm4_moe_lite", "deepseek_vl_v2", "kimi_k2", "kimi_k25",
                  "kimi_vl", "mistral4" },
  glm4_moe = { "glm4v_moe", "hy_v3" },
  glm4 = { "glm4v" },
  ernie4_5 = { "ernie4_5_moe", "ernie4_5_vl", "ernie4_5_moe_vl" },
  hunyuan = { "hunyuan_v1_dense", "hunyuan_v1_moe", "hunyuan_moe" },
  step3p5 = { "step3p7" },
  step3_text = { "step3", "step3_vl" },
  mimo_v2 = { "mimo_v2_flash" },
}
for name, others in pairs(SAME) do
  for _, other in ipairs(others) do families[other] = { like = name } end
end

for name in ("bailing_moe deepseek deepseek_v3 deepseek_v4 dots1 ernie4_5_moe glm4_moe glm_moe_dsa gpt_oss granitemoe "
  .. "hunyuan_v1_moe jamba kimi_linear lfm2_moe mimo_v2 minimax minimax_m2 mixtral olmoe phimoe qwen2_moe qwen3_moe "
  .. "qwen3_5_moe step3_text"):gmatch "%S+" do
  families[name].routed = true
end
families.qwen3_next.routed, families.minicpm3.routed = false, false

for name in ("afmoe bailing_moe deepseek deepseek_v3 deepseek_v4 dots1 ernie4_5_moe gemma4 glm4_moe glm_moe_dsa "
  .. "kimi_linear lfm2_moe longcat_flash mimo_v2 nemotron_h qwen2_moe qwen3_moe step3_text step3p5"):gmatch "%S+" do
  families[name].expert_width = true
end

return families
