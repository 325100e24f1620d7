/*
** snapshot.h - what a simulation has measured at a moment. Requests in flight count as PENDING, and
** steps as far as they got; the simulation is only read, and can go on.
*/
#ifndef ORC_CLUSTER_SNAPSHOT_H
#define ORC_CLUSTER_SNAPSHOT_H

#include "cluster/state.h"

typedef struct orc_snapshot {
  const orc_cluster *of;
  orc_time end;         /* ns: the moment */
  orc_metrics *pending; /* [rows x profiles] of requests in flight */
  int rows;             /* one for each replica, or for all together; the last: of no replica */
  orc_sample *last;     /* [replicas] the series' last sample, taken now; NULL: there is none */
} orc_snapshot;

/* At `end` (ns), at or after all that was simulated but for steps under way. Valid until the
** simulation goes on. */
orc_snapshot orc_snapshot_take(const orc_cluster *c, orc_time end);
void orc_snapshot_done(orc_snapshot *s);

/* Whose requests; or the index of a replica, where they are known apart (orc_cluster.observed). */
enum {
  ORC_OF_ALL = -1,
  ORC_OF_NONE = -2, /* refused at the door, or no replica was ready for them */
};

/* Add the metrics of these requests of a profile to *into. */
void orc_snapshot_metrics(const orc_snapshot *s, int replica, int profile, orc_metrics *into);

/* Add the ns between tokens of these requests to *into. */
void orc_snapshot_gaps(const orc_snapshot *s, int replica, orc_hist *into);

/* Steps of all replicas, running ones included. */
uint64_t orc_snapshot_steps(const orc_snapshot *s);

/* Put the records of requests in flight into either; NULL: it is not asked for. */
void orc_snapshot_records(const orc_snapshot *s, orc_csv *csv, orc_excerpt *excerpt);

#endif
