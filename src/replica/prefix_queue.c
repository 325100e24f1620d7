#include "replica/prefix_queue.h"

/* ---- the queue of idle blocks and runs, by when they were given back ---- */

static void join(orc_prefix *p, uint32_t block)
{
  orc_prefix_extent *b = &p->at[block];
  uint32_t *oldest = &p->oldest[b->grade], *newest = &p->newest[b->grade];
  b->older = *newest;
  b->newer = ORC_NO_BLOCK;
  if (*newest != ORC_NO_BLOCK)
    p->at[*newest].newer = block;
  else
    *oldest = block;
  *newest = block;
}

static void part(orc_prefix *p, uint32_t block)
{
  const orc_prefix_extent *b = &p->at[block];
  if (b->older != ORC_NO_BLOCK)
    p->at[b->older].newer = b->newer;
  else
    p->oldest[b->grade] = b->newer;
  if (b->newer != ORC_NO_BLOCK)
    p->at[b->newer].older = b->older;
  else
    p->newest[b->grade] = b->older;
}

/* Whether a known extent is the last of a prefix; twins are not counted. */
static bool ends_prefix(const orc_prefix_extent *b)
{
  return b->kind == ORC_PREFIX_KNOWN && b->children == 0;
}

void orc_prefix_rest(orc_prefix *p, uint32_t block)
{
  join(p, block);
  p->kv->idle += p->at[block].blocks;
  p->entries += ends_prefix(&p->at[block]);
}

void orc_prefix_wake(orc_prefix *p, uint32_t block)
{
  part(p, block);
  p->kv->idle -= p->at[block].blocks;
  p->entries -= ends_prefix(&p->at[block]);
}

void orc_prefix_renew(orc_prefix *p, uint32_t extent)
{
  part(p, extent);
  join(p, extent);
}

/* A block that is not in the cache any more has left its parent, which may now end a prefix. */
void orc_prefix_leave_parent(orc_prefix *p, uint32_t block)
{
  const uint32_t parent = p->at[block].parent;
  if (parent == ORC_NO_BLOCK) return;
  ORC_ASSERT(p->at[parent].children > 0);
  if (--p->at[parent].children == 0 && p->at[parent].holders == 0) p->entries++;
}

/* Free blocks go to the end of the queue. */
static void queue_run(void *self, int64_t blocks)
{
  orc_prefix *p = self;
  uint32_t last = p->newest[0];
  if (last == ORC_NO_BLOCK || p->at[last].kind != ORC_PREFIX_RUN) {
    last = orc_prefix_make(p);
    p->at[last] = (orc_prefix_extent){ .kind = ORC_PREFIX_RUN };
    join(p, last);
  }
  p->at[last].blocks += (uint32_t)blocks;
  p->kv->queued += blocks;
}

void orc_prefix_in_one_queue(orc_prefix *p)
{
  p->kv->queue = queue_run;
}

void orc_prefix_give_unknown(orc_prefix *p, int64_t blocks)
{
  p->kv->free += blocks;
  if (blocks > 0) queue_run(p, blocks);
}

/* ---- eviction ---- */

static void forget(orc_prefix *p, uint32_t block)
{
  if (p->at[block].kind == ORC_PREFIX_TWIN) {
    orc_prefix_unlink_twin(p, block);
    orc_prefix_end_twin(p, block);
    return;
  }
  if (p->twins > 0 && p->at[block].twin != ORC_NO_BLOCK) {
    orc_prefix_raise_twin(p, block);
    return;
  }
  orc_prefix_leave(p, block);
  orc_prefix_leave_parent(p, block);
  if (p->tiers != NULL) orc_kv_tiers_put(p->tiers, p->at[block].hash);
  p->filling -= p->at[block].filling;
  orc_prefix_discard(p, block);
}

/* Of those of an extent that are yet to be computed, the last `blocks` leave. */
void orc_prefix_drop_filling(orc_prefix *p, orc_prefix_extent *e, uint32_t blocks)
{
  const uint32_t n = e->filling < blocks ? e->filling : blocks;
  e->filling -= n;
  p->filling -= n;
}

static void count_evicted(orc_prefix *p, uint32_t blocks)
{
  p->cached -= blocks;
  p->kv->free += blocks;
  p->kv->evictions += blocks;
}

static void evict_all(orc_prefix *p, uint32_t extent)
{
  const uint32_t blocks = p->at[extent].blocks;
  orc_prefix_wake(p, extent);
  forget(p, extent);
  count_evicted(p, blocks);
}

/* Of an idle extent the last `blocks`, or all if it has no more. Returns how many. */
static uint32_t evict_last(orc_prefix *p, uint32_t extent, int64_t blocks)
{
  orc_prefix_extent *e = &p->at[extent];
  if (blocks >= e->blocks) {
    const uint32_t all = e->blocks;
    evict_all(p, extent);
    return all;
  }
  const uint32_t n = (uint32_t)blocks;
  orc_prefix_drop_filling(p, e, n);
  e->blocks -= n;
  p->kv->idle -= n;
  count_evicted(p, n);
  return n;
}

/* Whether the block before one that was evicted belongs to the same node of a radix tree. */
static bool goes_with_leaf(const orc_prefix *p, uint32_t block)
{
  if (block == ORC_NO_BLOCK) return false;
  const orc_prefix_extent *b = &p->at[block];
  return b->holders == 0 && b->children == 0 && !b->ends_node;
}

/* At most `known` or `unknown` blocks of the first in the queue of the lowest grade become free and the next to be
** taken, or more where nodes go whole; returns how many. Of the known ones among them none has a block behind it in the cache: a
** holder of one behind it held it too, gave it back later and with the same grade. So no chain is
** ever cut in the middle. */
static int64_t take_oldest(orc_prefix *p, int64_t known, int64_t unknown)
{
  int grade = 0;
  while (p->oldest[grade] == ORC_NO_BLOCK)
    grade++;
  const uint32_t block = p->oldest[grade];
  orc_prefix_prefetch(p, block);
  orc_prefix_extent *b = &p->at[block];
  if (b->kind == ORC_PREFIX_RUN) {
    const int64_t n = unknown < b->blocks ? unknown : (int64_t)b->blocks;
    p->kv->queued -= n;
    b->blocks -= (uint32_t)n;
    if (b->blocks == 0) {
      part(p, block);
      orc_prefix_discard(p, block);
    }
    return n;
  }
  if (!p->radix) return evict_last(p, block, known);
  int64_t n = 0;
  for (uint32_t next = block; next != ORC_NO_BLOCK; n++) {
    const uint32_t parent = p->at[next].parent;
    evict_all(p, next);
    next = goes_with_leaf(p, parent) ? parent : ORC_NO_BLOCK;
  }
  return n;
}

void orc_prefix_make_room(void *self, int64_t blocks)
{
  orc_prefix *p = self;
  ORC_ASSERT(blocks <= p->kv->idle + p->kv->queued);
  while (blocks > 0)
    blocks -= take_oldest(p, blocks, blocks);
}

/* Idle ones are evicted, `blocks` in all. */
static void evict(orc_prefix *p, int64_t blocks)
{
  ORC_ASSERT(blocks <= p->kv->idle);
  for (const int64_t left = p->kv->idle - blocks; p->kv->idle > left;)
    take_oldest(p, p->kv->idle - left, INT64_MAX);
}

void orc_prefix_empty(orc_prefix *p)
{
  evict(p, p->kv->idle);
}

void orc_prefix_clear(orc_prefix *p)
{
  const uint64_t evictions = p->kv->evictions; /* these did not give way to others */
  orc_kv_tiers *tiers = p->tiers;
  p->tiers = NULL;
  evict(p, p->kv->idle);
  ORC_ASSERT(p->cached == 0);
  p->tiers = tiers;
  if (tiers != NULL) orc_kv_tiers_clear(tiers);
  p->kv->evictions = evictions;
}

/* Idle blocks are evicted beyond the number it may keep, of blocks or of prefixes. */
void orc_prefix_trim(orc_prefix *p)
{
  const int64_t over = p->most > 0 ? (int64_t)p->cached - p->most : 0;
  if (over > 0) evict(p, over < p->kv->idle ? over : p->kv->idle);
  while (p->most_entries > 0 && p->entries > p->most_entries)
    evict(p, 1);
}
