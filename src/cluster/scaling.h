/*
** scaling.h - pools grow and shrink: each has its autoscaler, which is asked at intervals how many
** groups of replicas the pool should have.
*/
#ifndef ORC_CLUSTER_SCALING_H
#define ORC_CLUSTER_SCALING_H

#include "cluster/cluster.h"

/* Ask the autoscalers from now on. For orc_cluster_new, when the lifecycle is there. */
void orc_scaling_start(orc_cluster *c);

/* Groups of a pool that are in one of two phases (the same twice: in this one). */
int orc_scaling_groups(const orc_cluster *c, const orc_pool *pool, orc_phase a, orc_phase b);

/* Requests of a group, waiting or running or on their way to or from it. */
int64_t orc_scaling_load(const orc_cluster *c, const orc_pool *pool, int first);

#endif
