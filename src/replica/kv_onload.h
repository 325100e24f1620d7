/*
** kv_onload.h - requests whose cached prefix comes back from lower tiers while others compute, as
*with
** vLLM's OffloadingConnector (v0.11, v1/core/sched/scheduler.py, WAITING_FOR_REMOTE_KVS): one that
*is
** to be admitted takes blocks for what is to come and leaves the queue; once the last of it is
** there it waits again, with these blocks, and is admitted like one that paused. Loads of a replica
** go one after the other.
*/
#ifndef ORC_REPLICA_KV_ONLOAD_H
#define ORC_REPLICA_KV_ONLOAD_H

#include "replica/prefix.h"
#include "replica/replica.h"
#include "replica/request.h"

void orc_kv_onloads_done(orc_kv_onloads *l);

/*
** A request that was taken out of the queue at r->now begins to load what was found of it in lower
** tiers; the blocks for it are there. Of one that was found on its way for another, it waits for
*that.
*/
void orc_kv_onload_begin(orc_replica *r, orc_slot slot, const orc_prefix_match *found);

/* For the engine: a load is over, unless it was given up. */
void orc_kv_onload_end(orc_cluster *c, orc_slot slot);

/* A failing replica gives its loads up: their slots in *out; returns how many. */
uint32_t orc_kv_onload_give_up(orc_replica *r, orc_slot *out);

#endif
