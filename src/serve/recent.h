/*
** recent.h - latencies of what came last, for those who watch.
*/
#ifndef ORC_SERVE_RECENT_H
#define ORC_SERVE_RECENT_H

#include "base/base.h"

/* So many. */
enum { ORC_RECENT = 1024 };

/* The last of one kind, ns. All zeroes at first. */
typedef struct orc_recent {
  orc_time at[ORC_RECENT];
  uint64_t count; /* of all there ever were */
} orc_recent;

/* One more; below 0: there is none. */
void orc_recent_add(orc_recent *l, orc_time value);

/* The quantiles 0.5, 0.9 and 0.99, ns; false: there is none yet. */
bool orc_recent_quantiles(const orc_recent *l, orc_time at[3]);

#endif
