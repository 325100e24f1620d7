/*
** kv_transfer_table.h - requests on their way between pools, and the lists in which those stand
** that wait for room at a replica: first come, first served.
*/
#ifndef ORC_CLUSTER_KV_TRANSFER_TABLE_H
#define ORC_CLUSTER_KV_TRANSFER_TABLE_H

#include "base/base.h"
#include "cluster/kv_reshard.h"
#include "replica/request.h"

#define ORC_NO_KV_TRANSFER UINT32_MAX /* no entry: the end of a list */

/* One request on its way. */
typedef struct orc_kv_transfer {
  orc_slot slot;          /* ORC_NO_SLOT: none; free, or messages of it are still under way */
  uint16_t from, to;      /* replicas; to: c->replica_count while none is there to decode it */
  bool sent;              /* its KV is under way; before: it waits for room at `to` */
  bool wired;             /* as messages on the network, not by formula */
  int32_t blocks, shared; /* what it holds at `from` (request.h) */
  orc_prefix_chain chain;
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
                             those that have no replica to go to */
  orc_kv_reshard *reshards; /* [pools x pools] from each to each; empty where none sends */
  double *paces;            /* [pools] s that the KV of a token takes from each; 0: not known yet */
  int reshard_count;
  uint64_t moving; /* requests on their way now */
  uint64_t flying; /* of them, those whose KV is under way */
  uint64_t moved;  /* KV caches that have come in */
  uint64_t lost;   /* those that a failure took before they did */
  double bytes;    /* B of them */
  orc_time time;   /* ns they took from their first token, in all */
} orc_kv_transfers;

/* Empty lists for so many replicas, and one more. Paces and reshards are the caller's to set. */
void orc_kv_transfer_table_init(orc_kv_transfers *h, int replicas);
void orc_kv_transfer_table_done(orc_kv_transfers *h);

/* A free entry, and back. Taking one may move the others. */
uint32_t orc_kv_transfer_table_take(orc_kv_transfers *h);
void orc_kv_transfer_table_recycle(orc_kv_transfers *h, uint32_t index);

/* The entry waits from now on at its `to`. */
void orc_kv_transfer_table_wait(orc_kv_transfers *h, uint32_t index);

/* The one that waits first at a replica, which has one, waits no more. */
uint32_t orc_kv_transfer_table_next(orc_kv_transfers *h, uint16_t to);

/* An entry that waits does so no more. */
void orc_kv_transfer_table_leave(orc_kv_transfers *h, uint32_t index);

/*
** All that wait at `to` do so no more: they stand in front of `list`. Returns the whole list, and
** in *count how many they were.
*/
uint32_t orc_kv_transfer_table_leave_all(orc_kv_transfers *h, int to, uint32_t list, int *count);

#endif
