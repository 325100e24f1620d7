/*
** failure.h - what ends a run early, and where it happened.
*/
#ifndef ORC_CLUSTER_FAILURE_H
#define ORC_CLUSTER_FAILURE_H

#include "cluster/state.h"

/* The run ends with this error, unless another came before. */
void orc_failure(orc_cluster *c, const orc_error *e);

/* A policy of a replica failed: the message gains the time, the replica and its step. */
void orc_failure_at(orc_cluster *c, const orc_replica *r, const orc_error *e);

/* A policy failed that decides about a request: the message says what it was `doing`. */
void orc_failure_about(orc_cluster *c, const char *doing, const orc_request *q, const orc_error *e);

#endif
