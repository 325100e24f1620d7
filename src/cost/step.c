#include "cost/step.h"

#include <math.h>

#include "base/real.h"

void orc_cost_params_default(orc_cost_params *p)
{
  *p = (orc_cost_params){
    .kind = ORC_COST_ROOFLINE,
    .prefill_mfu = 0.5,
    .prefill_mbu = 0.8,
    .decode_mfu = 0.5,
    .decode_mbu = 0.8,
    .moe_imbalance = 1.0,
  };
}

static bool share(const char *name, double v, orc_error *e)
{
  return v > 0.0 && v <= 1.0 ? true
                             : orc_fail(e, "cost: %s = %g, expected above 0, at most 1", name, v);
}

static bool seconds(const char *name, double v, orc_error *e)
{
  if (isfinite(v) && v >= 0.0) return true;
  return orc_fail(e, "cost: %s = %g, expected seconds of at least 0", name, v);
}

bool orc_cost_params_check(const orc_cost_params *p, orc_error *e)
{
  if ((unsigned)p->kind > ORC_COST_CALIBRATED)
    return orc_fail(e, "cost: kind = %d does not exist", (int)p->kind);
  if (!share("prefill_mfu", p->prefill_mfu, e) || !share("prefill_mbu", p->prefill_mbu, e) ||
      !share("decode_mfu", p->decode_mfu, e) || !share("decode_mbu", p->decode_mbu, e))
    return false;
  if (!isfinite(p->smooth_p) || (p->smooth_p != 0.0 && p->smooth_p < 1.0))
    return orc_fail(e, "cost: smooth_p = %g, expected 0 or an exponent of at least 1", p->smooth_p);
  if (!isfinite(p->moe_imbalance) || p->moe_imbalance < 1.0)
    return orc_fail(e, "cost: moe_imbalance = %g, expected at least 1", p->moe_imbalance);
  if (!seconds("step_overhead", p->step_overhead, e) ||
      !seconds("layer_overhead", p->layer_overhead, e) ||
      !seconds("sequence_overhead", p->sequence_overhead, e) ||
      !seconds("prefill_comm_overhead", p->prefill_comm_overhead, e) ||
      !seconds("decode_comm_overhead", p->decode_comm_overhead, e) ||
      !seconds("lora_layer_overhead", p->lora_layer_overhead, e) ||
      !seconds("request_overhead", p->request_overhead, e) ||
      !seconds("constant_step", p->constant_step, e) ||
      !seconds("constant_prefill_token", p->constant_prefill_token, e))
    return false;
  if (!(p->stream_interval >= 0.0 && p->stream_interval <= 1e6))
    return orc_fail(e, "cost: stream_interval = %g, expected a number of steps of at least 0",
                    p->stream_interval);
  if (p->kind == ORC_COST_CONSTANT && p->constant_step <= 0.0)
    return orc_fail(e, "cost: constant_step = %g, expected seconds above 0", p->constant_step);
  return p->kind != ORC_COST_CALIBRATED || orc_calibration_check(&p->calibration, e);
}

/* Pairs of `tokens` queries after `past` keys, each query seeing at most `window` keys. */
static double window_pairs(int64_t tokens, int64_t past, int64_t window)
{
  int64_t growing = window - past; /* queries that still see all keys before them */
  if (growing < 0) growing = 0;
  if (growing > tokens) growing = tokens;
  const double g = (double)growing;
  return g * ((double)past + (g + 1.0) / 2.0) + (double)(tokens - growing) * (double)window;
}

void orc_step_shape_add_chunk(orc_step_shape *s, const orc_model *m, int64_t tokens, int64_t past,
                              bool samples)
{
  ORC_ASSERT(tokens >= 1 && past >= 0);
  const double n = (double)tokens, pairs = n * ((double)past + (n + 1.0) / 2.0);
  const int64_t window = m->sliding_window;
  const bool cut = window > 0 && past + tokens > window;
  s->prefill_tokens += tokens;
  s->prefill_seqs += 1;
  s->prefill_pairs += pairs;
  s->prefill_window_pairs += cut ? window_pairs(tokens, past, window) : pairs;
  s->prefill_past += past;
  s->prefill_window_past += cut && past >= window ? window - 1 : past;
  s->sampled += samples;
}

void orc_step_shape_add_verified(orc_step_shape *s, const orc_model *m, int64_t past,
                                 int64_t drafts)
{
  ORC_ASSERT(past >= 0 && drafts >= 0);
  const int64_t read = past + 1 + drafts, window = m->sliding_window;
  const double n = 1.0 + (double)drafts;
  const double pairs = n * ((double)past + (n + 1.0) / 2.0);
  const bool cut = window > 0 && read > window;
  const int64_t near = cut ? window : read;
  s->decode_seqs += 1;
  s->verified_tokens += drafts;
  s->decode_context += read;
  s->decode_window += near;
  s->sampled += 1 + drafts;
  if (drafts == 0) return;
  s->verified_pairs += pairs - (double)read;
  const double near_pairs = cut ? window_pairs(1 + drafts, past, window) : pairs;
  s->verified_window_pairs += near_pairs > (double)near ? near_pairs - (double)near : 0.0;
}

static orc_rates rates_at(const orc_step_cost *c, double mfu, double mbu)
{
  const orc_hardware *h = &c->hardware;
  const double dense = orc_hardware_flops(h, c->layout.activations);
  const bool narrow = c->layout.kv == ORC_FP8 && h->flops[ORC_FP8] > 0.0;
  const double attention = 1.0 / (mfu * (narrow ? h->flops[ORC_FP8] : dense));
  return (orc_rates){
    .gemm = 1.0 / (mfu * orc_hardware_flops(h, c->layout.compute)),
    .dense = 1.0 / (mfu * dense),
    .attention = attention,
    .prompts = attention,
    .memory = 1.0 / (mbu * h->bandwidth),
  };
}

static bool is_calibrated(const orc_step_cost *c)
{
  return c->params.kind == ORC_COST_CALIBRATED;
}

/* What has no product of matrices goes by the rates of attention. */
static void derive_calibrated(orc_step_cost *c)
{
  c->calibrated =
      orc_calibrated_of(&c->params.calibration, &c->model, &c->hardware, &c->layout, c->stage);
  const orc_calibrated *k = &c->calibrated;
  c->rates[0] = c->rates[1] = (orc_rates){ .dense = k->pair_compute,
                                           .attention = k->context_compute,
                                           .prompts = k->pair_compute,
                                           .ramp = k->token_pairs,
                                           .memory = k->context_memory };
}

static void derive(orc_step_cost *c, orc_stage stage)
{
  c->stage = stage;
  c->ops = orc_ops_of(&c->layout, &c->model, stage);
  c->context = orc_context_of(&c->layout, &c->model, stage, &c->link);
  c->adapter = orc_adapter_of(&c->layout, &c->model, stage);
  if (c->model.num_experts > 0) {
    const double share_of_tokens = (double)c->model.num_experts_per_tok / c->model.num_experts;
    c->expert_miss = orc_real_log1p(-share_of_tokens);
  }
  if (is_calibrated(c)) {
    derive_calibrated(c);
    return;
  }
  c->rates[0] = rates_at(c, c->params.decode_mfu, c->params.decode_mbu);
  c->rates[1] = rates_at(c, c->params.prefill_mfu, c->params.prefill_mbu);
}

static orc_all_reduce reduce_of(const orc_layout *l, const orc_link *link)
{
  const orc_fabric f = { .near = { .ranks = l->tensor_parallel_size,
                                   .latency = link->latency,
                                   .bandwidth = link->bandwidth } };
  if (l->all_reduce == ORC_ALGORITHM_AUTO && l->measured.all_reduce.count > 0)
    return orc_all_reduce_measured(&l->measured.all_reduce, &f);
  return orc_all_reduce_of(l->all_reduce, &f.near);
}

bool orc_step_cost_init(orc_step_cost *c, const orc_model *m, const orc_hardware *h,
                        const orc_layout *l, const orc_cost_params *p, orc_error *e)
{
  if (!orc_model_check(m, e) || !orc_hardware_check(h, e) || !orc_layout_check(l, m, e) ||
      !orc_cost_params_check(p, e))
    return false;
  if (p->kind == ORC_COST_CALIBRATED && !orc_calibration_covers(&p->calibration, l, m, e))
    return false;
  const orc_link *link = orc_hardware_peer_link(h);
  if (orc_layout_expert_ranks(l) > 1 && link->bandwidth <= 0.0)
    return orc_fail(e,
                    "hardware: no nvlink or pcie bandwidth, needed for tensor_parallel_size = %d",
                    l->tensor_parallel_size);
  *c = (orc_step_cost){
    .model = *m,
    .hardware = *h,
    .layout = *l,
    .params = *p,
    .link = { .ranks = l->tensor_parallel_size,
              .latency = link->latency,
              .bandwidth = link->bandwidth },
    .exchange = { .ranks = m->num_experts > 0 && l->data_parallel_size > 1
                               ? orc_layout_expert_ranks(l)
                               : 1,
                  .latency = link->latency,
                  .bandwidth = link->bandwidth },
    .reduce = reduce_of(l, link),
  };
  derive(c, (orc_stage){ .layers = m->num_hidden_layers, .embedding = true, .lm_head = true });
  return true;
}

void orc_step_cost_rederive(orc_step_cost *c)
{
  derive(c, c->stage);
}

orc_step_cost orc_step_cost_stage(const orc_step_cost *c, int index)
{
  orc_step_cost part = *c;
  const double share =
      orc_layout_stage(&c->layout, &c->model, index).layers / (double)c->model.num_hidden_layers;
  part.params.constant_step *= share;
  part.params.constant_prefill_token *= share;
  derive(&part, orc_layout_stage(&c->layout, &c->model, index));
  return part;
}

/* (a^p + b^p)^(1/p), scaled by the larger so that nothing over- or underflows. */
double orc_step_smooth(double a, double b, double p)
{
  const double large = a > b ? a : b, small = a > b ? b : a;
  if (large <= 0.0) return 0.0;
  const double r = small / large;
  if (p == 2.0) return large * sqrt(1.0 + r * r);
  if (p == 4.0) return large * sqrt(sqrt(1.0 + r * r * (r * r)));
  return large * orc_real_pow(1.0 + orc_real_pow(r, p), 1.0 / p);
}

/* The time of an operation; where FLOPs bind it, it counts as theirs. */
static double operation(double compute, double memory, double p, orc_step_time *t)
{
  const double time = orc_step_roof(compute, memory, p);
  if (compute > memory) t->compute += time;
  return time;
}

/* Distinct experts that `tokens` tokens are expected to visit. */
static double distinct_experts(const orc_step_cost *c, double tokens)
{
  if (is_calibrated(c)) return orc_calibrated_experts_read(&c->calibrated, tokens);
  return c->model.num_experts * (1.0 - orc_real_exp(tokens * c->expert_miss));
}

/* all: tokens of those who share the experts */
static double gemm_time(const orc_step_cost *c, const orc_rates *r, double tokens, double all,
                        orc_step_time *t)
{
  double sum = 0.0;
  for (int i = 0; i < c->ops.count; i++) {
    const orc_op *op = &c->ops.gemm[i];
    const double seen = op->part == ORC_PART_EXPERT ? all : tokens;
    const double flops = op->flops * seen;
    const bool wide = orc_layout_part_is_wide(&c->layout, op->part);
    double bytes = op->weights, compute = flops * (wide ? r->dense : r->gemm);
    if (op->part == ORC_PART_EXPERT) {
      bytes *= distinct_experts(c, all);
      compute *= c->params.moe_imbalance;
    }
    bytes += op->bytes * seen;
    const double time = is_calibrated(c)
                            ? orc_calibrated_product(&c->calibrated, op, seen, &t->compute)
                            : operation(compute, bytes * r->memory, c->params.smooth_p, t);
    if (op->part == ORC_PART_EXPERT) t->experts += time;
    sum += time;
    t->flops += flops;
    t->bytes += bytes;
  }
  return sum;
}

static double lm_head_time(const orc_step_cost *c, const orc_rates *r, double sampled,
                           orc_step_time *t)
{
  const orc_op *op = &c->ops.lm_head;
  const double flops = op->flops * sampled, bytes = op->weights + op->bytes * sampled;
  t->flops += flops;
  t->bytes += bytes;
  if (is_calibrated(c)) return orc_calibrated_head(&c->calibrated, op, sampled, &t->compute);
  return operation(flops * r->dense, bytes * r->memory, c->params.smooth_p, t);
}

/*
** As measured, where AUTO takes that: both ways of the exchange at once.
**   tokens   of this rank, `all` of all that share the experts
*/
static void take_measured(const orc_step_cost *c, double tokens, double all, double token,
                          orc_exchange *x)
{
  const orc_measured_collectives *m = &c->layout.measured;
  if (c->layout.all_reduce != ORC_ALGORITHM_AUTO) return;
  if (m->dispatch.count > 0) {
    x->bytes = tokens * m->copies * token;
    x->measured =
        orc_regimes_time(&m->dispatch, x->bytes) + orc_regimes_time(&m->combine, x->bytes);
  } else if (m->all_gather.count > 0 && m->reduce_scatter.count > 0) {
    x->bytes = all * token;
    x->measured =
        orc_regimes_time(&m->all_gather, x->bytes) + orc_regimes_time(&m->reduce_scatter, x->bytes);
  }
  if (x->measured > 0.0) x->times = 1;
}

bool orc_step_reduces_by_calibration(const orc_step_cost *c)
{
  return is_calibrated(c) && c->layout.all_reduce == ORC_ALGORITHM_AUTO &&
         c->reduce.measured.count == 0 && !c->reduce.placed;
}

orc_exchange orc_step_exchange(const orc_step_cost *c, double tokens, double all)
{
  if (c->exchange.ranks == 1) return (orc_exchange){ .layers = 0 };
  const int first = c->stage.first_layer;
  const double token = c->model.hidden_size * orc_dtype_bytes(c->layout.activations);
  const double own = tokens / c->layout.tensor_parallel_size;
  orc_exchange x = { .group = c->exchange,
                     .layers = orc_model_expert_layers(&c->model, first + c->stage.layers) -
                               orc_model_expert_layers(&c->model, first) };
  if (c->layout.expert_parallel) {
    x.collective = ORC_COLLECTIVE_ALL_TO_ALL;
    x.times = 2;
    x.bytes = own * c->model.num_experts_per_tok * token;
  } else {
    x.collective = ORC_COLLECTIVE_ALL_REDUCE;
    x.group.ranks = c->layout.data_parallel_size;
    x.times = 1;
    x.bytes = all * token;
  }
  take_measured(c, own, all, token, &x);
  return x;
}

/* Tokens go to their experts on other ranks, and the answers come back. */
static double exchange_time(const orc_step_cost *c, double tokens, double all)
{
  const orc_exchange x = orc_step_exchange(c, tokens, all);
  if (x.measured > 0.0) return (double)x.times * x.layers * x.measured;
  const double out = (x.group.ranks - 1.0) / x.group.ranks * x.bytes;
  if (is_calibrated(c)) /* an all-reduce stands for an all-gather and a reduce-scatter */
    return 2.0 * x.layers * orc_calibrated_messages(&c->calibrated, &x.group, out);
  if (x.collective == ORC_COLLECTIVE_ALL_REDUCE)
    return x.layers * orc_collective_ring_allreduce(&x.group, x.bytes);
  const orc_fabric fabric = { .near = x.group };
  return (double)x.times * x.layers *
         orc_collective_time(x.collective, ORC_ALGORITHM_RING, &fabric, x.bytes);
}

enum { STATE_CHUNK = 64 }; /* tokens of a prompt between two writes of a state */

/* The recurrence of state layers: `decodes` of the tokens are of sequences that decode. */
static double state_time(const orc_step_cost *c, const orc_rates *r, double tokens, double decodes,
                         orc_step_time *t)
{
  const double flops = tokens * c->ops.state_flops;
  const double bytes = (decodes + (tokens - decodes) / STATE_CHUNK) * c->ops.state_bytes;
  t->flops += flops;
  t->bytes += bytes;
  return operation(flops * r->dense, bytes * r->memory, c->params.smooth_p, t);
}

typedef struct step_tokens {
  int64_t tokens, decodes; /* of this replica; those of sequences that decode */
  int64_t all, sampled;    /* of all that share the experts; through the LM head */
  int64_t prompts;
  int64_t verified;          /* of those sampled, tokens that sequences verify */
  int64_t adapted, adapters; /* tokens with a LoRA adapter; different ones */
} step_tokens;

/* A and B of every matrix run one after the other, for all matrices alike. */
static double adapter_time(const orc_step_cost *c, const orc_rates *r, double tokens,
                           double adapters, orc_step_time *t)
{
  const orc_adapter *a = &c->adapter;
  const double flops = tokens * a->flops, bytes = adapters * a->weights + tokens * a->bytes;
  t->flops += flops;
  t->bytes += bytes;
  return a->layers * c->params.lora_layer_overhead +
         operation(flops * r->dense, bytes * r->memory, c->params.smooth_p, t);
}

/* An all-reduce of the activations of n tokens. */
static double reduce_time(const orc_step_cost *c, double n)
{
  const double bytes = n * c->model.hidden_size * orc_dtype_bytes(c->layout.activations);
  if (!orc_step_reduces_by_calibration(c)) return orc_all_reduce_time(&c->reduce, bytes);
  const double ranks = c->reduce.ranks;
  return orc_calibrated_messages(&c->calibrated, &c->reduce.ways[0].fabric.near,
                                 2.0 * (ranks - 1.0) / ranks * bytes);
}

/* All items but attention, of a step with work in it. */
static orc_step_time beside_attention(const orc_step_cost *c, const orc_rates *r, step_tokens w)
{
  orc_step_time t = { .gemm = 0.0 };
  const double n = (double)w.tokens, s = (double)w.sampled, all = (double)w.all;
  const orc_cost_params *p = &c->params;
  t.gemm = gemm_time(c, r, n, all, &t);
  if (w.adapters > 0) t.gemm += adapter_time(c, r, (double)w.adapted, (double)w.adapters, &t);
  if (c->exchange.ranks > 1) t.exchange = exchange_time(c, n, all);
  if (w.sampled > 0) t.lm_head = lm_head_time(c, r, s, &t);
  const double other = c->ops.other_weights + c->ops.other_bytes * n;
  t.other = is_calibrated(c) ? 0.0 : other * r->memory; /* floors hold it */
  t.bytes += other;
  if (c->ops.state_bytes > 0.0) t.other += state_time(c, r, n, (double)w.decodes, &t);
  if (c->reduce.ranks > 1) t.collective = 2.0 * c->stage.layers * reduce_time(c, n);
  if (c->context.layers > 0)
    t.collective += orc_context_decode_time(&c->context, (double)(w.decodes + w.verified));
  const double sequences = w.sampled > w.verified ? s - (double)w.verified : 0.0;
  t.overhead = p->step_overhead + c->stage.layers * p->layer_overhead;
  t.overhead += sequences * p->sequence_overhead;
  t.overhead += r == &c->rates[1] ? p->prefill_comm_overhead : p->decode_comm_overhead;
  if (is_calibrated(c))
    t.overhead += c->calibrated.floors +
                  orc_calibrated_host(&c->calibrated, (double)w.decodes, (double)w.prompts);
  return t;
}

static double sum_beside_attention(const orc_step_time *t)
{
  return t->gemm + t->lm_head + t->other + t->collective + t->exchange + t->overhead;
}

/* Coefficients of the decode attention of n sequences; `fixed` is left to the caller. */
static orc_decode_cost decode_attention(const orc_step_cost *c, const orc_rates *r, int64_t n)
{
  const orc_attention *full = &c->ops.full, *windowed = &c->ops.windowed;
  const double seqs = (double)n;
  return (orc_decode_cost){
    .n = n,
    .flops_rate = full->context_flops * r->attention,
    .bytes_rate = full->kv_bytes * r->memory,
    .bytes_base = seqs * (full->token_bytes + c->context.excess * full->kv_bytes) * r->memory,
    .window_flops_rate = windowed->context_flops * r->attention,
    .window_bytes_rate = windowed->kv_bytes * r->memory,
    .window_bytes_base = seqs * windowed->token_bytes * r->memory,
    .p = c->params.smooth_p,
    .until = INT64_MAX,
  };
}

/* Of the seconds of decode attention, those that FLOPs bind. */
static double bound_by_compute(const orc_decode_cost *d, double full, double near)
{
  double c = full * d->flops_rate, m = full * d->bytes_rate + d->bytes_base;
  double sum = c > m ? orc_step_roof(c, m, d->p) : 0.0;
  if (d->window_bytes_rate == 0.0) return sum;
  c = near * d->window_flops_rate;
  m = near * d->window_bytes_rate + d->window_bytes_base;
  return c > m ? sum + orc_step_roof(c, m, d->p) : sum;
}

double orc_step_decode_compute(const orc_step_cost *c, int64_t n, double context, double window)
{
  if (c->params.kind == ORC_COST_CONSTANT) return 0.0;
  const orc_decode_cost d = decode_attention(c, &c->rates[0], n);
  const double bound = bound_by_compute(&d, context, window);
  if (bound == 0.0) return 0.0;
  return bound / orc_step_decode_attention(&d, (int64_t)context, (int64_t)window);
}

orc_decode_cost orc_step_prepare_decode(const orc_step_cost *c, int64_t n)
{
  ORC_ASSERT(n >= 0);
  if (n == 0) return (orc_decode_cost){ .n = 0, .until = INT64_MAX };
  if (c->params.kind == ORC_COST_CONSTANT)
    return (orc_decode_cost){ .n = n, .fixed = c->params.constant_step, .until = INT64_MAX };
  orc_decode_cost d = decode_attention(c, &c->rates[0], n);
  const orc_step_time t = beside_attention(
      c, &c->rates[0], (step_tokens){ n, n, n, c->stage.lm_head ? n : 0, 0, 0, 0, 0 });
  d.fixed = sum_beside_attention(&t);
  return d;
}

orc_decode_cost orc_step_prepare_decode_at(const orc_step_cost *c, int64_t n, int64_t context)
{
  orc_decode_cost d = orc_step_prepare_decode(c, n);
  if (c->own != NULL && n > 0) c->own->decode(c->own->self, c, n, context, &d);
  return d;
}

/* On hard roofs max(x, y) + z = max(x + z, y + z): the cost stays plain. */
void orc_step_decode_add(orc_decode_cost *d, double base, double slope)
{
  d->fixed += base;
  if (orc_step_is_plain(d)) {
    d->flops_rate += slope;
    d->bytes_rate += slope;
  } else {
    d->slope += slope;
  }
}

typedef struct prefill_work {
  double tokens, pairs, past;
} prefill_work;

static double prefill_time(const orc_step_cost *c, const orc_attention *a, prefill_work w,
                           orc_step_time *t)
{
  /* The past that is dealt out to several ranks is gathered by each. */
  const double ranks = c->context.layers > 0 ? c->context.group.ranks : 1.0;
  const double flops = w.pairs * a->pair_flops + w.past * a->past_flops;
  const double bytes = (w.past + w.tokens) * (a->kv_bytes * ranks) + w.tokens * a->token_bytes;
  t->flops += flops;
  t->bytes += bytes;
  const orc_rates *r = &c->rates[1];
  const double more = w.tokens * r->ramp * a->pair_flops;
  return operation((flops + more) * r->prompts, bytes * r->memory, c->params.smooth_p, t);
}

static double prefill_attention(const orc_step_cost *c, const orc_step_shape *s, orc_step_time *t)
{
  const double n = (double)s->prefill_tokens;
  const prefill_work full = { n, s->prefill_pairs, (double)s->prefill_past };
  const prefill_work windowed = { n, s->prefill_window_pairs, (double)s->prefill_window_past };
  double sum = prefill_time(c, &c->ops.full, full, t);
  if (c->ops.windowed.kv_bytes > 0.0) sum += prefill_time(c, &c->ops.windowed, windowed, t);
  return sum;
}

/* FLOPs and bytes of the decode attention, which the fast path does not count. */
static void count_decode(const orc_attention *a, double seqs, double context, orc_step_time *t)
{
  t->flops += context * a->context_flops;
  t->bytes += context * a->kv_bytes + seqs * a->token_bytes;
}

/* Decode attention of sequences that verify tokens: each reads its context once for all of them. */
static double verify_attention(const orc_decode_cost *d, const orc_step_shape *s, orc_step_time *t)
{
  const double full = (double)s->decode_context, near = (double)s->decode_window;
  const double sum = operation((full + s->verified_pairs) * d->flops_rate,
                               full * d->bytes_rate + d->bytes_base, d->p, t);
  if (d->window_bytes_rate == 0.0) return sum;
  return sum + operation((near + s->verified_window_pairs) * d->window_flops_rate,
                         near * d->window_bytes_rate + d->window_bytes_base, d->p, t);
}

/* The same of sequences that verify none. */
static double decodes_attention(const orc_decode_cost *d, const orc_step_shape *s, orc_step_time *t)
{
  t->compute += bound_by_compute(d, (double)s->decode_context, (double)s->decode_window);
  return orc_step_decode_attention(d, s->decode_context, s->decode_window);
}

orc_step_time orc_step_roofline(const orc_step_cost *c, const orc_step_shape *s)
{
  const int64_t tokens = orc_step_shape_tokens(s);
  if (tokens == 0) return (orc_step_time){ .total = 0.0 };
  const orc_cost_params *p = &c->params;
  if (p->kind == ORC_COST_CONSTANT) {
    const double t = p->constant_step + (double)s->prefill_tokens * p->constant_prefill_token;
    return (orc_step_time){ .overhead = t, .total = t };
  }
  const orc_rates *r = &c->rates[s->prefill_tokens > 0];
  const int64_t all = s->all_tokens > tokens ? s->all_tokens : tokens;
  const step_tokens w = { tokens,
                          s->decode_seqs,
                          all,
                          c->stage.lm_head ? s->sampled : 0,
                          s->prefill_seqs,
                          s->verified_tokens,
                          s->adapted_tokens,
                          s->adapters };
  orc_step_time t = beside_attention(c, r, w);
  if (s->decode_seqs > 0) {
    const double queries = (double)(s->decode_seqs + s->verified_tokens);
    const orc_decode_cost d = decode_attention(c, r, s->decode_seqs + s->verified_tokens);
    t.attention =
        s->verified_tokens == 0 ? decodes_attention(&d, s, &t) : verify_attention(&d, s, &t);
    count_decode(&c->ops.full, queries, (double)s->decode_context, &t);
    count_decode(&c->ops.windowed, queries, (double)s->decode_window, &t);
    t.flops += s->verified_pairs * c->ops.full.context_flops +
               s->verified_window_pairs * c->ops.windowed.context_flops;
  }
  if (s->prefill_tokens > 0) t.attention += prefill_attention(c, s, &t);
  if (c->context.layers > 0)
    t.collective += orc_context_prefill_time(&c->context, (double)s->prefill_past);
  t.total = sum_beside_attention(&t) + t.attention;
  return t;
}

orc_step_time orc_step_evaluate(const orc_step_cost *c, const orc_step_shape *s)
{
  orc_step_time t = orc_step_roofline(c, s);
  if (c->own == NULL || orc_step_shape_tokens(s) == 0) return t;
  c->own->step(c->own->self, c, s, &t);
  t.total = sum_beside_attention(&t) + t.attention;
  return t;
}
