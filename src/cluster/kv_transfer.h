/*
** kv_transfer.h - disaggregated serving: prompts are computed by the replicas of one pool and decoded
** by those of another; the KV cache goes from the one to the other over the network.
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

#include "base/base.h"
#include "cluster/kv_reshard.h"
#include "replica/policy.h"
#include "replica/request.h"

/* One request on its way. */
typedef struct orc_kv_transfer {
  orc_slot slot;          /* ORC_NO_SLOT: nobody's; free, or messages of it are still under way */
  uint16_t from, to;      /* replicas; to: c->replica_count while none is there to decode it */
  bool sent;              /* its KV is under way; before: it waits for room at `to` */
  bool wired;             /* as messages on the network, not by formula */
  int32_t blocks, shared; /* what it holds at `from` (request.h) */
  uint32_t chain;
  int32_t room;  /* blocks reserved at `to` */
  int pending;   /* events and messages under way that will ask for it */
  double part;   /* of its KV that is still to be sent */
  uint32_t next; /* waiting at `to`, or free */
} orc_kv_transfer;

typedef struct orc_kv_transfers {
  bool layerwise; /* a layer's KV goes as soon as it is computed, not all at the end */
  orc_kv_transfer *at;
  uint32_t count, room, free;
  uint32_t *first, *last; /* [replicas + 1] those that wait for room, in order; the last list is of
                             those for whom no replica is there */
  orc_kv_reshard *reshards; /* [pools x pools] from each to each; empty where none sends */
  double *paces;            /* [pools] s that the KV of a token takes from each; 0: not known yet */
  int reshard_count;
  uint64_t moving; /* requests on their way now */
  uint64_t flying; /* of them, those whose KV is under way */
  uint64_t moved;  /* KV caches that have come in */
  double bytes;    /* B of them */
  orc_time time;   /* ns they took from their first token, in all */
} orc_kv_transfers;

/* For orc_cluster_new, when the replicas are there. */
void orc_kv_transfers_init(orc_cluster *c, bool layerwise);
void orc_kv_transfers_done(orc_kv_transfers *h);

/*
** A chunk of a prompt is computed on replica `from` at `now` (ns, the end of a step). Where KV goes
** layer by layer, what the links could carry since the chunk before is sent: a chunk's layers come
** one after the other while its step lasts, the last of them when it is over.
*/
void orc_kv_transfer_stage(orc_cluster *c, uint16_t from, orc_request *q, orc_time now);

/*
** A running request of replica `from` has its first token at `now` (ns, the end of a step): it
*leaves
** the replica, whose blocks it keeps until its KV has moved.
*/
void orc_kv_transfer_begin(orc_cluster *c, uint16_t from, orc_slot slot, orc_time now);

/* Blocks may have become free at replica `to` at `now`: who waits for them is to look again. */
void orc_kv_transfer_room(orc_cluster *c, uint16_t to, orc_time now);

/* The client of a request on its way is gone: it ends with `status`, at once while it waits for
 * room, else when its KV is there. */
void orc_kv_transfer_abort(orc_cluster *c, orc_slot slot, orc_status status);

/* Another replica decodes from now on: all who wait for room choose anew, in order of arrival. */
void orc_kv_transfer_again(orc_cluster *c);

/*
** A replica fails, which is not ready any more: who was to be decoded there goes to another, and
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
