/*
** lanes.h - requests in flight, each in a lane of its own: the lowest that is free from its arrival
** on. Found by the number of the request.
*/
#ifndef ORC_OBS_LANES_H
#define ORC_OBS_LANES_H

#include "base/base.h"

/* What a request does or waits for. */
typedef enum orc_lane_phase {
  ORC_LANE_QUEUED,
  ORC_LANE_PREFILL,
  ORC_LANE_DECODE,
  ORC_LANE_PREEMPTED,
  ORC_LANE_PHASES /* how many there are; none */
} orc_lane_phase;

typedef struct orc_lane {
  uint64_t number;
  orc_time arrival, since; /* ns; since: its phase began */
  orc_time before;         /* ns: the phase before that began; that phase is over at `since` */
  orc_time free;           /* ns: when the last request left the lane */
  int32_t prompt;          /* tokens */
  uint16_t replica;        /* the last that had it */
  uint8_t phase, previous; /* orc_lane_phase */
  bool taken, answered;    /* answered: it has its first token */
  bool shown, pointed;     /* any of it is written; its arrow is begun */
} orc_lane;

typedef struct orc_lanes {
  orc_lane *at;    /* [room] */
  uint32_t *table; /* [size] lane + 1 by hash of the number; 0: none */
  uint32_t room, size;
  uint32_t lowest; /* no lane before it is free */
} orc_lanes;

void orc_lanes_done(orc_lanes *l);

/* A lane for a request that has none yet and arrived at `arrival` (ns). Valid until the next call. */
orc_lane *orc_lanes_add(orc_lanes *l, uint64_t number, orc_time arrival);

/* The lane of a request; NULL: it has none. */
orc_lane *orc_lanes_find(const orc_lanes *l, uint64_t number);

/* The lane is free again, from `now` (ns) on. */
void orc_lanes_drop(orc_lanes *l, orc_lane *lane, orc_time now);

#endif
