/*
** cluster.h - a whole simulation: sources, router, replicas, and what was measured.
*/
#ifndef ORC_CLUSTER_CLUSTER_H
#define ORC_CLUSTER_CLUSTER_H

#include <signal.h>

#include "base/base.h"
#include "base/rng.h"
#include "cluster/dp_group.h"
#include "cluster/kv_transfer.h"
#include "cluster/lifecycle.h"
#include "cluster/placement.h"
#include "device/contended.h"
#include "obs/life.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "obs/record.h"
#include "obs/series.h"
#include "replica/policy.h"
#include "replica/replica.h"
#include "replica/request.h"
#include "sim/engine.h"
#include "workload/source.h"

/* Replicas in a row that are alike. */
typedef struct orc_pool_config {
  orc_replica_kind kind;
  int replicas;  /* ready at the start */
  int room;      /* replicas it can have, at least these; 0: just these */
  int group;     /* so many in a row are one deployment (lifecycle.h); 0, 1: each is; it divides the
                    others */
  bool lockstep; /* those of a group share their experts: they step together */
  orc_scaling scaling; /* most x group is at most room */
} orc_pool_config;

/* What a simulation is made of. Borrowed pointers are read during orc_cluster_new only. */
typedef struct orc_cluster_config {
  const orc_pool_config *pools; /* [pool_count] kinds of replica; NULL: one, of the next four */
  int pool_count;
  int replicas;                  /* ready at the start */
  const orc_engine_knobs *knobs; /* of every replica */
  const orc_step_cost *cost;     /* prepared; likewise */
  int lockstep; /* so many replicas in a row share their experts: they step together; 0, 1: none */
  bool layerwise; /* KV goes from prefill to decode replicas layer by layer, not all at the end */
  orc_batching batching;
  orc_router router;
  orc_admission admission;
  orc_eviction eviction;
  orc_lifecycle_config lifecycle; /* all zeroes: neither failures nor scaling */
  orc_source *sources;            /* taken over */
  int source_count;
  int64_t count;     /* requests in all, whoever sends them; 0, INT64_MAX: no bound */
  int profile_count; /* >= 1 */
  orc_time warm_up;  /* requests arriving before are not counted */
  orc_slo slo;
  bool runs; /* steps inside the horizon need no event */
  orc_lod lod;
  const orc_lod *levels;    /* [replicas there is room for] of each; NULL: lod is everyone's */
  orc_topology *topology;   /* outlives the cluster; NULL: no network is described */
  const int *devices;       /* nodes of all ranks: replica by replica, stage by stage */
  uint64_t seed;            /* of the routing stream */
  double request_overhead;  /* s between a client's sending and the queue */
  double token_overhead;    /* the same per token of the prompt */
  orc_time sample_interval; /* ns between samples of the replicas; 0: none are taken */
  const orc_log *log;       /* hears of steps and changes; NULL: nobody. Not owned. */
  orc_csv *csv;             /* records go here; NULL: nowhere. Not owned. */
  orc_life *life;           /* changes of requests go here; NULL: nowhere. Not owned. */
  const volatile sig_atomic_t *stop; /* non-zero: end the run now; NULL: never */
} orc_cluster_config;

struct orc_cluster {
  orc_engine engine;
  orc_requests requests;
  orc_batching batching;
  orc_router router;
  orc_admission admission;
  orc_eviction eviction;
  orc_lifecycle lifecycle;
  orc_pool *pools; /* [pool_count] */
  orc_replica *replicas;
  orc_source *sources;
  orc_arrival *pending;  /* [source_count] the next arrival of each */
  orc_arrival *future;   /* arrivals that follow an answer, by index */
  uint32_t *future_free; /* free indices */
  uint32_t future_count, future_room, future_free_count;
  orc_slot asked;    /* the request a router or an admission policy is asked about; ORC_NO_SLOT */
  uint64_t expected; /* arrivals pending: of sources and future ones */
  uint64_t left;     /* requests that may still come */
  uint64_t seed;
  orc_rng routing; /* draws of the router */
  orc_time warm_up;
  orc_slo slo;
  orc_time overhead;
  double token_overhead; /* ns */
  orc_series *series;    /* owned; NULL: no samples are taken */
  const orc_log *log;
  orc_time limit;              /* no step that ends later is applied */
  orc_time last_end;           /* when the last request ended */
  orc_time instant_retry_time; /* when clients who were turned away last asked again at once */
  uint64_t instant_retries;    /* how often they did so at that moment */
  orc_placement placement;
  orc_net *net; /* what is sent on links that are shared; NULL: nothing is */
  orc_contended contended;
  orc_kv_transfers kv_transfers;
  orc_dp_group *dp_groups; /* [dp_group_count] */
  int *devices;
  orc_csv *csv;
  orc_life *life;
  const volatile sig_atomic_t *stop;
  orc_error failure; /* what ended the run early */
  int replica_count;
  int pool_count;
  int source_count;
  int profile_count;
  int dp_group_count;
  orc_lod lod;
  bool runs;
  bool interrupted;
};

orc_cluster *orc_cluster_new(const orc_cluster_config *config);
void orc_cluster_free(orc_cluster *c);

/*
** Simulate up to `until` (ns; ORC_NEVER: until all requests have ended). May be called again to go
*on.
** False with *e when a source, a policy or the router failed, or requests are left that nobody
*serves.
** Stops early without failure when interrupted (c->interrupted tells).
*/
bool orc_cluster_run(orc_cluster *c, orc_time until, orc_error *e);

/* Close the books: requests in flight are recorded as PENDING. Once, after the last run. */
void orc_cluster_close(orc_cluster *c);

/* A change in the life of a request, for whoever watches. */
static inline void orc_cluster_note(const orc_cluster *c, const orc_request *q, orc_time now,
                                    orc_change what, int32_t amount, int32_t of)
{
  if (c->life == NULL && c->log == NULL) return;
  const orc_life_entry entry = { .time = now,
                                 .number = q->number,
                                 .amount = amount,
                                 .of = of,
                                 .replica = q->replica,
                                 .what = (uint8_t)what };
  orc_life_note(c->life, &entry);
  if (c->log != NULL) c->log->change(c->log->self, &entry);
}

/* The place among the ready replicas of the one that served the turn before, of the request asked
** about; -1 where there is none, or it is gone. */
int orc_cluster_home(const orc_cluster *c);

/* A policy failed that decides about a request: the run ends and says what it was `doing`. */
void orc_cluster_fail_about(orc_cluster *c, const char *doing, const orc_request *q,
                            const orc_error *e);

/* For the lifecycle: a QUEUED request that is nowhere goes to a replica the router picks. A failure
 * ends the run. */
void orc_cluster_dispatch(orc_cluster *c, orc_slot slot);

/* What the cached blocks of a request are worth that gives them back. A failure ends the run. */
int orc_cluster_grade(const orc_replica *r, const orc_request *q);

/* For the replicas: a DONE request has ended at `now`; its slot is given back. */
void orc_cluster_finished(orc_cluster *c, orc_slot slot, orc_status status, orc_time now);

#endif
