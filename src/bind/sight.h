/*
** sight.h - what of a cluster a policy sees (view.c): each replica that takes requests, or the
** groups of one pool.
*/
#ifndef ORC_BIND_SIGHT_H
#define ORC_BIND_SIGHT_H

#include "serve/cluster.h"

typedef struct orc_sight {
  const orc_cluster *cluster;
  const orc_pool *pool; /* its groups that are ready, each as one; NULL: c->fleet.ready */
} orc_sight;

#endif
