/*
** dp_group.h - attention replicas that share their experts: every step is one of all of them, for
** each layer of experts waits for the tokens of all (vLLM's data parallel engines; docs, "Data
** Parallel Deployment", v0.11). Each forms its own batch; the slowest decides when all go on.
**
** With pipeline stages there is a batch of all of them per microbatch, and the experts of a stage
** are shared by the ranks of that stage: at every stage the slowest decides.
*/
#ifndef ORC_CLUSTER_DP_GROUP_H
#define ORC_CLUSTER_DP_GROUP_H

#include "base/base.h"
#include "cluster/placement.h"
#include "replica/server.h"

typedef struct orc_dp_group {
  orc_replica *first; /* the others follow it */
  int count;
  orc_time *ends; /* [microbatches] of the running step of all (ns); -1: none runs */
} orc_dp_group;

/*
** Tie `count` replicas in a row together, alike and not contended. On a network their ranks
** exchange tokens at the pace of the slowest way between any two of a stage.
*/
void orc_dp_group_init(orc_dp_group *l, orc_replica *first, int count, orc_placement *p);
void orc_dp_group_done(orc_dp_group *l);

/* Begin at `now` (ns) the next step of each microbatch that has one and in which none is running.
** False: a policy failed. */
bool orc_dp_group_step(orc_dp_group *l, orc_time now, orc_error *e);

/* Apply the step of all in a microbatch that ends now, an event of the first. False: no step does,
** for this one was abandoned. */
bool orc_dp_group_end(orc_dp_group *l, int microbatch);

/* The steps under way never were: their replicas have failed. */
void orc_dp_group_abandon(orc_dp_group *l);

#endif
