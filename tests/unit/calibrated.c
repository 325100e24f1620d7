/* The calibrated cost model: every term by hand. */
#include "cost/calibrated.h"

#include <math.h>
#include <string.h>

#include "cases.h"
#include "cost/step.h"
#include "test.h"

/* Shares and floors of no engine: each a number of its own. */
static orc_calibration fit(void)
{
  orc_calibration k = {
    .slice_width = 96.0,
    .routing_skew = 0.75,
    .rank_imbalance = 1.2,
    .attention_decode = 0.9,
    .attention_decode_compute = 0.5,
    .attention_prefill = 0.7,
    .prefill_ramp = 800.0,
    .reduce_latency = 5e-6,
    .reduce_bandwidth = 0.6,
    .layer_floor = 20e-6,
    .quantised_floor = 12e-6,
    .block_floor = 22e-6,
    .latent_floor = 25e-6,
    .sparse_floor = 86e-6,
    .state_floor = 19e-6,
    .expert_floor = 60e-6,
    .expert_parallel_floor = 10e-6,
    .step_host = 1e-3,
    .sequence_host = 15e-6,
    .prompt_host = 100e-6,
    .older_factor = 1.0,
  };
  for (int i = 0; i < ORC_DTYPES; i++) {
    k.gemm_bandwidth[i] = 0.8;
    k.gemm_compute[i] = 0.7;
    k.expert_bandwidth[i] = 0.75;
    k.expert_compute[i] = 0.25;
  }
  k.gemm_bandwidth[ORC_FP8_BLOCK] = 0.4;
  k.gemm_compute[ORC_FP8_BLOCK] = 0.35;
  return k;
}

static orc_step_cost of(const orc_model *m, const orc_layout *l, const orc_calibration *k)
{
  orc_cost_params p;
  orc_cost_params_default(&p);
  p.kind = ORC_COST_CALIBRATED;
  p.calibration = *k;
  orc_step_cost c;
  orc_error e = { .code = 0 };
  const bool ok = orc_step_cost_init(&c, m, &h100, l, &p, &e);
  if (!ok) printf("%s\n", e.msg);
  CHECK(ok);
  return c;
}

static orc_step_cost plain(const orc_model *m, const orc_layout *l)
{
  const orc_calibration k = fit();
  return of(m, l, &k);
}

static orc_step_time decode(const orc_step_cost *c, int64_t n, int64_t context)
{
  const orc_step_shape s = {
    .decode_seqs = n, .decode_context = context, .decode_window = context, .sampled = n
  };
  return orc_step_evaluate(c, &s);
}

static orc_step_time prompt(const orc_step_cost *c, int64_t tokens, int64_t past)
{
  orc_step_shape s = { .sampled = 0 };
  orc_step_shape_add_chunk(&s, &c->model, tokens, past, true);
  return orc_step_evaluate(c, &s);
}

/* Llama-2-7B: 6,476,005,376 weights of layers, a head of 4096 x 32000, 524,288 B of KV per token. */
static void decodes(void)
{
  const orc_step_cost c = plain(&llama2_7b, &one_gpu);
  const orc_step_time t = decode(&c, 4, 4000);
  NEAR(t.gemm, 6476005376.0 * 2.0 / (3350e9 * 0.8), 1e-12);
  NEAR(t.lm_head, 4096.0 * 32000.0 * 2.0 / (3350e9 * 0.8), 1e-12);
  const double queries = 4.0 * 32.0 * 2.0 * 4096.0 * 2.0;
  NEAR(t.attention, (4000.0 * 524288.0 + queries) / (3350e9 * 0.9), 1e-12);
  NEAR(t.overhead, 32.0 * 20e-6 + 1e-3 + 4.0 * 15e-6, 1e-12);
  CHECK(t.other == 0.0 && t.collective == 0.0 && t.exchange == 0.0);
  NEAR(t.total, t.gemm + t.lm_head + t.attention + t.overhead, 1e-12);
}

/* 2000 prompt tokens are bound by FLOPs: pairs 2000 x 2001 / 2, and 400 more for each token. */
static void prompts(void)
{
  const orc_step_cost c = plain(&llama2_7b, &one_gpu);
  const orc_step_time t = prompt(&c, 2000, 0);
  NEAR(t.gemm, 2.0 * 6476005376.0 * 2000.0 / (989e12 * 0.7), 1e-12);
  const double pairs = 2001000.0 + 400.0 * 2000.0;
  NEAR(t.attention, pairs * 4.0 * 4096.0 * 32.0 / (989e12 * 0.7), 1e-12);
  NEAR(t.overhead, 32.0 * 20e-6 + 1e-3 + 100e-6, 1e-12);
  NEAR(pairs, 2001000.0 * (1.0 + 800.0 / 2001.0), 1e-12);
}

/* What a prompt's chunks take beside the fixed parts is what it takes whole. */
static void chunks_add_up(void)
{
  const orc_step_cost c = plain(&llama2_7b, &one_gpu);
  const double whole = prompt(&c, 2000, 0).attention;
  NEAR(prompt(&c, 800, 0).attention + prompt(&c, 1200, 800).attention, whole, 1e-12);
}

/* A few new tokens behind a long cached prompt read its KV. */
static void cached_prompts_read_their_past(void)
{
  const orc_step_cost c = plain(&llama2_7b, &one_gpu);
  NEAR(prompt(&c, 1, 100000).attention,
       (100001.0 * 524288.0 + 32.0 * 2.0 * 4096.0 * 2.0) / (3350e9 * 0.9), 1e-12);
}

static void formats(void)
{
  orc_layout l = one_gpu;
  l.weights = l.compute = ORC_FP8;
  const orc_step_cost fp8 = plain(&llama2_7b, &l);
  NEAR(decode(&fp8, 1, 1).gemm, 6476005376.0 / (3350e9 * 0.8), 1e-12);
  NEAR(prompt(&fp8, 2000, 0).gemm, 2.0 * 6476005376.0 * 2000.0 / (1979e12 * 0.7), 1e-12);
  NEAR(decode(&fp8, 1, 1).overhead, 32.0 * 32e-6 + 1e-3 + 15e-6, 1e-12);
  l.weights = l.compute = ORC_FP8_BLOCK;
  const orc_step_cost block = plain(&llama2_7b, &l);
  NEAR(decode(&block, 1, 1).gemm, 6476005376.0 / (3350e9 * 0.4), 1e-12);
  NEAR(prompt(&block, 2000, 0).gemm, 2.0 * 6476005376.0 * 2000.0 / (1979e12 * 0.35), 1e-12);
  NEAR(decode(&block, 1, 1).overhead, 32.0 * 42e-6 + 1e-3 + 15e-6, 1e-12);
  l.weights = ORC_INT4; /* unpacked on the way: nothing is quantised, and products are in bf16 */
  l.compute = ORC_BF16;
  const orc_step_cost int4 = plain(&llama2_7b, &l);
  NEAR(prompt(&int4, 2000, 0).gemm, 2.0 * 6476005376.0 * 2000.0 / (989e12 * 0.7), 1e-12);
  NEAR(decode(&int4, 1, 1).overhead, 32.0 * 20e-6 + 1e-3 + 15e-6, 1e-12);
}

/* Attention kept in 16 bits beside an MLP in 8: QKV and output 4 x 4096^2, MLP 3 x 4096 x 11008. */
static void parts_have_formats(void)
{
  orc_layout l = one_gpu;
  l.weights = l.compute = ORC_FP8;
  l.weight_bits[ORC_PART_QKV] = l.weight_bits[ORC_PART_OUTPUT] = 16.0;
  const orc_step_cost c = plain(&llama2_7b, &l);
  const double attention = 32.0 * 4.0 * 4096.0 * 4096.0, mlp = 32.0 * 3.0 * 4096.0 * 11008.0;
  NEAR(decode(&c, 1, 1).gemm, (2.0 * attention + mlp) / (3350e9 * 0.8), 1e-12);
  NEAR(prompt(&c, 2000, 0).gemm,
       4000.0 * attention / (989e12 * 0.7) + 4000.0 * mlp / (1979e12 * 0.7), 1e-12);
  CHECK(orc_layout_part_format(&l, ORC_PART_QKV) == ORC_BF16);
  CHECK(orc_layout_part_format(&l, ORC_PART_DOWN) == ORC_FP8);
  l.weight_bits[ORC_PART_EXPERT] = 4.5;
  CHECK(orc_layout_part_format(&l, ORC_PART_EXPERT) == ORC_FP4);
  CHECK(orc_layout_part_format(&l, ORC_PART_ROUTER) == ORC_BF16);
}

/* ---- experts: Mixtral, 8 of which 2 are chosen, 3 x 4096 x 14336 weights each ---- */

static const double EXPERT = 3.0 * 4096.0 * 14336.0;

static double read(double tokens)
{
  const double n = 8.0 * (1.0 - pow(1.0 - 2.0 / 8.0, 0.75 * tokens));
  return n > 2.0 ? n : 2.0;
}

/* Attention 2 x 4096 x (4096 + 1024) and the router 4096 x 8, in 32 layers. */
static double beside(double tokens)
{
  const double weights = 32.0 * (2.0 * 4096.0 * (4096.0 + 1024.0) + 4096.0 * 8.0);
  const double bytes = weights * 2.0 / (3350e9 * 0.8),
               flops = 2.0 * tokens * weights / (989e12 * 0.7);
  return bytes > flops ? bytes : flops;
}

static void experts_are_read(void)
{
  const orc_step_cost c = plain(&mixtral_8x7b, &one_gpu);
  const double slice = 1.0 / (1.0 + 96.0 / 14336.0), rate = 3350e9 * 0.75 * slice;
  const double tokens[] = { 1, 3, 40 };
  for (int i = 0; i < 3; i++) {
    const double n = tokens[i];
    NEAR(decode(&c, (int64_t)n, (int64_t)n).gemm - beside(n), 32.0 * read(n) * EXPERT * 2.0 / rate,
         1e-9);
  }
  NEAR(decode(&c, 1, 1).overhead, 32.0 * 80e-6 + 1e-3 + 15e-6, 1e-12);
  CHECK(orc_calibrated_experts_read(&c.calibrated, 1.0) == 2.0);
  NEAR(orc_calibrated_experts_read(&c.calibrated, 1000.0), 8.0, 1e-9);
}

/* 4000 prompt tokens: 2 x 4000 rows of one expert each. */
static void experts_compute(void)
{
  const orc_step_cost c = plain(&mixtral_8x7b, &one_gpu);
  const double slice = 1.0 / (1.0 + 96.0 / 14336.0), rate = 989e12 * 0.25 * slice;
  NEAR(prompt(&c, 4000, 0).gemm - beside(4000.0), 32.0 * 2.0 * 8000.0 * EXPERT / rate, 1e-9);
}

/* Tiles have four rows at least: where the peak binds, few tokens take as long as 4 x read / k. */
static void tiles_are_whole(void)
{
  orc_calibration k = fit();
  for (int i = 0; i < ORC_DTYPES; i++)
    k.expert_compute[i] = 1e-4;
  const orc_step_cost c = of(&mixtral_8x7b, &one_gpu, &k);
  const double slice = 1.0 / (1.0 + 96.0 / 14336.0), rate = 989e12 * 1e-4 * slice;
  NEAR(decode(&c, 2, 2).gemm - beside(2.0), 32.0 * 2.0 * 4.0 * read(2.0) * EXPERT / rate, 1e-9);
}

static void slices_and_ranks(void)
{
  orc_layout l = one_gpu;
  l.tensor_parallel_size = 4;
  const orc_step_cost cut = plain(&mixtral_8x7b, &l);
  const double cut_rate = 3350e9 * 0.75 / (1.0 + 96.0 * 4.0 / 14336.0);
  NEAR(decode(&cut, 40, 40).gemm - beside(40.0) / 4.0,
       32.0 * read(40.0) * EXPERT / 4.0 * 2.0 / cut_rate, 1e-3); /* the router is whole */
  l.expert_parallel = true;
  const orc_step_cost whole = plain(&mixtral_8x7b, &l);
  const double rate = 3350e9 * 0.75 / (1.0 + 96.0 / 14336.0);
  const double held = 1.2 * read(2.0) < 8.0 ? 1.2 * read(2.0) : 8.0;
  NEAR(decode(&whole, 2, 2).gemm - beside(2.0) / 4.0, 32.0 * held * EXPERT / 4.0 * 2.0 / rate,
       1e-3);
  NEAR(decode(&whole, 2, 2).overhead - decode(&cut, 2, 2).overhead, 32.0 * 10e-6, 1e-12);
}

/* ---- all-reduces, floors, the host ---- */

static void all_reduces(void)
{
  orc_layout l = one_gpu;
  l.tensor_parallel_size = 8;
  const orc_step_cost ring = plain(&llama2_7b, &l);
  l.all_reduce = ORC_ALGORITHM_AUTO;
  const orc_step_cost c = plain(&llama2_7b, &l);
  const double bytes = 16.0 * 4096.0 * 2.0;
  NEAR(decode(&ring, 16, 16).collective, 64.0 * (14.0 * 3e-6 + 2.0 * 7.0 / 8.0 * bytes / 450e9),
       1e-12);
  NEAR(decode(&c, 16, 16).collective, 64.0 * (5e-6 + 2.0 * 7.0 / 8.0 * bytes / (450e9 * 0.6)),
       1e-12);
}

static void floors_by_kind(void)
{
  orc_model m = deepseek_v2_lite;
  const double own = 27.0 * 20e-6 + 27.0 * 25e-6 + 26.0 * 60e-6 + 1e-3 + 15e-6;
  const orc_step_cost latent = plain(&m, &one_gpu);
  NEAR(decode(&latent, 1, 1).overhead, own, 1e-12);
  m.index_topk = 2048;
  m.index_n_heads = 32;
  m.index_head_dim = 128;
  m.sliding_window = 2048;
  m.num_windowed_layers = 27;
  const orc_step_cost sparse = plain(&m, &one_gpu);
  NEAR(decode(&sparse, 1, 1).overhead, own + 27.0 * 86e-6, 1e-12);
  const orc_step_cost states = plain(&qwen3_next, &one_gpu);
  NEAR(decode(&states, 1, 1).overhead, 48.0 * 80e-6 + 36.0 * 19e-6 + 1e-3 + 15e-6, 1e-12);
  NEAR(decode(&states, 7, 7).other, 7.0 * 36.0 * 2.0 * 2146304.0 / (3350e9 * 0.9), 1e-12);
}

/* The older generation of an engine: floors and the step's host, not what sequences add. */
static void older_engines(void)
{
  orc_calibration k = fit();
  k.older_factor = 2.0;
  const orc_step_cost c = of(&llama2_7b, &one_gpu, &k);
  NEAR(decode(&c, 4, 4).overhead, 2.0 * (32.0 * 20e-6 + 1e-3) + 4.0 * 15e-6, 1e-12);
}

/* A window and top-k cap the context; beyond, a decode takes no longer. */
static void windows_cap_the_context(void)
{
  const orc_step_cost c = plain(&gemma2_9b, &one_gpu);
  const orc_step_shape s = {
    .decode_seqs = 1, .decode_context = 8000, .decode_window = 4096, .sampled = 1
  };
  const double layer = 2.0 * 8.0 * 256.0 * 2.0, queries = 2.0 * 16.0 * 256.0 * 2.0;
  NEAR(orc_step_evaluate(&c, &s).attention,
       21.0 * ((8000.0 + 4096.0) * layer + 2.0 * queries) / (3350e9 * 0.9), 1e-12);
}

/* Two stages take what one takes, and the host of one step more. */
static void stages_add_up(void)
{
  orc_layout l = one_gpu;
  l.pipeline_parallel_size = 2;
  const orc_step_cost c = plain(&llama2_7b, &l);
  const orc_step_cost a = orc_step_cost_stage(&c, 0), b = orc_step_cost_stage(&c, 1);
  NEAR(decode(&a, 8, 8000).total + decode(&b, 8, 8000).total, decode(&c, 8, 8000).total + 1e-3,
       1e-12);
}

/* ---- bad parameters ---- */

static bool refused(orc_calibration k, const char *says)
{
  orc_error e = { .code = 0 };
  if (orc_calibration_check(&k, &e)) return false;
  return strstr(e.msg, says) != NULL;
}

static void checks(void)
{
  orc_error e = { .code = 0 };
  orc_calibration k = fit();
  CHECK(orc_calibration_check(&k, &e));
  k.gemm_bandwidth[ORC_BF16] = -0.1;
  CHECK(refused(k, "gemm_bandwidth.bf16 = -0.1"));
  k = fit();
  k.expert_compute[ORC_FP8] = NAN;
  CHECK(refused(k, "expert_compute.fp8 = nan"));
  k = fit();
  k.attention_decode = 0.0;
  CHECK(refused(k, "attention_decode = 0, expected a number above 0"));
  k = fit();
  k.layer_floor = -1e-6;
  CHECK(refused(k, "layer_floor"));
  k = fit();
  k.routing_skew = 1.5;
  CHECK(refused(k, "routing_skew = 1.5"));
  k = fit();
  k.rank_imbalance = 0.5;
  CHECK(refused(k, "rank_imbalance"));
  k = fit();
  k.step_host = INFINITY;
  CHECK(refused(k, "step_host = inf"));
}

/* A format without shares is told by its name, and only where it is used. */
static void formats_are_needed(void)
{
  orc_calibration k = fit();
  orc_error e = { .code = 0 };
  orc_layout l = one_gpu;
  k.gemm_compute[ORC_FP8] = 0.0;
  CHECK(orc_calibration_covers(&k, &l, &llama2_7b, &e));
  l.weights = l.compute = ORC_FP8;
  CHECK(!orc_calibration_covers(&k, &l, &llama2_7b, &e));
  CHECK(strstr(e.msg, "gemm_compute.fp8") != NULL);
  k = fit();
  k.expert_bandwidth[ORC_FP8] = 0.0;
  CHECK(orc_calibration_covers(&k, &l, &llama2_7b, &e));
  CHECK(!orc_calibration_covers(&k, &l, &mixtral_8x7b, &e));
  CHECK(strstr(e.msg, "expert_bandwidth.fp8") != NULL);
}

/* Prices under other parameters are those of a deployment prepared with them. */
static void parameters_change(void)
{
  orc_calibration k = fit();
  orc_step_cost c = plain(&mixtral_8x7b, &one_gpu);
  k.expert_floor = 10e-6;
  k.attention_decode = 0.5;
  c.params.calibration = k;
  orc_step_cost_rederive(&c);
  const orc_step_cost made = of(&mixtral_8x7b, &one_gpu, &k);
  CHECK(decode(&c, 9, 9000).total == decode(&made, 9, 9000).total);
}

int main(void)
{
  RUN(decodes);
  RUN(prompts);
  RUN(chunks_add_up);
  RUN(cached_prompts_read_their_past);
  RUN(formats);
  RUN(parts_have_formats);
  RUN(experts_are_read);
  RUN(experts_compute);
  RUN(tiles_are_whole);
  RUN(slices_and_ranks);
  RUN(all_reduces);
  RUN(floors_by_kind);
  RUN(older_engines);
  RUN(windows_cap_the_context);
  RUN(stages_add_up);
  RUN(checks);
  RUN(formats_are_needed);
  RUN(parameters_change);
  return DONE();
}
