/*
** lockstep.h - attention replicas that share their experts: every step is one of all of them, for
*each
** layer of experts waits for the tokens of all (vLLM's data parallel engines; docs, "Data Parallel
** Deployment", v0.11). Each forms its own batch; the slowest decides when all go on.
**
** With pipeline stages there is a batch of all of them per lane, and the experts of a stage are
** shared by the ranks of that stage: at every stage the slowest decides.
*/
#ifndef ORC_SERVE_LOCKSTEP_H
#define ORC_SERVE_LOCKSTEP_H

#include "base/base.h"
#include "serve/placement.h"
#include "serve/replica.h"

typedef struct orc_lockstep {
  orc_replica *first; /* the others follow it */
  int count;
  orc_time *ends; /* [lanes] of the running step of all (ns); -1: none runs */
} orc_lockstep;

/*
** Tie `count` replicas in a row together, alike and not crowded. On a network their ranks exchange
** tokens at the pace of the slowest way between any two of a stage.
*/
void orc_lockstep_init(orc_lockstep *l, orc_replica *first, int count, orc_placement *p);
void orc_lockstep_done(orc_lockstep *l);

/* Begin at `now` (ns) the next step of each lane that has one and in which none is running. False:
 * a policy failed. */
bool orc_lockstep_step(orc_lockstep *l, orc_time now, orc_error *e);

/* Apply the step of all in a lane that ends now, an event of the first. False: no step does, for
 * this one was abandoned. */
bool orc_lockstep_end(orc_lockstep *l, int lane);

/* The steps under way never were: their replicas have failed. */
void orc_lockstep_abandon(orc_lockstep *l);

#endif
