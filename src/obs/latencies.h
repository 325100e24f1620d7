/*
** latencies.h - the latencies of single requests, to tell which of them stands at a percentile.
*/
#ifndef ORC_OBS_LATENCIES_H
#define ORC_OBS_LATENCIES_H

#include "base/base.h"
#include "obs/record.h"

typedef struct orc_latency {
  uint64_t number; /* of the request */
  orc_time time;   /* ns */
} orc_latency;

typedef struct orc_latency_list {
  orc_latency *at;
  uint64_t count, room;
} orc_latency_list;

/* TTFT of the requests that got a token, E2E of those that were successful; without the warm-up's. */
typedef struct orc_latencies {
  orc_latency_list ttft, e2e;
} orc_latencies;

void orc_latencies_add(orc_latencies *l, const orc_record *r);
void orc_latencies_done(orc_latencies *l);

/*
** The request at a percentile, p in (0, 100]: the smallest latency that so many per cent of them do
** not exceed; of equals, the one that came first. Sorts the list. NULL: it is empty.
*/
const orc_latency *orc_latencies_at(orc_latency_list *l, double p);

#endif
