/*
** marks.h - what a simulation keeps of the end of its warm-up and of its arrivals (window.h).
*/
#ifndef ORC_CLUSTER_MARKS_H
#define ORC_CLUSTER_MARKS_H

#include "base/base.h"
#include "cost/time_split.h"

/* The books of one replica at the end of the warm-up; all zeroes without one. */
typedef struct orc_window_mark {
  orc_time busy;                /* ns */
  unsigned __int128 block_time; /* block ns */
  double rented, down;          /* s */
  uint64_t evictions;
  orc_time *stages;       /* [pipeline stages] ns at work */
  double *joules;         /* [pipeline stages] see orc_usage_energy */
  orc_time_split *splits; /* [pipeline stages] see orc_usage_split_of */
} orc_window_mark;

typedef struct orc_window {
  orc_window_mark *marks; /* [replica_count]; NULL: the warm-up has not ended, or there is none */
  uint64_t arrivals;      /* requests that arrived since the run began */
  uint64_t counted;       /* of them, after the warm-up */
  orc_time last_arrival;
  uint64_t at_mark,
      waiting_at_mark; /* arrivals and requests waiting, once a quarter to a half of all had arrived */
  uint64_t at_next, waiting_at_next; /* the same at the mark that follows it */
  uint64_t waiting_at_last;          /* when the last request arrived that was expected then */
} orc_window;

#endif
