#include "cluster/snapshot.h"

#include <stdlib.h>

#include "cluster/ledger.h"
#include "cluster/sampler.h"

/* The record of the request with this number, if it is in flight. */
static bool record_of(const orc_cluster *c, uint64_t number, orc_record *out)
{
  const orc_slot slot = orc_requests_find(&c->requests, number);
  if (slot == ORC_NO_SLOT) return false;
  const orc_request *q = &c->requests.at[slot];
  *out = orc_ledger_record(c, q, ORC_PENDING, c->engine.now);
  if (q->state == ORC_DECODE)
    out->output =
        orc_decode_set_generated(&c->replicas[q->replica].microbatches[q->microbatch].decode, q);
  return true;
}

static orc_sample *last_sample(const orc_cluster *c, orc_time end)
{
  if (c->series == NULL || orc_series_has(c->series, end)) return NULL;
  orc_sample *last = orc_alloc((size_t)c->replica_count, sizeof *last);
  for (int i = 0; i < c->replica_count; i++)
    last[i] = orc_sampler_next(c, i, end);
  return last;
}

orc_snapshot orc_snapshot_take(const orc_cluster *c, orc_time end)
{
  orc_snapshot s = { .of = c, .end = end, .last = last_sample(c, end) };
  const size_t profiles = (size_t)c->profile_count;
  s.pending = orc_alloc(((size_t)c->replica_count + 1) * profiles, sizeof *s.pending);
  for (uint64_t n = c->requests.oldest; n < c->requests.next_number; n++) {
    orc_record record;
    if (!record_of(c, n, &record)) continue;
    const size_t row = record.replica == ORC_NO_REPLICA ? (size_t)c->replica_count : record.replica;
    orc_metrics_add(&s.pending[row * profiles + record.profile], &record, &c->slo);
  }
  return s;
}

void orc_snapshot_done(orc_snapshot *s)
{
  if (s->of == NULL) return;
  for (int i = 0; i < (s->of->replica_count + 1) * s->of->profile_count; i++)
    orc_metrics_done(&s->pending[i]);
  free(s->pending);
  free(s->last);
  *s = (orc_snapshot){ 0 };
}

void orc_snapshot_metrics(const orc_snapshot *s, int replica, int profile, orc_metrics *into)
{
  const orc_metrics *ended =
      replica == s->of->replica_count ? s->of->without_replica : s->of->replicas[replica].metrics;
  orc_metrics_merge(into, &ended[profile]);
  orc_metrics_merge(into, &s->pending[replica * s->of->profile_count + profile]);
}

uint64_t orc_snapshot_steps(const orc_snapshot *s)
{
  uint64_t steps = 0;
  for (int i = 0; i < s->of->replica_count; i++)
    steps += s->of->replicas[i].usage.steps;
  return steps;
}

void orc_snapshot_records(const orc_snapshot *s, orc_csv *csv, orc_excerpt *excerpt)
{
  if (csv == NULL && excerpt == NULL) return;
  for (uint64_t n = s->of->requests.oldest; n < s->of->requests.next_number; n++) {
    orc_record record;
    if (!record_of(s->of, n, &record)) continue;
    if (csv != NULL) orc_csv_put(csv, &record);
    if (excerpt != NULL) orc_excerpt_put(excerpt, &record);
  }
}
