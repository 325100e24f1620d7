/*
** scaling.h - pools grow and shrink: each has its autoscaler, which is asked at intervals how many
** units the pool should have.
*/
#ifndef ORC_CLUSTER_SCALING_H
#define ORC_CLUSTER_SCALING_H

#include "cluster/state.h"

/* Ask the autoscalers from now on. For orc_cluster_new, when the lifecycle is there. */
void orc_scaling_start(orc_cluster *c);

#endif
