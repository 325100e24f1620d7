/* Laws of the step cost over random models, chips, layouts and batches. */
#include "cost/step.h"

#include <math.h>

#include "base/rng.h"
#include "test.h"

enum { ROUNDS = 2000 };

static int between(orc_rng *r, int low, int high)
{
  return low + (int)orc_rng_below(r, (uint64_t)(high - low) + 1);
}

static double span(orc_rng *r, double low, double high)
{
  return low + (high - low) * orc_rng_uniform(r);
}

static bool coin(orc_rng *r)
{
  return orc_rng_below(r, 2) == 1;
}

static orc_model random_model(orc_rng *r)
{
  const int kv = 1 << between(r, 0, 3), group = 1 << between(r, 0, 3);
  orc_model m = {
    .num_hidden_layers = between(r, 1, 100),
    .hidden_size = 64 * between(r, 4, 128),
    .num_attention_heads = 8 * kv * group,
    .num_key_value_heads = kv,
    .head_dim = 32 * between(r, 1, 8),
    .intermediate_size = 64 * between(r, 4, 400),
    .vocab_size = between(r, 1000, 200000),
    .max_position_embeddings = 8192,
    .gated_mlp = coin(r),
    .norms_per_layer = between(r, 1, 4),
  };
  if (coin(r)) {
    m.num_experts = 1 << between(r, 1, 8);
    m.num_experts_per_tok = between(r, 1, m.num_experts < 8 ? m.num_experts : 8);
    m.moe_intermediate_size = 64 * between(r, 4, 200);
    m.shared_expert_size = coin(r) ? 64 * between(r, 1, 50) : 0;
    m.num_dense_layers = between(r, 0, m.num_hidden_layers);
  }
  if (coin(r)) {
    m.sliding_window = between(r, 1, 5000);
    m.num_windowed_layers = between(r, 1, m.num_hidden_layers);
  }
  if (between(r, 0, 3) == 0) {
    m.kv_lora_rank = 64 * between(r, 1, 16);
    m.q_lora_rank = coin(r) ? 512 : 0;
    m.qk_rope_head_dim = m.qk_nope_head_dim = m.v_head_dim = 64;
  }
  return m;
}

static orc_hardware random_hardware(orc_rng *r)
{
  const double flops = span(r, 50e12, 3000e12);
  return (orc_hardware){
    .flops = { [ORC_BF16] = flops, [ORC_FP8] = coin(r) ? 2.0 * flops : 0.0 },
    .memory = 80e9,
    .bandwidth = span(r, 300e9, 8000e9),
    .nvlink = { .bandwidth = coin(r) ? span(r, 100e9, 900e9) : 0.0, .latency = 2e-6 },
    .pcie = { .bandwidth = 32e9, .latency = 5e-6 },
  };
}

/* Both kinds of step reach the same shares of the peak, so that laws may compare across kinds. */
static orc_cost_params random_params(orc_rng *r)
{
  static const double exponents[] = { 0.0, 0.0, 1.0, 2.0, 3.3, 4.0 };
  orc_cost_params p;
  orc_cost_params_default(&p);
  p.prefill_mfu = p.decode_mfu = span(r, 0.1, 1.0);
  p.prefill_mbu = p.decode_mbu = span(r, 0.1, 1.0);
  p.smooth_p = exponents[orc_rng_below(r, 6)];
  if (coin(r)) p.step_overhead = span(r, 0.0, 5e-3);
  if (coin(r)) p.layer_overhead = span(r, 0.0, 50e-6);
  if (coin(r)) p.decode_comm_overhead = span(r, 0.0, 1e-3);
  /* a chunk more must not turn a dear kind of step into a cheap one */
  p.prefill_comm_overhead = p.decode_comm_overhead + (coin(r) ? span(r, 0.0, 1e-3) : 0.0);
  if (coin(r)) p.sequence_overhead = span(r, 0.0, 50e-6);
  p.moe_imbalance = span(r, 1.0, 3.0);
  return p;
}

/* Every parameter of a fit within what it may be. */
static orc_calibration random_calibration(orc_rng *r)
{
  orc_calibration k = {
    .slice_width = span(r, 0.0, 300.0),
    .routing_skew = span(r, 0.3, 1.0),
    .rank_imbalance = span(r, 1.0, 2.0),
    .attention_decode = span(r, 0.2, 1.0),
    .attention_decode_compute = span(r, 0.2, 1.0),
    .attention_prefill = span(r, 0.2, 1.0),
    .prefill_ramp = span(r, 0.0, 2000.0),
    .reduce_latency = span(r, 0.0, 50e-6),
    .reduce_bandwidth = span(r, 0.1, 1.0),
    .older_factor = span(r, 0.5, 3.0),
  };
  for (int i = 0; i < ORC_DTYPES; i++) {
    k.gemm_bandwidth[i] = span(r, 0.2, 1.2);
    k.gemm_compute[i] = span(r, 0.1, 1.0);
    k.expert_bandwidth[i] = span(r, 0.2, 1.2);
    k.expert_compute[i] = span(r, 0.05, 1.0);
  }
  double *const seconds[] = {
    &k.layer_floor,  &k.quantised_floor, &k.block_floor,  &k.latent_floor,
    &k.sparse_floor, &k.state_floor,     &k.expert_floor, &k.expert_parallel_floor,
    &k.step_host,    &k.sequence_host,   &k.prompt_host
  };
  for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++)
    *seconds[i] = coin(r) ? span(r, 0.0, 100e-6) : 0.0;
  return k;
}

static bool is_calibrated(const orc_step_cost *c)
{
  return c->params.kind == ORC_COST_CALIBRATED;
}

static orc_step_cost random_cost(orc_rng *r, bool calibrated)
{
  static const orc_dtype weights[] = { ORC_BF16, ORC_FP8, ORC_INT4, ORC_FP8_BLOCK, ORC_FP4 };
  static const orc_dtype compute[] = { ORC_BF16, ORC_FP8, ORC_BF16, ORC_FP8_BLOCK, ORC_FP4 };
  const orc_model m = random_model(r);
  const orc_hardware h = random_hardware(r);
  orc_cost_params p = random_params(r);
  const uint64_t w = orc_rng_below(r, calibrated ? 5 : 3);
  orc_layout l = {
    .tensor_parallel_size = 1 << between(r, 0, 3),
    .pipeline_parallel_size = 1,
    .weights = weights[w],
    .activations = ORC_BF16,
    .compute = compute[w],
    .kv = coin(r) ? ORC_FP8 : ORC_BF16,
  };
  if (calibrated) {
    p.kind = ORC_COST_CALIBRATED;
    p.smooth_p = 0.0;
    if (coin(r)) l.all_reduce = ORC_ALGORITHM_AUTO;
    p.calibration = random_calibration(r);
    l.expert_parallel = m.num_experts >= l.tensor_parallel_size && coin(r);
    if (coin(r)) l.weight_bits[ORC_PART_QKV] = l.weight_bits[ORC_PART_OUTPUT] = 16.0;
  }
  orc_step_cost c;
  orc_error e = { .code = 0 };
  const bool ok = orc_step_cost_init(&c, &m, &h, &l, &p, &e);
  if (!ok) printf("%s\n", e.msg);
  CLAIM("what is drawn is a valid step cost");
  CHECK(ok);
  return c;
}

static void add_decode(orc_step_shape *s, const orc_model *m, int64_t context)
{
  s->decode_seqs++;
  s->decode_context += context;
  s->decode_window +=
      m->sliding_window > 0 && context > m->sliding_window ? m->sliding_window : context;
  s->sampled++;
}

static orc_step_shape random_shape(orc_rng *r, const orc_model *m)
{
  orc_step_shape s = { .sampled = 0 };
  const int decodes = between(r, 0, 64), chunks = coin(r) ? between(r, 0, 4) : 0;
  for (int i = 0; i < decodes; i++)
    add_decode(&s, m, between(r, 1, 20000));
  for (int i = 0; i < chunks; i++)
    orc_step_shape_add_chunk(&s, m, between(r, 1, 2048), coin(r) ? 0 : between(r, 0, 9000),
                             coin(r));
  return s;
}

static double total(const orc_step_cost *c, const orc_step_shape *s)
{
  return orc_step_evaluate(c, s).total;
}

/* total = sum of items, none negative; FLOPs and bytes fit the time at the peaks. */
static void items_add_up(const orc_step_cost *c, const orc_step_shape *s)
{
  const orc_step_time t = orc_step_evaluate(c, s);
  const double sum = t.gemm + t.attention + t.lm_head + t.other + t.collective + t.overhead;
  NEAR(t.total, sum, 1e-14);
  CHECK(t.gemm >= 0.0 && t.attention >= 0.0 && t.lm_head >= 0.0 && t.other >= 0.0);
  CHECK(t.collective >= 0.0 && t.overhead >= 0.0);
  const bool works = s->decode_seqs + s->prefill_tokens > 0;
  CHECK(isfinite(t.total) && (t.total > 0.0) == works);
  if (is_calibrated(c)) return; /* shares of a bandwidth may pass 1, floors hold the rest */
  CHECK(t.bytes <= t.total * c->hardware.bandwidth * (1.0 + 1e-12));
  CHECK(t.flops <= t.total * 2.0 * c->hardware.flops[ORC_BF16]);
}

static void more_work_takes_longer(orc_rng *r, const orc_step_cost *c, const orc_step_shape *s)
{
  orc_step_shape more = *s;
  add_decode(&more, &c->model, between(r, 1, 20000));
  CHECK(total(c, &more) > total(c, s));
  more = *s;
  orc_step_shape_add_chunk(&more, &c->model, between(r, 1, 500), between(r, 0, 500), false);
  CHECK(total(c, &more) > total(c, s));
  if (s->decode_seqs == 0) return;
  more = *s;
  more.decode_context += 1000;
  CHECK(total(c, &more) >= total(c, s));
}

static orc_step_cost on(const orc_step_cost *c, const orc_hardware *h)
{
  orc_step_cost faster;
  orc_error e = { .code = 0 };
  CHECK(orc_step_cost_init(&faster, &c->model, h, &c->layout, &c->params, &e));
  return faster;
}

static void better_chips_are_not_slower(orc_rng *r, const orc_step_cost *c, const orc_step_shape *s)
{
  const double factor = span(r, 1.0, 3.0);
  orc_hardware h = c->hardware;
  h.bandwidth *= factor;
  orc_step_cost faster = on(c, &h);
  CHECK(total(&faster, s) <= total(c, s));
  h = c->hardware;
  for (int i = 0; i < ORC_DTYPES; i++)
    h.flops[i] *= factor;
  faster = on(c, &h);
  CHECK(total(&faster, s) <= total(c, s));
  h = c->hardware;
  h.nvlink.bandwidth *= factor;
  faster = on(c, &h);
  CHECK(total(&faster, s) <= total(c, s));
}

/* Weights are read in each step, so two steps for one batch never take less than one. */
static void splitting_does_not_pay(orc_rng *r, const orc_step_cost *c)
{
  orc_step_shape whole = { .sampled = 0 }, half[2] = { { .sampled = 0 }, { .sampled = 0 } };
  const int parts = between(r, 2, 40);
  for (int i = 0; i < parts; i++) {
    const int side = i < 2 ? i : between(r, 0, 1), tokens = between(r, 1, 3000);
    if (coin(r)) {
      add_decode(&whole, &c->model, tokens);
      add_decode(&half[side], &c->model, tokens);
    } else {
      orc_step_shape_add_chunk(&whole, &c->model, tokens, 100, true);
      orc_step_shape_add_chunk(&half[side], &c->model, tokens, 100, true);
    }
  }
  CHECK(total(c, &half[0]) + total(c, &half[1]) >= total(c, &whole) * (1.0 - 1e-12));
}

/* To the last bit, or runs of decode steps would differ from single steps. */
static void fast_path_is_the_same(orc_rng *r, const orc_step_cost *c)
{
  orc_step_shape s = { .sampled = 0 };
  const int n = between(r, 1, 300);
  for (int i = 0; i < n; i++)
    add_decode(&s, &c->model, between(r, 1, 30000));
  const orc_decode_cost d = orc_step_prepare_decode(c, n);
  for (int step = 0; step < 5; step++) {
    CHECK(orc_step_decode(&d, s.decode_context, s.decode_window) == total(c, &s));
    s.decode_context += n;
    s.decode_window += between(r, 0, n);
  }
}

/* Queries meet keys one by one: the closed form under a window equals the count. */
static void pairs_are_counted(orc_rng *r)
{
  const orc_model m = { .sliding_window = between(r, 1, 60), .num_windowed_layers = 1 };
  const int tokens = between(r, 1, 80), past = between(r, 0, 80);
  orc_step_shape s = { .sampled = 0 };
  orc_step_shape_add_chunk(&s, &m, tokens, past, false);
  double pairs = 0.0, windowed = 0.0;
  for (int i = 1; i <= tokens; i++) {
    pairs += past + i;
    windowed += past + i < m.sliding_window ? past + i : m.sliding_window;
  }
  CHECK(s.prefill_pairs == pairs && s.prefill_window_pairs == windowed);
  const int reach = m.sliding_window - 1; /* keys before the chunk that its first query sees */
  CHECK(s.prefill_window_past == (past < reach ? past : reach));
}

/* Better kernels, smaller floors and a quicker host never take longer. */
static void better_engines_are_not_slower(orc_rng *r, const orc_step_cost *c,
                                          const orc_step_shape *s)
{
  if (!is_calibrated(c)) return;
  orc_calibration k = c->params.calibration;
  const double factor = span(r, 1.0, 2.0);
  for (int i = 0; i < ORC_DTYPES; i++) {
    k.gemm_bandwidth[i] *= factor;
    k.gemm_compute[i] *= factor;
    k.expert_bandwidth[i] *= factor;
    k.expert_compute[i] *= factor;
  }
  k.slice_width /= factor;
  k.attention_decode *= factor;
  k.attention_prefill *= factor;
  k.prefill_ramp /= factor;
  k.reduce_latency /= factor;
  k.reduce_bandwidth *= factor;
  k.layer_floor /= factor;
  k.expert_floor /= factor;
  k.step_host /= factor;
  k.older_factor /= factor;
  orc_step_cost better = *c;
  better.params.calibration = k;
  orc_step_cost_rederive(&better);
  CHECK(total(&better, s) <= total(c, s));
}

int main(void)
{
  for (uint64_t i = 0; i < 2 * ROUNDS; i++) {
    orc_rng r = orc_rng_stream(1, ORC_FOR_TESTS, i);
    const orc_step_cost c = random_cost(&r, i >= ROUNDS);
    const orc_step_shape s = random_shape(&r, &c.model);
    CLAIM("the parts of a step add up and keep to the roofs");
    items_add_up(&c, &s);
    CLAIM("more work takes longer");
    more_work_takes_longer(&r, &c, &s);
    CLAIM("more bandwidth or more FLOP/s never take longer");
    better_chips_are_not_slower(&r, &c, &s);
    CLAIM("better kernels and engines never take longer");
    better_engines_are_not_slower(&r, &c, &s);
    CLAIM("two steps never take less than one of both");
    splitting_does_not_pay(&r, &c);
    CLAIM("a decode step's short way gives the same time");
    fast_path_is_the_same(&r, &c);
    CLAIM("chunks of a prompt count the pairs of the whole");
    pairs_are_counted(&r);
  }
  return DONE();
}
