/*
** deploy.h - the replicas of a cluster: what each is made of, where it is in the network, at which
** level of detail it is simulated, and which belong together.
*/
#ifndef ORC_CLUSTER_DEPLOY_H
#define ORC_CLUSTER_DEPLOY_H

#include "cluster/config.h"
#include "cluster/state.h"

/* For orc_cluster_new, when c->host is there: make c->pools, c->replicas and c->lifecycle. */
void orc_deploy(orc_cluster *c, const orc_cluster_config *config);

/* For orc_cluster_free: the replicas and pools. */
void orc_deploy_done(orc_cluster *c);

#endif
