#include "obs/metrics.h"

#include <stdlib.h>

orc_observed *orc_observed_new(int profiles)
{
  const size_t metrics = (size_t)profiles * sizeof(orc_metrics);
  return orc_alloc(1, sizeof(orc_observed) + metrics);
}

void orc_observed_free(orc_observed *o, int profiles)
{
  if (o == NULL) return;
  for (int i = 0; i < profiles; i++)
    orc_metrics_done(&o->metrics[i]);
  orc_hist_done(&o->gaps);
  free(o);
}

void orc_metrics_done(orc_metrics *m)
{
  orc_hist_done(&m->ttft);
  orc_hist_done(&m->tpot);
  orc_hist_done(&m->e2e);
  orc_hist_done(&m->queue);
  orc_hist_done(&m->ttft_hit);
  orc_hist_done(&m->ttft_miss);
  *m = (orc_metrics){ 0 };
}

static void observe(orc_hist *h, orc_time t)
{
  if (t >= 0) orc_hist_add(h, t, 1);
}

static bool within(orc_time t, orc_time target)
{
  return t < 0 || t <= target; /* one output token has no TPOT to miss */
}

static bool is_hit(const orc_record *r)
{
  return r->prefix_event == ORC_PREFIX_CONVERSATIONAL_HIT ||
         r->prefix_event == ORC_PREFIX_CROSS_REQUEST_HIT || r->prefix_event == ORC_PREFIX_FULL_HIT;
}

static bool is_good(const orc_record *r, const orc_slo *slo)
{
  return r->status == ORC_SUCCESS && within(orc_record_ttft(r), slo->ttft) &&
         within(orc_record_tpot(r), slo->tpot) && within(orc_record_e2e(r), slo->e2e);
}

static void add_to_window(orc_window_counts *w, const orc_record *r, bool good)
{
  if (r->completion >= 0 && r->completion < r->window) return;
  w->successful += r->status == ORC_SUCCESS;
  w->good += good;
  if (r->scheduled >= r->window) w->prompt_tokens += (uint64_t)r->prompt;
  if (r->output > r->before) w->output_tokens += (uint64_t)(r->output - r->before);
}

void orc_metrics_add(orc_metrics *m, const orc_record *r, const orc_slo *slo)
{
  const bool good = is_good(r, slo);
  add_to_window(&m->window, r, good);
  if (!r->counted) return;
  m->good += good;
  m->total++;
  m->by_status[r->status]++;
  m->streamed += r->streamed;
  if (r->scheduled >= 0) {
    m->prompt_tokens += (uint64_t)r->prompt;
    m->prompt_blocks += (uint64_t)r->prompt_blocks;
    m->cached_blocks += (uint64_t)r->cached_blocks;
  }
  m->output_tokens += (uint64_t)r->output;
  m->prefix_events[r->prefix_event]++;
  m->follow_ups += r->follows;
  m->cached_tokens += (uint64_t)r->cached;
  m->prefilled_tokens += (uint64_t)r->prefilled;
  m->preemptions += (uint64_t)r->preemptions;
  observe(&m->ttft, orc_record_ttft(r));
  observe(&m->tpot, orc_record_tpot(r));
  observe(&m->e2e, orc_record_e2e(r));
  observe(&m->queue, orc_record_queue(r));
  if (r->prefix_event != ORC_PREFIX_NONE)
    observe(is_hit(r) ? &m->ttft_hit : &m->ttft_miss, orc_record_ttft(r));
}

void orc_metrics_merge(orc_metrics *into, const orc_metrics *from)
{
  into->total += from->total;
  for (int i = 0; i < ORC_STATUSES; i++)
    into->by_status[i] += from->by_status[i];
  into->good += from->good;
  into->window.successful += from->window.successful;
  into->window.good += from->window.good;
  into->window.prompt_tokens += from->window.prompt_tokens;
  into->window.output_tokens += from->window.output_tokens;
  into->prompt_tokens += from->prompt_tokens;
  into->output_tokens += from->output_tokens;
  for (int i = 0; i < ORC_PREFIX_EVENTS; i++)
    into->prefix_events[i] += from->prefix_events[i];
  into->streamed += from->streamed;
  into->follow_ups += from->follow_ups;
  into->cached_blocks += from->cached_blocks;
  into->prompt_blocks += from->prompt_blocks;
  into->cached_tokens += from->cached_tokens;
  into->prefilled_tokens += from->prefilled_tokens;
  into->preemptions += from->preemptions;
  orc_hist_merge(&into->ttft, &from->ttft);
  orc_hist_merge(&into->tpot, &from->tpot);
  orc_hist_merge(&into->e2e, &from->e2e);
  orc_hist_merge(&into->queue, &from->queue);
  orc_hist_merge(&into->ttft_hit, &from->ttft_hit);
  orc_hist_merge(&into->ttft_miss, &from->ttft_miss);
}
