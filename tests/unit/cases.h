/* cases.h - published model shapes and chips that the cost tests work on. */
#ifndef ORC_TEST_CASES_H
#define ORC_TEST_CASES_H

#include "cost/layout.h"

#define SHAPE(layers, hidden, heads, kv, dim, mlp, vocab, context)                                 \
  .num_hidden_layers = (layers), .hidden_size = (hidden), .num_attention_heads = (heads),          \
  .num_key_value_heads = (kv), .head_dim = (dim), .intermediate_size = (mlp),                      \
  .vocab_size = (vocab), .max_position_embeddings = (context), .gated_mlp = true,                  \
  .norms_per_layer = 2

/* Not every test uses every case. */
#define CASE __attribute__((unused)) static const

CASE orc_model llama2_7b = { SHAPE(32, 4096, 32, 32, 128, 11008, 32000, 4096) };
CASE orc_model llama2_13b = { SHAPE(40, 5120, 40, 40, 128, 13824, 32000, 4096) };
CASE orc_model llama3_8b = { SHAPE(32, 4096, 32, 8, 128, 14336, 128256, 131072) };
CASE orc_model llama3_70b = { SHAPE(80, 8192, 64, 8, 128, 28672, 128256, 131072) };
CASE orc_model mistral_7b_v03 = { SHAPE(32, 4096, 32, 8, 128, 14336, 32768, 32768) };
CASE orc_model mixtral_8x7b = { SHAPE(32, 4096, 32, 8, 128, 14336, 32000, 32768), .num_experts = 8,
                                .num_experts_per_tok = 2, .moe_intermediate_size = 14336 };
CASE orc_model qwen25_7b = { SHAPE(28, 3584, 28, 4, 128, 18944, 152064, 32768),
                             .attention_bias = true };
CASE orc_model qwen25_32b = { SHAPE(64, 5120, 40, 8, 128, 27648, 152064, 32768),
                              .attention_bias = true };
CASE orc_model qwen25_72b = { SHAPE(80, 8192, 64, 8, 128, 29568, 152064, 32768),
                              .attention_bias = true };
CASE orc_model qwen3_14b = { SHAPE(40, 5120, 40, 8, 128, 17408, 151936, 40960), .qk_norm = true };
CASE orc_model qwen3_32b = { SHAPE(64, 5120, 64, 8, 128, 25600, 151936, 40960), .qk_norm = true };
CASE orc_model gemma2_9b = {
  .num_hidden_layers = 42,
  .hidden_size = 3584,
  .num_attention_heads = 16,
  .num_key_value_heads = 8,
  .head_dim = 256,
  .intermediate_size = 14336,
  .vocab_size = 256000,
  .max_position_embeddings = 8192,
  .tie_word_embeddings = true,
  .gated_mlp = true,
  .norms_per_layer = 4,
  .sliding_window = 4096,
  .num_windowed_layers = 21,
};
/* Llama-2-7B with the attention of DeepSeek-V4-Flash: entries of 512 values, 64 of them with positions, for 4 tokens in 15 layers, for 128
** in 17, and the last 128 tokens uncompressed. */
CASE orc_model compressed_7b = {
  SHAPE(32, 4096, 64, 1, 512, 11008, 32000, 4096),
  .qk_rope_head_dim = 64,
  .q_lora_rank = 1024,
  .compress_ratio = 4,
  .full_compress_ratio = 128,
  .compress_window = 128,
  .o_groups = 8,
  .o_lora_rank = 1024,
  .index_n_heads = 64,
  .index_head_dim = 128,
  .index_topk = 2048,
  .sliding_window = 2048,
  .num_windowed_layers = 15,
};
/* Qwen/Qwen3-Next-80B-A3B-Instruct, config.json: gated delta nets in three of four layers. */
CASE orc_model qwen3_next = { SHAPE(48, 2048, 16, 2, 256, 5120, 151936, 262144),
                              .num_experts = 512,
                              .num_experts_per_tok = 10,
                              .moe_intermediate_size = 512,
                              .shared_expert_size = 512,
                              .qk_norm = true,
                              .attention_gate = true,
                              .num_state_layers = 36,
                              .state_inputs = 12352,
                              .state_outputs = 4096,
                              .state_vectors = 32960,
                              .state_bytes = 2146304.0 };
CASE orc_model gemma2_27b = {
  .num_hidden_layers = 46,
  .hidden_size = 4608,
  .num_attention_heads = 32,
  .num_key_value_heads = 16,
  .head_dim = 128,
  .intermediate_size = 36864,
  .vocab_size = 256000,
  .max_position_embeddings = 8192,
  .tie_word_embeddings = true,
  .gated_mlp = true,
  .norms_per_layer = 4,
  .sliding_window = 4096,
  .num_windowed_layers = 23,
};
CASE orc_model gpt3_175b = {
  .num_hidden_layers = 96,
  .hidden_size = 12288,
  .num_attention_heads = 96,
  .num_key_value_heads = 96,
  .head_dim = 128,
  .intermediate_size = 49152,
  .vocab_size = 50257,
  .max_position_embeddings = 2048,
  .tie_word_embeddings = true,
  .learned_positions = true,
  .linear_bias = true,
  .norms_per_layer = 2,
  .norm_bias = true,
};
CASE orc_model codellama_7b = { SHAPE(32, 4096, 32, 32, 128, 11008, 32016, 16384) };
CASE orc_model deepseek_v2_lite = { SHAPE(27, 2048, 16, 16, 128, 10944, 102400, 163840),
                                    .num_experts = 64,
                                    .num_experts_per_tok = 6,
                                    .moe_intermediate_size = 1408,
                                    .shared_expert_size = 2816,
                                    .num_dense_layers = 1,
                                    .kv_lora_rank = 512,
                                    .qk_rope_head_dim = 64,
                                    .qk_nope_head_dim = 128,
                                    .v_head_dim = 128 };

/* NVIDIA A100 80GB data sheet (2021): dense rates; NVLink 600 GB/s is both directions. */
CASE orc_hardware a100 = {
  .flops = { [ORC_FP32] = 19.5e12, [ORC_BF16] = 312e12, [ORC_FP16] = 312e12, [ORC_INT8] = 624e12 },
  .memory = 81920.0 * 1048576.0,
  .bandwidth = 2039e9,
  .nvlink = { .bandwidth = 300e9, .latency = 3e-6 },
  .pcie = { .bandwidth = 32e9, .latency = 5e-6 },
  .idle_watts = 60.0,
  .tdp_watts = 400.0,
};

/* NVIDIA H100 SXM data sheet (2023): dense rates; 81,559 MiB as the driver reports. */
CASE orc_hardware h100 = {
  .flops = { [ORC_FP32] = 67e12,
             [ORC_BF16] = 989e12,
             [ORC_FP16] = 989e12,
             [ORC_FP8] = 1979e12,
             [ORC_INT8] = 1979e12 },
  .memory = 81559.0 * 1048576.0,
  .bandwidth = 3350e9,
  .nvlink = { .bandwidth = 450e9, .latency = 3e-6 },
  .pcie = { .bandwidth = 64e9, .latency = 5e-6 },
  .idle_watts = 70.0,
  .tdp_watts = 700.0,
};

CASE orc_layout one_gpu = { .tensor_parallel_size = 1,
                            .pipeline_parallel_size = 1,
                            .weights = ORC_BF16,
                            .activations = ORC_BF16,
                            .compute = ORC_BF16,
                            .kv = ORC_BF16 };

#endif
