#include "cluster/cluster.h"

#include <stdlib.h>

#include "cluster/admission.h"
#include "cluster/arrivals.h"
#include "cluster/deploy.h"
#include "cluster/host.h"
#include "cluster/kv_transfer.h"
#include "cluster/least.h"
#include "cluster/lifecycle.h"
#include "cluster/sampler.h"
#include "cluster/scaling.h"
#include "cluster/window.h"
#include "replica/attribution.h"

static void start_sources(orc_cluster *c, const orc_cluster_config *config)
{
  c->source_count = config->source_count;
  c->sources = orc_alloc((size_t)c->source_count, sizeof *c->sources);
  c->pending = orc_alloc((size_t)c->source_count, sizeof *c->pending);
  for (int i = 0; i < c->source_count; i++) {
    c->sources[i] = config->sources[i];
    /* An answer may bring a request to any replica, so none may pass another's end. */
    if (c->sources[i].follow != NULL) c->engine.coupled = true;
    if (c->sources[i].open) c->open = true;
  }
  if (c->open) c->expected++;
  for (int i = 0; i < c->source_count; i++)
    orc_arrivals_draw(c, (uint32_t)i);
}

orc_cluster *orc_cluster_new(const orc_cluster_config *config)
{
  orc_cluster *c = orc_alloc(1, sizeof *c);
  ORC_ASSERT(config->profile_count >= 1 && config->source_count >= 1);
  orc_requests_init(&c->requests);
  c->batching = config->batching;
  c->router = config->router;
  c->admission = config->admission;
  c->eviction = config->eviction;
  c->left = config->count > 0 ? (uint64_t)config->count : UINT64_MAX;
  c->profile_count = config->profile_count;
  c->without_replica = orc_alloc((size_t)c->profile_count, sizeof *c->without_replica);
  c->warm_up = config->warm_up;
  c->slo = config->slo;
  c->overhead = orc_time_of(config->request_overhead);
  c->token_overhead = config->token_overhead * 1e9;
  c->stream_interval = config->stream_interval;
  c->log = config->log;
  c->lod = config->lod;
  c->seed = config->seed;
  c->routing = orc_rng_stream(config->seed, ORC_FOR_ROUTING, 0);
  c->csv = config->csv;
  c->excerpt = config->excerpt;
  c->life = config->life;
  c->latencies = config->latencies;
  c->stop = config->stop;
  c->hurry = config->hurry;
  c->least = orc_alloc(1, sizeof *c->least);
  orc_host_start(c);
  c->host.attribution = config->attribution;
  orc_admission_start(c);
  orc_deploy(c, config);
  orc_scaling_start(c);
  start_sources(c, config);
  orc_window_start(c);
  if (config->sample_interval > 0) orc_sampler_start(c, config->sample_interval, config->samples);
  return c;
}

void orc_cluster_free(orc_cluster *c)
{
  if (c == NULL) return;
  for (int i = 0; i < c->profile_count; i++)
    orc_metrics_done(&c->without_replica[i]);
  free(c->without_replica);
  for (int i = 0; i < c->source_count; i++) {
    if (c->sources[i].done != NULL) c->sources[i].done(c->sources[i].self);
    orc_adapter_mix_done(&c->sources[i].adapters);
  }
  orc_window_done(c);
  orc_contended_done(&c->contended);
  orc_net_free(c->net);
  orc_kv_transfer_table_done(&c->kv_transfers);
  for (int i = 0; i < c->dp_group_count; i++)
    orc_dp_group_done(&c->dp_groups[i]);
  free(c->dp_groups);
  free(c->dp_group_of);
  orc_placement_done(&c->placement);
  orc_engine_done(&c->engine);
  free(c->devices);
  orc_requests_done(&c->requests);
  orc_series_free(c->series);
  orc_lifecycle_done(&c->lifecycle);
  orc_least_free(c->least);
  orc_router_load_free(c->loads, c->replica_count);
  orc_starts_done(c->load_starts);
  orc_starts_done(c->cache_starts);
  free(c->load_starts);
  free(c->cache_starts);
  orc_deploy_done(c);
  free(c->sources);
  free(c->pending);
  free(c->future);
  free(c->future_free);
  free(c);
}

/* The number that people see of the oldest request of a replica. */
static unsigned long long oldest(const orc_replica *r)
{
  uint64_t least = UINT64_MAX;
  for (uint32_t i = 0; i < r->queue.count; i++)
    if (r->queue.at[i].number < least) least = r->queue.at[i].number;
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT; slot = r->requests->at[slot].next)
    if (r->requests->at[slot].number < least) least = r->requests->at[slot].number;
  return (unsigned long long)least + 1;
}

/* The first replica with requests: rather one that does not wait for others to take its KV. NULL: there is none. */
static const orc_replica *stuck(const orc_cluster *c)
{
  const orc_replica *first = NULL;
  for (int i = c->replica_count - 1; i >= 0; i--) {
    const orc_replica *r = &c->replicas[i];
    if (orc_replica_in_flight(r) > 0 && (first == NULL || r->outbound == 0 || first->outbound > 0))
      first = r;
  }
  return first;
}

/* Requests are left and nothing will ever happen: a policy made no progress. */
static bool stalled(const orc_cluster *c, orc_error *e)
{
  const orc_replica *r = stuck(c);
  if (r != NULL)
    return orc_fail(
        e,
        "at t=%.6f s, replica %d, step %llu: batching policy \"%s\"%s makes no progress: it "
        "formed an empty step with %u waiting, %d running and %lld of %lld KV blocks free; the "
        "oldest "
        "is request %llu",
        (double)c->engine.now * 1e-9, r->index, (unsigned long long)r->usage.steps,
        c->batching.name, orc_batching_place(&c->batching), r->queue.count, r->running,
        (long long)orc_kv_available(&r->kv), (long long)r->kv.total, oldest(r));
  const uint64_t stranded = orc_kv_transfer_stranded(c);
  if (stranded > 0)
    return orc_fail(e, "at t=%.6f s: %llu requests wait and no replica is there to decode them",
                    (double)c->engine.now * 1e-9, (unsigned long long)stranded);
  if (c->kv_transfers.moving > 0)
    return orc_fail(e,
                    "at t=%.6f s: %llu requests wait for room to be decoded in, and none is left",
                    (double)c->engine.now * 1e-9, (unsigned long long)c->kv_transfers.moving);
  if (c->lifecycle.unrouted_count > 0)
    return orc_fail(e, "at t=%.6f s: %u requests wait and no replica is there to serve them",
                    (double)c->engine.now * 1e-9, c->lifecycle.unrouted_count);
  return true;
}

/* What comes next lies beyond the clock, so its time is not known. */
static bool outlasted(const orc_cluster *c, orc_error *e)
{
  return orc_fail(e,
                  "at t=%.6f s: what happens next comes later than 292 years after the beginning, "
                  "where the clock ends; smaller times or faster hardware expected",
                  (double)c->engine.now * 1e-9);
}

bool orc_cluster_idles(const orc_cluster *c, orc_time until)
{
  return c->open && until != ORC_NEVER;
}

/* Whether what comes next concerns one replica, which its handler settles and notes. */
static bool concerns_one(const orc_cluster *c)
{
  switch (orc_engine_next_kind(&c->engine)) {
  case ORC_EVENT_STEP_END:
  case ORC_EVENT_WAKE:
  case ORC_EVENT_ARRIVAL:
  case ORC_EVENT_FOLLOW:
  case ORC_EVENT_DEADLINE:
    return true;
  default:
    return false;
  }
}

static void settle_all_at(orc_cluster *c, orc_time now)
{
  c->engine.now = now;
  orc_host_settle_all(c);
}

void orc_cluster_step(orc_cluster *c)
{
  if (!concerns_one(c)) {
    settle_all_at(c, orc_engine_next(&c->engine));
    orc_least_forget(c);
  }
  orc_engine_step(&c->engine);
}

bool orc_cluster_run(orc_cluster *c, orc_time until, orc_error *e)
{
  orc_least_forget(c); /* it may have been changed since the run before */
  c->host.limit = until;
  c->host.stop = c->stop != NULL ? c->hurry : NULL;
  while (c->failure.code == 0) {
    if (c->stop != NULL && *c->stop != 0) {
      c->interrupted = true;
      settle_all_at(c, c->engine.now);
      return true;
    }
    if (c->requests.live == 0 && c->expected == 0)
      return true; /* what is pending concerns no request */
    const orc_time next = orc_engine_next(&c->engine);
    if (next == ORC_NEVER && !orc_cluster_idles(c, until)) return stalled(c, e);
    if (next > until) {
      settle_all_at(c, until);
      return true;
    }
    if (next == ORC_END) return outlasted(c, e);
    orc_cluster_step(c);
  }
  settle_all_at(c, c->engine.now);
  if (e != NULL) *e = c->failure;
  return false;
}
