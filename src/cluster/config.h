/*
** config.h - what a simulation is made of.
*/
#ifndef ORC_CLUSTER_CONFIG_H
#define ORC_CLUSTER_CONFIG_H

#include <signal.h>

#include "base/base.h"
#include "cluster/policy.h"
#include "cluster/pools.h"
#include "net/topology.h"
#include "obs/excerpt.h"
#include "obs/latencies.h"
#include "obs/life.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "obs/record.h"
#include "replica/attribution.h"
#include "replica/scheduler.h"
#include "replica/server.h"
#include "workload/source.h"

/* Replicas in a row that are alike. */
typedef struct orc_pool_config {
  orc_replica_kind kind; /* `stages` is the cluster's to fill in */
  const orc_step_cost
      *stages;   /* [pipeline_parallel_size] its cost on the GPUs of each stage, whole models;
                                  NULL: all as kind.cost */
  int replicas;  /* ready at the start */
  int room;      /* replicas it can have, at least these; 0: just these */
  int group;     /* so many in a row are one unit (pools.h); 0, 1: each is; it divides the others */
  bool lockstep; /* those of a unit share their experts: they step together */
  orc_scaling scaling; /* most x group is at most room */
} orc_pool_config;

/* Borrowed pointers are read during orc_cluster_new only. */
typedef struct orc_cluster_config {
  const orc_pool_config *pools; /* [pool_count] at least one */
  int pool_count;
  bool layerwise; /* KV goes from prefill to decode replicas layer by layer, not all at the end */
  orc_batching batching;
  orc_router router;
  orc_admission admission;
  orc_eviction eviction;
  orc_lifecycle_config lifecycle; /* all zeroes: no failures */
  orc_source *sources;            /* taken over */
  int source_count;               /* >= 1 */
  int64_t count;                  /* requests in all, of all sources; 0, INT64_MAX: no bound */
  int profile_count;              /* >= 1 */
  orc_time warm_up;               /* requests arriving before are not counted */
  orc_slo slo;
  bool observed_together; /* one pool: what requests took is not kept of each replica */
  bool runs;              /* steps inside the horizon need no event */
  orc_lod lod;
  const orc_lod *levels;    /* [replicas there is room for] of each; NULL: lod is that of all */
  orc_topology *topology;   /* outlives the cluster; NULL: no network is described */
  const int *devices;       /* nodes of all ranks: replica by replica, stage by stage */
  uint64_t seed;            /* of the routing stream */
  double request_overhead;  /* s between a client's sending and the queue */
  double token_overhead;    /* the same per token of the prompt */
  double stream_interval;   /* steps between a token and its client */
  orc_time sample_interval; /* ns between samples of the replicas; 0: none are taken */
  uint64_t samples;         /* kept at most, even; then every second goes; 0: all */
  const orc_log *log;       /* hears of steps and changes; NULL: they are not logged. Not owned. */
  orc_csv *csv;             /* records go here; NULL: nowhere. Not owned. */
  orc_excerpt *excerpt;     /* and here; NULL: nowhere. Not owned. */
  bool shapes;              /* replicas keep the shapes of their steps */
  orc_latencies *latencies; /* of single requests go here; NULL: nowhere. Not owned. */
  orc_attribution *attribution; /* what the time of requests went into goes here, and every step is
                                   stepped; NULL: nowhere. Not owned. */
  orc_life *life;               /* changes of requests go here; NULL: nowhere. Not owned. */
  const volatile sig_atomic_t *stop; /* non-zero: end the run now; NULL: never */
  const volatile sig_atomic_t
      *hurry; /* non-zero as well: after the step at hand; NULL: as the events come */
} orc_cluster_config;

#endif
