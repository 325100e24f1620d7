/*
** prefix_stats.h - what an engine's own counters of its prefix cache say, in tokens that are looked
** up and tokens that are found. vLLM 0.33 counts a request when it is admitted, and those that were
** preempted apart (v1/core/sched/scheduler.py:1509, v1/metrics/stats.py:121-152); 0.11 counts every
** look, those for whom there was no room then among them, each step again
** (v1/core/kv_cache_manager.py:185-189).
*/
#ifndef ORC_REPLICA_PREFIX_STATS_H
#define ORC_REPLICA_PREFIX_STATS_H

#include "replica/request.h"
#include "replica/server.h"

/* A waiting request of which nothing is computed is looked up: `hits` tokens are found. */
void orc_prefix_stats_look(orc_replica *r, const orc_request *q, int32_t hits);

/* It is admitted with them. */
void orc_prefix_stats_admit(orc_replica *r, const orc_request *q, int32_t hits);

/* The policy is asked for a step: in the steps since it was last asked, whoever was looked up in vain
 * then was so again. */
void orc_prefix_stats_step(orc_replica *r);

#endif
