/*
** kv_transfer.h - disaggregated serving: prompts are computed by the replicas of one pool and
** decoded by those of another; the KV cache goes from the one to the other over the network.
**
** A prompt's first token comes out where it is computed. The request then reserves room for its KV
** where it is to be decoded, waits while there is none, and holds both ends until the last byte is
** there (as DistServe, Zhong et al., OSDI 2024, section 4, whose decode instances pull).
**
** When the replica fails that computed it, its KV is lost and the request begins anew. When the one
** fails that is to decode it, the KV is still where it was computed and goes to another.
*/
#ifndef ORC_CLUSTER_KV_TRANSFER_H
#define ORC_CLUSTER_KV_TRANSFER_H

#include "cluster/state.h"

/* For orc_cluster_new, when the replicas are there. */
void orc_kv_transfer_start(orc_cluster *c, bool layerwise);

/*
** A chunk of a prompt is computed on replica `from` at `now` (ns, the end of a step). Where KV goes
** layer by layer, what the links could carry since the chunk before is sent: a chunk's layers come
** one after the other while its step lasts, the last of them when it is over.
*/
void orc_kv_transfer_stage(orc_cluster *c, uint16_t from, orc_request *q, orc_time now);

/*
** A running request of replica `from` has its first token at `now` (ns, the end of a step): it
** leaves the replica, whose blocks it keeps until its KV has moved.
*/
void orc_kv_transfer_begin(orc_cluster *c, uint16_t from, orc_slot slot, orc_time now);

/* Blocks may have become free at replica `to` at `now`: transfers that wait for them try again. */
void orc_kv_transfer_room(orc_cluster *c, uint16_t to, orc_time now);

/* The client of a request on its way is gone: it ends with `status`, at once while it waits for
 * room, else when its KV is there. */
void orc_kv_transfer_abort(orc_cluster *c, orc_slot slot, orc_status status);

/* Another replica decodes from now on: requests that wait for room choose anew, in order of
** arrival. */
void orc_kv_transfer_again(orc_cluster *c);

/*
** A replica fails, which is not ready any more: requests to be decoded there go to another, and
** what it computed for others is lost.
**   out    [its outbound] the requests that begin anew, QUEUED nowhere
** Returns how many they are.
*/
uint32_t orc_kv_transfer_lose(orc_cluster *c, uint16_t replica, orc_slot *out);

/* Requests that wait because no replica is there to decode them. */
uint64_t orc_kv_transfer_stranded(const orc_cluster *c);

/* The messages from a replica to another; empty where the one computes none for the other. */
const orc_kv_reshard *orc_kv_transfer_reshard(const orc_cluster *c, const orc_replica *from,
                                              const orc_replica *to);

#endif
