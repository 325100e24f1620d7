/*
** state.h - a whole simulation as its parts share it: sources, policies, replicas, and what was
** measured. cluster.h makes, runs and frees one.
*/
#ifndef ORC_CLUSTER_STATE_H
#define ORC_CLUSTER_STATE_H

#include <signal.h>

#include "base/base.h"
#include "base/rng.h"
#include "cluster/dp_group.h"
#include "cluster/kv_transfer_table.h"
#include "cluster/marks.h"
#include "cluster/placement.h"
#include "cluster/policy.h"
#include "cluster/pools.h"
#include "cluster/router_load.h"
#include "device/contended.h"
#include "obs/excerpt.h"
#include "obs/latencies.h"
#include "obs/life.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "obs/record.h"
#include "obs/series.h"
#include "replica/host.h"
#include "replica/request.h"
#include "replica/scheduler.h"
#include "replica/server.h"
#include "sim/engine.h"
#include "workload/source.h"

/* Kinds of events, beside those of a replica (replica/server.h). */
enum {
  ORC_EVENT_ARRIVAL = 2,     /* subject: source */
  ORC_EVENT_FOLLOW = 3,      /* subject: index of a future arrival */
  ORC_EVENT_DEADLINE = 4,    /* subject: slot; key: number of the request */
  ORC_EVENT_COMPUTED = 5,    /* subject: stage of the contended */
  ORC_EVENT_NET = 6,         /* the network's own */
  ORC_EVENT_KV_TRANSFER = 7, /* subject: a transfer (kv_transfer.c) */
  ORC_EVENT_WINDOW = 9,      /* the warm-up ends */
  ORC_EVENT_SAMPLE = 11,     /* the replicas are sampled */
  ORC_EVENT_READY = 12,      /* subject: replica that has started or recovered */
  ORC_EVENT_FAILURE = 13,    /* subject: replica that fails by chance */
  ORC_EVENT_OUTAGE = 14,     /* subject: index of an outage */
  ORC_EVENT_SCALE = 15,      /* subject: pool whose autoscaler is asked */
};

typedef struct orc_least orc_least; /* cluster/least.h */
typedef struct orc_slice orc_slice; /* cluster/slice.h */

struct orc_cluster {
  orc_engine engine;
  orc_requests requests;
  orc_host host; /* what the replicas ask (host.c) */
  orc_batching batching;
  orc_router router;
  orc_admission admission;
  orc_eviction eviction;
  orc_lifecycle lifecycle;
  orc_least *least; /* among those that lifecycle.ready lists */
  orc_pool *pools;  /* [pool_count] */
  orc_replica *replicas;
  orc_observed
      *observed; /* of the requests of all replicas together; NULL: each replica has its own */
  orc_router_load *loads;   /* [replica_count] what the router sent to each, where it tracks that */
  orc_starts *load_starts;  /* where it sent prompts that begin alike */
  orc_starts *cache_starts; /* which caches have a prompt's beginning; once it was asked */
  orc_source *sources;
  orc_arrival *pending;  /* [source_count] the next arrival of each */
  orc_arrival *future;   /* arrivals that follow an answer, by index */
  uint32_t *future_free; /* free indices */
  uint32_t future_count, future_room, future_free_count;
  uint64_t expected; /* arrivals pending: of sources and future ones; one more while `open` */
  bool open;         /* requests may still be sent (orc_control_send) */
  uint64_t left;     /* requests that may still come */
  uint64_t seed;
  orc_rng routing; /* draws of the router */
  orc_time warm_up;
  orc_window window;
  orc_slo slo;
  orc_metrics *without_replica; /* [profile_count] of requests that no replica had */
  orc_time overhead;
  double token_overhead; /* ns */
  double stream_interval;
  orc_series *series; /* owned; NULL: no samples are taken */
  const orc_log *log;
  orc_time last_end;           /* when the last request ended */
  orc_time instant_retry_time; /* when rejected clients last sent again at once */
  uint64_t instant_retries;    /* how often they did so at that moment */
  orc_placement placement;
  orc_net *net; /* what is sent on links that are shared; NULL: nothing is */
  orc_contended contended;
  orc_kv_transfers kv_transfers;
  orc_dp_group *dp_groups;    /* [dp_group_count] */
  orc_dp_group **dp_group_of; /* [replica_count] the one a replica steps in; NULL: it steps alone */
  int *devices;
  orc_csv *csv;
  orc_excerpt *excerpt; /* NULL: none. Not owned. */
  orc_life *life;
  orc_latencies *latencies;
  const volatile sig_atomic_t *stop, *hurry;
  orc_error failure; /* what ended the run early */
  int replica_count;
  int pool_count;
  int source_count;
  int profile_count;
  int dp_group_count;
  orc_lod lod;
  orc_slice *slice; /* which part of a simulation in several threads it is; NULL: it is all of it */
  bool sleeps;      /* replicas may sleep (replica/loop.h) */
  bool interrupted;
};

#endif
