/*
** lockstep.h - attention replicas that share their experts: every step is one of all of them, for
*each
** layer of experts waits for the tokens of all (vLLM's data parallel engines; docs, "Data Parallel
** Deployment", v0.11). Each forms its own batch; the slowest decides when all go on.
*/
#ifndef ORC_SERVE_LOCKSTEP_H
#define ORC_SERVE_LOCKSTEP_H

#include "base/base.h"
#include "serve/placement.h"
#include "serve/replica.h"

typedef struct orc_lockstep {
  orc_replica *first; /* the others follow it */
  int count;
  bool busy;
} orc_lockstep;

/*
** Tie `count` replicas in a row together; one lane each, and not crowded. On a network their ranks
** exchange tokens at the pace of the slowest way between any two.
*/
void orc_lockstep_init(orc_lockstep *l, orc_replica *first, int count, orc_placement *p);

/* Begin the next step at `now` (ns) if any has one and none is running. False: a policy failed. */
bool orc_lockstep_step(orc_lockstep *l, orc_time now, orc_error *e);

/* Handler of the end of a step of all, an event of the first. */
bool orc_lockstep_end(orc_lockstep *l, orc_error *e);

#endif
