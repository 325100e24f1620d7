/*
** window.h - what is measured after the warm-up: the books of all replicas as they stood at its end,
** which a result subtracts, and how the waiting line grew with the arrivals.
*/
#ifndef ORC_CLUSTER_WINDOW_H
#define ORC_CLUSTER_WINDOW_H

#include "base/base.h"

typedef struct orc_cluster orc_cluster;

/* The books of one replica at the end of the warm-up; all zeroes without one. */
typedef struct orc_window_mark {
  orc_time busy;                /* ns */
  unsigned __int128 block_time; /* block ns */
  double rented;                /* s */
  uint64_t evictions;
  orc_time *stages; /* [pipeline stages] ns at work */
  double *roofs;    /* [pipeline stages] s, see orc_usage_roof */
} orc_window_mark;

typedef struct orc_window {
  orc_window_mark *marks; /* [replica_count]; NULL: the warm-up has not ended, or there is none */
  uint64_t arrivals;      /* requests that arrived since the run began */
  uint64_t counted;       /* of them, after the warm-up */
  orc_time last_arrival;
  uint64_t at_mark,
      waiting_at_mark; /* arrivals and the waiting line, with half to a quarter of all */
  uint64_t at_next, waiting_at_next; /* the same at the mark that follows it */
  uint64_t waiting_at_last;          /* when the last request arrived that was expected then */
} orc_window;

/* How much was asked for. */
typedef struct orc_demand {
  double offered; /* requests per s that arrived after the warm-up; 0: all at one moment, or none */
  bool saturated; /* the waiting line grew as long as requests came */
} orc_demand;

/* The books are marked when the clock is at the end of the warm-up. */
void orc_window_start(orc_cluster *c);
void orc_window_done(orc_cluster *c);

/* A request has come, and is where it waits. */
void orc_window_arrived(orc_cluster *c, orc_time arrival);

/* A replica's books at the end of the warm-up; NULL: at the beginning of the run. */
const orc_window_mark *orc_window_mark_of(const orc_cluster *c, int replica);

/* Until `end`, ns. */
orc_demand orc_window_demand(const orc_cluster *c, orc_time end);

#endif
