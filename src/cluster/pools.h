/*
** pools.h - the replicas of a cluster as pools of units, and what may happen to them: phases,
** failures, scaling. The data only; phases.h, lifecycle.h and scaling.h act on it.
*/
#ifndef ORC_CLUSTER_POOLS_H
#define ORC_CLUSTER_POOLS_H

#include "base/base.h"
#include "base/rng.h"
#include "cluster/policy.h"
#include "cluster/unit_log.h"
#include "cost/draft.h"
#include "cost/step.h"
#include "device/pipeline.h"
#include "replica/request.h"

typedef enum orc_phase {
  ORC_PHASE_READY,    /* takes requests */
  ORC_PHASE_OFF,      /* not rented */
  ORC_PHASE_STARTING, /* rented; its weights are being loaded */
  ORC_PHASE_DRAINING, /* takes no more requests; off once it has none */
  ORC_PHASE_FAILED,   /* rented; lost all it had */
} orc_phase;

/* How a pool changes. All zeroes: it does not. Times in ns. */
typedef struct orc_scaling {
  orc_autoscaler autoscaler;
  orc_time interval;   /* between two questions to the autoscaler, >= 1 */
  orc_time cold_start; /* from the decision until a new group takes requests */
  int least, most;     /* groups it may ask for; 0 <= least <= most */
} orc_scaling;

/*
** Replicas in a row that are alike. A group of them is one deployment, such as attention replicas
** that share their experts: its replicas start, drain and fail together, and all have one phase.
*/
typedef struct orc_pool {
  int first, count; /* the replicas it has room for */
  int group;        /* replicas of a group, which divides count */
  int starting;     /* groups */
  orc_scaling is;
  orc_step_cost *cost;    /* of its replicas; owned, as all below */
  orc_draft_cost *draft;  /* what proposes to them; all zeroes: nothing does */
  orc_pipe_cost **stages; /* [stage_sets] */
  int stage_sets;         /* 1: its replicas have theirs in common; or `count`: each its own */
} orc_pool;

/* A failure that is to happen. Times in ns. */
typedef struct orc_outage {
  orc_time at, lasts;
  uint16_t replica;
} orc_outage;

/* How the lifecycle changes. All zeroes: it does not. Times in ns. */
typedef struct orc_lifecycle_config {
  double mtbf, mttr; /* s a replica works between failures on average (exponential), and s until it
                        is back; mtbf 0: it never fails by chance */
  const orc_outage *outages;
  int outage_count;
} orc_lifecycle_config;

typedef struct orc_unit {
  orc_phase phase;
  orc_time since;  /* rented since; valid unless OFF */
  orc_time rented; /* ns rented before */
  orc_time failed; /* it failed last; valid while FAILED */
  orc_time down;   /* ns of failures before */
  orc_time until; /* STARTING, FAILED: when it is ready; READY, DRAINING: when it fails by chance */
  orc_rng fate;   /* its failures */
} orc_unit;

typedef struct orc_lifecycle {
  double mtbf, mttr;   /* as configured */
  orc_outage *outages; /* owned */
  orc_unit *units;     /* [replicas] */
  uint16_t *ready;     /* replicas that take requests, in order of index; behind them those of role
                      decode, which a router may send some to as well */
  int ready_count, decode_count;
  orc_slot *unrouted; /* requests that wait for a replica, in order of arrival */
  uint32_t unrouted_count, unrouted_room;
  orc_unit_log log;
  uint64_t failures;           /* also those the log leaves out */
  uint64_t fruitless_failures; /* that lost requests, since a request last ended */
  uint64_t asked;              /* tokens of the prompts that arrived */
  uint64_t seen;               /* steps of all replicas at the last look */
  int idle_checks;             /* looks in a row at which nothing had happened */
} orc_lifecycle;

#endif
