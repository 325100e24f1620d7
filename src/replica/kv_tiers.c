#include "replica/kv_tiers.h"

#include <stdlib.h>

enum { LEAST_ROOM = 256 };

void orc_kv_tiers_init(orc_kv_tiers *t, const orc_tier_kind *kinds, int count)
{
  ORC_ASSERT(count >= 1 && count <= ORC_KV_TIERS_MOST);
  *t = (orc_kv_tiers){ .count = count, .free = ORC_KV_TIERS_NONE };
  for (int i = 0; i < count; i++) {
    ORC_ASSERT(kinds[i].blocks >= 1);
    t->at[i] =
        (orc_tier){ .kind = kinds[i], .oldest = ORC_KV_TIERS_NONE, .newest = ORC_KV_TIERS_NONE };
  }
}

void orc_kv_tiers_done(orc_kv_tiers *t)
{
  free(t->blocks);
  free(t->buckets);
  *t = (orc_kv_tiers){ 0 };
}

/* ---- blocks by hash: buckets of lists, at least as many as blocks ---- */

static uint32_t *bucket(const orc_kv_tiers *t, uint64_t hash)
{
  return &t->buckets[(uint32_t)hash & (t->bucket_count - 1)];
}

static uint32_t look_up(const orc_kv_tiers *t, uint64_t hash)
{
  if (t->held == 0) return ORC_KV_TIERS_NONE;
  uint32_t block = *bucket(t, hash);
  while (block != ORC_KV_TIERS_NONE && t->blocks[block].hash != hash)
    block = t->blocks[block].next;
  return block;
}

static void enter(orc_kv_tiers *t, uint32_t block)
{
  uint32_t *first = bucket(t, t->blocks[block].hash);
  t->blocks[block].next = *first;
  *first = block;
}

static void leave(orc_kv_tiers *t, uint32_t block)
{
  uint32_t *link = bucket(t, t->blocks[block].hash);
  while (*link != block)
    link = &t->blocks[*link].next;
  *link = t->blocks[block].next;
}

/* All blocks made are held here: there is no free one. */
static void widen(orc_kv_tiers *t)
{
  t->room = orc_more_room(t->room, LEAST_ROOM);
  t->blocks = orc_resize(t->blocks, t->room, sizeof *t->blocks);
  t->bucket_count = t->room;
  t->buckets = orc_resize(t->buckets, t->bucket_count, sizeof *t->buckets);
  for (uint32_t i = 0; i < t->bucket_count; i++)
    t->buckets[i] = ORC_KV_TIERS_NONE;
  for (uint32_t block = 0; block < t->made; block++)
    enter(t, block);
}

static uint32_t make(orc_kv_tiers *t, uint64_t hash)
{
  uint32_t block = t->free;
  if (block != ORC_KV_TIERS_NONE) {
    t->free = t->blocks[block].next;
  } else {
    if (t->made == t->room) widen(t);
    block = t->made++;
  }
  t->blocks[block] = (orc_tier_block){ .hash = hash };
  enter(t, block);
  t->held++;
  return block;
}

static void unmake(orc_kv_tiers *t, uint32_t block)
{
  leave(t, block);
  t->blocks[block].next = t->free;
  t->free = block;
  t->held--;
}

/* ---- blocks of a tier, by when they came in ---- */

static void append(orc_kv_tiers *t, int tier, uint32_t block)
{
  orc_tier *of = &t->at[tier];
  orc_tier_block *b = &t->blocks[block];
  b->tier = (uint8_t)tier;
  b->older = of->newest;
  b->newer = ORC_KV_TIERS_NONE;
  if (of->newest != ORC_KV_TIERS_NONE)
    t->blocks[of->newest].newer = block;
  else
    of->oldest = block;
  of->newest = block;
  of->used++;
}

static void detach(orc_kv_tiers *t, uint32_t block)
{
  const orc_tier_block *b = &t->blocks[block];
  orc_tier *of = &t->at[b->tier];
  if (b->older != ORC_KV_TIERS_NONE)
    t->blocks[b->older].newer = b->newer;
  else
    of->oldest = b->newer;
  if (b->newer != ORC_KV_TIERS_NONE)
    t->blocks[b->newer].older = b->older;
  else
    of->newest = b->older;
  of->used--;
}

void orc_kv_tiers_clear(orc_kv_tiers *t)
{
  for (int i = 0; i < t->count; i++)
    while (t->at[i].oldest != ORC_KV_TIERS_NONE) {
      const uint32_t block = t->at[i].oldest;
      detach(t, block);
      unmake(t, block);
    }
}

bool orc_kv_tiers_have(const orc_kv_tiers *t, uint64_t hash)
{
  return look_up(t, hash) != ORC_KV_TIERS_NONE;
}

void orc_kv_tiers_put(orc_kv_tiers *t, uint64_t hash)
{
  ORC_ASSERT(!orc_kv_tiers_have(t, hash));
  uint32_t block = make(t, hash);
  for (int i = 0; i < t->count; i++) {
    orc_tier *tier = &t->at[i];
    append(t, i, block);
    if (tier->used <= tier->kind.blocks) return;
    block = tier->oldest;
    detach(t, block);
    tier->evictions++;
  }
  unmake(t, block);
}

void orc_kv_tiers_drop(orc_kv_tiers *t, uint64_t hash)
{
  const uint32_t block = look_up(t, hash);
  if (block == ORC_KV_TIERS_NONE) return;
  detach(t, block);
  unmake(t, block);
}

int orc_kv_tiers_take(orc_kv_tiers *t, uint64_t hash)
{
  const uint32_t block = look_up(t, hash);
  ORC_ASSERT(block != ORC_KV_TIERS_NONE);
  const int tier = t->blocks[block].tier;
  t->at[tier].hits++;
  detach(t, block);
  unmake(t, block);
  return tier;
}

double orc_kv_tiers_seconds(const orc_kv_tiers *t, const int64_t *blocks)
{
  double seconds = 0.0;
  for (int i = 0; i < t->count; i++)
    if (blocks[i] > 0)
      seconds += t->at[i].kind.latency + (double)blocks[i] * t->at[i].kind.block_seconds;
  return seconds;
}
