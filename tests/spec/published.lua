--- Published models by the fields of their config.json that matter, with the parameters and the bytes of weights that
-- their checkpoints hold: a list of { id, parameters =, bytes =, config =, source = }. `parameters` counts what the
-- file page counts; `mtp`: layers that predict further tokens among them. Both may be nil where only the other is
-- published. Without `source` they are those of the model's page and of its model.safetensors.index.json on
-- huggingface.co.
local json = require("oracle.core").json

local function A(list) return setmetatable(list, json.array) end

-- A list of what f gives for layers 0 to n - 1.
local function seq(n, f)
  local list = {}
  for i = 0, n - 1 do list[i + 1] = f(i) end
  return A(list)
end

-- All that decoder-only files say, and what `more` adds.
local function shape(model_type, layers, hidden, heads, kv, inner, vocab, more)
  local t = { model_type = model_type, num_hidden_layers = layers, hidden_size = hidden, num_attention_heads = heads,
              num_key_value_heads = kv, intermediate_size = inner, vocab_size = vocab, torch_dtype = "bfloat16",
              max_position_embeddings = 1048576 }
  for k, v in pairs(more or {}) do t[k] = v end
  return t
end

local function llama(...) return shape("llama", ...) end

local list = {}

local function add(id, parameters, bytes, config, more)
  local t = { id = id, parameters = parameters, bytes = bytes, config = config }
  for k, v in pairs(more or {}) do t[k] = v end
  list[#list + 1] = t
end

local UNTIED, TIED = { tie_word_embeddings = false }, { tie_word_embeddings = true }

-- ---- Llama ----

add("huggyllama/llama-7b", 6738415616, nil, llama(32, 4096, 32, nil, 11008, 32000))
add("meta-llama/Llama-2-7b-hf", 6738415616, 13476831232, llama(32, 4096, 32, 32, 11008, 32000))
add("meta-llama/Llama-2-13b-hf", 13015864320, 26031728640, llama(40, 5120, 40, 40, 13824, 32000))
local function gptq(bits, group, symmetric)
  return { quantization_config = { quant_method = "gptq", bits = bits, group_size = group, desc_act = true,
                                   sym = symmetric ~= false }, torch_dtype = "float16" }
end
for _, e in ipairs { { 4, 128, 7259435192 }, { 4, 64, 7507243192 }, { 4, 32, 8002859672 }, { 8, -1, 13361903336 } } do
  add(("TheBloke/MythoMax-L2-13B-GPTQ %d bits, %d"):format(e[1], e[2]), nil, e[3],
    llama(40, 5120, 40, 40, 13824, 32000, gptq(e[1], e[2])))
end
add("TheBloke/Genz-70b-GPTQ 3 bits, 128", nil, 28029117672, llama(80, 8192, 64, 8, 28672, 32000, gptq(3, 128)))
local function in_groups(format, bits, kind, more)
  local weights = { num_bits = bits, type = kind, symmetric = true }
  for k, v in pairs(more or {}) do weights[k] = v end
  return { quantization_config = { quant_method = "compressed-tensors", format = format, ignore = A{ "lm_head" },
    config_groups = { group_0 = { targets = A{ "Linear" }, weights = weights } } } }
end
local GROUPS_OF_128 = { strategy = "group", group_size = 128 }
add("Llama-3.1-8B, W4A16", nil, 5700595200,
  llama(32, 4096, 32, 8, 14336, 128256, in_groups("pack-quantized", 4, "int", GROUPS_OF_128)))
add("Llama-3.1-8B, W4A8 kept in 8 bits", nil, 9190252544,
  llama(32, 4096, 32, 8, 14336, 128256, in_groups("int-quantized", 8, "int", GROUPS_OF_128)))
add("Llama-3.1-8B, FP8", nil, 9.08e9, llama(32, 4096, 32, 8, 14336, 128256, in_groups("float-quantized", 8, "float")))
add("Orpheus-3B, NF4", nil, 2456339440, llama(28, 3072, 24, 8, 8192, 156940, { head_dim = 128,
  tie_word_embeddings = true, quantization_config = { quant_method = "bitsandbytes", load_in_4bit = true,
    bnb_4bit_quant_type = "nf4", bnb_4bit_use_double_quant = true, llm_int8_skip_modules = A{ "lm_head",
      "multi_modal_projector", "merger", "modality_projection", "model.layers.0.self_attn" } } }))
add("meta-llama/Llama-2-70b-hf", 68976648192, 137953296384, llama(80, 8192, 64, 8, 28672, 32000))
add("meta-llama/Meta-Llama-3-8B", 8030261248, 16060522496, llama(32, 4096, 32, 8, 14336, 128256))
add("meta-llama/Llama-3.1-70B", 70553706496, 141107412992, llama(80, 8192, 64, 8, 28672, 128256))
add("meta-llama/Llama-3.1-405B", 405853388800, 811706777600, llama(126, 16384, 128, 8, 53248, 128256))
add("meta-llama/Llama-3.2-1B", 1235814400, 2471628800, llama(16, 2048, 32, 8, 8192, 128256, TIED))
add("meta-llama/Llama-3.2-3B", 3212749824, 6425499648, llama(28, 3072, 24, 8, 8192, 128256, TIED))
add("meta-llama/Llama-3.2-11B-Vision-Instruct", 10670220835, 21340441670, {
  model_type = "mllama", torch_dtype = "bfloat16",
  text_config = shape("mllama_text_model", 40, 4096, 32, 8, 14336, 128256,
    { cross_attention_layers = A{ 3, 8, 13, 18, 23, 28, 33, 38 } }),
  vision_config = { model_type = "mllama_vision_model", hidden_size = 1280, intermediate_size = 5120,
    num_hidden_layers = 32, num_global_layers = 8, image_size = 560, patch_size = 14, max_num_tiles = 4,
    vision_output_dim = 7680, num_channels = 3, attention_heads = 16 } })
add("meta-llama/Llama-3.2-90B-Vision-Instruct", 88592937235, nil, { model_type = "mllama", torch_dtype = "bfloat16",
  text_config = shape("mllama_text_model", 100, 8192, 64, 8, 28672, 128256,
    { cross_attention_layers = seq(20, function(i) return 3 + 5 * i end) }),
  vision_config = { model_type = "mllama_vision_model", hidden_size = 1280, intermediate_size = 5120,
    num_hidden_layers = 32, num_global_layers = 8, image_size = 560, patch_size = 14, max_num_tiles = 4,
    vision_output_dim = 7680, num_channels = 3, attention_heads = 16 } })

local function llama4(experts, step)
  return { model_type = "llama4", torch_dtype = "bfloat16",
    text_config = shape("llama4_text", 48, 5120, 40, 8, 8192, 202048, { intermediate_size_mlp = 16384,
      num_local_experts = experts, num_experts_per_tok = 1, head_dim = 128, interleave_moe_layer_step = step,
      attention_chunk_size = 8192, no_rope_layers = seq(48, function(i) return i % 4 == 3 and 0 or 1 end) }),
    vision_config = { model_type = "llama4_vision_model", hidden_size = 1408, intermediate_size = 5632,
      num_hidden_layers = 34, patch_size = 14, image_size = 336, num_channels = 3, projector_input_dim = 4096,
      projector_output_dim = 4096, vision_output_dim = 4096 } }
end
add("meta-llama/Llama-4-Scout-17B-16E", 108641793536, 217283587072, llama4(16, 1))
add("meta-llama/Llama-4-Maverick-17B-128E", 401583781376, 803167562752, llama4(128, 2))

-- ---- Mistral ----

local function mistral(...) return shape("mistral", ...) end
add("mistralai/Mistral-7B-v0.1", 7241732096, 14483464192, mistral(32, 4096, 32, 8, 14336, 32000,
  { sliding_window = 4096 }))
add("mistralai/Mistral-7B-v0.3", 7248023552, 14496047104, mistral(32, 4096, 32, 8, 14336, 32768,
  { sliding_window = json.null }))
add("mistralai/Mistral-Nemo-Instruct-2407", 12247782400, 24495564800, mistral(40, 5120, 32, 8, 14336, 131072,
  { head_dim = 128, sliding_window = json.null }))
add("mistralai/Ministral-8B-Instruct-2410", 8019808256, 16039616512, mistral(36, 4096, 32, 8, 12288, 131072,
  { head_dim = 128, sliding_window = 32768 }))
add("mistralai/Mistral-Small-24B-Instruct-2501", 23572403200, 47144806400, mistral(40, 5120, 32, 8, 32768, 131072,
  { head_dim = 128, sliding_window = json.null }))
add("mistralai/Mistral-Large-Instruct-2407", 122610069504, 245220139008, mistral(88, 12288, 96, 8, 28672, 32768,
  { sliding_window = json.null }))
add("mistralai/Mistral-Small-3.1-24B-Instruct-2503", 24011361280, 48022722560, { model_type = "mistral3",
  torch_dtype = "bfloat16", spatial_merge_size = 2, tie_word_embeddings = false,
  text_config = mistral(40, 5120, 32, 8, 32768, 131072, { head_dim = 128, sliding_window = json.null }),
  vision_config = { model_type = "pixtral", hidden_size = 1024, intermediate_size = 4096, num_hidden_layers = 24,
    patch_size = 14, image_size = 1540, hidden_act = "silu" } })
add("mistral-community/pixtral-12b", 12682739712, nil, { model_type = "llava", torch_dtype = "bfloat16",
  text_config = mistral(40, 5120, 32, 8, 14336, 131072, { head_dim = 128, sliding_window = json.null }),
  vision_config = { model_type = "pixtral", hidden_size = 1024, intermediate_size = 4096, num_hidden_layers = 24,
    patch_size = 16, image_size = 1024, hidden_act = "silu" } })
add("mistralai/Mixtral-8x7B-v0.1", 46702792704, 93405585408, shape("mixtral", 32, 4096, 32, 8, 14336, 32000,
  { num_local_experts = 8, num_experts_per_tok = 2 }))
add("mistralai/Mixtral-8x22B-v0.1", 140620634112, 281241268224, shape("mixtral", 56, 6144, 48, 8, 16384, 32000,
  { num_local_experts = 8, num_experts_per_tok = 2 }))

-- ---- Qwen ----

local function qwen2(...) return shape("qwen2", ...) end
add("Qwen/Qwen2.5-0.5B", 494032768, nil, qwen2(24, 896, 14, 2, 4864, 151936, TIED))
add("Qwen/Qwen2.5-1.5B", 1543714304, nil, qwen2(28, 1536, 12, 2, 8960, 151936, TIED))
add("Qwen/Qwen2.5-3B", 3085938688, 6171877376, qwen2(36, 2048, 16, 2, 11008, 151936, TIED))
add("Qwen/Qwen2.5-7B", 7615616512, 15231233024, qwen2(28, 3584, 28, 4, 18944, 152064))
add("Qwen/Qwen2.5-14B", 14770033664, 29540067328, qwen2(48, 5120, 40, 8, 13824, 152064))
add("Qwen/Qwen2.5-32B", 32763876352, 65527752704, qwen2(64, 5120, 40, 8, 27648, 152064))
add("Qwen/Qwen2.5-72B", 72706203648, 145412407296, qwen2(80, 8192, 64, 8, 29568, 152064))
add("Qwen/Qwen1.5-MoE-A2.7B", 14315784192, 28631568384, shape("qwen2_moe", 24, 2048, 16, 16, 5632, 151936,
  { num_experts = 60, num_experts_per_tok = 4, moe_intermediate_size = 1408,
    shared_expert_intermediate_size = 5632 }))
add("Qwen/Qwen2-57B-A14B", 57409026560, nil, shape("qwen2_moe", 28, 3584, 28, 4, 18944, 151936,
  { num_experts = 64, num_experts_per_tok = 8, moe_intermediate_size = 2560,
    shared_expert_intermediate_size = 20480 }))
local function qwen3(...) return shape("qwen3", ...) end
add("Qwen/Qwen3-0.6B", 596049920, nil, qwen3(28, 1024, 16, 8, 3072, 151936,
  { head_dim = 128, tie_word_embeddings = true }))
add("Qwen/Qwen3-4B", 4022468096, 8044936192, qwen3(36, 2560, 32, 8, 9728, 151936,
  { head_dim = 128, tie_word_embeddings = true }))
add("Qwen/Qwen3-8B", 8190735360, 16381470720, qwen3(36, 4096, 32, 8, 12288, 151936, { head_dim = 128 }))
add("Qwen/Qwen3-14B", 14768307200, 29536614400, qwen3(40, 5120, 40, 8, 17408, 151936, { head_dim = 128 }))
add("Qwen/Qwen3-32B", 32762123264, 65524246528, qwen3(64, 5120, 64, 8, 25600, 151936, { head_dim = 128 }))
local function qwen3_moe(layers, hidden, heads, experts, active, inner, more)
  local t = shape("qwen3_moe", layers, hidden, heads, 4, 6144, 151936, { head_dim = 128, num_experts = experts,
    num_experts_per_tok = active, moe_intermediate_size = inner, decoder_sparse_step = 1, mlp_only_layers = A{} })
  for k, v in pairs(more or {}) do t[k] = v end
  return t
end
add("Qwen/Qwen3-30B-A3B", 30532122624, 61064245248, qwen3_moe(48, 2048, 32, 128, 8, 768))
add("Qwen/Qwen3-235B-A22B", 235093634560, 470187269120, qwen3_moe(94, 4096, 64, 128, 8, 1536))
add("Qwen/Qwen3-Coder-480B-A35B-Instruct", 480154875392, nil, qwen3_moe(62, 6144, 96, 160, 8, 2560,
  { num_key_value_heads = 8 }))
local FP8_BLOCK = { quant_method = "fp8", activation_scheme = "dynamic", fmt = "e4m3",
                    weight_block_size = A{ 128, 128 } }
local function linear(keys, values)
  return { linear_conv_kernel_dim = 4, linear_key_head_dim = 128, linear_value_head_dim = 128,
           linear_num_key_heads = keys, linear_num_value_heads = values, head_dim = 256, full_attention_interval = 4 }
end
local function with(t, more)
  local u = {}
  for k, v in pairs(t) do u[k] = v end
  for k, v in pairs(more or {}) do u[k] = v end
  return u
end
add("Qwen/Qwen3-Next-80B-A3B-Instruct", 81324862720, nil, shape("qwen3_next", 48, 2048, 16, 2, 5120, 151936,
  with(linear(16, 32), { num_experts = 512, num_experts_per_tok = 10, moe_intermediate_size = 512,
    shared_expert_intermediate_size = 512, decoder_sparse_step = 1 })), { mtp = true })
local VISION35 = { model_type = "qwen3_5", depth = 27, hidden_size = 1152, intermediate_size = 4304, patch_size = 16,
  temporal_patch_size = 2, spatial_merge_size = 2, num_position_embeddings = 2304, in_channels = 3,
  deepstack_visual_indexes = A{}, hidden_act = "gelu_pytorch_tanh" }
add("Qwen/Qwen3.5-35B-A3B", 35951822704, 71903645408, { model_type = "qwen3_5_moe", vision_config = VISION35,
  tie_word_embeddings = false,
  text_config = shape("qwen3_5_moe_text", 40, 2048, 16, 2, nil, 248320, with(linear(16, 32), { num_experts = 256,
    num_experts_per_tok = 8, moe_intermediate_size = 512, shared_expert_intermediate_size = 512,
    mtp_num_hidden_layers = 1 })) }, { mtp = true })
add("Qwen/Qwen3.5-4B", 4659865088, nil, { model_type = "qwen3_5", tie_word_embeddings = true,
  vision_config = with(VISION35, { depth = 24, hidden_size = 1024, intermediate_size = 4096 }),
  text_config = shape("qwen3_5_text", 32, 2560, 16, 4, 9216, 248320, with(linear(16, 32),
    { mtp_num_hidden_layers = 1, tie_word_embeddings = true })) }, { mtp = true })
local LEFT = { "lm_head" }
for i = 0, 63 do
  if i % 4 ~= 3 then
    for _, name in ipairs { "", ".norm", ".in_proj_b", ".in_proj_a" } do
      LEFT[#LEFT + 1] = ("model.language_model.layers.%d.linear_attn%s"):format(i, name)
    end
  end
end
add("Qwen3.6-27B, W4A16 in groups", nil, 18698467264 + 849400424, { model_type = "qwen3_5",
  tie_word_embeddings = false, vision_config = VISION35, dtype = "bfloat16",
  text_config = shape("qwen3_5_text", 64, 5120, 24, 4, 17408, 248320, with(linear(16, 48),
    { mtp_num_hidden_layers = 1 })), quantization_config = { quant_method = "compressed-tensors",
    format = "pack-quantized", ignore = A(LEFT), config_groups = { group_0 = { targets = A{ "Linear" }, weights = {
      num_bits = 4, type = "int", strategy = "group", group_size = 128, symmetric = false } } } } })
add("Qwen3.5-9B, MLX in 8 bits", nil, 10426433504, { model_type = "qwen3_5", tie_word_embeddings = false,
  vision_config = with(VISION35, { out_hidden_size = 4096 }),
  quantization_config = { group_size = 64, bits = 8, mode = "affine" },
  text_config = shape("qwen3_5_text", 32, 4096, 16, 4, 12288, 248320, with(linear(16, 32),
    { mtp_num_hidden_layers = 1 })) })
add("Qwen/Qwen3-VL-8B-Instruct", 8767123696, nil, { model_type = "qwen3_vl", tie_word_embeddings = false,
  vision_config = with(VISION35, { model_type = "qwen3_vl", deepstack_visual_indexes = A{ 8, 16, 24 } }),
  text_config = shape("qwen3_vl_text", 36, 4096, 32, 8, 12288, 151936, { head_dim = 128 }) })
add("Qwen/Qwen2.5-VL-7B-Instruct", 8292166656, 16584333312, with(shape("qwen2_5_vl", 28, 3584, 28, 4, 18944, 152064),
  { vision_config = { model_type = "qwen2_5_vl", depth = 32, hidden_size = 1280, intermediate_size = 3420,
    hidden_act = "silu", patch_size = 14, temporal_patch_size = 2, spatial_merge_size = 2, in_chans = 3,
    out_hidden_size = 3584 } }))

-- ---- DeepSeek, Kimi, GLM, MiniMax, LongCat ----

local function latent(q, more)
  return with({ q_lora_rank = q, kv_lora_rank = 512, qk_nope_head_dim = 128, qk_rope_head_dim = 64,
                v_head_dim = 128, moe_layer_freq = 1 }, more)
end
add("deepseek-ai/deepseek-moe-16b-base", 16375728128, 32751456256, shape("deepseek", 28, 2048, 16, 16, 10944, 102400,
  { n_routed_experts = 64, num_experts_per_tok = 6, n_shared_experts = 2, moe_intermediate_size = 1408,
    first_k_dense_replace = 1, moe_layer_freq = 1 }))
add("deepseek-ai/DeepSeek-V2-Lite", 15706484224, 31412968448, shape("deepseek_v2", 27, 2048, 16, 16, 10944, 102400,
  latent(json.null, { n_routed_experts = 64, num_experts_per_tok = 6, n_shared_experts = 2,
    moe_intermediate_size = 1408, first_k_dense_replace = 1 })))
add("deepseek-ai/DeepSeek-V2", 235741434880, 471482869760, shape("deepseek_v2", 60, 5120, 128, 128, 12288, 102400,
  latent(1536, { n_routed_experts = 160, num_experts_per_tok = 6, n_shared_experts = 2, moe_intermediate_size = 1536,
    first_k_dense_replace = 1 })))
local V3 = latent(1536, { n_routed_experts = 256, num_experts_per_tok = 8, n_shared_experts = 1,
  moe_intermediate_size = 2048, first_k_dense_replace = 3, num_nextn_predict_layers = 1,
  quantization_config = FP8_BLOCK })
add("deepseek-ai/DeepSeek-V3", 684489845504, 688586727753, shape("deepseek_v3", 61, 7168, 128, 128, 18432, 129280, V3),
  { mtp = true })
add("deepseek-ai/DeepSeek-V3.2", nil, 689475776512, shape("deepseek_v32", 61, 7168, 128, 128, 18432, 129280,
  with(V3, { index_topk = 2048, index_n_heads = 64, index_head_dim = 128 })))
add("deepseek-ai/DeepSeek-V4-Pro", nil, 805.32 * 2 ^ 30, shape("deepseek_v4", 61, 7168, 128, 1, nil, 129280, {
  head_dim = 512, q_lora_rank = 1536, o_lora_rank = 1024, o_groups = 16, qk_rope_head_dim = 64, sliding_window = 128,
  n_routed_experts = 384, num_experts_per_tok = 6, n_shared_experts = 1, moe_intermediate_size = 3072, hc_mult = 4,
  index_topk = 1024, index_n_heads = 64, index_head_dim = 128, num_nextn_predict_layers = 1,
  compress_ratios = seq(62, function(i) return i == 61 and 0 or (i < 2 or i % 2 == 1) and 128 or 4 end),
  quantization_config = with(FP8_BLOCK, { scale_fmt = "ue8m0" }) }))
add("deepseek-ai/DeepSeek-V4-Flash", nil, 148.65 * 2 ^ 30, shape("deepseek_v4", 43, 4096, 64, 1, nil, 129280, {
  head_dim = 512, q_lora_rank = 1024, o_lora_rank = 1024, o_groups = 8, qk_rope_head_dim = 64, sliding_window = 128,
  n_routed_experts = 256, num_experts_per_tok = 6, n_shared_experts = 1, moe_intermediate_size = 2048, hc_mult = 4,
  index_topk = 512, index_n_heads = 64, index_head_dim = 128, num_nextn_predict_layers = 1,
  compress_ratios = seq(44, function(i) return (i < 2 or i == 43) and 0 or i % 2 == 1 and 128 or 4 end),
  quantization_config = with(FP8_BLOCK, { scale_fmt = "ue8m0" }) }))
local function awq(group)
  return { quant_method = "awq", bits = 4, group_size = group, zero_point = true, version = "gemm",
           modules_to_not_convert = json.null }
end
add("cognitivecomputations/DeepSeek-R1-AWQ", nil, 364589799936, shape("deepseek_v3", 61, 7168, 128, 128, 18432, 129280,
  with(V3, { quantization_config = awq(64), num_nextn_predict_layers = 0, torch_dtype = "float16" })))
add("TheBloke/Llama-2-7B-AWQ", nil, 3889233920, llama(32, 4096, 32, 32, 11008, 32000,
  { quantization_config = awq(128), torch_dtype = "float16" }))
local K2 = latent(1536, { n_routed_experts = 384, num_experts_per_tok = 8, n_shared_experts = 1,
  moe_intermediate_size = 2048, first_k_dense_replace = 1, num_nextn_predict_layers = 0 })
add("moonshotai/Kimi-K2-Instruct", 1026408232448, 1029173256720, shape("kimi_k2", 61, 7168, 64, 64, 18432, 163840,
  with(K2, { quantization_config = FP8_BLOCK })))
local INT4_EXPERTS = { quant_method = "compressed-tensors", format = "pack-quantized", config_groups = { group_0 = {
  targets = A{ "Linear" }, weights = { num_bits = 4, type = "int", strategy = "group", group_size = 32,
    symmetric = true } } }, ignore = A{ "lm_head", "re:.*self_attn.*", "re:.*shared_experts.*",
    "re:.*mlp\\.(gate|up|gate_up|down)_proj.*" } }
local MOONVIT = { vt_hidden_size = 1152, vt_intermediate_size = 4304, vt_num_hidden_layers = 27,
  vt_num_attention_heads = 16, patch_size = 14, init_pos_emb_height = 64, init_pos_emb_width = 64,
  merge_kernel_size = A{ 2, 2 }, mm_projector_type = "patchmerger" }
add("moonshotai/Kimi-K2.5", nil, 554.27 * 2 ^ 30, { model_type = "kimi_k25", dtype = "bfloat16",
  vision_config = MOONVIT, text_config = shape("kimi_k2", 61, 7168, 64, 64, 18432, 163840,
    with(K2, { quantization_config = INT4_EXPERTS })) })
add("moonshotai/Kimi-Linear-48B-A3B-Instruct", 49122681728, 91.50 * 2 ^ 30, shape("kimi_linear", 27, 2304, 32, 32,
  9216, 163840, latent(json.null, { head_dim = 72, linear_attn_config = { head_dim = 128, num_heads = 32,
    short_conv_kernel_size = 4, full_attn_layers = A{ 4, 8, 12, 16, 20, 24, 27 } }, num_experts = 256,
    num_experts_per_token = 8, num_shared_experts = 1, moe_intermediate_size = 1024, first_k_dense_replace = 1 })))
add("moonshotai/Kimi-K3", nil, 1560860324864, { model_type = "kimi_k3", dtype = "bfloat16",
  vision_config = with(MOONVIT, { vt_hidden_size = 1024, vt_intermediate_size = 4096, qkv_hidden_size = 1536,
    attn_bias = false, linear_bias = false }),
  text_config = shape("kimi_linear", 93, 7168, 96, 96, 33792, 163840, latent(1536, { mla_use_output_gate = true,
    linear_attn_config = { head_dim = 128, num_heads = 96, short_conv_kernel_size = 4, use_full_rank_gate = true,
      full_attn_layers = A{ 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92,
                            93 } }, num_experts = 896, num_experts_per_token = 16, num_shared_experts = 2,
    moe_intermediate_size = 3072, routed_expert_hidden_size = 3584, first_k_dense_replace = 1,
    quantization_config = { quant_method = "compressed-tensors", format = "mxfp4-pack-quantized", config_groups = {
      group_0 = { targets = A{ "Linear" }, format = "mxfp4-pack-quantized", weights = { num_bits = 4, type = "float",
        strategy = "group", group_size = 32, symmetric = true } } },
      ignore = A{ "re:.*self_attn.*", "re:.*shared_experts.*", "re:.*mlp\\.(gate|up|gate_up|down)_proj.*",
                  "re:.*lm_head.*" } } })) })
add("zai-org/GLM-4-9B-0414", 9400279040, 18800558080, shape("glm4", 40, 4096, 32, 2, 13696, 151552,
  { head_dim = 128, attention_bias = true }))
add("zai-org/GLM-4.5-Air", 110468824832, nil, shape("glm4_moe", 46, 4096, 96, 8, 10944, 151552,
  { head_dim = 128, attention_bias = true, n_routed_experts = 128, num_experts_per_tok = 8, n_shared_experts = 1,
    moe_intermediate_size = 1408, first_k_dense_replace = 1, num_nextn_predict_layers = 1 }), { mtp = true })
add("zai-org/GLM-4.5", 358337791296, nil, shape("glm4_moe", 92, 5120, 96, 8, 12288, 151552,
  { head_dim = 128, attention_bias = true, use_qk_norm = true, n_routed_experts = 160, num_experts_per_tok = 8,
    n_shared_experts = 1, moe_intermediate_size = 1536, first_k_dense_replace = 3, num_nextn_predict_layers = 1 }),
  { mtp = true })
add("zai-org/GLM-5.1", 753864139008, 1404.18 * 2 ^ 30, shape("glm_moe_dsa", 78, 6144, 64, 64, 12288, 154880, {
  head_dim = 64, q_lora_rank = 2048, kv_lora_rank = 512, qk_nope_head_dim = 192, qk_rope_head_dim = 64,
  v_head_dim = 256, index_topk = 2048, index_n_heads = 32, index_head_dim = 128, n_routed_experts = 256,
  num_experts_per_tok = 8, n_shared_experts = 1, moe_intermediate_size = 2048, first_k_dense_replace = 3,
  moe_layer_freq = 1, num_nextn_predict_layers = 1 }), { mtp = true })
add("zai-org/GLM-4.7-Flash", 31221488576, nil, shape("glm4_moe_lite", 47, 2048, 20, 20, 10240, 154880, {
  q_lora_rank = 768, kv_lora_rank = 512, qk_nope_head_dim = 192, qk_rope_head_dim = 64, v_head_dim = 256,
  n_routed_experts = 64, num_experts_per_tok = 4, n_shared_experts = 1, moe_intermediate_size = 1536,
  first_k_dense_replace = 1, num_nextn_predict_layers = 1 }), { mtp = true })
add("THUDM/chatglm3-6b", 6243584000, nil, { model_type = "chatglm", num_layers = 28, hidden_size = 4096,
  num_attention_heads = 32, multi_query_attention = true, multi_query_group_num = 2, ffn_hidden_size = 13696,
  kv_channels = 128, padded_vocab_size = 65024, seq_length = 8192, add_qkv_bias = true, torch_dtype = "float16" })
add("MiniMaxAI/MiniMax-Text-01", 456089655296, nil, shape("minimax_text_01", 80, 6144, 64, 8, 9216, 200064,
  { head_dim = 128, num_local_experts = 32, num_experts_per_tok = 2, shared_intermediate_size = 0,
    attn_type_list = seq(80, function(i) return i % 8 == 7 and 1 or 0 end) }))
add("MiniMaxAI/MiniMax-M2.7", 228689698816, 214.32 * 2 ^ 30, shape("minimax_m2", 62, 3072, 48, 8, 1536, 200064,
  { head_dim = 128, num_local_experts = 256, num_experts_per_tok = 8, use_qk_norm = true, num_mtp_modules = 3,
    shared_intermediate_size = 0, attn_type_list = seq(62, function() return 1 end),
    quantization_config = with(FP8_BLOCK, { modules_to_not_convert = A{ "gate", "e_score_correction_bias",
      "lm_head" } }) }))
add("MiniMaxAI/MiniMax-M3", 427040140160, 795.51 * 2 ^ 30, { model_type = "minimax_m3_vl", torch_dtype = "bfloat16",
  vision_config = { model_type = "clip_vision_model", hidden_size = 1280, num_hidden_layers = 32,
    intermediate_size = 5120, patch_size = 14, image_size = 2016, position_embedding_type = "rope", num_channels = 3,
    img_token_compression_config = { spatial_merge_size = 2, temporal_patch_size = 2 } },
  text_config = with(shape(nil, 60, 6144, 64, 4, 3072, 200064), { head_dim = 128, dense_intermediate_size = 12288,
    shared_intermediate_size = 3072, num_local_experts = 128, num_experts_per_tok = 4, n_shared_experts = 1,
    use_qk_norm = true, num_mtp_modules = 7, num_nextn_predict_layers = 1,
    moe_layer_freq = seq(60, function(i) return i < 3 and 0 or 1 end),
    sparse_attention_config = { use_sparse_attention = true, sparse_index_dim = 128, sparse_num_index_heads = 4,
      sparse_topk_blocks = 16, sparse_block_size = 128, sparse_init_block = 0, sparse_local_block = 1,
      sparse_attention_freq = seq(60, function(i) return i < 3 and 0 or 1 end) } }) })
add("MiniMaxAI/MiniMax-M3-MXFP8", nil, 413.27 * 2 ^ 30, with(list[#list].config, { quantization_config = {
  quant_method = "mxfp8", weight_block_size = A{ 1, 32 }, ignored_layers = A(seq(61, function(i)
    return ({ "lm_head", "model.embed_tokens", "vision_tower", "multi_modal_projector", "patch_merge_mlp" })[i + 1]
      or ("language_model.model.layers.%d.block_sparse_moe.gate"):format(i - 1)
  end)) } }))
add("meituan-longcat/LongCat-Flash-Chat", 561862880256, nil, { model_type = "longcat_flash", num_layers = 28,
  hidden_size = 6144, ffn_hidden_size = 12288, expert_ffn_hidden_size = 2048, num_attention_heads = 64,
  n_routed_experts = 512, zero_expert_num = 256, moe_topk = 12, q_lora_rank = 1536, kv_lora_rank = 512,
  qk_nope_head_dim = 128, qk_rope_head_dim = 64, v_head_dim = 128, vocab_size = 131072,
  max_position_embeddings = 131072, torch_dtype = "bfloat16", num_nextn_predict_layers = 1 }, { mtp = true })

-- ---- gpt-oss, Gemma ----

local function gpt_oss(layers, experts)
  return shape("gpt_oss", layers, 2880, 64, 8, 2880, 201088, { head_dim = 64, num_local_experts = experts,
    num_experts_per_tok = 4, sliding_window = 128, layer_types = seq(layers, function(i)
      return i % 2 == 0 and "sliding_attention" or "full_attention" end), attention_bias = true,
    quantization_config = { quant_method = "mxfp4", modules_to_not_convert = A{ "model.layers.*.self_attn",
      "model.layers.*.mlp.router", "model.embed_tokens", "lm_head" } } })
end
add("openai/gpt-oss-20b", 20914757184, 13761264768, gpt_oss(24, 32))
add("openai/gpt-oss-120b", 116829156672, 65248815744, gpt_oss(36, 128))
add("google/gemma-2b", 2506172416, 5012344832, shape("gemma", 18, 2048, 8, 1, 16384, 256000, { head_dim = 256 }))
add("google/gemma-7b", 8537680896, 17075361792, shape("gemma", 28, 3072, 16, 16, 24576, 256000, { head_dim = 256 }))
add("google/gemma-2-2b", 2614341888, nil, shape("gemma2", 26, 2304, 8, 4, 9216, 256000,
  { head_dim = 256, sliding_window = 4096 }))
add("google/gemma-2-9b", 9241705984, nil, shape("gemma2", 42, 3584, 16, 8, 14336, 256000,
  { head_dim = 256, sliding_window = 4096 }))
add("google/gemma-2-27b", 27227128320, 54454256640, shape("gemma2", 46, 4608, 32, 16, 36864, 256000,
  { head_dim = 128, sliding_window = 4096 }))
local SIGLIP = { model_type = "siglip_vision_model", hidden_size = 1152, intermediate_size = 4304,
  num_hidden_layers = 27, patch_size = 14, image_size = 896 }
local function gemma3(layers, hidden, heads, kv, inner, dim)
  return { model_type = "gemma3", torch_dtype = "bfloat16", vision_config = SIGLIP, text_config =
    with(shape("gemma3_text", layers, hidden, heads, kv, inner, 262208), { head_dim = dim, sliding_window = 1024 }) }
end
add("google/gemma-3-1b-it", 999885952, nil, shape("gemma3_text", 26, 1152, 4, 1, 6912, 262144,
  { head_dim = 256, sliding_window = 512, sliding_window_pattern = 6 }))
add("google/gemma-3-4b-it", 4300079472, 8600158944, gemma3(34, 2560, 8, 4, 10240, 256))
add("google/gemma-3-12b-it", 12187325040, 24374650080, gemma3(48, 3840, 16, 8, 15360, 256))
add("google/gemma-3-27b-it", 27432406640, 54864813280, gemma3(62, 5376, 32, 16, 21504, 128))
local function gemma3n(layers, inner, shared)
  return { model_type = "gemma3n", torch_dtype = "bfloat16",
    vision_config = { model_type = "gemma3n_vision", architecture = "mobilenetv5_300m_enc", hidden_size = 2048 },
    audio_config = { model_type = "gemma3n_audio", hidden_size = 1536, conf_num_hidden_layers = 12,
      conf_num_attention_heads = 8, conf_conv_kernel_size = 5, input_feat_size = 128, vocab_size = 128 },
    text_config = with(shape("gemma3n_text", layers, 2048, 8, 2, nil, 262400), { head_dim = 256,
      intermediate_size = seq(layers, function() return inner end), hidden_size_per_layer_input = 256,
      vocab_size_per_layer_input = 262144, laurel_rank = 64, altup_num_inputs = 4, num_kv_shared_layers = shared,
      sliding_window = 512, layer_types = seq(layers, function(i)
        return i % 5 == 4 and "full_attention" or "sliding_attention" end) }) }
end
add("google/gemma-3n-E2B-it", 5439438272, 10878876544, gemma3n(30, 8192, 10))
add("google/gemma-3n-E4B-it", 7849978192, 15699956384, gemma3n(35, 16384, 15))

local function gemma4(config, vision, more)
  return with({ model_type = "gemma4", dtype = "bfloat16", text_config = config, vision_config = with({
    model_type = "gemma4_vision", patch_size = 16, position_embedding_size = 10240, head_dim = 72 }, vision) }, more)
end
add("google/gemma-4-31B-it", 31273088876, 58.25 * 2 ^ 30, gemma4(shape("gemma4_text", 60, 5376, 32, 16, 21504, 262144,
  { head_dim = 256, global_head_dim = 512, num_global_key_value_heads = 4, attention_k_eq_v = true,
    sliding_window = 1024, hidden_size_per_layer_input = 0, num_kv_shared_layers = 0,
    layer_types = seq(60, function(i) return i % 6 == 5 and "full_attention" or "sliding_attention" end) }),
  { hidden_size = 1152, intermediate_size = 4304, num_hidden_layers = 27 }))
add("google/gemma-4-E2B-it", 5123178979, nil, gemma4(shape("gemma4_text", 35, 1536, 8, 1, 6144, 262144,
  { head_dim = 256, global_head_dim = 512, num_global_key_value_heads = json.null, attention_k_eq_v = false,
    sliding_window = 512, hidden_size_per_layer_input = 256, vocab_size_per_layer_input = 262144,
    num_kv_shared_layers = 20, use_double_wide_mlp = true,
    layer_types = seq(35, function(i) return i % 5 == 4 and "full_attention" or "sliding_attention" end) }),
  { hidden_size = 768, intermediate_size = 3072, num_hidden_layers = 16, head_dim = 64 },
  { audio_config = { model_type = "gemma4_audio", hidden_size = 1024, num_hidden_layers = 12 } }))

-- ---- Phi, Granite, hybrids ----

add("microsoft/phi-2", 2779683840, 5559367680, { model_type = "phi", num_hidden_layers = 32, hidden_size = 2560,
  num_attention_heads = 32, intermediate_size = 10240, vocab_size = 51200, max_position_embeddings = 2048,
  torch_dtype = "float16" }, { })
local function phi3(...) return shape("phi3", ...) end
add("microsoft/Phi-3-mini-4k-instruct", 3821079552, 7642159104, phi3(32, 3072, 32, 32, 8192, 32064))
add("microsoft/Phi-3-medium-4k-instruct", 13960238080, 27920476160, phi3(40, 5120, 40, 10, 17920, 32064))
add("microsoft/Phi-3.5-MoE-instruct", 41873153344, 83746306688, shape("phimoe", 32, 4096, 32, 8, 6400, 32064,
  { num_local_experts = 16, num_experts_per_tok = 2, attention_bias = true }))
add("microsoft/phi-4", 14659507200, 29319014400, phi3(40, 5120, 40, 10, 17920, 100352))
add("microsoft/Phi-4-mini-instruct", 3836021760, 7672043520, phi3(32, 3072, 24, 8, 8192, 200064, TIED))
add("ibm-granite/granite-3.1-8b-instruct", 8170864640, nil, shape("granite", 40, 4096, 32, 8, 12800, 49155, TIED))
local function granite4(layers, hidden, heads, kv, inner, shared, experts, active, attends, groups)
  return shape("granitemoehybrid", layers, hidden, heads, kv, inner, 100352, { shared_intermediate_size = shared,
    num_local_experts = experts, num_experts_per_tok = active, tie_word_embeddings = true, mamba_d_head = 64,
    mamba_n_heads = 2 * hidden // 64, mamba_d_state = 128, mamba_n_groups = groups or 1, mamba_d_conv = 4,
    mamba_expand = 2, layer_types = seq(layers, function(i) return attends(i) and "attention" or "mamba" end) })
end
add("ibm-granite/granite-4.0-h-small", 32207338496, nil, granite4(40, 4096, 32, 8, 768, 1536, 72, 10,
  function(i) return i % 10 == 5 end))
add("ibm-granite/granite-4.0-h-tiny", 6939037248, nil, granite4(40, 1536, 12, 4, 512, 1024, 64, 6,
  function(i) return i % 10 == 5 end))
add("tiiuae/Falcon-H1-7B-Instruct", 7585654016, nil, shape("falcon_h1", 44, 3072, 12, 2, 12288, 130048,
  { head_dim = 128, mamba_n_heads = 24, mamba_d_head = 128, mamba_d_ssm = 3072, mamba_d_state = 256,
    mamba_n_groups = 1, mamba_d_conv = 4 }))
add("tiiuae/Falcon-H1-34B-Instruct", 33642516224, nil, shape("falcon_h1", 72, 5120, 20, 4, 21504, 261120,
  { head_dim = 128, mamba_n_heads = 32, mamba_d_head = 128, mamba_d_ssm = 4096, mamba_d_state = 256,
    mamba_n_groups = 2, mamba_d_conv = 4 }))
add("ai21labs/Jamba-v0.1", 51570323328, 103140646656, shape("jamba", 32, 4096, 32, 8, 14336, 65536,
  { attn_layer_period = 8, attn_layer_offset = 4, expert_layer_period = 2, expert_layer_offset = 1, num_experts = 16,
    num_experts_per_tok = 2, mamba_d_state = 16, mamba_d_conv = 4, mamba_expand = 2, mamba_dt_rank = 256 }))
add("ai21labs/AI21-Jamba-1.5-Large", 398555013120, nil, shape("jamba", 72, 8192, 64, 8, 24576, 65536,
  { attn_layer_period = 8, attn_layer_offset = 4, expert_layer_period = 2, expert_layer_offset = 1, num_experts = 16,
    num_experts_per_tok = 2, mamba_d_state = 16, mamba_d_conv = 4, mamba_expand = 2, mamba_dt_rank = 512 }))
-- Its layers by the FFN's multiple, with attention where nothing follows.
local NAS = "2.625;5.25*5;2.625-;2.625-;5.25*3;3.28125-;5.25*30;1.3125-;2.625-;2.625-;1.3125-;5.25-;1.3125-;2.625-;"
  .. "1.3125-;1.3125-;1.3125-;5.25;1.3125-;1.0-;1.0-;1.3125-;1.0-;1.0-;1.0-;1.3125-;1.3125-;0.5-;0.5-;1.0-;1.0-;0.5-;"
  .. "0.5-;1.0-;0.5-;0.5-;5.25*9"
local BLOCKS = A{}
for multiple, off, times in NAS:gmatch "([%d.]+)(%-?)%*?(%d*)" do
  for _ = 1, tonumber(times) or 1 do
    BLOCKS[#BLOCKS + 1] = { attention = { no_op = off == "-", n_heads_in_group = off == "" and 8 or json.null },
                            ffn = { no_op = false, ffn_mult = tonumber(multiple) } }
  end
end
add("nvidia/Llama-3_3-Nemotron-Super-49B-v1", 49867145216, 99734290432, shape("nemotron-nas", 80, 8192, 64, json.null,
  json.null, 128256, { block_configs = BLOCKS }))
-- "120.6B" and "316B" in their reports.
add("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16", 120.6e9, nil, shape("nemotron_h", 88, 4096, 32, 2, 2688, 131072,
  { head_dim = 128, mamba_num_heads = 128, mamba_head_dim = 64, ssm_state_size = 128, conv_kernel = 4, n_groups = 8,
    n_routed_experts = 512, num_experts_per_tok = 22, moe_latent_size = 1024, moe_intermediate_size = 2688,
    moe_shared_expert_intermediate_size = 5376, n_shared_experts = 1, num_nextn_predict_layers = 1,
    hybrid_override_pattern = ("MEMEMEMEME*"):rep(8) }), { source = "its technical report" })
add("stepfun-ai/step3", 316e9, nil, shape("step3_text", 61, 7168, 64, nil, 18432, 128815, { head_dim = 256,
  num_attention_groups = 1, share_q_dim = 2048, moe_num_experts = 48, moe_top_k = 3, moe_intermediate_size = 5120,
  share_expert_dim = 5120, moe_layers_enum = table.concat(seq(56, function(i) return i + 4 end), ",") }),
  { source = "arXiv:2507.19427, without vision" })
add("ibm-ai-platform/Bamba-9B-v2", 9780064000, nil, shape("bamba", 32, 4096, 32, 8, 14336, 128256,
  { attn_layer_indices = A{ 9, 18, 27 }, mamba_n_heads = 128, mamba_d_head = 64, mamba_d_state = 128,
    mamba_n_groups = 1, mamba_d_conv = 4, mamba_expand = 2 }))
local ZAMBA27 = {}
for i = 1, 81 do ZAMBA27[i] = "mamba" end
for _, i in ipairs { 6, 11, 17, 23, 29, 35, 41, 47, 53, 59, 65, 71, 77 } do ZAMBA27[i + 1] = "hybrid" end
add("Zyphra/Zamba2-7B", 7356749808, nil, shape("zamba2", 81, 3584, 32, 32, 14336, 32000, { attention_head_dim = 224,
  mamba_expand = 2, mamba_headdim = 64, n_mamba_heads = 112, mamba_ngroups = 2, mamba_d_state = 64, mamba_d_conv = 4,
  num_mem_blocks = 2, adapter_rank = 128, use_shared_mlp_adapter = true, use_shared_attention_adapter = false,
  layers_block_type = A(ZAMBA27) }))
local function nemotron(pattern, layers, hidden, inner, mamba_heads, heads, kv, more)
  return shape("nemotron_h", layers, hidden, heads, kv, inner, 131072, with({ hybrid_override_pattern = pattern,
    mamba_num_heads = mamba_heads, mamba_head_dim = 64, ssm_state_size = 128, n_groups = 8, conv_kernel = 4,
    head_dim = 128, tie_word_embeddings = false }, more or {}))
end
add("nvidia/Nemotron-H-8B-Base-8K", 8101310976, nil, nemotron("M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M*-M-M-M-M-M-",
  52, 4096, 21504, 128, 32, 8))
add("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 31577940288, nil,
  nemotron("MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME", 52, 2688, 1856, 64, 32, 2,
    { moe_intermediate_size = 1856, moe_shared_expert_intermediate_size = 3712, n_routed_experts = 128,
      n_shared_experts = 1, num_experts_per_tok = 6 }))
add("LiquidAI/LFM2-1.2B", 1170340608, nil, shape("lfm2", 16, 2048, 32, 8, nil, 65536,
  { full_attn_idxs = A{ 2, 5, 8, 10, 12, 14 }, block_ff_dim = 12288, block_auto_adjust_ff_dim = true,
    block_ffn_dim_multiplier = 1.0, block_multiple_of = 256, conv_L_cache = 3 }))
add("LiquidAI/LFM2-8B-A1B", 8339929856, nil, shape("lfm2_moe", 24, 2048, 32, 8, 7168, 65536,
  { moe_intermediate_size = 1792, num_experts = 32, num_experts_per_tok = 4, num_dense_layers = 2, conv_L_cache = 3,
    layer_types = seq(24, function(i) return (i == 2 or i == 6 or i == 10 or i == 14 or i == 18 or i == 21)
      and "full_attention" or "conv" end) }))

-- ---- OLMo, Command-R, Hunyuan, Ernie, Seed, Step, dots, MiMo, InternLM, Baichuan ----

add("allenai/OLMo-7B-hf", 6888095744, nil, shape("olmo", 32, 4096, 32, 32, 11008, 50304))
add("allenai/OLMo-2-1124-7B", 7298617344, nil, shape("olmo2", 32, 4096, 32, 32, 11008, 100352))
add("allenai/OLMo-2-0325-32B", 32234279936, nil, shape("olmo2", 64, 5120, 40, 8, 27648, 100352))
add("allenai/OLMoE-1B-7B-0924", 6919161856, 13838323712, shape("olmoe", 16, 2048, 16, 16, 1024, 50304,
  { num_experts = 64, num_experts_per_tok = 8 }))
add("allenai/Olmo-3-1125-32B", 32233522176, nil, shape("olmo3", 64, 5120, 40, 8, 27648, 100278,
  { sliding_window = 4096 }))
add("CohereLabs/c4ai-command-r-v01", 34980831232, 69961662464, shape("cohere", 40, 8192, 64, 64, 22528, 256000))
add("CohereLabs/c4ai-command-r-plus", 103810674688, nil, shape("cohere", 64, 12288, 96, 8, 33792, 256000,
  { use_qk_norm = true }))
add("CohereLabs/c4ai-command-r7b-12-2024", 8028033024, 16056066048, shape("cohere2", 32, 4096, 32, 8, 14336, 256000,
  { head_dim = 128, sliding_window = 4096, sliding_window_pattern = 4 }))
add("tencent/Hunyuan-A13B-Instruct", 80393183232, nil, shape("hunyuan_v1_moe", 32, 4096, 32, 8, 3072, 128167,
  { head_dim = 128, tie_word_embeddings = true, use_qk_norm = true, num_experts = 64,
    moe_topk = seq(32, function() return 8 end), moe_intermediate_size = seq(32, function() return 3072 end),
    num_shared_expert = seq(32, function() return 1 end) }))
add("baidu/ERNIE-4.5-0.3B-PT", 360748032, nil, shape("ernie4_5", 18, 1024, 16, 2, 3072, 103424,
  { head_dim = 128, tie_word_embeddings = true }))
add("baidu/ERNIE-4.5-21B-A3B-PT", 21825437888, nil, shape("ernie4_5_moe", 28, 2560, 20, 4, 12288, 103424,
  { tie_word_embeddings = true, moe_num_experts = 64, moe_k = 6, moe_intermediate_size = 1536,
    moe_num_shared_experts = 2, moe_layer_start_index = 1, moe_layer_interval = 1 }))
add("ByteDance-Seed/Seed-OSS-36B-Instruct", 36151104512, nil, shape("seed_oss", 64, 5120, 80, 8, 27648, 155136,
  { head_dim = 128, attention_bias = true }))
add("rednote-hilab/dots.llm1.inst", 142774381696, nil, shape("dots1", 62, 4096, 32, 32, 10944, 152064,
  { head_dim = 128, n_routed_experts = 128, num_experts_per_tok = 6, n_shared_experts = 2,
    moe_intermediate_size = 1408, first_k_dense_replace = 1, moe_layer_freq = 1 }))
add("XiaomiMiMo/MiMo-7B-Base", 7833409536, nil, shape("mimo", 36, 4096, 32, 8, 11008, 151680,
  { head_dim = 128, attention_bias = true, num_nextn_predict_layers = 1 }), { mtp = true })
add("XiaomiMiMo/MiMo-V2.5-Pro", nil, 962.40 * 2 ^ 30, shape("mimo_v2", 70, 6144, 128, 8, 16384, 152576,
  { head_dim = 192, v_head_dim = 128, swa_head_dim = 192, swa_v_head_dim = 128, swa_num_attention_heads = 128,
    swa_num_key_value_heads = 8, sliding_window = 128, n_routed_experts = 384, num_experts_per_tok = 8,
    n_shared_experts = json.null, moe_intermediate_size = 2048,
    hybrid_layer_pattern = seq(70, function(i) return (i == 0 or i == 7 or i == 15 or i == 23 or i == 31 or i == 39
      or i == 47 or i == 55 or i == 62 or i == 69) and 0 or 1 end),
    moe_layer_freq = seq(70, function(i) return i == 0 and 0 or 1 end),
    quantization_config = with(FP8_BLOCK, { ignored_layers = seq(71, function(i) return i == 70
      and "model.decoder.self_attn.o_proj" or ("model.layers.%d.self_attn.o_proj"):format(i) end) }) }))
add("internlm/internlm2-7b", 7737708544, 15475417088, shape("internlm2", 32, 4096, 32, 8, 14336, 92544))
add("internlm/internlm2-20b", 19861149696, 39722299392, shape("internlm2", 48, 6144, 48, 8, 16384, 92544))
add("internlm/internlm3-8b-instruct", 8804241408, nil, shape("internlm3", 48, 4096, 32, 2, 10240, 128512,
  { head_dim = 128 }))
add("baichuan-inc/Baichuan2-7B-Chat", 7505973248, nil, shape("baichuan", 32, 4096, 32, nil, 11008, 125696))
add("baichuan-inc/Baichuan2-13B-Chat", 13896668160, nil, shape("baichuan", 40, 5120, 40, nil, 13696, 125696))

-- ---- older and others ----

add("bigcode/starcoder2-3b", 3030371328, nil, shape("starcoder2", 30, 3072, 24, 2, 12288, 49152))
add("bigcode/starcoder2-15b", 15957889024, nil, shape("starcoder2", 40, 6144, 48, 4, 24576, 49152, UNTIED))
add("bigcode/starcoder", 15517456384, nil, { model_type = "gpt_bigcode", n_layer = 40, n_embd = 6144, n_head = 48,
  n_inner = 24576, n_positions = 8192, vocab_size = 49152, multi_query = true, torch_dtype = "float16" })
add("bigscience/bloom-7b1", 7069016064, nil, { model_type = "bloom", n_layer = 30, n_embed = 4096,
  num_attention_heads = 32, vocab_size = 250880, seq_length = 2048, torch_dtype = "float16" })
add("bigscience/bloom", 176247271424, nil, { model_type = "bloom", n_layer = 70, n_embed = 14336,
  num_attention_heads = 112, vocab_size = 250880, seq_length = 2048, torch_dtype = "bfloat16" })
add("openai-community/gpt2", 124439808, nil, { model_type = "gpt2", n_layer = 12, n_embd = 768, n_head = 12,
  n_positions = 1024, vocab_size = 50257 })
add("EleutherAI/gpt-neox-20b", 20554567680, nil, { model_type = "gpt_neox", num_hidden_layers = 44,
  hidden_size = 6144, num_attention_heads = 64, intermediate_size = 24576, vocab_size = 50432,
  max_position_embeddings = 2048, torch_dtype = "float16", tie_word_embeddings = false })
add("EleutherAI/pythia-6.9b", 6857302016, nil, { model_type = "gpt_neox", num_hidden_layers = 32, hidden_size = 4096,
  num_attention_heads = 32, intermediate_size = 16384, vocab_size = 50432, max_position_embeddings = 2048,
  torch_dtype = "float16", tie_word_embeddings = false })
add("mosaicml/mpt-7b", 6649286656, nil, { model_type = "mpt", n_layers = 32, d_model = 4096, n_heads = 32,
  expansion_ratio = 4, max_seq_len = 2048, vocab_size = 50432, attn_config = { alibi = true },
  torch_dtype = "bfloat16" })
add("EleutherAI/gpt-j-6b", 6050882784, nil, { model_type = "gptj", n_layer = 28, n_embd = 4096, n_head = 16,
  n_positions = 2048, vocab_size = 50400, torch_dtype = "float16", tie_word_embeddings = false })
add("facebook/opt-6.7b", 6658473984, nil, { model_type = "opt", num_hidden_layers = 32, hidden_size = 4096,
  ffn_dim = 16384, num_attention_heads = 32, vocab_size = 50272, max_position_embeddings = 2048,
  torch_dtype = "float16" })
add("tiiuae/falcon-7b", 6921720704, nil, { model_type = "falcon", num_hidden_layers = 32, hidden_size = 4544,
  num_attention_heads = 71, multi_query = true, parallel_attn = true, new_decoder_architecture = false,
  vocab_size = 65024, torch_dtype = "bfloat16" })
add("databricks/dbrx-base", 131596523520, nil, { model_type = "dbrx", d_model = 6144, n_heads = 48, n_layers = 40,
  max_seq_len = 32768, vocab_size = 100352, attn_config = { kv_n_heads = 8 }, ffn_config = { moe_num_experts = 16,
    moe_top_k = 4, ffn_hidden_size = 10752 }, torch_dtype = "bfloat16" })
local Q3 = { 12, 12, 12, 12, 12, 16, 16, 16, 16, 16, 16, 16, 20, 20, 20, 20 }
add("apple/OpenELM-270M", 271527168, nil, { model_type = "openelm", model_dim = 1280, num_transformer_layers = 16,
  head_dim = 64, num_query_heads = A(Q3), num_kv_heads = seq(16, function(i) return Q3[i + 1] // 4 end),
  num_gqa_groups = 4, ffn_dim_divisor = 256, ffn_multipliers = A{ 0.5, 0.73, 0.97, 1.2, 1.43, 1.67, 1.9, 2.13, 2.37,
    2.6, 2.83, 3.07, 3.3, 3.53, 3.77, 4.0 }, vocab_size = 32000, max_context_length = 2048,
  normalize_qk_projections = true, share_input_output_layers = true, torch_dtype = "float32" })
local Q11 = { 16, 16, 16, 20, 20, 20, 20, 20, 20, 20, 24, 24, 24, 24, 24, 24, 24, 24, 28, 28, 28, 28, 28, 28, 32, 32,
              32, 32 }
add("apple/OpenELM-1_1B", 1079891456, nil, { model_type = "openelm", model_dim = 2048, num_transformer_layers = 28,
  head_dim = 64, num_query_heads = A(Q11), num_kv_heads = seq(28, function(i) return Q11[i + 1] // 4 end),
  num_gqa_groups = 4, ffn_dim_divisor = 256, ffn_multipliers = A{ 0.5, 0.63, 0.76, 0.89, 1.02, 1.15, 1.28, 1.41, 1.54,
    1.67, 1.8, 1.93, 2.06, 2.19, 2.31, 2.44, 2.57, 2.7, 2.83, 2.96, 3.09, 3.22, 3.35, 3.48, 3.61, 3.74, 3.87, 4.0 },
  vocab_size = 32000, max_context_length = 2048, normalize_qk_projections = true, share_input_output_layers = true,
  torch_dtype = "float32" })

-- ---- other sources ----

local LOG = 'vLLM\'s log, "Checkpoint size"'
local SOURCES = {
  ["TheBloke/MythoMax-L2-13B-GPTQ"] = "size of the file (Git LFS) on huggingface.co",
  ["TheBloke/Genz-70b-GPTQ"] = "size of the file (Git LFS) on huggingface.co",
  ["Llama-3.1-8B, W4A"] = "github.com/vllm-project/llm-compressor, issue 1215",
  ["Llama-3.1-8B, FP8"] = "github.com/tinygrad/tinygrad, pull request 12893",
  ["Orpheus-3B"] = "model.safetensors.index.json beside its config.json on github.com",
  ["Qwen3.6-27B, W4A16"] = "github.com/fantasylord/Qwen36",
  ["Qwen3.5-9B, MLX"] = "github.com/leo-kreisman/Qwen3.5-9B-MLX-8bit",
  ["cognitivecomputations/DeepSeek-R1-AWQ"] = "github.com/kvcache-ai/sglang_awq",
  ["deepseek-ai/DeepSeek-V4"] = LOG .. " (github.com/vllm-project/vllm, issue 40821)",
  ["moonshotai/Kimi-K2.5"] = LOG, ["moonshotai/Kimi-Linear"] = LOG, ["zai-org/GLM-5.1"] = LOG,
  ["MiniMaxAI/MiniMax-M2.7"] = LOG, ["MiniMaxAI/MiniMax-M3"] = LOG, ["google/gemma-4-31B"] = LOG,
  ["XiaomiMiMo/MiMo-V2.5-Pro"] = LOG,
}
for _, e in ipairs(list) do
  for beginning, source in pairs(SOURCES) do
    if e.id:find(beginning, 1, true) == 1 then e.source = source end
  end
end

return list
