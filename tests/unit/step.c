#include "cost/step.h"

#include <string.h>

#include "cases.h"
#include "test.h"

/* A100 at MFU 0.5 and MBU 0.8: 156e12 FLOP/s, 1.6312e12 B/s. */
static const double FLOPS = 0.5 * 312e12, BANDWIDTH = 0.8 * 2039e9;

static orc_step_cost prepared(const orc_model *m, const orc_hardware *h, const orc_layout *l)
{
  orc_cost_params p;
  orc_cost_params_default(&p);
  orc_step_cost c;
  orc_error e = { .code = 0 };
  const bool ok = orc_step_cost_init(&c, m, h, l, &p, &e);
  if (!ok) printf("%s\n", e.msg);
  CHECK(ok);
  return c;
}

static orc_step_cost on_a100(const orc_model *m, int tp)
{
  orc_layout l = one_gpu;
  l.tensor_parallel_size = tp;
  return prepared(m, &a100, &l);
}

static orc_step_shape decoding(int64_t n, int64_t context)
{
  return (orc_step_shape){
    .decode_seqs = n, .decode_context = context, .decode_window = context, .sampled = n
  };
}

static orc_step_shape prompt(const orc_model *m, int64_t tokens)
{
  orc_step_shape s = { .sampled = 0 };
  orc_step_shape_add_chunk(&s, m, tokens, 0, true);
  return s;
}

/* Weights 6.607e9 x 2 B at 1.6312e12 B/s: 8.1 ms. One more token of context: 524288 B. */
static void lone_decode(void)
{
  const orc_step_cost c = on_a100(&llama2_7b, 1);
  const orc_step_shape a = decoding(1, 1000), b = decoding(1, 1001);
  const orc_step_time ta = orc_step_evaluate(&c, &a), tb = orc_step_evaluate(&c, &b);
  const double floor = 6607077376.0 * 2.0 / BANDWIDTH;
  NEAR(floor, 8.1e-3, 1e-3);
  CHECK(ta.gemm + ta.lm_head > floor);
  NEAR(ta.gemm + ta.lm_head, floor, 1e-3);
  NEAR(tb.total - ta.total, 524288.0 / BANDWIDTH, 1e-8);
  NEAR(ta.attention, (1000.0 * 524288.0 + 32.0 * 2.0 * 4096.0 * 2.0) / BANDWIDTH, 1e-12);
}

/* Work of that step: 2 FLOP per matrix weight, 4 x 4096 x 1000 per layer of attention. */
static void lone_decode_is_counted(void)
{
  const orc_step_cost c = on_a100(&llama2_7b, 1);
  const orc_step_shape s = decoding(1, 1000);
  const orc_step_time t = orc_step_evaluate(&c, &s);
  NEAR(t.flops, 2.0 * 6607077376.0 + 32.0 * 4.0 * 4096.0 * 1000.0, 1e-12);
  CHECK(t.bytes > 2.0 * 6607077376.0 + 1000.0 * 524288.0);
  NEAR(t.bytes, 2.0 * 6607077376.0 + 1000.0 * 524288.0, 2e-3);
}

/* 512 tokens: matrices 2 x 6476005376 x 512 FLOP; pairs 512 x 513 / 2 = 131328, each 4 x 4096 FLOP
** in 32 layers; LM head for one position: 4096 x 32000 x 2 B of weights, 36096 values in and out.
*/
static void prefill(void)
{
  const orc_step_cost c = on_a100(&llama2_7b, 1);
  const orc_step_shape s = prompt(&llama2_7b, 512);
  const orc_step_time t = orc_step_evaluate(&c, &s);
  NEAR(t.gemm, 2.0 * 6476005376.0 * 512.0 / FLOPS, 1e-12);
  NEAR(t.attention, 131328.0 * 4.0 * 4096.0 * 32.0 / FLOPS, 1e-12);
  NEAR(t.lm_head, (4096.0 * 32000.0 + 36096.0) * 2.0 / BANDWIDTH, 1e-12);
  CHECK(t.overhead == 0.0 && t.collective == 0.0);
  NEAR(t.total, t.gemm + t.attention + t.lm_head + t.other, 1e-12);
}

/* Beside matrices, per token and layer, values: norms 4 x 2 x 4096; rotary 2 x 8192; SiLU 3 x
 *11008;
 ** written KV 8192. Once: embedding 2 x 4096 and last norm 4 x 4096. Norm weights 65 x 4096. */
static void other_bytes(void)
{
  const orc_step_cost c = on_a100(&llama2_7b, 1);
  const orc_step_shape s = decoding(1, 1);
  const double layer = 8.0 * 4096.0 + 2.0 * 8192.0 + 3.0 * 11008.0 + 8192.0;
  const double values = 32.0 * layer + 6.0 * 4096.0 + 65.0 * 4096.0;
  NEAR(orc_step_evaluate(&c, &s).other, 2.0 * values / BANDWIDTH, 1e-12);
}

/* tp 4: a quarter of each matrix product, and 2 x 32 ring all-reduces of 512 x 4096 x 2 B, each
** 6 x 3 us + 1.5 x 4194304 B / 300e9 B/s. */
static void tensor_parallel(void)
{
  const orc_step_cost one = on_a100(&llama2_7b, 1), four = on_a100(&llama2_7b, 4);
  const orc_step_shape s = prompt(&llama2_7b, 512);
  const orc_step_time a = orc_step_evaluate(&one, &s), b = orc_step_evaluate(&four, &s);
  NEAR(b.gemm, a.gemm / 4.0, 1e-12);
  NEAR(b.attention, a.attention / 4.0, 1e-12);
  NEAR(b.collective, 64.0 * (18e-6 + 1.5 * 4194304.0 / 300e9), 1e-12);
}

/* Weights are read once: per token only activations are added, 65792 values a layer (QKV 4 x 4096,
** output 2 x 4096, gate and up 4096 + 22016, down 11008 + 4096). */
static void batch_shares_weights(void)
{
  const orc_step_cost c = on_a100(&llama2_7b, 1);
  const double weights = 2.0 * 6476005376.0, token = 32.0 * 65792.0 * 2.0;
  const orc_step_shape one = decoding(1, 1), many = decoding(64, 64);
  NEAR(orc_step_evaluate(&c, &one).gemm, (weights + token) / BANDWIDTH, 1e-12);
  NEAR(orc_step_evaluate(&c, &many).gemm, (weights + 64.0 * token) / BANDWIDTH, 1e-12);
}

/* Decodes beside a chunk ride on its weights; attention of both kinds adds. */
static void mixed_step(void)
{
  const orc_step_cost c = on_a100(&llama2_7b, 1);
  const orc_step_shape d = decoding(16, 16000), p = prompt(&llama2_7b, 496);
  orc_step_shape both = d;
  orc_step_shape_add_chunk(&both, &llama2_7b, 496, 0, true);
  const orc_step_time td = orc_step_evaluate(&c, &d), tp = orc_step_evaluate(&c, &p);
  const orc_step_time t = orc_step_evaluate(&c, &both);
  NEAR(t.gemm, 2.0 * 6476005376.0 * 512.0 / FLOPS, 1e-12);
  NEAR(t.attention, td.attention + tp.attention, 1e-12);
  CHECK(both.sampled == 17);
}

/* Mixtral: one token reads 2 of 8 experts, two tokens 8 (1 - 0.75^2) = 3.5. Per expert
** 3 x 4096 x 14336 x 2 B x 32 layers; per token 124936 values a layer (QKV 10240, output 8192,
** router 4104, two experts of 4096 + 28672 + 14336 + 4096). */
static void distinct_experts(void)
{
  const orc_step_cost c = on_a100(&mixtral_8x7b, 1);
  const double expert = 3.0 * 4096.0 * 14336.0 * 2.0 * 32.0, token = 124936.0 * 2.0 * 32.0;
  const orc_step_shape one = decoding(1, 1), two = decoding(2, 2);
  const double t1 = orc_step_evaluate(&c, &one).gemm, t2 = orc_step_evaluate(&c, &two).gemm;
  NEAR(t2 - t1, (1.5 * expert + token) / BANDWIDTH, 1e-9);
  NEAR(t1, (2.0 * (12748587008.0 - 131072000.0) + token) / BANDWIDTH, 1e-4);
}

/* All of 4096 tokens' expert work, 2 of 8: 2 x 2 x 3 x 4096 x 14336 FLOP a token and layer; the
** busiest expert at 1.5 x the mean takes 1.5 x as long. */
static void imbalance(void)
{
  orc_step_cost c = on_a100(&mixtral_8x7b, 1);
  const orc_step_shape s = prompt(&mixtral_8x7b, 4096);
  const double even = orc_step_evaluate(&c, &s).gemm;
  c.params.moe_imbalance = 1.5;
  const double experts = 4096.0 * 32.0 * 12.0 * 4096.0 * 14336.0 / FLOPS;
  NEAR(orc_step_evaluate(&c, &s).gemm - even, 0.5 * experts, 1e-9);
}

/* H100 at MBU 0.8, 2.68e12 B/s: fp8 matrices are half the bytes; computing takes half the time. */
static void fp8_halves_both(void)
{
  orc_layout l = one_gpu;
  l.weights = l.compute = ORC_FP8;
  const orc_step_cost wide = prepared(&llama2_7b, &h100, &one_gpu);
  const orc_step_cost narrow = prepared(&llama2_7b, &h100, &l);
  const orc_step_shape d = decoding(1, 1), p = prompt(&llama2_7b, 4096);
  NEAR(orc_step_evaluate(&narrow, &d).gemm, (6476005376.0 + 32.0 * 65792.0 * 2.0) / (0.8 * 3350e9),
       1e-12);
  NEAR(orc_step_evaluate(&narrow, &p).gemm, orc_step_evaluate(&wide, &p).gemm * 989.0 / 1979.0,
       1e-12);
}

/* int4 weight-only reads 0.51953125 B per weight and computes in 16 bit. */
static void int4_weight_only(void)
{
  orc_layout l = one_gpu;
  l.weights = ORC_INT4;
  const orc_step_cost c = prepared(&llama2_7b, &a100, &l);
  const orc_step_shape d = decoding(1, 1), p = prompt(&llama2_7b, 512);
  NEAR(orc_step_evaluate(&c, &d).gemm,
       (6476005376.0 * 0.51953125 + 32.0 * 65792.0 * 2.0) / BANDWIDTH, 1e-12);
  NEAR(orc_step_evaluate(&c, &p).gemm, 2.0 * 6476005376.0 * 512.0 / FLOPS, 1e-12);
}

/* An fp8 cache halves what a context token costs; fp8 chips compute on it in fp8. */
static void fp8_cache(void)
{
  orc_layout l = one_gpu;
  l.kv = ORC_FP8;
  const orc_step_cost a = prepared(&llama2_7b, &a100, &l), h = prepared(&llama2_7b, &h100, &l);
  const orc_step_shape s = decoding(1, 1000), t = decoding(1, 1001);
  NEAR(orc_step_evaluate(&a, &t).total - orc_step_evaluate(&a, &s).total, 262144.0 / BANDWIDTH,
       1e-8);
  const orc_step_shape p = prompt(&llama2_7b, 8192);
  NEAR(orc_step_evaluate(&h, &p).attention,
       8192.0 * 8193.0 / 2.0 * 4.0 * 4096.0 * 32.0 / (0.5 * 1979e12), 1e-12);
}

/* Gemma-2-9B, 8192 B of KV per token and layer: beyond its window of 4096 a context grows only in
** the 21 full layers. Queries and outputs: 2 x 16 x 256 values a layer. */
static void sliding_window(void)
{
  const orc_step_cost c = on_a100(&gemma2_9b, 1);
  orc_step_shape s = decoding(1, 10000);
  s.decode_window = 4096;
  NEAR(orc_step_evaluate(&c, &s).attention,
       (21.0 * 8192.0 * (10000.0 + 4096.0) + 42.0 * 8192.0 * 2.0) / BANDWIDTH, 1e-12);
}

/* Chunk of 3 after 2: queries see 3, 4, 5 keys; under a window of 4: 3, 4, 4. After 9, they see 4
** each, 3 of them past. */
static void chunks_under_a_window(void)
{
  orc_model m = llama2_7b;
  m.sliding_window = 4;
  m.num_windowed_layers = 32;
  orc_step_shape s = { .sampled = 0 };
  orc_step_shape_add_chunk(&s, &m, 3, 2, false);
  CHECK(s.prefill_pairs == 12.0 && s.prefill_window_pairs == 11.0);
  CHECK(s.prefill_past == 2 && s.prefill_window_past == 2 && s.sampled == 0);
  orc_step_shape_add_chunk(&s, &m, 3, 9, true);
  CHECK(s.prefill_pairs == 12.0 + 33.0 && s.prefill_window_pairs == 11.0 + 12.0);
  CHECK(s.prefill_past == 11 && s.prefill_window_past == 2 + 3);
  CHECK(s.prefill_tokens == 6 && s.prefill_seqs == 2 && s.sampled == 1);
}

/* A state is read and written once per decoding sequence, and once per 64 tokens of a prompt; the
** memory's time grows by just that. */
static void states_are_read_and_written(void)
{
  const orc_model *m = &qwen3_next;
  orc_model without = *m;
  without.state_bytes = 0.0;
  const orc_step_cost c = on_a100(m, 1), plain = on_a100(&without, 1);
  const double moved = 2.0 * 36 * 2146304.0;
  const orc_step_shape eight = decoding(8, 8000), long_prompt = prompt(m, 640);
  NEAR(orc_step_evaluate(&c, &eight).other - orc_step_evaluate(&plain, &eight).other,
       8.0 * moved / BANDWIDTH, 1e-9);
  NEAR(orc_step_evaluate(&c, &long_prompt).bytes - orc_step_evaluate(&plain, &long_prompt).bytes,
       10.0 * moved, 1e-9);
  const orc_decode_cost d = orc_step_prepare_decode(&c, 8);
  NEAR(orc_step_decode(&d, 8000, 8000), orc_step_evaluate(&c, &eight).total, 1e-12);
}

/* Parts in 16 bits compute at the rate of 16 bits, and are read as wide, whatever the others are. */
static void parts_have_formats_of_their_own(void)
{
  orc_layout l = { .tensor_parallel_size = 1,
                   .pipeline_parallel_size = 1,
                   .weights = ORC_FP8,
                   .activations = ORC_BF16,
                   .compute = ORC_BF16,
                   .kv = ORC_BF16 };
  const double all = orc_layout_weight_bytes(&l, &llama2_7b);
  l.weight_bits[ORC_PART_QKV] = 16.0;
  CHECK(orc_layout_weight_bytes(&l, &llama2_7b) - all == 32.0 * 3 * 4096 * 4096);
  CHECK(orc_layout_part_is_wide(&l, ORC_PART_QKV) && !orc_layout_part_is_wide(&l, ORC_PART_UP));
  CHECK(orc_layout_part_is_wide(&l, ORC_PART_ROUTER));
}

/* A prompt in two chunks meets the same pairs and reads the first chunk's KV again. */
static void chunked_prefill(void)
{
  orc_step_shape whole = prompt(&llama2_7b, 512), a = { .sampled = 0 }, b = { .sampled = 0 };
  orc_step_shape_add_chunk(&a, &llama2_7b, 256, 0, false);
  orc_step_shape_add_chunk(&b, &llama2_7b, 256, 256, true);
  CHECK(a.prefill_pairs + b.prefill_pairs == whole.prefill_pairs);
  CHECK(a.prefill_past == 0 && b.prefill_past == 256 && b.sampled == 1);
}

/* DeepSeek-V2-Lite decodes on the latent: (512 + 64) x 2 B a token and layer, on every rank; 2 x 16
** x (576 + 512) FLOP, halved by tp 2. Batch 64 at a context of 4096 each. */
static void latent_attention(void)
{
  const orc_step_cost one = on_a100(&deepseek_v2_lite, 1), two = on_a100(&deepseek_v2_lite, 2);
  const orc_step_shape s = decoding(64, 64 * 4096);
  const double context = 64.0 * 4096.0 * 27.0,
               q = 64.0 * 27.0 * 16.0 * (128.0 + 64.0 + 128.0) * 2.0;
  NEAR(orc_step_evaluate(&one, &s).attention, (context * 1152.0 + q) / BANDWIDTH, 1e-12);
  NEAR(orc_step_evaluate(&two, &s).attention, (context * 1152.0 + q / 2.0) / BANDWIDTH, 1e-12);
  CHECK(one.ops.full.context_flops == 27.0 * 2.0 * 16.0 * (512.0 + 64.0 + 512.0));
  CHECK(two.ops.full.context_flops == one.ops.full.context_flops / 2.0);
}

/* A chunk of 256 behind 1000 tokens meets them and its own in full width, 2 x 16 x (192 + 128) FLOP a
** pair and layer, and makes keys and values of the past's latents again: 2 x 512 x 16 x (128 + 128) a
** token and layer (DeepSeek-V2, arXiv 2405.04434, section 2.1: W^UK and W^UV). */
static void latents_of_the_past_are_expanded(void)
{
  const orc_step_cost c = on_a100(&deepseek_v2_lite, 1);
  orc_step_shape fresh = { .sampled = 0 }, behind = { .sampled = 0 };
  orc_step_shape_add_chunk(&fresh, &deepseek_v2_lite, 256, 0, true);
  orc_step_shape_add_chunk(&behind, &deepseek_v2_lite, 256, 1000, true);
  const double pairs = 256.0 * 1000.0 * 2.0 * 16.0 * (192.0 + 128.0);
  const double expanded = 1000.0 * 2.0 * 512.0 * 16.0 * (128.0 + 128.0);
  const double a = orc_step_evaluate(&c, &fresh).flops, b = orc_step_evaluate(&c, &behind).flops;
  NEAR(b - a, 27.0 * (pairs + expanded), 1e-9);
  CHECK(c.ops.full.past_flops == 27.0 * 2.0 * 512.0 * 16.0 * (128.0 + 128.0));
}

static void constant_server(void)
{
  orc_step_cost c = on_a100(&llama2_7b, 1);
  c.params.kind = ORC_COST_CONSTANT;
  c.params.constant_step = 0.25;
  c.params.constant_prefill_token = 1e-3;
  const orc_step_shape one = decoding(1, 1), many = decoding(100, 100000), idle = { .sampled = 0 };
  orc_step_shape p = prompt(&llama2_7b, 512);
  CHECK(orc_step_evaluate(&c, &one).total == 0.25);
  CHECK(orc_step_evaluate(&c, &many).total == 0.25);
  NEAR(orc_step_evaluate(&c, &p).total, 0.25 + 0.512, 1e-15);
  CHECK(orc_step_evaluate(&c, &idle).total == 0.0);
  const orc_decode_cost d = orc_step_prepare_decode(&c, 7);
  CHECK(orc_step_decode(&d, 12345, 12345) == 0.25);
}

/* 1 ms a step, 10 us for each of 32 layers, 5 us for each of 4 sampled sequences. */
static void overheads(void)
{
  orc_step_cost c = on_a100(&llama2_7b, 1);
  c.params.step_overhead = 1e-3;
  c.params.layer_overhead = 10e-6;
  c.params.sequence_overhead = 5e-6;
  const orc_step_shape s = decoding(4, 4), idle = { .sampled = 0 };
  NEAR(orc_step_evaluate(&c, &s).overhead, 1e-3 + 320e-6 + 20e-6, 1e-12);
  CHECK(orc_step_evaluate(&c, &idle).total == 0.0);
}

/* Each operation's two times combine as (a^p + b^p)^(1/p); here the attention of 1000 tokens. */
static void smooth_maximum(void)
{
  orc_step_cost c = on_a100(&llama2_7b, 1);
  const orc_step_shape s = decoding(1, 1000);
  const double a = 1000.0 * 4.0 * 4096.0 * 32.0 / FLOPS;
  const double b = (1000.0 * 524288.0 + 524288.0) / BANDWIDTH;
  const double exponents[] = { 1.0, 2.0, 3.0, 4.0, 8.5 };
  for (size_t i = 0; i < sizeof exponents / sizeof *exponents; i++) {
    const double p = c.params.smooth_p = exponents[i];
    NEAR(orc_step_evaluate(&c, &s).attention, pow(pow(a, p) + pow(b, p), 1.0 / p), 1e-12);
  }
}

/* Prefill and decode steps reach their own shares of the peak. */
static void separate_efficiencies(void)
{
  orc_step_cost c;
  orc_cost_params p;
  orc_error e = { .code = 0 };
  orc_cost_params_default(&p);
  p.decode_mbu = 0.4;
  p.prefill_mfu = 0.25;
  CHECK(orc_step_cost_init(&c, &llama2_7b, &a100, &one_gpu, &p, &e));
  const orc_step_cost plain = on_a100(&llama2_7b, 1);
  const orc_step_shape d = decoding(1, 1), q = prompt(&llama2_7b, 512);
  NEAR(orc_step_evaluate(&c, &d).total, 2.0 * orc_step_evaluate(&plain, &d).total, 1e-12);
  NEAR(orc_step_evaluate(&c, &q).gemm, 2.0 * orc_step_evaluate(&plain, &q).gemm, 1e-12);
}

/* The stages of a pipeline do the work of the whole model between them. */
static void stages_sum_to_the_whole(void)
{
  orc_layout l = one_gpu;
  l.pipeline_parallel_size = 4;
  const orc_step_cost whole = prepared(&gemma2_9b, &a100, &l);
  const orc_step_shape s = prompt(&gemma2_9b, 6000);
  const orc_step_time t = orc_step_evaluate(&whole, &s);
  double gemm = 0.0, attention = 0.0, other = 0.0, lm_head = 0.0;
  for (int i = 0; i < 4; i++) {
    const orc_step_cost stage = orc_step_cost_stage(&whole, i);
    const orc_step_time part = orc_step_evaluate(&stage, &s);
    gemm += part.gemm;
    attention += part.attention;
    other += part.other;
    lm_head += part.lm_head;
    CHECK((part.lm_head > 0.0) == (i == 3));
  }
  NEAR(gemm, t.gemm, 1e-12);
  NEAR(attention, t.attention, 1e-12);
  NEAR(other, t.other, 1e-12);
  CHECK(lm_head == t.lm_head);
}

static bool refused(orc_cost_params p, const char *because)
{
  orc_error e = { .code = 0 };
  return !orc_cost_params_check(&p, &e) && strstr(e.msg, because) != NULL;
}

static void wrong_parameters_are_named(void)
{
  orc_cost_params good;
  orc_error e = { .code = 0 };
  orc_cost_params_default(&good);
  CHECK(orc_cost_params_check(&good, &e));
  orc_cost_params p = good;
  p.prefill_mfu = 1.2;
  CHECK(refused(p, "prefill_mfu = 1.2"));
  p = good;
  p.decode_mbu = 0.0;
  CHECK(refused(p, "decode_mbu = 0"));
  p = good;
  p.smooth_p = 0.5;
  CHECK(refused(p, "smooth_p = 0.5"));
  p = good;
  p.step_overhead = -1.0;
  CHECK(refused(p, "step_overhead = -1"));
  p = good;
  p.moe_imbalance = NAN;
  CHECK(refused(p, "moe_imbalance"));
  p = good;
  p.kind = (orc_cost_kind)99;
  CHECK(refused(p, "kind = 99"));
  p = good;
  p.stream_interval = -1.0;
  CHECK(refused(p, "stream_interval = -1"));
  p = good;
  p.kind = ORC_COST_CONSTANT;
  CHECK(refused(p, "constant_step = 0"));
}

static void ranks_need_a_link(void)
{
  orc_hardware h = a100;
  h.nvlink.bandwidth = h.pcie.bandwidth = 0.0;
  orc_layout l = one_gpu;
  l.tensor_parallel_size = 2;
  orc_cost_params p;
  orc_cost_params_default(&p);
  orc_step_cost c;
  orc_error e = { .code = 0 };
  CHECK(!orc_step_cost_init(&c, &llama2_7b, &h, &l, &p, &e) && strstr(e.msg, "pcie") != NULL);
}

int main(void)
{
  RUN(lone_decode);
  RUN(lone_decode_is_counted);
  RUN(prefill);
  RUN(other_bytes);
  RUN(tensor_parallel);
  RUN(batch_shares_weights);
  RUN(mixed_step);
  RUN(distinct_experts);
  RUN(imbalance);
  RUN(fp8_halves_both);
  RUN(int4_weight_only);
  RUN(fp8_cache);
  RUN(sliding_window);
  RUN(chunks_under_a_window);
  RUN(states_are_read_and_written);
  RUN(parts_have_formats_of_their_own);
  RUN(chunked_prefill);
  RUN(latent_attention);
  RUN(latents_of_the_past_are_expanded);
  RUN(constant_server);
  RUN(overheads);
  RUN(smooth_maximum);
  RUN(separate_efficiencies);
  RUN(stages_sum_to_the_whole);
  RUN(wrong_parameters_are_named);
  RUN(ranks_need_a_link);
  return DONE();
}
