/*
** wire.h - what of a KV cache goes from which rank to which when a request moves between replicas
** whose layers and heads are cut differently.
**
** A stage sends the layers it has to the stages that want them; within these a rank sends the KV
** heads it has to the ranks that want them. Where several ranks have a copy of a head, as beyond
*the
** number of KV heads, each receiver takes it from another one as far as there are copies. A latent
** (MLA) is whole on every rank and goes to each receiver whole.
*/
#ifndef ORC_SERVE_WIRE_H
#define ORC_SERVE_WIRE_H

#include "net/topology.h"
#include "serve/replica.h"

/* A message: ranks are counted stage by stage, as the devices of a replica. */
typedef struct orc_wire_part {
  int from, to;
  double share; /* of the bytes that all receive, above 0; those of a wire add up to 1 */
} orc_wire_part;

/* From every replica of one pool to every one of another. */
typedef struct orc_wire {
  orc_wire_part *parts;
  int count;
} orc_wire;

/* The messages between two replicas of one model; parts are freed by done. */
void orc_wire_init(orc_wire *w, const orc_replica *from, const orc_replica *to);
void orc_wire_done(orc_wire *w);

/* B of the KV of `tokens` as all ranks of `to` together hold it. */
double orc_wire_bytes(const orc_replica *to, int32_t tokens);

/* The way of message i; both replicas have devices on the topology. */
const orc_route *orc_wire_route(const orc_wire *w, orc_topology *t, int i, const orc_replica *from,
                                const orc_replica *to);

/* s that `bytes` in all take when nobody else sends: the fullest link decides. */
double orc_wire_alone(const orc_wire *w, orc_topology *t, const orc_replica *from,
                      const orc_replica *to, double bytes);

#endif
