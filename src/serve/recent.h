/*
** recent.h - the latencies of the requests that ended last.
*/
#ifndef ORC_SERVE_RECENT_H
#define ORC_SERVE_RECENT_H

#include "obs/record.h"

/* So many. */
enum { ORC_RECENT = 1024 };

/* ns, -1: it had none. All zeroes at first. */
typedef struct orc_recent {
  orc_time ttft[ORC_RECENT], tpot[ORC_RECENT], e2e[ORC_RECENT];
  uint64_t count; /* of all that ended */
} orc_recent;

void orc_recent_add(orc_recent *l, const orc_record *r);

/* The quantiles 0.5, 0.9 and 0.99 of a list of it, ns; false: there is none yet. */
bool orc_recent_quantiles(const orc_recent *l, const orc_time *of, orc_time at[3]);

#endif
