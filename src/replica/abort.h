/*
** abort.h - requests whose client is gone: time-outs and cancellations.
*/
#ifndef ORC_REPLICA_ABORT_H
#define ORC_REPLICA_ABORT_H

#include "replica/server.h"

/*
** The client of a request is gone. It ends with `status`: at once if it waits, when its prefix is
** there if it loads, when the step is over if it runs in one. A MOVING request is not the
** replica's.
*/
void orc_abort(orc_replica *r, orc_slot slot, orc_status status);

/* A step of microbatch `m` is over at `now` (ns): requests whose client left meanwhile end,
** without its token. */
void orc_abort_after_step(orc_replica *r, const orc_microbatch *m, orc_time now);

#endif
