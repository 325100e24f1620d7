#include "obs/attributed.h"

static void remember(orc_attributed *x, const orc_attributed_span *span)
{
  x->newest[x->count++ % ORC_ATTRIBUTED_STEPS] = *span;
}

/* Of a request that is not back where it was, waiting counts as preemption. */
static void as_preempted(orc_delays *d)
{
  for (int i = ORC_DELAY_REPLICA; i <= ORC_DELAY_POLICY; i++) {
    d->at[ORC_DELAY_PREEMPTED] += d->at[i];
    d->at[i] = 0;
  }
}

void orc_attributed_spend_on(orc_attributed *x, orc_time end, const orc_delays *of)
{
  if (end <= x->until) return;
  orc_attributed_span span = { .start = x->until, .end = end, .of = *of };
  if (x->again) as_preempted(&span.of);
  orc_delays_add(&x->all, &span.of);
  remember(x, &span);
  x->until = end;
}

void orc_attributed_spend(orc_attributed *x, orc_time end, orc_delay what, orc_binding by)
{
  if (end <= x->until) return;
  orc_delays d = { { 0 }, { 0 } };
  d.at[what] = d.by[by] = end - x->until;
  orc_attributed_spend_on(x, end, &d);
}

void orc_attributed_cut(orc_attributed *x, orc_time end)
{
  for (uint64_t i = 0; x->until > end && i < ORC_ATTRIBUTED_STEPS && x->count > 0; i++) {
    const orc_attributed_span *s = &x->newest[--x->count % ORC_ATTRIBUTED_STEPS];
    if (s->end != x->until) break; /* forgotten */
    orc_delays_subtract(&x->all, &s->of);
    x->until = s->start;
    if (s->start >= end) continue;
    const orc_delays part = orc_delays_part(&s->of, s->end - s->start, end - s->start);
    orc_delays_add(&x->all, &part);
    x->until = end;
  }
  if (x->until <= end) return;
  const orc_time whole = orc_delays_total(&x->all);
  x->all = orc_delays_part(&x->all, whole, whole - (x->until - end));
  x->until = end;
}

/* ---- clocks ---- */

void orc_delay_clock_tick(orc_delay_clock *c, orc_time end, const orc_delays *of)
{
  if (end <= c->until) return;
  c->newest[c->count++ % ORC_ATTRIBUTED_STEPS] =
      (orc_attributed_span){ .start = c->until, .end = end, .of = *of };
  orc_delays_add(&c->sum, of);
  c->until = end;
}

void orc_delay_clock_tick_plain(orc_delay_clock *c, orc_time end, orc_delay what, orc_binding by)
{
  orc_delays d = { { 0 }, { 0 } };
  if (end <= c->until) return;
  d.at[what] = d.by[by] = end - c->until;
  orc_delay_clock_tick(c, end, &d);
}

/* The newest spans of the clock are remembered one by one, so that they can be taken back. */
void orc_attributed_settle(orc_attributed *x, const orc_delay_clock *c)
{
  orc_delays passed = c->sum;
  orc_delays_subtract(&passed, &x->mark);
  const orc_time begun = x->until;
  const uint64_t kept = c->count < ORC_ATTRIBUTED_STEPS ? c->count : ORC_ATTRIBUTED_STEPS;
  orc_time from = c->until;
  for (uint64_t i = 0; i < kept; i++) { /* the oldest that is remembered and not before it began */
    const orc_attributed_span *s = &c->newest[(c->count - 1 - i) % ORC_ATTRIBUTED_STEPS];
    if (s->start < begun) break;
    from = s->start;
    orc_delays_subtract(&passed, &s->of);
  }
  orc_attributed_spend_on(x, from, &passed);
  for (uint64_t i = kept; i > 0; i--) {
    const orc_attributed_span *s = &c->newest[(c->count - i) % ORC_ATTRIBUTED_STEPS];
    if (s->start >= from) orc_attributed_spend_on(x, s->end, &s->of);
  }
}
