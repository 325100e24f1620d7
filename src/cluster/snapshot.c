#include "cluster/snapshot.h"

#include <stdlib.h>

#include "cluster/ledger.h"
#include "cluster/sampler.h"
#include "cluster/slice.h"

/* The requests in flight: of a simulation in several threads, each slice has some. */
static int parts(const orc_cluster *c)
{
  return c->slice != NULL && c->slice->of->joined ? c->slice->of->count : 1;
}

static const orc_cluster *part_of(const orc_cluster *c, int part)
{
  return part == 0 ? c : c->slice->of->at[part].cluster;
}

/* The record of the request with this number, if it is in flight. */
static bool record_of(const orc_cluster *c, const orc_requests *of, uint64_t number,
                      orc_record *out)
{
  const orc_slot slot = orc_requests_find(of, number);
  if (slot == ORC_NO_SLOT) return false;
  const orc_request *q = &of->at[slot];
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

static void add_pending(orc_snapshot *s, const orc_requests *of)
{
  const orc_cluster *c = s->of;
  const size_t profiles = (size_t)c->profile_count;
  for (uint64_t n = of->oldest; n < of->next_number; n++) {
    orc_record record;
    if (!record_of(c, of, n, &record)) continue;
    const size_t row = record.replica == ORC_NO_REPLICA ? (size_t)s->rows - 1
                       : c->observed != NULL            ? 0
                                                        : record.replica;
    orc_metrics_add(&s->pending[row * profiles + record.profile], &record, &c->slo);
  }
}

orc_snapshot orc_snapshot_take(const orc_cluster *c, orc_time end)
{
  orc_snapshot s = { .of = c, .end = end, .last = last_sample(c, end) };
  s.rows = (c->observed != NULL ? 1 : c->replica_count) + 1;
  s.pending = orc_alloc((size_t)s.rows * (size_t)c->profile_count, sizeof *s.pending);
  for (int i = 0; i < parts(c); i++)
    add_pending(&s, &part_of(c, i)->requests);
  return s;
}

void orc_snapshot_done(orc_snapshot *s)
{
  if (s->of == NULL) return;
  for (int i = 0; i < s->rows * s->of->profile_count; i++)
    orc_metrics_done(&s->pending[i]);
  free(s->pending);
  free(s->last);
  *s = (orc_snapshot){ 0 };
}

/* What is known of requests that some replica had: the i-th part of it; NULL: there are no more. */
static const orc_observed *observed(const orc_cluster *c, int i)
{
  if (c->observed != NULL) return i < parts(c) ? part_of(c, i)->observed : NULL;
  return i < c->replica_count ? c->replicas[i].observed : NULL;
}

static void add_row(const orc_snapshot *s, int row, int profile, orc_metrics *into)
{
  orc_metrics_merge(into, &s->pending[row * s->of->profile_count + profile]);
}

void orc_snapshot_metrics(const orc_snapshot *s, int replica, int profile, orc_metrics *into)
{
  const orc_cluster *c = s->of;
  if (replica == ORC_OF_NONE || replica == ORC_OF_ALL) {
    orc_metrics_merge(into, &c->without_replica[profile]);
    add_row(s, s->rows - 1, profile, into);
  }
  if (replica == ORC_OF_NONE) return;
  if (replica != ORC_OF_ALL) {
    ORC_ASSERT(c->observed == NULL);
    orc_metrics_merge(into, &c->replicas[replica].observed->metrics[profile]);
    add_row(s, replica, profile, into);
    return;
  }
  const orc_observed *o;
  for (int i = 0; (o = observed(c, i)) != NULL; i++)
    orc_metrics_merge(into, &o->metrics[profile]);
  for (int row = 0; row < s->rows - 1; row++)
    add_row(s, row, profile, into);
}

void orc_snapshot_gaps(const orc_snapshot *s, int replica, orc_hist *into)
{
  if (replica == ORC_OF_NONE) return;
  if (replica != ORC_OF_ALL) {
    ORC_ASSERT(s->of->observed == NULL);
    orc_hist_merge(into, &s->of->replicas[replica].observed->gaps);
    return;
  }
  const orc_observed *o;
  for (int i = 0; (o = observed(s->of, i)) != NULL; i++)
    orc_hist_merge(into, &o->gaps);
}

uint64_t orc_snapshot_steps(const orc_snapshot *s)
{
  uint64_t steps = 0;
  for (int i = 0; i < s->of->replica_count; i++)
    steps += s->of->replicas[i].usage.steps;
  return steps;
}

static void put_records(const orc_snapshot *s, const orc_requests *of, orc_csv *csv,
                        orc_excerpt *excerpt)
{
  for (uint64_t n = of->oldest; n < of->next_number; n++) {
    orc_record record;
    if (!record_of(s->of, of, n, &record)) continue;
    if (csv != NULL) orc_csv_put(csv, &record);
    if (excerpt != NULL) orc_excerpt_put(excerpt, &record);
  }
}

void orc_snapshot_records(const orc_snapshot *s, orc_csv *csv, orc_excerpt *excerpt)
{
  if (csv == NULL && excerpt == NULL) return;
  for (int i = 0; i < parts(s->of); i++)
    put_records(s, &part_of(s->of, i)->requests, csv, excerpt);
}
