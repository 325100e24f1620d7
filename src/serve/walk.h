/*
** walk.h - requests in the order of a depth-first walk of the prefix tree, so that those who share
*a
** prefix follow each other while it is in memory. A request belongs to the last cached block of its
** prompt; of a block's children the one with the most requests below it comes first, and the
*block's
** own requests come behind those below it. Of equals the oldest request decides.
** Source: SGLang v0.5, managers/schedule_policy.py, schedule policy "dfs-weight".
*/
#ifndef ORC_SERVE_WALK_H
#define ORC_SERVE_WALK_H

#include "base/base.h"
#include "serve/prefix.h"
#include "serve/request.h"

typedef struct orc_walk_request {
  uint64_t number;
  orc_slot slot;
  uint32_t last; /* block of the cache its prompt is found up to; ORC_NO_BLOCK: none is cached */
  uint32_t next; /* of the same block */
} orc_walk_request;

/* A block on the way to some request; the first one is the root, in front of all blocks. */
typedef struct orc_walk_node {
  uint64_t least; /* number of the oldest request below */
  uint32_t block, parent, child, sibling;
  uint32_t weight; /* requests below and of its own */
  uint32_t own;    /* the first of these */
  uint32_t open;   /* children whose weight is not known yet */
} orc_walk_node;

/* Memory of the walk, kept from one to the next. All zeroes to begin with. */
typedef struct orc_walk {
  orc_walk_request *at, *other; /* other: to sort them */
  orc_slot *order;              /* [count] the result */
  uint32_t count, room;
  orc_walk_node *nodes, *sorted;
  uint32_t node_count, node_room, sorted_room;
  uint32_t *node_of; /* [node_of_room] by block; 0: none yet */
  uint32_t node_of_room;
} orc_walk;

void orc_walk_done(orc_walk *w);

/* Begin anew, without requests. */
void orc_walk_clear(orc_walk *w);

/* A request (`number`, in `slot`) whose longest cached prefix ends in block `last`. */
void orc_walk_add(orc_walk *w, uint64_t number, orc_slot slot, uint32_t last);

/*
** Put the slots of all requests added into w->order[0 .. count - 1]. Time: the requests, and the
** blocks of their cached prefixes, each once.
*/
void orc_walk_sort(orc_walk *w, const orc_prefix *p);

#endif
