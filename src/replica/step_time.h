/*
** step_time.h - how long a formed step takes, and what it occupies meanwhile: the seam between what
** a replica decides and the hardware it runs on.
*/
#ifndef ORC_REPLICA_STEP_TIME_H
#define ORC_REPLICA_STEP_TIME_H

#include "replica/server.h"

/*
** Start the step formed in microbatch `m`, at r->now. Books the stages it passes.
** Returns when it is over (ns), later than r->now; ORC_NEVER when only the network will tell
** (orc_loop_landed).
*/
orc_time orc_step_time_start(orc_replica *r, orc_microbatch *m);

/*
** Start the steps formed in microbatch `microbatch` of replicas in a row that step together: at
** every stage all wait for the slowest. Replicas whose batch is empty pass it without cost.
**   now   ns, when they start
** Returns when all are over (ns), later than `now`.
*/
orc_time orc_step_time_together(orc_replica *first, int count, int microbatch, orc_time now);

/* The shape of the step formed in microbatch `m`. */
orc_step_shape orc_step_time_shape(const orc_replica *r, const orc_microbatch *m);

/* Tell the host, which watches steps, of the step of a microbatch that has just started. */
void orc_step_time_note(const orc_replica *r, const orc_microbatch *m);

/* Tell the host, which watches stages, that a step has left a stage of a replica on shared links. */
void orc_step_time_passed(void *replica, int microbatch, int stage);

#endif
