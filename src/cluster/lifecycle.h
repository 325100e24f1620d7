/*
** lifecycle.h - which replicas serve: those that are ready, those that start, drain or failed; requests
** that wait for one; the failures. How many there are is scaling.h's.
*/
#ifndef ORC_CLUSTER_LIFECYCLE_H
#define ORC_CLUSTER_LIFECYCLE_H

#include "base/base.h"
#include "base/rng.h"
#include "replica/policy.h"
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
} orc_pool;

/* A failure that is to happen. Times in ns. */
typedef struct orc_outage {
  orc_time at, lasts;
  uint16_t replica;
} orc_outage;

/* How the lifecycle changes. All zeroes: it does not. Times in ns. */
typedef struct orc_lifecycle_config {
  orc_scaling scaling; /* of the only pool; pools that are told one by one have their own */
  double mtbf, mttr; /* s a replica works between failures on average (exponential), and s until it
                        is back; mtbf 0: it never fails by chance */
  const orc_outage *outages;
  int outage_count;
} orc_lifecycle_config;

typedef struct orc_unit {
  orc_phase phase;
  orc_time since;  /* rented since; valid unless OFF */
  orc_time rented; /* ns rented before */
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
  uint64_t failures;
  uint64_t fruitless_failures; /* of those that lost requests, how many since one last ended */
  uint64_t asked;              /* tokens of the prompts that arrived */
  uint64_t seen;               /* steps of all replicas at the last look */
  int idle_checks;             /* looks in a row at which nothing had happened */
} orc_lifecycle;

/* Set up: of each pool the replicas are ready that `starts` says, the rest off. For
 * orc_cluster_new, when pools and replicas are there. */
void orc_lifecycle_init(orc_cluster *c, const orc_lifecycle_config *config, const int *starts);
void orc_lifecycle_done(orc_lifecycle *f);

/* A request finds no replica ready: it waits. */
void orc_lifecycle_hold(orc_cluster *c, orc_slot slot);

/* A request that waits for a replica no longer does. */
void orc_lifecycle_release(orc_cluster *c, orc_slot slot);

/* A replica has less to do: where its group drains and has nothing left, it is off from `now` on.
 */
void orc_lifecycle_drained(orc_cluster *c, uint16_t replica, orc_time now);

/* A request has ended: failures let them. */
void orc_lifecycle_ended(orc_lifecycle *f);

/* s replica `index` was rented up to `now`. */
double orc_lifecycle_rented(const orc_lifecycle *f, int index, orc_time now);

/* ---- for scaling.c ---- */

/* Put an event of the lifecycle into the engine's queue, behind the deadlines of that moment. */
void orc_lifecycle_later(orc_cluster *c, orc_time time, uint32_t kind, uint32_t subject);

/* `delay` ns from now, ORC_NEVER beyond the clock's end. */
orc_time orc_lifecycle_after(const orc_cluster *c, orc_time delay);

/* The group that begins with replica `first` takes requests from now on; those that waited come. */
void orc_lifecycle_open(orc_cluster *c, int first);

/* The group takes no more requests and is off once it has none. */
void orc_lifecycle_drain(orc_cluster *c, int first);

/* The group that has nothing left is not rented any more from `now` (ns) on. */
void orc_lifecycle_switch_off(orc_cluster *c, int first, orc_time now);

/* The group is rented from now on, and takes requests at `ready` (ns). */
void orc_lifecycle_start(orc_cluster *c, int first, orc_time ready);

/* Nothing happened since the last look, and nothing will. */
bool orc_lifecycle_quiet(orc_cluster *c);

#endif
