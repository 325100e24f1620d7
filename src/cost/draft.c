#include "cost/draft.h"

static void add(orc_step_time *sum, const orc_step_time *t, double times)
{
  sum->gemm += times * t->gemm;
  sum->attention += times * t->attention;
  sum->lm_head += times * t->lm_head;
  sum->other += times * t->other;
  sum->collective += times * t->collective;
  sum->exchange += times * t->exchange;
  sum->overhead += times * t->overhead;
  sum->total += times * t->total;
  sum->experts += times * t->experts;
  sum->compute += times * t->compute;
  sum->flops += times * t->flops;
  sum->bytes += times * t->bytes;
}

/* The matrix that joins what the model made of a token with the embedding of the next. */
static orc_step_time join(const orc_draft_cost *d, double tokens, bool prompts)
{
  const orc_rates *r = &d->cost.rates[prompts];
  const double flops = 2.0 * d->joined * tokens;
  const double bytes = d->joined * orc_dtype_bytes(d->cost.layout.activations);
  const double time = orc_step_roof(flops * r->dense, bytes * r->memory, d->cost.params.smooth_p);
  const bool computes = flops * r->dense > bytes * r->memory;
  return (orc_step_time){
    .gemm = time, .total = time, .compute = computes ? time : 0.0, .flops = flops, .bytes = bytes
  };
}

orc_step_time orc_draft_time(const orc_draft_cost *d, const orc_step_shape *s)
{
  orc_step_time sum = { .overhead = d->overhead, .total = d->overhead };
  const int64_t ended = s->sampled - s->decode_seqs - s->verified_tokens;
  const int64_t going = s->decode_seqs + (ended > 0 ? ended : 0);
  if (d->passes == 0 || orc_step_shape_tokens(s) == 0) return sum;
  orc_step_shape first = *s;
  first.sampled = going;
  first.adapted_tokens = first.adapters = 0;
  /* Overheads per sequence are the sampler's of the model, not the drafter's. */
  const orc_step_time whole = orc_step_evaluate(&d->cost, &first);
  add(&sum, &whole, 1.0);
  const orc_step_time joined = join(d, (double)orc_step_shape_tokens(s), s->prefill_tokens > 0);
  if (d->joined > 0.0) add(&sum, &joined, 1.0);
  if (d->passes == 1 || going == 0) return sum;
  const int64_t prompts = s->prefill_past + s->prefill_tokens;
  const int64_t near = s->prefill_window_past + s->prefill_tokens;
  const int64_t seqs = s->prefill_seqs > 0 ? s->prefill_seqs : 1;
  /* Other ranks that share the experts have as many for each of these as in the step. */
  const double others = (double)s->all_tokens / (double)orc_step_shape_tokens(s);
  const orc_step_shape one = {
    .decode_seqs = going,
    .decode_context = s->decode_context + prompts / seqs * (going - s->decode_seqs),
    .decode_window = s->decode_window + near / seqs * (going - s->decode_seqs),
    .all_tokens = (int64_t)((double)going * others),
    .sampled = going,
  };
  const orc_step_time pass = orc_step_evaluate(&d->cost, &one);
  add(&sum, &pass, d->passes - 1.0);
  const orc_step_time again = join(d, (double)going, false);
  if (d->joined > 0.0) add(&sum, &again, d->passes - 1.0);
  return sum;
}
