/*
** control.h - what one may do to a simulation that is paused: go on by an instant, come to rest
** after an interruption, change knobs and policies. A paused run has handled every event up to its
** time, so the time alone says where it is, and a replay that does the same at the same times is
** the same.
*/
#ifndef ORC_CLUSTER_CONTROL_H
#define ORC_CLUSTER_CONTROL_H

#include "cluster/state.h"

/* How far an instant came. */
typedef enum orc_instant {
  ORC_INSTANT_MOVED, /* the events of one more moment are handled */
  ORC_INSTANT_LATER, /* the next one is after `until`; the clock is at `until` */
  ORC_INSTANT_OVER,  /* all requests have ended */
  ORC_INSTANT_FAILED /* *e says why */
} orc_instant;

/* Handle all events of the next moment that has any, if it is no later than `until` (ns). No
** replica runs ahead of it. */
orc_instant orc_control_instant(orc_cluster *c, orc_time until, orc_error *e);

/* All requests have ended and none will come. */
bool orc_control_over(const orc_cluster *c);

/* The simulated time, ns: that of the last end once all is over. */
orc_time orc_control_now(const orc_cluster *c);

/* Steps that have ended: of a replica, of all. */
uint64_t orc_control_steps_of(const orc_replica *r);
uint64_t orc_control_steps(const orc_cluster *c);

/*
** After an interruption replicas may be ahead of one another: bring all to the time of the one
** furthest ahead. Not stopped by c->stop. False with *e when that fails.
*/
bool orc_control_settle(orc_cluster *c, orc_error *e);

/*
** Handle all events up to `time` (ns), also those that concern no request when all have ended: the
** warm-up may end yet, and steps that compute for none. Not stopped by c->stop. False with *e.
*/
bool orc_control_catch_up(orc_cluster *c, orc_time time, orc_error *e);

/*
** Of each row of orc_knobs (replica/knobs.h) that `which` holds, the value in `to` is that of all
** replicas from their next step on. False with *e, and nothing has changed,
** when some replica could not go on: max_num_batched_tokens must be at least max_num_seqs and what
** runs now, and without chunked prefill max_model_len.
*/
bool orc_control_retune(orc_cluster *c, const orc_engine_knobs *to, uint64_t which, orc_error *e);

/*
** Another batching policy, from the next step on.
**   anew   requests in flight get their places in the queue from it; else they keep them
** False with *e, and nothing has changed, when its order fails.
*/
bool orc_control_rebatch(orc_cluster *c, const orc_batching *batching, bool anew, orc_error *e);

/*
** The unit of a replica, from now on. False, and nothing has changed, where it is in another phase.
**   drain     ready: it takes no more requests, and is off once it has none
**   restore   draining or off: it takes requests again, at once or after its pool's cold start
**   fail      ready or draining: it loses all it had, and is back after `lasts` ns; ORC_NEVER: never
*/
bool orc_control_drain(orc_cluster *c, int replica);
bool orc_control_restore(orc_cluster *c, int replica);
bool orc_control_fail(orc_cluster *c, int replica, orc_time lasts);

/*
** While a source is open (workload/source.h), a run that nothing is left to do in is not over: it
** waits for what is sent.
**   send    one more request of that source, its time no earlier than now; false: none comes any
**           more, since the run has had its number of requests, or is closed
**   close   none comes any more
*/
bool orc_control_send(orc_cluster *c, uint32_t source, const orc_arrival *a);
void orc_control_close(orc_cluster *c);

/* What idle replicas have in their prefix caches is forgotten; returns how many are idle. */
int orc_control_forget_prefixes(orc_cluster *c);

/* Another router, from the next request on. */
void orc_control_reroute(orc_cluster *c, const orc_router *router);

#endif
