/*
** policy.h - what decides in a cluster: plain function pointers, so the simulator runs without a
** Lua state. Each returns false with *e filled when the policy failed; the run then stops and names
** it.
*/
#ifndef ORC_CLUSTER_POLICY_H
#define ORC_CLUSTER_POLICY_H

#include "base/base.h"
#include "replica/request.h"

typedef struct orc_cluster orc_cluster;

/* Chooses the replica of a request as it arrives: *replica, a place in c->lifecycle.ready. NULL:
** the first. */
typedef struct orc_router {
  const char *name;
  void *self;
  bool tracks; /* it asks for the load of replicas (router_load.h), which is then counted */
  /* The replica of role decode that takes a request over whose prompt another one computed:
   * *replica, a place in c->lifecycle.ready. NULL: the one with the fewest requests. */
  bool (*decode)(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                 orc_error *e);
  bool (*route)(void *self, const orc_cluster *c, const orc_request *r, int *replica, orc_error *e);
} orc_router;

/* Decides at its arrival whether a request is served at all; one that is not ends REJECTED. NULL:
** all are. */
typedef struct orc_admission {
  const char *name;
  void *self;
  bool (*admit)(void *self, const orc_cluster *c, const orc_request *r, bool *yes, orc_error *e);
} orc_admission;

/* Says every so often how many units a pool (c->pools) should have. NULL: as many as at the
** start. */
typedef struct orc_autoscaler {
  const char *name;
  void *self;
  bool (*scale)(void *self, const orc_cluster *c, int pool, int *wanted, orc_error *e);
} orc_autoscaler;

#endif
