/*
** where.h - which replicas may have some of a prompt, without a look at each.
*/
#ifndef ORC_CLUSTER_WHERE_H
#define ORC_CLUSTER_WHERE_H

#include "cluster/state.h"

/* What replicas are asked about. */
typedef enum orc_where {
  ORC_WHERE_CACHED, /* their prefix caches have some of it */
  ORC_WHERE_SENT,   /* a prompt that begins alike counts for their load (router_load.h) */
} orc_where;

/*
** The replicas of which that may be true of a request's prompt, or of a sequence it goes on with, into
** out[0 .. most - 1] in no order; of no others it is. Returns how many; -1: there are more than `most`, or
** it takes a look at each to tell.
*/
int orc_where_begins(const orc_cluster *c, const orc_request *q, orc_where what, uint16_t *out,
                     int most);

#endif
