--- The quantisation settings that many published checkpoints share, under a name: a variant in models/llm says
-- "quantization_config": "fp8-dynamic". Each is what `quantization_config` (or hf_quant_config.json) of such a
-- checkpoint holds, as far as it matters for bytes; what is special to one checkpoint stands in its own file.
local json = require("oracle.core").json

local schemes = {}

local function list(...) return setmetatable({ ... }, json.array) end

-- compressed-tensors (github.com/vllm-project/llm-compressor, its presets): all Linear but what is left out.
local function compressed(weights, ignore, packing)
  weights.symmetric = true
  return { quant_method = "compressed-tensors", format = packing, ignore = ignore or list "lm_head",
           config_groups = { group_0 = { targets = list "Linear", weights = weights } } }
end

local function fp8(strategy) return { num_bits = 8, type = "float", strategy = strategy } end

-- ModelOpt (docs.nvidia.com: Model Optimizer): the KV cache in FP8 too.
local function modelopt(algorithm, exclude)
  return { quant_method = "modelopt", quant_algo = algorithm, kv_cache_quant_algo = "FP8", group_size = 16,
           exclude_modules = exclude or list "lm_head" }
end

-- DeepSeek-V3, Qwen3-FP8, GLM-5-FP8, MiniMax-M2: blocks of 128 x 128 (arXiv:2412.19437, section 3.3).
schemes["fp8-block"] = { quant_method = "fp8", activation_scheme = "dynamic", weight_block_size = list(128, 128),
                         modules_to_not_convert = list "lm_head" }
schemes["fp8-tensor"] = { quant_method = "fp8", activation_scheme = "static", ignored_layers = list "lm_head" }
-- AMD's FP8-KV: as that, with scales for an FP8 KV cache.
schemes["fp8-tensor-kv"] = { quant_method = "fp8", activation_scheme = "static", ignored_layers = list "lm_head",
                             kv_cache_scheme = { num_bits = 8, type = "float" } }
-- Meta's Llama-3.1-405B-FP8: MLPs alone, without those of the first and the last layer (arXiv:2407.21783, section 6.2).
schemes["fp8-fbgemm"] = { quant_method = "fbgemm_fp8",
                          modules_to_not_convert = list("lm_head", "self_attn", "model.layers.0.mlp",
                                                        "model.layers.125.mlp") }
schemes["fp8-dynamic"] = compressed(fp8 "channel")
schemes["fp8-dynamic-experts"] = compressed(fp8 "channel", list("lm_head", "re:.*self_attn.*", "re:.*router"))
schemes["w8a8"] = compressed { num_bits = 8, type = "int", strategy = "channel" }
schemes["w4a16"] = compressed({ num_bits = 4, type = "int", strategy = "group", group_size = 128 }, nil,
  "pack-quantized")
schemes["nvfp4"] = compressed({ num_bits = 4, type = "float", strategy = "tensor_group", group_size = 16 }, nil,
  "nvfp4-pack-quantized")
schemes["fp8-modelopt"] = modelopt "FP8"
schemes["nvfp4-modelopt"] = modelopt "NVFP4"
-- DeepSeek: attention stays in 16 bits, in later ones all of it but the output projection; Kimi: experts alone change.
schemes["nvfp4-mlp"] = modelopt("NVFP4", list("lm_head", "model.layers.*.self_attn*"))
schemes["nvfp4-experts"] = modelopt("NVFP4", list("lm_head", "*self_attn*", "*shared_experts*", "*layers.0.mlp*"))
schemes["nvfp4-mla-output"] = modelopt("NVFP4", list("lm_head", "model.layers.*.self_attn.kv_a*",
  "model.layers.*.self_attn.kv_b*", "model.layers.*.self_attn.q_*"))
-- Kimi-K2-Thinking and K2.5: experts alone, groups of 32.
schemes["int4-experts"] = compressed({ num_bits = 4, type = "int", strategy = "group", group_size = 32 },
  list("lm_head", "re:.*self_attn.*", "re:.*shared_experts.*", [[re:.*mlp\.(gate|up|gate_up|down)_proj.*]]),
  "pack-quantized")
-- AutoAWQ's and AutoGPTQ's defaults (arXiv:2306.00978, arXiv:2210.17323): groups of 128.
schemes["awq-int4"] = { quant_method = "awq", bits = 4, group_size = 128, zero_point = true }
schemes["gptq-int4"] = { quant_method = "gptq", bits = 4, group_size = 128, sym = true }
schemes["gptq-int8"] = { quant_method = "gptq", bits = 8, group_size = 128, sym = true }
-- NF4 with its scales quantised too (arXiv:2305.14314, section 3).
schemes["bnb-nf4"] = { quant_method = "bitsandbytes", load_in_4bit = true, bnb_4bit_use_double_quant = true }

return schemes
