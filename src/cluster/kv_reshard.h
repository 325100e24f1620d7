/*
** kv_reshard.h - what of a KV cache goes from which rank to which when a request moves between
** replicas whose layers and heads are cut differently.
**
** A stage sends the layers it has to the stages that want them; within these a rank sends the KV
** heads it has to the ranks that want them. Where several ranks have a copy of a head, as beyond
** the number of KV heads, each receiver takes it from another one as far as there are copies. A
** latent (MLA) is whole on every rank and goes to each receiver whole.
*/
#ifndef ORC_CLUSTER_KV_RESHARD_H
#define ORC_CLUSTER_KV_RESHARD_H

#include "net/topology.h"
#include "replica/server.h"

/* A message: ranks are counted stage by stage, as the devices of a replica. */
typedef struct orc_kv_reshard_part {
  int from, to;
  double share; /* of the bytes that all receive, above 0; those of a reshard add up to 1 */
} orc_kv_reshard_part;

/* From every replica of one pool to every one of another. */
typedef struct orc_kv_reshard {
  orc_kv_reshard_part *parts;
  int count;
} orc_kv_reshard;

/* The messages between two replicas of one model; parts are freed by done. */
void orc_kv_reshard_init(orc_kv_reshard *w, const orc_replica *from, const orc_replica *to);
void orc_kv_reshard_done(orc_kv_reshard *w);

/* B of the KV of `tokens` as all ranks of `to` together hold it. */
double orc_kv_reshard_bytes(const orc_replica *to, int32_t tokens);

/* The way of message i; both replicas have devices on the topology. */
const orc_route *orc_kv_reshard_route(const orc_kv_reshard *w, orc_topology *t, int i,
                                      const orc_replica *from, const orc_replica *to);

/* s that `bytes` in all take when nothing else is sent: the fullest link decides. */
double orc_kv_reshard_alone(const orc_kv_reshard *w, orc_topology *t, const orc_replica *from,
                            const orc_replica *to, double bytes);

#endif
