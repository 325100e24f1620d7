/*
** cluster_scope.h - what of a cluster a policy sees (view.c): each replica that takes requests, or the
** groups of one pool.
*/
#ifndef ORC_BIND_POLICY_CLUSTER_SCOPE_H
#define ORC_BIND_POLICY_CLUSTER_SCOPE_H

#include "cluster/cluster.h"

typedef struct orc_cluster_scope {
  const orc_cluster *cluster;
  const orc_pool *pool; /* its groups that are ready, each as one; NULL: c->lifecycle.ready */
} orc_cluster_scope;

#endif
