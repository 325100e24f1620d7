/*
** kv.h - the paged KV cache of one replica: blocks used + free = total, always.
**
** Blocks that only one request can use are counted, not named. Blocks whose content others may
** share live in the prefix cache (prefix.h); those that no request holds at the moment are `idle`:
** they keep their content until their memory is needed.
*/
#ifndef ORC_REPLICA_KV_H
#define ORC_REPLICA_KV_H

#include "base/base.h"

typedef struct orc_kv {
  int64_t total;      /* blocks, >= 1 */
  int64_t free;       /* blocks without content */
  int64_t queued;     /* of the free ones, those that are not the next to be taken (prefix.h) */
  int64_t idle;       /* cached blocks without a holder: evicted when free runs out */
  int32_t block_size; /* tokens, >= 1 */
  uint64_t evictions; /* cached blocks that gave way */
  bool defers;        /* room is made later (orc_kv_settle); meanwhile `free` may be below 0 */
  void (*evict)(void *self, int64_t blocks); /* makes `blocks` idle or queued ones the next to be
                                                taken; NULL without a cache */
  void (*queue)(void *self,
                int64_t blocks); /* `blocks` > 0 free ones wait for their turn behind all
                                                idle ones; NULL: they are the next to be taken */
  void *self;
} orc_kv;

void orc_kv_init(orc_kv *kv, int64_t total, int32_t block_size);

/* Blocks a newcomer could have. */
static inline int64_t orc_kv_available(const orc_kv *kv)
{
  return kv->free + kv->idle;
}

/* Blocks that requests hold now. */
static inline int64_t orc_kv_used(const orc_kv *kv)
{
  return kv->total - kv->free - kv->idle;
}

/* Blocks for `tokens` tokens. */
static inline int64_t orc_kv_blocks(const orc_kv *kv, int64_t tokens)
{
  return (tokens + kv->block_size - 1) / kv->block_size;
}

/* Make n blocks the next to be taken, some of them idle or queued ones; n <= available. */
void orc_kv_evict(orc_kv *kv, int64_t n);

/* The same, where fewer are ready. */
static inline void orc_kv_make_ready(orc_kv *kv, int64_t n)
{
  if (n > kv->free - kv->queued) orc_kv_evict(kv, n);
}

/* Take n >= 0 blocks: false, and nothing has changed, when fewer are available. */
static inline bool orc_kv_take(orc_kv *kv, int64_t n)
{
  ORC_ASSERT(n >= 0);
  if (n > orc_kv_available(kv)) return false;
  if (!kv->defers) orc_kv_make_ready(kv, n);
  kv->free -= n;
  return true;
}

/* From now on room is made for what is taken at once, and now for what was taken before. */
static inline void orc_kv_settle(orc_kv *kv)
{
  kv->defers = false;
  orc_kv_make_ready(kv, 0);
}

/* Give n >= 0 blocks back. */
static inline void orc_kv_give(orc_kv *kv, int64_t n)
{
  ORC_ASSERT(n >= 0 && n <= orc_kv_used(kv));
  kv->free += n;
  if (kv->queue != NULL && n > 0) kv->queue(kv->self, n);
}

#endif
