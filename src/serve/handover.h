/*
** handover.h - disaggregated serving: prompts are computed by the replicas of one pool and decoded
** by those of another; the KV cache goes from the one to the other over the network.
**
** A prompt's first token comes out where it is computed. The request then reserves room for its KV
** where it is to be decoded, waits while there is none, and holds both ends until the last byte is
** there (as DistServe, Zhong et al., OSDI 2024, section 4, whose decode instances pull).
*/
#ifndef ORC_SERVE_HANDOVER_H
#define ORC_SERVE_HANDOVER_H

#include "base/base.h"
#include "serve/policy.h"
#include "serve/request.h"

/* One request on its way. */
typedef struct orc_handover {
  orc_slot slot;          /* ORC_NO_SLOT: this entry is free */
  uint16_t from, to;      /* replicas */
  bool sent;              /* its KV is under way; before: it waits for room at `to` */
  int32_t blocks, shared; /* what it holds at `from` (request.h) */
  uint32_t chain;
  int32_t room;  /* blocks reserved at `to` */
  int pending;   /* messages under way */
  orc_time step; /* ns its last chunk was computed in */
  uint32_t next; /* waiting at `to`, or free */
} orc_handover;

typedef struct orc_handovers {
  bool layerwise; /* a layer's KV goes as soon as it is computed, not all at the end */
  orc_handover *at;
  uint32_t count, room, free;
  uint32_t *first, *last; /* [replicas] those that wait for room, in order */
  uint64_t moving;        /* requests on their way now */
  uint64_t moved;         /* KV caches that have come in */
  double bytes;           /* B of them */
  orc_time time;          /* ns they took from their first token, in all */
} orc_handovers;

/* For orc_cluster_new, when the replicas are there. */
void orc_handovers_init(orc_cluster *c, bool layerwise);
void orc_handovers_done(orc_handovers *h);

/*
** A running request of replica `from` has its first token at `now` (ns, the end of a step): it
*leaves
** the replica, whose blocks it keeps until its KV has moved.
*/
void orc_handover_begin(orc_cluster *c, uint16_t from, orc_slot slot, orc_time now);

/* Blocks may have become free at replica `to` at `now`: who waits for them is to look again. */
void orc_handover_room(orc_cluster *c, uint16_t to, orc_time now);

/* Messages of KV between replicas, for the placement: each device of one sends to one of the other.
 */
int orc_handover_messages(int from_devices, int to_devices);

#endif
