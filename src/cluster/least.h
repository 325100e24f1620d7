/*
** least.h - the ready replica with the fewest requests in flight, found without looking at all of them.
** A tree of minima over the replicas, built when it is first asked for; from then on whoever changes
** what a replica has in flight notes it, or says that the whole tree is out of date.
*/
#ifndef ORC_CLUSTER_LEAST_H
#define ORC_CLUSTER_LEAST_H

#include "base/base.h"
#include "cluster/state.h"

struct orc_least {
  int64_t *
      key; /* [2 leaves]: 1 is the root, those below i are 2 i and 2 i + 1, the leaves the replicas' */
  int leaves; /* a power of two; 0: nobody has asked yet */
  bool stale; /* the tree is to be made anew */
};

void orc_least_free(orc_least *l);

/* The place in c->lifecycle.ready, among those that take requests, of the one with the fewest: the first
** of equals. At least one is ready. */
int orc_least_place(const orc_cluster *c);

/* What each has in flight, by its index, of those that take requests. */
const int64_t *orc_least_in_flight(const orc_cluster *c);

/* What one replica has in flight may have changed; that of any. O(log replicas), O(1). */
void orc_least_note(const orc_cluster *c, const orc_replica *r);
void orc_least_forget(const orc_cluster *c);

#endif
