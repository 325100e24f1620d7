/*
** sampler.h - takes a sample of the replicas of a running cluster at every interval and keeps it in
** a series. Its events touch nothing else, so a run with it has the results of one without.
*/
#ifndef ORC_CLUSTER_SAMPLER_H
#define ORC_CLUSTER_SAMPLER_H

#include "cluster/state.h"

/* Make c->series, take its first sample after one interval (ns, > 0), go on. At most `most` samples
** are kept, as orc_series_new says. */
void orc_sampler_start(orc_cluster *c, orc_time interval, uint64_t most);

/* What the next sample of a replica of c->series would be at `now` (ns), after its last one. */
orc_sample orc_sampler_next(const orc_cluster *c, int replica, orc_time now);

/* What goes with a sample at `now` (ns). */
orc_series_moment orc_sampler_moment(const orc_cluster *c, orc_time now);

#endif
