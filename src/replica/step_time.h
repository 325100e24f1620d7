/*
** step_time.h - how long a formed step takes, and what it occupies meanwhile: the seam between what
** a replica decides and the hardware it runs on.
*/
#ifndef ORC_REPLICA_STEP_TIME_H
#define ORC_REPLICA_STEP_TIME_H

#include "obs/log.h"
#include "replica/replica.h"

/*
** Start the step formed in r->microbatch, at r->now. Books the stages it passes.
** Returns when it is over (ns), later than r->now; ORC_NEVER when only the network will tell
** (orc_replica_landed).
*/
orc_time orc_step_time_start(orc_replica *r);

/*
** The same of the steps formed in microbatch `microbatch` of replicas in a row that step together: at every
** stage all wait for the slowest. Those whose batch is empty pass it without cost.
**   now   ns, when they start
** Returns when all are over (ns), later than `now`.
*/
orc_time orc_step_time_together(orc_replica *first, int count, int microbatch, orc_time now);

/* Tell the log of the step of the current microbatch, which has just started. */
void orc_step_time_note(const orc_replica *r, const orc_log *log);

#endif
