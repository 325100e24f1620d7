/*
** dispatch.h - requests go to replicas: the router picks one, and while none is ready they wait.
*/
#ifndef ORC_CLUSTER_DISPATCH_H
#define ORC_CLUSTER_DISPATCH_H

#include "cluster/state.h"

/* A QUEUED request that is nowhere goes to a replica the router picks, or waits for one to be
** ready. A failure ends the run. */
void orc_dispatch(orc_cluster *c, orc_slot slot);

/* Requests that waited for a replica go to those that are ready, if any is. */
void orc_dispatch_unrouted(orc_cluster *c);

/* A request that waits for a replica no longer does. */
void orc_dispatch_forget(orc_cluster *c, orc_slot slot);

/* The place among the ready replicas of the one that served the turn before of a request; -1 where
** there is none, or it is not ready. */
int orc_dispatch_home(const orc_cluster *c, const orc_request *q);

#endif
