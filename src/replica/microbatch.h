/*
** microbatch.h - the microbatches of a replica: which of them a sequence decodes in.
*/
#ifndef ORC_REPLICA_MICROBATCH_H
#define ORC_REPLICA_MICROBATCH_H

#include "replica/replica.h"

/* Set microbatch `index` of r->microbatches up. */
void orc_microbatch_open(orc_replica *r, int index);
void orc_microbatch_close(orc_microbatch *microbatch);

/*
** A running request decodes from now on in the microbatch that has the fewest sequences. Where a step
*runs
** there, it waits for its end.
*/
void orc_microbatch_join(orc_replica *r, orc_slot slot);

/* The step of r->microbatch is over: those that waited for it decode from the next one on. */
void orc_microbatch_let_in(orc_replica *r);

#endif
