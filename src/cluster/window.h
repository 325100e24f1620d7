/*
** window.h - what is measured after the warm-up: the books of all replicas as they stood at its end,
** which a result subtracts, and how the waiting line grew with the arrivals.
*/
#ifndef ORC_CLUSTER_WINDOW_H
#define ORC_CLUSTER_WINDOW_H

#include "cluster/state.h"

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
