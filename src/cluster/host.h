/*
** host.h - the cluster as the world its replicas serve in (replica/host.h).
*/
#ifndef ORC_CLUSTER_HOST_H
#define ORC_CLUSTER_HOST_H

#include "cluster/state.h"

/* Fill c->host in, and handle the events of replicas from now on. For orc_cluster_new, when
** c->log and c->life are set. */
void orc_host_start(orc_cluster *c);

/* Bring all replicas to the moment (replica/loop.h): before they are looked at or changed. */
void orc_host_settle_all(const orc_cluster *c);

#endif
