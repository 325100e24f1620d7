/*
** prefix_order.h - requests in the order of a depth-first walk of the prefix tree, so that requests
** that share a prefix follow each other while it is in memory. A request belongs to the last
** cached block of its prompt; of a block's children the one with the most requests below it comes
** first, and the block's own requests come behind those below it. Of equals the oldest request
** decides.
** Source: SGLang v0.5, managers/schedule_policy.py, schedule policy "dfs-weight".
*/
#ifndef ORC_REPLICA_PREFIX_ORDER_H
#define ORC_REPLICA_PREFIX_ORDER_H

#include "base/base.h"
#include "replica/prefix.h"
#include "replica/request.h"

typedef struct orc_prefix_order_request {
  uint64_t number;
  orc_slot slot;
  uint32_t last; /* block of the cache its prompt is found up to; ORC_NO_BLOCK: none is cached */
  uint32_t next; /* of the same block */
} orc_prefix_order_request;

/* A block on the way to some request; the first one is the root, in front of all blocks. */
typedef struct orc_prefix_order_node {
  uint64_t least; /* number of the oldest request below */
  uint32_t block, parent, child, sibling;
  uint32_t weight; /* requests below and of its own */
  uint32_t own;    /* the first of these */
  uint32_t open;   /* children whose weight is not known yet */
} orc_prefix_order_node;

/* Memory of the walk, kept from one to the next. All zeroes to begin with. */
typedef struct orc_prefix_order {
  orc_prefix_order_request *at, *other; /* other: to sort them */
  orc_slot *order;                      /* [count] the result */
  uint32_t count, room;
  orc_prefix_order_node *nodes, *sorted;
  uint32_t node_count, node_room, sorted_room;
  uint32_t *node_of; /* [node_of_room] by block; 0: none yet */
  uint32_t node_of_room;
} orc_prefix_order;

void orc_prefix_order_done(orc_prefix_order *w);

/* Begin anew, without requests. */
void orc_prefix_order_clear(orc_prefix_order *w);

/* A request (`number`, or its place in the queue where that decides; in `slot`) whose longest cached prefix ends in block
 * `last`. */
void orc_prefix_order_add(orc_prefix_order *w, uint64_t number, orc_slot slot, uint32_t last);

/*
** Put the slots of all requests added into w->order[0 .. count - 1]. Time: the requests, and the
** blocks of their cached prefixes, each once.
*/
void orc_prefix_order_sort(orc_prefix_order *w, const orc_prefix *p);

#endif
