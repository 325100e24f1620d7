/*
** kv_onload.h - requests whose cached prefix comes back from lower tiers while others compute, as
** with vLLM's OffloadingConnector (v0.11, v1/core/sched/scheduler.py, WAITING_FOR_REMOTE_KVS): a
** request that is to be admitted takes blocks for what is to come and leaves the queue; once the
** last of it is there it waits again, with these blocks, and is admitted like a paused one. Loads
** of a replica go one after the other.
*/
#ifndef ORC_REPLICA_KV_ONLOAD_H
#define ORC_REPLICA_KV_ONLOAD_H

#include "replica/prefix.h"
#include "replica/request.h"
#include "replica/server.h"

/*
** A request that was taken out of the queue at r->now begins to load what was found of it in lower
** tiers; the blocks for it are there. For blocks that are on their way for another request, it
** waits.
*/
void orc_kv_onload_begin(orc_replica *r, orc_slot slot, const orc_prefix_match *found);

/* The load of a LOADING request of this replica is over now: the request waits to be admitted. */
void orc_kv_onload_end(orc_replica *r, orc_slot slot);

/* A failing replica gives its loads up: their slots in *out; returns how many. */
uint32_t orc_kv_onload_give_up(orc_replica *r, orc_slot *out);

#endif
