#include "cost/model.h"

#include <string.h>

#include "cases.h"
#include "test.h"

/* Parameters as counted from the published architectures, to the last one. */
static void parameters_are_exact(void)
{
  CHECK(orc_model_parameters(&llama2_7b) == 6738415616.0);
  CHECK(orc_model_parameters(&llama2_13b) == 13015864320.0);
  CHECK(orc_model_parameters(&llama3_8b) == 8030261248.0);
  CHECK(orc_model_parameters(&llama3_70b) == 70553706496.0);
  CHECK(orc_model_parameters(&mistral_7b_v03) == 7248023552.0);
  CHECK(orc_model_parameters(&mixtral_8x7b) == 46702792704.0);
  CHECK(orc_model_parameters(&qwen25_7b) == 7615616512.0);
  CHECK(orc_model_parameters(&qwen25_32b) == 32763876352.0);
  CHECK(orc_model_parameters(&qwen25_72b) == 72706203648.0);
  CHECK(orc_model_parameters(&qwen3_14b) == 14768307200.0);
  CHECK(orc_model_parameters(&qwen3_32b) == 32762123264.0);
  CHECK(orc_model_parameters(&gemma2_9b) == 9241705984.0);
  CHECK(orc_model_parameters(&gemma2_27b) == 27227128320.0);
  CHECK(orc_model_parameters(&gpt3_175b) == 174604259328.0);
}

/* Llama-2-7B, layer by layer: attention 4 x 4096^2 = 67108864, MLP 3 x 4096 x 11008 = 135266304,
** norms 2 x 4096 = 8192: 202383360; 32 of them. Embedding and LM head 32000 x 4096 each. */
static void llama2_7b_by_hand(void)
{
  CHECK(orc_model_layer_parameters(&llama2_7b) == 32.0 * 202383360.0);
  CHECK(orc_model_embedding_parameters(&llama2_7b) == 131072000.0);
  CHECK(orc_model_lm_head_parameters(&llama2_7b) == 131072000.0);
  CHECK(orc_model_active_parameters(&llama2_7b) == 32.0 * (67108864.0 + 135266304.0) + 131072000.0);
}

/* Matrix parameters a token passes, with the LM head; published to four or five digits. */
static void active_parameters(void)
{
  NEAR(orc_model_active_parameters(&llama2_7b), 6.607e9, 1e-4);
  NEAR(orc_model_active_parameters(&llama2_13b), 12.852e9, 1e-4);
  NEAR(orc_model_active_parameters(&llama3_8b), 7.505e9, 1e-4);
  NEAR(orc_model_active_parameters(&llama3_70b), 69.502e9, 1e-4);
  NEAR(orc_model_active_parameters(&mistral_7b_v03), 7.114e9, 1e-4);
  NEAR(orc_model_active_parameters(&mixtral_8x7b), 12.749e9, 1e-4);
  NEAR(orc_model_active_parameters(&qwen25_7b), 7.070e9, 1e-4);
  NEAR(orc_model_active_parameters(&qwen25_32b), 31.984e9, 1e-4);
  NEAR(orc_model_active_parameters(&qwen25_72b), 71.458e9, 1e-4);
  NEAR(orc_model_active_parameters(&gemma2_9b), 9.241e9, 1e-4);
  NEAR(orc_model_active_parameters(&gemma2_27b), 27.226e9, 1e-4);
  NEAR(orc_model_active_parameters(&gpt3_175b), 174.56e9, 1e-4);
}

/* Position table 2048 x 12288 and a tied embedding 50257 x 12288. */
static void tables_of_gpt3(void)
{
  CHECK(orc_model_embedding_parameters(&gpt3_175b) == (50257.0 + 2048.0) * 12288.0);
  CHECK(orc_model_lm_head_parameters(&gpt3_175b) == 50257.0 * 12288.0);
}

/* 2 x KV heads x head_dim x 2 B per layer: 16384 B for 32 heads of 128, 4096 B for 8. */
static void kv_bytes(void)
{
  CHECK(orc_model_kv_bytes(&llama2_7b, ORC_BF16, 1) == 16384.0);
  CHECK(orc_model_kv_bytes(&llama2_7b, ORC_BF16, 32) == 524288.0);
  CHECK(orc_model_kv_bytes(&llama2_7b, ORC_FP8, 32) == 262144.0);
  CHECK(orc_model_kv_bytes(&llama3_8b, ORC_BF16, 32) == 128.0 * 1024);
  CHECK(orc_model_kv_bytes(&gemma2_9b, ORC_BF16, 42) == 336.0 * 1024);
  CHECK(orc_model_kv_bytes(&gemma2_27b, ORC_BF16, 46) == 368.0 * 1024);
  CHECK(orc_model_kv_bytes(&gpt3_175b, ORC_FP16, 96) == 4608.0 * 1024);
  CHECK(orc_model_kv_bytes(&deepseek_v2_lite, ORC_BF16, 1) == (512.0 + 64.0) * 2.0);
}

/* DeepSeek-V2-Lite's card says 15.7e9 in all and 2.4e9 active (without the 0.2e9 of the LM head
** and with the 0.2e9 of the embedding, which are alike). */
static void latent_attention_and_shared_experts(void)
{
  NEAR(orc_model_parameters(&deepseek_v2_lite), 15.706e9, 1e-3);
  NEAR(orc_model_active_parameters(&deepseek_v2_lite), 2.45e9, 2e-2);
  CHECK(orc_model_expert_layers(&deepseek_v2_lite, 1) == 0);
  CHECK(orc_model_expert_layers(&deepseek_v2_lite, 27) == 26);
}

static int windowed(const orc_model *m, int layers)
{
  int count[ORC_BLOCKS];
  orc_model_blocks(m, 0, layers, count);
  return count[ORC_BLOCK_WINDOWED];
}

static void windowed_layers_alternate(void)
{
  CHECK(windowed(&gemma2_9b, 1) == 1);
  CHECK(windowed(&gemma2_9b, 2) == 1);
  CHECK(windowed(&gemma2_9b, 3) == 2);
  CHECK(windowed(&gemma2_9b, 42) == 21);
  CHECK(windowed(&llama2_7b, 32) == 0);
}

static void states_take_the_place_of_attention(void)
{
  const orc_model *m = &qwen3_next;
  int count[ORC_BLOCKS];
  orc_model_blocks(m, 0, 48, count);
  CHECK(count[ORC_BLOCK_STATE] == 36 && count[ORC_BLOCK_FULL] == 12);
  CHECK(count[ORC_BLOCK_EXPERTS] == 48 && count[ORC_BLOCK_DENSE] == 0);
  for (int i = 0; i < 48; i++) { /* every fourth layer attends */
    orc_model_blocks(m, i, i + 1, count);
    CHECK(count[ORC_BLOCK_FULL] == (i % 4 == 3));
  }
  CHECK(orc_model_kv_bytes(m, ORC_BF16, 48) == 12 * 2048.0);
  const double experts = 512.0 * 3 * 2048 * 512 + 2048 * 512 + 3 * 2048 * 512;
  const double state = 2048.0 * 12352 + 4096 * 2048 + 32960;
  const double full = 2048.0 * 2 * 4096 + 2048 * 1024 + 4096 * 2048 + 2 * 256;
  CHECK(orc_model_layer_parameters(m) == 48 * (experts + 2 * 2048) + 36 * state + 12 * full);
  CHECK(orc_model_part_parameters(m, ORC_PART_EXPERT) == 48.0 * 512 * 3 * 2048 * 512);
}

static void layers_may_lack_a_half(void)
{
  orc_model m = llama2_7b; /* of 32 layers 8 attend, 12 have a state, 12 are an MLP */
  m.num_mixerless_layers = 12;
  m.num_mlpless_layers = 20;
  m.num_state_layers = 12;
  m.state_inputs = m.state_outputs = 4096;
  int count[ORC_BLOCKS];
  orc_model_blocks(&m, 0, 32, count);
  CHECK(count[ORC_BLOCK_STATE] == 12 && count[ORC_BLOCK_FULL] == 8);
  CHECK(count[ORC_BLOCK_DENSE] == 12);
  CHECK(orc_model_layer_parameters(&m) ==
        12 * 2 * 4096.0 * 4096 + 8 * 4 * 4096.0 * 4096 + 12 * 3 * 4096.0 * 11008 + 32 * 4096.0);
  m.state_beside_attention = true;
  orc_model_blocks(&m, 0, 32, count);
  CHECK(count[ORC_BLOCK_STATE] == 12 && count[ORC_BLOCK_FULL] == 20);
}

static void layers_without_window_may_differ(void)
{
  orc_model m = gemma2_9b; /* full layers with 2 KV heads of 512 and one matrix for K and V */
  m.full_head_dim = 512;
  m.full_key_value_heads = 2;
  CHECK(orc_model_kv_bytes(&m, ORC_BF16, 42) == 21 * (2 * 8 * 256 + 2 * 2 * 512) * 2.0);
  const double before = orc_model_layer_parameters(&m);
  m.full_shares_kv = true;
  CHECK(before - orc_model_layer_parameters(&m) == 21 * 3584.0 * 2 * 512);
}

static void an_indexer_keeps_keys_of_its_own(void)
{
  orc_model m = deepseek_v2_lite;
  const double before = orc_model_layer_parameters(&m);
  m.index_topk = m.sliding_window = 2048;
  m.num_windowed_layers = m.num_hidden_layers;
  m.index_n_heads = 64;
  m.index_head_dim = 128;
  CHECK(orc_model_index_bytes(&m) == 132.0); /* 128 values of 8 bits and a scale */
  CHECK(orc_model_kv_bytes(&m, ORC_BF16, 27) == 27 * (576 * 2.0 + 132));
  CHECK(orc_model_layer_parameters(&m) - before ==
        27 * (m.hidden_size * 64 * 128.0 + m.hidden_size * (128.0 + 64) + 2 * 128));
}

static void compressed_attention_keeps_entries(void)
{
  orc_model m = compressed_7b;
  orc_error e = { .code = 0 };
  CHECK(orc_model_check(&m, &e));
  CHECK(orc_model_entry_bytes(&m) == 584.0); /* 448 + 2 * 64 + 7 scales and one to fill up */
  CHECK(orc_model_kv_bytes(&m, ORC_BF16, 32) == 15 * (584 + 132) / 4.0 + 17 * 584 / 128.0);
  orc_matrix x[ORC_MATRICES];
  double in_layer[2] = { 0.0, 0.0 };
  for (int block = ORC_BLOCK_WINDOWED; block <= ORC_BLOCK_FULL; block++) {
    const int n = orc_model_matrices(&m, (orc_block)block, x);
    for (int i = 0; i < n; i++)
      in_layer[block - ORC_BLOCK_WINDOWED] += x[i].inputs * x[i].outputs;
  }
  const double query = 4096.0 * 1024 + 1024.0 * 64 * 512;
  const double out = 64 * 512.0 / 8 * 8 * 1024 + 8 * 1024.0 * 4096;
  const double index = 1024.0 * 64 * 128 + 4096.0 * (4 * 128 + 64);
  CHECK(in_layer[1] == query + 4096.0 * 3 * 512 + out);
  CHECK(in_layer[0] == query + 4096.0 * 5 * 512 + out + index);
}

static void layers_may_read_what_another_one_keeps(void)
{
  orc_model m = llama2_7b;
  const double whole = orc_model_kv_bytes(&m, ORC_BF16, 32), all = orc_model_layer_parameters(&m);
  m.num_kv_shared_layers = 8;
  CHECK(orc_model_kv_bytes(&m, ORC_BF16, 32) == 0.75 * whole);
  CHECK(orc_model_layer_parameters(&m) == all);
}

static void queries_may_come_from_a_low_rank(void)
{
  orc_model m = llama2_7b;
  const double before = orc_model_layer_parameters(&m);
  m.q_lora_rank = 2048;
  CHECK(orc_model_layer_parameters(&m) - before == 32 * (2 * 2048.0 * 4096 + 2048 - 4096.0 * 4096));
}

static void some_experts_do_nothing(void)
{
  orc_model m = mixtral_8x7b;
  const double all = orc_model_layer_parameters(&m);
  m.zero_experts = 8; /* of the 2 a token chooses one does something, on average */
  CHECK(orc_model_active_experts(&m) == 1.0);
  CHECK(orc_model_layer_parameters(&m) == all + 32 * 4096.0 * 8);
  m.zero_experts = 0;
  m.routed_expert_hidden_size = 1024;
  CHECK(all - orc_model_layer_parameters(&m) == 32 * (8 * 3 * 3072.0 * 14336 - 2 * 4096.0 * 1024));
}

static bool refused(orc_model m, const char *because)
{
  orc_error e = { .code = 0 };
  return !orc_model_check(&m, &e) && strstr(e.msg, because) != NULL;
}

static void wrong_shapes_are_named(void)
{
  orc_error e = { .code = 0 };
  CHECK(orc_model_check(&llama2_7b, &e) && orc_model_check(&mixtral_8x7b, &e));
  CHECK(orc_model_check(&deepseek_v2_lite, &e) && orc_model_check(&gemma2_9b, &e));
  orc_model m = llama2_7b;
  m.hidden_size = 0;
  CHECK(refused(m, "hidden_size = 0"));
  m = llama2_7b;
  m.num_key_value_heads = 5;
  CHECK(refused(m, "num_key_value_heads = 5"));
  m = llama2_7b;
  m.intermediate_size = 0;
  CHECK(refused(m, "intermediate_size = 0"));
  m = mixtral_8x7b;
  m.num_experts_per_tok = 9;
  CHECK(refused(m, "num_experts_per_tok = 9"));
  m = mixtral_8x7b;
  m.moe_intermediate_size = 0;
  CHECK(refused(m, "moe_intermediate_size"));
  m = gemma2_9b;
  m.num_windowed_layers = 43;
  CHECK(refused(m, "num_windowed_layers = 43"));
  m = gemma2_9b;
  m.sliding_window = 0;
  CHECK(refused(m, "sliding_window = 0"));
  m = mixtral_8x7b;
  m.num_dense_layers = 33;
  CHECK(refused(m, "num_dense_layers = 33"));
  m = gemma2_9b;
  m.full_attention_heads = 6;
  m.full_key_value_heads = 4;
  CHECK(refused(m, "4 KV heads of full layers do not divide their 6 heads"));
}

/* Layers of 32 that are several things at once, or numbers that are none. */
static void wrong_kinds_are_named(void)
{
  orc_model m = qwen3_next;
  m.num_state_layers = 49;
  CHECK(refused(m, "49 layers with a state"));
  m = qwen3_next;
  m.num_windowed_layers = 13;
  m.sliding_window = 1024;
  CHECK(refused(m, "36 layers with a state and 13 windowed ones of 48"));
  m.num_windowed_layers = 12;
  orc_error e = { .code = 0 };
  CHECK(orc_model_check(&m, &e));
  m = llama2_7b;
  m.num_mlpless_layers = 20;
  m.num_mixerless_layers = 13;
  CHECK(refused(m, "20 layers without MLP and 13 with nothing else of 32"));
  m = llama2_7b;
  m.num_kv_shared_layers = 32;
  CHECK(refused(m, "num_kv_shared_layers = 32, expected fewer than the 32"));
  m = llama2_7b;
  m.tower_parameters = -1.0;
  CHECK(refused(m, "tower_parameters = -1"));
  m.tower_parameters = (double)NAN;
  CHECK(refused(m, "tower_parameters"));
  m = llama2_7b;
  m.mean_attention_heads = 33.0;
  CHECK(refused(m, "mean_attention_heads"));
  m = llama2_7b;
  m.mean_key_value_heads = 32.5;
  CHECK(refused(m, "mean_key_value_heads"));
}

int main(void)
{
  RUN(parameters_are_exact);
  RUN(llama2_7b_by_hand);
  RUN(active_parameters);
  RUN(tables_of_gpt3);
  RUN(kv_bytes);
  RUN(latent_attention_and_shared_experts);
  RUN(windowed_layers_alternate);
  RUN(states_take_the_place_of_attention);
  RUN(layers_may_lack_a_half);
  RUN(layers_without_window_may_differ);
  RUN(an_indexer_keeps_keys_of_its_own);
  RUN(compressed_attention_keeps_entries);
  RUN(layers_may_read_what_another_one_keeps);
  RUN(queries_may_come_from_a_low_rank);
  RUN(some_experts_do_nothing);
  RUN(wrong_shapes_are_named);
  RUN(wrong_kinds_are_named);
  return DONE();
}
