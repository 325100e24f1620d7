/*
** cluster_scope.h - what of a cluster a policy sees (view.c): each replica that takes requests, or
** the units of one pool.
*/
#ifndef ORC_BIND_POLICY_CLUSTER_SCOPE_H
#define ORC_BIND_POLICY_CLUSTER_SCOPE_H

#include "cluster/state.h"

typedef struct orc_cluster_scope {
  const orc_cluster *cluster;
  const orc_pool *pool;       /* its units that are ready, each as one; NULL: c->lifecycle.ready */
  const orc_request *request; /* the policy is asked about this one; NULL: about none */
} orc_cluster_scope;

#endif
