/* op.c - what the layers of a step compute and move, by hand. */
#include "cost/op.h"

#include "cases.h"
#include "test.h"

/* Attention of DeepSeek-V3.2 in every layer: 128 heads, latents of 512 + 64, an indexer of 64 heads of 128 that chooses 2048. */
static orc_model sparse(void)
{
  orc_model m = deepseek_v2_lite;
  m.num_attention_heads = 128;
  m.index_topk = m.sliding_window = 2048;
  m.num_windowed_layers = m.num_hidden_layers;
  m.index_n_heads = 64;
  m.index_head_dim = 128;
  return m;
}

static orc_ops whole(const orc_model *m, int tp, int dcp)
{
  orc_layout l = one_gpu;
  l.tensor_parallel_size = tp;
  l.decode_context_parallel_size = dcp;
  orc_error e = { .code = 0 };
  CHECK(orc_model_check(m, &e));
  const orc_stage all = {
    .first_layer = 0, .layers = m->num_hidden_layers, .embedding = true, .lm_head = true
  };
  return orc_ops_of(&l, m, all);
}

/* Chosen tokens are met in the latent, 2 x heads x (512 + 64 + 512) a pair; nothing of the past is expanded. Every token is
** scored, 2 x 64 x 128, whatever tp is, and 128 + 4 B of its key are read. */
static void an_indexer_scores_all_tokens(void)
{
  const orc_model m = sparse();
  for (int tp = 1; tp <= 2; tp++) {
    const orc_ops o = whole(&m, tp, tp);
    const double heads = 128.0 / tp, pair = 27.0 * 2.0 * heads * 1088.0;
    CHECK(o.windowed.pair_flops == pair && o.windowed.context_flops == pair);
    CHECK(o.windowed.past_flops == 0.0);
    CHECK(o.windowed.kv_bytes == 27.0 * 576.0 * 2.0 / tp);
    CHECK(o.windowed.token_bytes == 27.0 * heads * 320.0 * 2.0);
    CHECK(o.full.pair_flops == 27.0 * 2.0 * 64.0 * 128.0);
    CHECK(o.full.context_flops == 27.0 * 2.0 * 64.0 * 128.0);
    CHECK(o.full.kv_bytes == 27.0 * 132.0 / tp);
    CHECK(o.full.token_bytes == 27.0 * 64.0 * 128.0);
  }
}

/* An indexer in 9 of 27 layers scores for the others too. */
static void layers_may_share_what_is_chosen(void)
{
  orc_model m = sparse();
  m.num_index_layers = 9;
  const orc_ops o = whole(&m, 1, 1);
  NEAR(o.full.pair_flops, 9.0 * 2.0 * 64.0 * 128.0, 1e-12);
  NEAR(o.full.context_flops, 9.0 * 2.0 * 64.0 * 128.0, 1e-12);
  NEAR(o.full.token_bytes, 9.0 * 64.0 * 128.0, 1e-12);
  NEAR(o.full.kv_bytes, 9.0 * 132.0, 1e-12);
}

/* An entry of 584 B stands for 4 or 128 tokens, one of the indexer (132 B) for 4. The window of 128 tokens is read and met,
** 2 x 2 x 64 x 512, per sequence in all 32 layers. */
static void compressed_entries_are_few(void)
{
  const orc_model m = compressed_7b;
  for (int tp = 1; tp <= 2; tp++) {
    const orc_ops o = whole(&m, tp, 1);
    const double pair = 2.0 * 64.0 / tp * 1024.0, score = 2.0 * 64.0 * 128.0;
    CHECK(o.windowed.pair_flops == 15.0 * pair / 4.0);
    CHECK(o.windowed.kv_bytes == 15.0 * 584.0 / 4.0);
    CHECK(o.full.pair_flops == 17.0 * pair / 128.0 + 15.0 * score / 4.0);
    CHECK(o.full.context_flops == o.full.pair_flops);
    CHECK(o.full.kv_bytes == 17.0 * 584.0 / 128.0 + 15.0 * 132.0 / 4.0);
    CHECK(o.state_bytes == 32.0 * 128.0 * 584.0);
    CHECK(o.state_flops == 32.0 * 128.0 * 4.0 * 64.0 / tp * 512.0);
  }
}

/* Qwen3-Next: 36 state layers read and write 2146304 B, 6 FLOP a value of the state. */
static void states_are_met_once_a_token(void)
{
  orc_model m = qwen3_next;
  m.state_values = 32.0 * 128.0 * 128.0;
  for (int tp = 1; tp <= 2; tp++) {
    const orc_ops o = whole(&m, tp, 1);
    CHECK(o.state_bytes == 2.0 * 36.0 * 2146304.0 / tp);
    CHECK(o.state_flops == 6.0 * 36.0 * 32.0 * 128.0 * 128.0 / tp);
  }
}

/* Values beside matrices in a layer of Llama-2-7B on tp ranks: norms 4 x 2 x 4096, rotary 2 x 8192 / tp, SiLU
** 3 x 11008 / tp, KV written 8192 / tp; once: embedding 2 x 4096, the last norm 4 x 4096. */
static void widths_are_cut_by_tp(void)
{
  for (int tp = 1; tp <= 4; tp *= 2) {
    const orc_ops o = whole(&llama2_7b, tp, 1);
    const double cut = 2.0 * 8192.0 + 3.0 * 11008.0 + 8192.0;
    NEAR(o.other_bytes, 2.0 * (32.0 * (8.0 * 4096.0 + cut / tp) + 6.0 * 4096.0), 1e-12);
    CHECK(o.other_weights == 65.0 * 4096.0 * 2.0);
    CHECK(o.lm_head.flops == 2.0 * 4096.0 * 32000.0 / tp);
    CHECK(o.lm_head.weights == 4096.0 * 32000.0 / tp * 2.0);
    CHECK(o.lm_head.bytes == (4096.0 + 32000.0 / tp) * 2.0);
  }
}

/* Without a gate the activation function reads one value and writes one. */
static void an_mlp_without_gate_moves_less(void)
{
  orc_model m = llama2_7b;
  const double gated = whole(&m, 1, 1).other_bytes;
  m.gated_mlp = false;
  CHECK(gated - whole(&m, 1, 1).other_bytes == 32.0 * 11008.0 * 2.0);
}

/* Mixtral: two experts of 14336 values go through the activation function, their answers and the sum are 3 x 4096. */
static void experts_answers_are_added(void)
{
  const orc_ops o = whole(&mixtral_8x7b, 1, 1);
  const double attention = 2.0 * (4096.0 + 1024.0) * 2.0 + 2048.0 * 2.0;
  const double layer = 8.0 * 4096.0 * 2.0 + attention + 2.0 * (3.0 * 2.0 * 14336.0 + 3.0 * 4096.0);
  NEAR(o.other_bytes, 32.0 * layer + 2.0 * 6.0 * 4096.0, 1e-12);
}

/* DeepSeek-V2-Lite: each head's part with positions and the latent's are rotated, 64 values; one MLP of 10944, 26 of six
** experts of 1408 and a shared one of 2816, whose answers are added. */
static void latents_are_rotated_once(void)
{
  for (int tp = 1; tp <= 2; tp++) {
    const orc_ops o = whole(&deepseek_v2_lite, tp, 1);
    const double attention = 2.0 * (16.0 / tp + 1.0) * 64.0 * 2.0 + 1152.0;
    const double experts = 3.0 * (6.0 * 1408.0 + 2816.0) / tp + 7.0 * 2048.0;
    const double mlps = 3.0 * 10944.0 / tp + 26.0 * experts;
    NEAR(o.other_bytes, 27.0 * attention + 2.0 * (mlps + (54.0 * 4.0 + 6.0) * 2048.0), 1e-12);
  }
}

/* With sequence parallelism a rank norms its share of the tokens, all but the last. */
static void norms_may_be_shared(void)
{
  orc_layout l = one_gpu;
  l.tensor_parallel_size = 4;
  const orc_stage inner = { .first_layer = 0, .layers = 32 };
  const double each = orc_ops_of(&l, &llama2_7b, inner).other_bytes;
  l.sequence_parallel = true;
  CHECK(each - orc_ops_of(&l, &llama2_7b, inner).other_bytes == 64.0 * 4.0 * 4096.0 * 2.0 * 0.75);
}

/* The convolution and the gate of a state layer pass over what goes in, read and written. */
static void states_inputs_are_passed_over(void)
{
  orc_model m = qwen3_next;
  for (int tp = 1; tp <= 2; tp++) {
    m.state_inputs = 12352;
    const double before = whole(&m, tp, 1).other_bytes;
    m.state_inputs = 12352 + 1000;
    CHECK(whole(&m, tp, 1).other_bytes - before == 36.0 * 2.0 * 1000.0 / tp * 2.0);
  }
}

static const orc_op *part(const orc_ops *o, orc_part p)
{
  for (int i = 0; i < o->count; i++)
    if (o->gemm[i].part == p) return &o->gemm[i];
  return NULL;
}

/* Each part stands there once, and of experts a rank moves what its own see. */
static void ranks_share_experts(void)
{
  orc_layout l = one_gpu;
  const orc_stage all = { .first_layer = 0, .layers = 32 };
  const orc_ops one = orc_ops_of(&l, &mixtral_8x7b, all);
  l.tensor_parallel_size = 2;
  const orc_ops cut = orc_ops_of(&l, &mixtral_8x7b, all);
  l.expert_parallel = true;
  const orc_ops dealt = orc_ops_of(&l, &mixtral_8x7b, all);
  CHECK(one.count == 4 && cut.count == 4 && dealt.count == 4); /* in, out, router, experts */
  for (int i = 0; i < one.count; i++)
    for (int k = 0; k < i; k++)
      CHECK(one.gemm[i].part != one.gemm[k].part);
  CHECK(part(&dealt, ORC_PART_EXPERT)->bytes == part(&one, ORC_PART_EXPERT)->bytes / 2.0);
  CHECK(part(&dealt, ORC_PART_QKV)->bytes == part(&cut, ORC_PART_QKV)->bytes);
  CHECK(part(&cut, ORC_PART_QKV)->bytes < part(&one, ORC_PART_QKV)->bytes);
}

/* A layer that keeps nothing of its own reads what another keeps. */
static void shared_keys_are_read_all_the_same(void)
{
  orc_model m = llama2_7b;
  const double own = whole(&m, 1, 1).full.kv_bytes;
  m.num_kv_shared_layers = 16;
  NEAR(whole(&m, 1, 1).full.kv_bytes, own, 1e-12);
  CHECK(own == 32.0 * 2.0 * 4096.0 * 2.0);
}

int main(void)
{
  RUN(an_indexer_scores_all_tokens);
  RUN(layers_may_share_what_is_chosen);
  RUN(compressed_entries_are_few);
  RUN(states_are_met_once_a_token);
  RUN(widths_are_cut_by_tp);
  RUN(an_mlp_without_gate_moves_less);
  RUN(experts_answers_are_added);
  RUN(latents_are_rotated_once);
  RUN(norms_may_be_shared);
  RUN(states_inputs_are_passed_over);
  RUN(ranks_share_experts);
  RUN(shared_keys_are_read_all_the_same);
  return DONE();
}
