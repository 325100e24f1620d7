/*
** fleet.h - which replicas serve: those that are ready, those that start, drain or failed; requests
** that wait for one; the autoscaler's ticks and the failures.
*/
#ifndef ORC_SERVE_FLEET_H
#define ORC_SERVE_FLEET_H

#include "base/base.h"
#include "base/rng.h"
#include "serve/policy.h"
#include "serve/request.h"

#define ORC_NO_REPLICA UINT16_MAX /* of a request that waits for one to be ready */

typedef enum orc_phase {
  ORC_PHASE_READY,    /* takes requests */
  ORC_PHASE_OFF,      /* not rented */
  ORC_PHASE_STARTING, /* rented; its weights are being loaded */
  ORC_PHASE_DRAINING, /* takes no more requests; off once it has none */
  ORC_PHASE_FAILED,   /* rented; lost all it had */
} orc_phase;

/* A failure that is to happen. Times in ns. */
typedef struct orc_outage {
  orc_time at, lasts;
  uint16_t replica;
} orc_outage;

/* How the fleet changes. All zeroes: it does not. Times in ns. */
typedef struct orc_fleet_config {
  orc_autoscaler autoscaler;
  orc_time interval;   /* between two questions to the autoscaler, >= 1 */
  orc_time cold_start; /* from the decision until a new replica takes requests */
  int least, most;     /* replicas it may ask for; most is what the cluster has room for */
  double mtbf, mttr; /* s a replica works between failures on average (exponential), and s until it
                        is back; mtbf 0: it never fails by chance */
  const orc_outage *outages;
  int outage_count;
} orc_fleet_config;

typedef struct orc_fleet_unit {
  orc_phase phase;
  orc_time since;  /* rented since; valid unless OFF */
  orc_time rented; /* ns rented before */
  orc_time until; /* STARTING, FAILED: when it is ready; READY, DRAINING: when it fails by chance */
  orc_rng fate;   /* its failures */
} orc_fleet_unit;

typedef struct orc_fleet {
  orc_fleet_config is;
  orc_outage *outages;   /* [is.outage_count] owned */
  orc_fleet_unit *units; /* [replicas] */
  uint16_t *ready; /* replicas that take requests, in order of index; behind them those of role
                      decode, which a router may send some to as well */
  int ready_count, decode_count, starting;
  orc_slot *homeless; /* requests that wait for a replica, in order of arrival */
  uint32_t homeless_count, homeless_room;
  uint64_t failures;
  uint64_t seen; /* steps of all replicas at the last look */
  int dull;      /* looks in a row at which nothing had happened */
} orc_fleet;

/* Set up: the first `first` replicas are ready, the rest off. For orc_cluster_new. */
void orc_fleet_init(orc_cluster *c, const orc_fleet_config *config, int first);
void orc_fleet_done(orc_fleet *f);

/* A request finds no replica ready: it waits. */
void orc_fleet_hold(orc_cluster *c, orc_slot slot);

/* A request that waits for a replica no longer does. */
void orc_fleet_release(orc_cluster *c, orc_slot slot);

/* A replica has one request less: where it drains and has none left, it is off from `now` on. */
void orc_fleet_drained(orc_cluster *c, uint16_t replica, orc_time now);

/* s replica `index` was rented up to `now`. */
double orc_fleet_rented(const orc_fleet *f, int index, orc_time now);

#endif
