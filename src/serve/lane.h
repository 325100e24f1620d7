/*
** lane.h - the lanes of a replica: which of them a sequence decodes in.
*/
#ifndef ORC_SERVE_LANE_H
#define ORC_SERVE_LANE_H

#include "serve/replica.h"

/* Set lane `index` of r->lanes up. */
void orc_lane_open(orc_replica *r, int index);
void orc_lane_close(orc_lane *lane);

/*
** A running request decodes from now on in the lane that has the fewest sequences. Where a step
*runs
** there, it waits for its end.
*/
void orc_lane_join(orc_replica *r, orc_slot slot);

/* The step of r->lane is over: those that waited for it decode from the next one on. */
void orc_lane_let_in(orc_replica *r);

#endif
