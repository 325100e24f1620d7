/*
** sampler.h - looks at the replicas of a running cluster at every interval and keeps what it sees
*in
** a series. Its events touch nothing, so a run with it has the results of one without.
*/
#ifndef ORC_CLUSTER_SAMPLER_H
#define ORC_CLUSTER_SAMPLER_H

#include "replica/policy.h"

/* For the cluster: make c->series, take its first sample after one interval (ns, > 0), go on. */
void orc_sampler_start(orc_cluster *c, orc_time interval);

/* The run is over at `end` (ns): one last sample, unless that moment has one. Once. */
void orc_sampler_close(orc_cluster *c, orc_time end);

#endif
