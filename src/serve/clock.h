/*
** clock.h - the simulated time that belongs to the wall clock's: so many times as fast. The wall clock
** is the monotonic one, which nobody sets.
*/
#ifndef ORC_SERVE_CLOCK_H
#define ORC_SERVE_CLOCK_H

#include "base/base.h"

typedef struct orc_wall_clock {
  int64_t wall;  /* ns of the wall clock at which the simulated time was */
  orc_time time; /* this */
  double speed;  /* simulated s per s, > 0; INFINITY: as fast as events can be handled */
} orc_wall_clock;

/* ns of the monotonic clock. */
int64_t orc_wall_now(void);

/* Simulated time 0 is now. */
orc_wall_clock orc_wall_clock_begin(double speed);

/* The simulated time at `wall` (ns); not for a speed without bound. */
orc_time orc_wall_clock_time(const orc_wall_clock *c, int64_t wall);

/* When it will be `time` by the wall clock, ns; INT64_MAX: never. */
int64_t orc_wall_clock_when(const orc_wall_clock *c, orc_time time);

/* The simulated time is `time` at `wall`, and goes on from there. */
void orc_wall_clock_set(orc_wall_clock *c, int64_t wall, orc_time time);

#endif
