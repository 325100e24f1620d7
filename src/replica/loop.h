/*
** loop.h - a replica at work: a step is formed, its time passes, and what it did is applied.
*/
#ifndef ORC_REPLICA_LOOP_H
#define ORC_REPLICA_LOOP_H

#include "replica/server.h"

/* Handlers of the events of a replica; the end of a step that was abandoned is passed over. False
** with *e: a policy failed. */
bool orc_loop_step_end(orc_replica *r, int microbatch, orc_error *e);
bool orc_loop_wake(orc_replica *r, orc_error *e);

/*
** A replica that only decodes, among others that get requests meanwhile, sleeps: the steps until
** something happens to one of its sequences are simulated when that is due, or when somebody from
** outside wants to look at it or to change it, who settles it first: it then stands where stepping
** would have brought it by now, with the step that is running. No policy is asked for that. Nothing where
** it is awake.
*/
void orc_loop_settle(orc_replica *r);

/* Whether its prefix cache is surely what it will be once it is settled: it sleeps not, or finds its blocks
** without any giving way. */
bool orc_loop_keeps_cache(const orc_replica *r);

/*
** For replicas that step together: form a step in `m` from r->now on (*work: there is one), note
** that it has started and when it will end (ns), and apply it then.
*/
bool orc_loop_form(orc_replica *r, orc_microbatch *m, bool *work, orc_error *e);
void orc_loop_started(orc_replica *r, orc_microbatch *m, orc_time end);
void orc_loop_apply(orc_replica *r, orc_microbatch *m, orc_time now);

/* For the contended: the step of a microbatch of the replica `self` has left the last stage now. */
void orc_loop_landed(void *self, int microbatch);

#endif
