#include "replica/block_pool.h"

#include <stdlib.h>

enum { LEAST_ROOM = 256 };

void orc_block_pool_init(orc_block_pool *p, orc_kv *kv, bool one_queue)
{
  ORC_ASSERT(kv->total < ORC_NULL_BLOCK);
  *p = (orc_block_pool){ .kv = kv,
                         .top = ORC_NULL_BLOCK,
                         .oldest = ORC_NULL_BLOCK,
                         .newest = ORC_NULL_BLOCK,
                         .one_queue = one_queue };
}

void orc_block_pool_done(orc_block_pool *p)
{
  free(p->at);
  free(p->buckets);
  *p = (orc_block_pool){ 0 };
}

/* ---- content ---- */

static uint32_t *bucket(const orc_block_pool *p, int group, uint64_t hash)
{
  const uint64_t mixed = hash + (uint64_t)group * UINT64_C(0x9e3779b97f4a7c15);
  return &p->buckets[(uint32_t)(mixed >> 32) & (p->bucket_count - 1)];
}

uint32_t orc_block_pool_find(const orc_block_pool *p, int group, uint64_t hash)
{
  if (p->made == 0) return ORC_NULL_BLOCK;
  uint32_t block = *bucket(p, group, hash);
  while (block != ORC_NULL_BLOCK && (p->at[block].hash != hash || p->at[block].group != group))
    block = p->at[block].next;
  return block;
}

/* Equal ones are found in the order in which they came. */
static void enter(orc_block_pool *p, uint32_t block)
{
  uint32_t *link = bucket(p, p->at[block].group, p->at[block].hash);
  while (*link != ORC_NULL_BLOCK)
    link = &p->at[*link].next;
  *link = block;
  p->at[block].next = ORC_NULL_BLOCK;
}

static void forget(orc_block_pool *p, uint32_t block)
{
  uint32_t *link = bucket(p, p->at[block].group, p->at[block].hash);
  while (*link != block)
    link = &p->at[*link].next;
  *link = p->at[block].next;
  p->at[block].known = false;
}

void orc_block_pool_know(orc_block_pool *p, uint32_t block, int group, uint64_t hash)
{
  orc_pool_block *b = &p->at[block];
  ORC_ASSERT(b->holders > 0 && !b->known);
  b->hash = hash;
  b->group = (uint16_t)group;
  b->known = true;
  enter(p, block);
}

/* ---- the queue ---- */

static void part(orc_block_pool *p, uint32_t block)
{
  const orc_pool_block *b = &p->at[block];
  if (b->older != ORC_NULL_BLOCK)
    p->at[b->older].newer = b->newer;
  else
    p->oldest = b->newer;
  if (b->newer != ORC_NULL_BLOCK)
    p->at[b->newer].older = b->older;
  else
    p->newest = b->older;
}

static void join(orc_block_pool *p, uint32_t block)
{
  p->at[block].older = p->newest;
  p->at[block].newer = ORC_NULL_BLOCK;
  if (p->newest != ORC_NULL_BLOCK)
    p->at[p->newest].newer = block;
  else
    p->oldest = block;
  p->newest = block;
}

/* Those known enter the new buckets list by list, each in its order: equal ones are in one list. */
static void widen(orc_block_pool *p)
{
  const uint32_t had = p->bucket_count;
  uint32_t *old = p->buckets;
  p->room = orc_more_room(p->room, LEAST_ROOM);
  p->at = orc_resize(p->at, p->room, sizeof *p->at);
  p->bucket_count = p->room;
  p->buckets = orc_alloc(p->bucket_count, sizeof *p->buckets);
  for (uint32_t i = 0; i < p->bucket_count; i++)
    p->buckets[i] = ORC_NULL_BLOCK;
  for (uint32_t i = 0; i < had; i++)
    for (uint32_t block = old[i], next; block != ORC_NULL_BLOCK; block = next) {
      next = p->at[block].next;
      enter(p, block);
    }
  free(old);
}

/* One that was never taken. */
static uint32_t make(orc_block_pool *p)
{
  if (p->made == p->room) widen(p);
  p->at[p->made] = (orc_pool_block){ .known = false };
  return p->made++;
}

uint32_t orc_block_pool_take(orc_block_pool *p)
{
  uint32_t block = p->top;
  ORC_ASSERT(orc_kv_available(p->kv) > 0);
  if (block != ORC_NULL_BLOCK) {
    p->top = p->at[block].newer;
  } else if (p->made < p->kv->total) {
    block = make(p);
  } else {
    block = p->oldest;
    part(p, block);
  }
  if (p->at[block].known) {
    forget(p, block);
    p->kv->idle--;
    p->kv->evictions++;
  } else {
    p->kv->free--;
  }
  p->at[block].holders = 1;
  return block;
}

void orc_block_pool_hold(orc_block_pool *p, uint32_t block)
{
  ORC_ASSERT(p->at[block].known);
  if (p->at[block].holders++ > 0) return;
  part(p, block);
  p->kv->idle--;
}

uint32_t *orc_block_pool_give(orc_block_pool *p, uint32_t block, uint32_t *front)
{
  orc_pool_block *b = &p->at[block];
  ORC_ASSERT(b->holders > 0);
  if (--b->holders > 0) return front;
  if (b->known)
    p->kv->idle++;
  else
    p->kv->free++;
  if (b->known || p->one_queue) {
    join(p, block);
    return front;
  }
  b->newer = *front;
  *front = block;
  return &b->newer;
}

void orc_block_pool_clear(orc_block_pool *p)
{
  ORC_ASSERT(orc_kv_used(p->kv) == 0);
  for (uint32_t block = p->oldest; block != ORC_NULL_BLOCK; block = p->at[block].newer) {
    if (!p->at[block].known) continue;
    forget(p, block);
    p->kv->idle--;
    p->kv->free++;
  }
}
