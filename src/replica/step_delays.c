#include "replica/step_delays.h"

static void add(orc_step_time *sum, const orc_step_time *t)
{
  sum->gemm += t->gemm;
  sum->attention += t->attention;
  sum->lm_head += t->lm_head;
  sum->other += t->other;
  sum->collective += t->collective;
  sum->exchange += t->exchange;
  sum->overhead += t->overhead;
  sum->total += t->total;
  sum->compute += t->compute;
}

/* A step on all stages, one after the other. */
static orc_step_time price(const orc_replica *r, const orc_step_shape *shape)
{
  orc_step_time sum = { .gemm = 0.0 };
  for (int i = 0; i < r->pipeline.count; i++) {
    const orc_step_time t = orc_step_evaluate(r->pipeline.stages[i].cost, shape);
    add(&sum, &t);
  }
  return sum;
}

/* The decodes of a step without its prompts; adapters are the prompts' where there are any. */
static orc_step_shape without_prompts(const orc_step_shape *s)
{
  orc_step_shape d = *s;
  d.prefill_tokens = d.prefill_seqs = d.prefill_past = d.prefill_window_past = 0;
  d.prefill_pairs = d.prefill_window_pairs = 0.0;
  d.sampled = s->decode_seqs + s->verified_tokens;
  if (s->prefill_tokens > 0) d.adapted_tokens = d.adapters = 0;
  return d;
}

static orc_step_shape without_decodes(const orc_step_shape *s)
{
  orc_step_shape p = *s;
  p.decode_seqs = p.decode_context = p.decode_window = p.verified_tokens = 0;
  p.verified_pairs = p.verified_window_pairs = 0.0;
  p.sampled = s->sampled - s->decode_seqs - s->verified_tokens;
  return p;
}

/* Each stage waits for its share of what moves. */
static void price_moves(orc_step_delays *d, const orc_replica *r, const orc_device_step *step)
{
  const int stages = r->pipeline.count;
  d->host = stages * step->moving;
  d->tiers = 0.0;
  for (int i = 0; i < stages; i++)
    d->tiers +=
        orc_pipeline_blocks_time(&r->pipeline.stages[i], step, d->total / stages) - step->moving;
  if (d->tiers < 0.0) d->tiers = 0.0;
  d->drafts = step->drafting;
}

static void bind(orc_step_delays *d, const orc_step_time *t)
{
  const double memory = t->gemm + t->attention + t->lm_head + t->other - t->compute;
  d->by[ORC_BINDING_COMPUTE] = t->compute;
  d->by[ORC_BINDING_MEMORY] = memory > 0.0 ? memory : 0.0;
  d->by[ORC_BINDING_LINK] = t->collective + t->exchange + d->send + d->host + d->tiers;
  d->by[ORC_BINDING_HOST] = t->overhead;
}

orc_step_delays orc_step_delays_price(const orc_replica *r, const orc_microbatch *m, orc_time start)
{
  const orc_step_shape shape = m->step.shape;
  const orc_step_shape decodes = without_prompts(&shape), prompts = without_decodes(&shape);
  const orc_step_time t = price(r, &shape);
  orc_step_delays d = { .start = start,
                        .total = t.total,
                        .decodes = shape.decode_seqs > 0,
                        .prompts = shape.prefill_tokens > 0 };
  if (d.decodes) d.decode = d.prompts ? price(r, &decodes) : t;
  if (d.prompts) d.chunks = d.decodes ? price(r, &prompts).total : t.total;
  for (int i = 0; i + 1 < r->pipeline.count; i++)
    d.send += orc_pipeline_send_time(&r->pipeline, i, m->tokens);
  price_moves(&d, r, &m->step);
  const bool alone = r->microbatch_count == 1 && !r->lockstep;
  d.wait = alone ? ORC_DELAY_COLLECTIVES : ORC_DELAY_STAGES;
  bind(&d, &t);
  return d;
}

void orc_step_delays_binding(const orc_step_delays *d, double by[ORC_BINDINGS])
{
  for (int i = 0; i < ORC_BINDINGS; i++)
    by[i] = i <= ORC_BINDING_HOST ? d->by[i] : 0.0;
  if (d->by[0] + d->by[1] + d->by[2] + d->by[3] == 0.0) by[ORC_BINDING_HOST] = 1.0;
}

static double above(double a, double b)
{
  return a > b ? a - b : 0.0;
}

double orc_step_delays_prompts(const orc_step_delays *d)
{
  const double all = d->total + d->send + d->drafts + d->host + d->tiers;
  return all > 0.0 ? above(d->total, d->decode.total) / all : 0.0;
}

/* What every request in a step waits for, whatever it does in it. */
static void common(const orc_step_delays *d, orc_time time, double at[ORC_DELAYS])
{
  const double priced = d->total + d->send + d->drafts + d->host + d->tiers;
  at[ORC_DELAY_HOST] += d->host;
  at[ORC_DELAY_TIERS] += d->tiers;
  at[ORC_DELAY_COLLECTIVES] += d->send;
  at[d->wait] += above(1e-9 * (double)time, priced + 1e-9 * ORC_DELAYS); /* roundings of stages */
}

static void decode_items(const orc_step_time *t, double seconds, double at[ORC_DELAYS])
{
  if (!(t->total > 0.0)) {
    at[ORC_DELAY_OVERHEAD] += seconds;
    return;
  }
  const double scale = seconds / t->total;
  at[ORC_DELAY_WEIGHTS] += scale * (t->gemm + t->lm_head);
  at[ORC_DELAY_KV] += scale * t->attention;
  at[ORC_DELAY_COLLECTIVES] += scale * (t->collective + t->exchange);
  at[ORC_DELAY_OVERHEAD] += scale * (t->other + t->overhead);
}

static double sum_of(const double *x, int n)
{
  double sum = 0.0;
  for (int i = 0; i < n; i++)
    sum += x[i];
  return sum;
}

/* A step without cost is one of the host. */
static orc_delays divided(const orc_step_delays *d, orc_time time, double at[ORC_DELAYS])
{
  orc_delays out;
  double by[ORC_BINDINGS];
  orc_step_delays_binding(d, by);
  if (sum_of(at, ORC_DELAYS) == 0.0) at[ORC_DELAY_OVERHEAD] = 1.0;
  orc_delays_divide(at, ORC_DELAYS, time, out.at);
  orc_delays_divide(by, ORC_BINDINGS, time, out.by);
  return out;
}

orc_delays orc_step_delays_of_decode(const orc_step_delays *d, orc_time time)
{
  double at[ORC_DELAYS] = { 0.0 };
  const double own = d->decode.total < d->total ? d->decode.total : d->total;
  common(d, time, at);
  if (d->decodes) decode_items(&d->decode, own, at);
  at[d->decodes ? ORC_DELAY_DRAFTS : ORC_DELAY_OTHERS_PREFILL] += d->drafts;
  at[ORC_DELAY_OTHERS_PREFILL] += d->total - (d->decodes ? own : 0.0);
  return divided(d, time, at);
}

orc_delays orc_step_delays_of_chunk(const orc_step_delays *d, const orc_replica *r,
                                    const orc_step_chunk *chunk, orc_time time)
{
  double at[ORC_DELAYS] = { 0.0 };
  orc_step_shape shape = { .prefill_tokens = 0 };
  orc_step_shape_add_chunk(&shape, &r->cost->model, chunk->tokens, chunk->past, chunk->last);
  const orc_step_time alone = price(r, &shape);
  const double own = alone.total < d->total ? alone.total : d->total;
  const double again = own * chunk->again / chunk->tokens,
               fresh = own * chunk->fresh / chunk->tokens;
  common(d, time, at);
  at[ORC_DELAY_RECOMPUTE] += again;
  decode_items(&alone, fresh, at);
  at[ORC_DELAY_PREFILL] += above(own, again + fresh);
  const double prompts = above(d->chunks < d->total ? d->chunks : d->total, own);
  at[ORC_DELAY_OTHERS_PREFILL] += prompts;
  at[ORC_DELAY_OTHERS_DECODE] += above(d->total, own + prompts);
  at[d->decodes || chunk->fresh > 0 ? ORC_DELAY_DRAFTS : ORC_DELAY_PREFILL] += d->drafts;
  return divided(d, time, at);
}
