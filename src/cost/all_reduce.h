/*
** all_reduce.h - how the ranks of a tensor-parallel group add up what they have: the algorithms
** they may use, each over the ways its messages take, and which of them goes with so many bytes.
** Pure functions over a prepared value.
*/
#ifndef ORC_COST_ALL_REDUCE_H
#define ORC_COST_ALL_REDUCE_H

#include "base/base.h"
#include "cost/collective.h"
#include "cost/regimes.h"

/* One algorithm, and what its messages find on their ways. */
typedef struct orc_way {
  orc_algorithm algorithm; /* never AUTO */
  orc_fabric fabric;
  bool contended; /* its own messages meet on links, which the formula leaves out */
} orc_way;

typedef struct orc_all_reduce {
  int ranks; /* >= 1 */
  int count; /* of ways, >= 1 */
  orc_way ways[ORC_ALGORITHMS];
  orc_regimes measured; /* count > 0: what counts; the one way is the ring of the ranks' links */
  bool placed;          /* the ways are those of a network */
} orc_all_reduce;

/*
** Whether so many ranks can use the algorithm at all, whatever joins them.
**   a       of all-reduce, or AUTO
** Returns false with *e saying what it needs.
*/
bool orc_all_reduce_check(orc_algorithm a, int ranks, orc_error *e);

/*
** A group whose ranks reach each other over equal links, one to each rank, which all its messages
** share. AUTO: every algorithm this offers. One that needs more than links - several hosts, a
** switch that adds up - is a ring until the group has its place in a network (serve/group.h).
**   a   passed orc_all_reduce_check with g->ranks
*/
orc_all_reduce orc_all_reduce_of(orc_algorithm a, const orc_group *g);

/*
** The same ranks by the engine's own kernels, whose time was measured: nothing is known of their
** messages but how long they take and between whom they go.
**   measured   count > 0, passed orc_regimes_check
*/
orc_all_reduce orc_all_reduce_measured(const orc_regimes *measured, const orc_fabric *f);

/* The way that takes the least time for `bytes`; the first among equals. */
const orc_way *orc_all_reduce_way(const orc_all_reduce *r, double bytes);

/* s for `bytes` (>= 0, the buffer of one rank) by that way, or as measured; 0 for one rank. Never
 * falls as bytes grow. */
double orc_all_reduce_time(const orc_all_reduce *r, double bytes);

#endif
