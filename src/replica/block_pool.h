/*
** block_pool.h - KV blocks by name, where the layers of a model keep different parts of a sequence:
** one pool for all groups of layers (kv_groups.h), its free queue, and what blocks hold. A block
** that no request holds keeps its content, and is found by it, until it is taken for something else.
**
** Equal blocks of one group are not merged: a search gives the one that was known first. Of vLLM's
** N blocks one, the null block, stands for what is never read; it is none of these
** (v1/core/block_pool.py, 0.11:21-62,157, 0.33:63-100,191).
*/
#ifndef ORC_REPLICA_BLOCK_POOL_H
#define ORC_REPLICA_BLOCK_POOL_H

#include "base/base.h"
#include "replica/kv.h"

#define ORC_NULL_BLOCK UINT32_MAX /* in the place of a block: it is not kept */

typedef struct orc_pool_block {
  uint64_t hash;         /* of a known one: its content, and all before it */
  uint32_t holders;      /* requests */
  uint32_t older, newer; /* not held: its neighbours in the queue */
  uint32_t next;         /* known: behind it in its bucket, in the order in which they were known */
  uint16_t group;        /* known: whose content it has */
  bool known;
} orc_pool_block;

typedef struct orc_block_pool {
  orc_kv *kv;         /* its counts: idle ones are known, free ones are not */
  orc_pool_block *at; /* [room] those that were ever taken: the first `made` */
  uint32_t made, room;
  uint32_t *buckets; /* [bucket_count] known ones; a power of two, at least `made` */
  uint32_t bucket_count;
  uint32_t top;            /* to be taken first: a list by `newer` */
  uint32_t oldest, newest; /* to be taken last, the oldest first */
  bool one_queue;          /* all that are given back are taken last (0.11) */
} orc_block_pool;

/* All blocks of `kv` are free. *kv must not move, and nothing else takes of it. */
void orc_block_pool_init(orc_block_pool *p, orc_kv *kv, bool one_queue);
void orc_block_pool_done(orc_block_pool *p);

/* The first known block of a group with this content; ORC_NULL_BLOCK: there is none. */
uint32_t orc_block_pool_find(const orc_block_pool *p, int group, uint64_t hash);

/* The next block of the queue, for something new; one must be available. */
uint32_t orc_block_pool_take(orc_block_pool *p);

/* A known block has one holder more. */
void orc_block_pool_hold(orc_block_pool *p, uint32_t block);

/* From now on a held block is found by its content. */
void orc_block_pool_know(orc_block_pool *p, uint32_t block, int group, uint64_t hash);

/*
** Blocks are held no more by one request, one after the other. Those without content go to the
** front of the queue in this order, others to its back; in one queue all to its back (0.11
** block_pool.py:338-355, 0.33 :816-847).
**   front   &p->top before the first of them; the next one's is returned
*/
uint32_t *orc_block_pool_give(orc_block_pool *p, uint32_t block, uint32_t *front);

/* Nothing is known any more. No block may be held. */
void orc_block_pool_clear(orc_block_pool *p);

#endif
