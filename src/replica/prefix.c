#include "replica/prefix.h"

#include <stdlib.h>

enum { AHEAD = 32 };

static void make_room(void *self, int64_t blocks);

void orc_prefix_init(orc_prefix *p, orc_kv *kv)
{
  *p = (orc_prefix){ .kv = kv, .merges = true };
  for (int i = 0; i < ORC_PREFIX_GRADES; i++)
    p->oldest[i] = p->newest[i] = ORC_NO_BLOCK;
  kv->evict = make_room;
  kv->self = p;
}

void orc_prefix_done(orc_prefix *p)
{
  free(p->at);
  free(p->table);
  orc_index_set_done(&p->unused);
  *p = (orc_prefix){ 0 };
}

/* Of a chain that is walked towards its beginning, the entry that most likely comes soon: chains lie
** in a row (prefix_blocks.h). Eight ahead cost a third more, from 16 on it is all the same. */
static void prefetch(const orc_prefix *p, uint32_t block)
{
  if (block >= AHEAD) __builtin_prefetch(&p->at[block - AHEAD], 1);
}

/* ---- the queue of idle blocks and runs, by when they were given back ---- */

static void join(orc_prefix *p, uint32_t block)
{
  orc_prefix_block *b = &p->at[block];
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
  const orc_prefix_block *b = &p->at[block];
  if (b->older != ORC_NO_BLOCK)
    p->at[b->older].newer = b->newer;
  else
    p->oldest[b->grade] = b->newer;
  if (b->newer != ORC_NO_BLOCK)
    p->at[b->newer].older = b->older;
  else
    p->newest[b->grade] = b->older;
}

/* Whether a known block is the last of a prefix; twins are not counted. */
static bool ends_prefix(const orc_prefix_block *b)
{
  return b->kind == ORC_PREFIX_KNOWN && b->children == 0;
}

static void rest(orc_prefix *p, uint32_t block)
{
  join(p, block);
  p->kv->idle++;
  p->entries += ends_prefix(&p->at[block]);
}

static void wake(orc_prefix *p, uint32_t block)
{
  part(p, block);
  p->kv->idle--;
  p->entries -= ends_prefix(&p->at[block]);
}

/* A block that is not in the cache any more has left its parent, which may now end a prefix. */
static void leave_parent(orc_prefix *p, uint32_t block)
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
    p->at[last] = (orc_prefix_block){ .kind = ORC_PREFIX_RUN };
    join(p, last);
  }
  p->at[last].holders += (uint32_t)blocks;
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
  leave_parent(p, block);
  if (p->tiers != NULL) orc_kv_tiers_put(p->tiers, p->at[block].hash);
  p->filling -= p->at[block].filling;
  orc_prefix_discard(p, block);
}

static void evict_block(orc_prefix *p, uint32_t block)
{
  wake(p, block);
  forget(p, block);
  p->cached--;
  p->kv->free++;
  p->kv->evictions++;
}

/* Whether the block before one that was evicted belongs to the same node of a radix tree. */
static bool goes_with_leaf(const orc_prefix *p, uint32_t block)
{
  if (block == ORC_NO_BLOCK) return false;
  const orc_prefix_block *b = &p->at[block];
  return b->holders == 0 && b->children == 0 && !b->ends_node;
}

/* At most `blocks` of the first in the queue of the lowest grade become free and the next to be
** taken, or more where nodes go whole; returns how many. Of the known ones among them none has a block behind it in the cache: a
** holder of one behind it held it too, gave it back later and with the same grade. So no chain is
** ever cut in the middle. */
static int64_t take_oldest(orc_prefix *p, int64_t blocks)
{
  int grade = 0;
  while (p->oldest[grade] == ORC_NO_BLOCK)
    grade++;
  const uint32_t block = p->oldest[grade];
  prefetch(p, block);
  orc_prefix_block *b = &p->at[block];
  if (b->kind == ORC_PREFIX_RUN) {
    const int64_t n = blocks < b->holders ? blocks : (int64_t)b->holders;
    p->kv->queued -= n;
    b->holders -= (uint32_t)n;
    if (b->holders == 0) {
      part(p, block);
      orc_prefix_discard(p, block);
    }
    return n;
  }
  int64_t n = 0;
  for (uint32_t next = block; next != ORC_NO_BLOCK; n++) {
    const uint32_t parent = p->at[next].parent;
    evict_block(p, next);
    next = p->radix && goes_with_leaf(p, parent) ? parent : ORC_NO_BLOCK;
  }
  return n;
}

static void make_room(void *self, int64_t blocks)
{
  orc_prefix *p = self;
  ORC_ASSERT(blocks <= p->kv->idle + p->kv->queued);
  while (blocks > 0)
    blocks -= take_oldest(p, blocks);
}

/* Idle ones are evicted, `blocks` in all. */
static void evict(orc_prefix *p, int64_t blocks)
{
  ORC_ASSERT(blocks <= p->kv->idle);
  for (const int64_t left = p->kv->idle - blocks; p->kv->idle > left;)
    take_oldest(p, INT64_MAX);
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

/* ---- chains ---- */

static void hold(orc_prefix *p, uint32_t block)
{
  if (p->at[block].holders++ == 0) wake(p, block);
}

/* Begin behind the block of the memo, if it is here. Returns how many blocks that is. */
static int32_t skip(const orc_prefix *p, int32_t tokens, const orc_prefix_memo *memo,
                    orc_prefix_match *found)
{
  const int32_t size = p->kv->block_size;
  if (memo->tokens == 0 || memo->tokens > tokens || memo->tokens % size != 0) return 0;
  if (p->recompute_last_block && memo->tokens == tokens) return 0;
  const uint32_t block = memo->block;
  if (block >= p->count || p->at[block].kind != ORC_PREFIX_KNOWN || p->at[block].hash != memo->hash)
    return 0;
  found->last = block;
  return found->blocks = memo->tokens / size;
}

orc_prefix_match orc_prefix_match_from(const orc_prefix *p, const orc_prompt *c, uint64_t root,
                                       int32_t tokens, orc_prefix_memo *memo)
{
  orc_prefix_match found = { .last = ORC_NO_BLOCK };
  const int32_t size = p->kv->block_size;
  /* No chain is cut in the middle: behind a block of a lower tier is none of ours. */
  int32_t n = skip(p, tokens, memo, &found);
  uint64_t hash = n > 0 ? memo->hash : root;
  *memo = (orc_prefix_memo){ hash, n * size, found.last };
  for (; (int64_t)(n + 1) * size <= tokens; n++) {
    hash = orc_prompt_hash(c, hash, n * size, (n + 1) * size);
    const uint32_t block =
        found.lower == 0 ? orc_prefix_look_up(p, found.last, hash) : ORC_NO_BLOCK;
    if (block == ORC_NO_BLOCK && (p->tiers == NULL || !orc_kv_tiers_have(p->tiers, hash))) break;
    if (p->recompute_last_block && (n + 1) * size == tokens) {
      found.whole = true;
      break;
    }
    if (block == ORC_NO_BLOCK) {
      found.lower++;
      continue;
    }
    found.last = block;
    found.blocks++;
    *memo = (orc_prefix_memo){ hash, (n + 1) * size, block };
  }
  const int32_t there = (found.blocks + found.lower) * size;
  found.tokens = there < tokens ? there : tokens - 1;
  found.whole = found.whole || (n > 0 && there >= tokens - 1);
  return found;
}

/* A holder of a block holds all before it, and a block is computed after all before it: of a chain
** the last blocks are idle, or being computed. But holders of twins hold those in place of known
** blocks. */
void orc_prefix_examine(const orc_prefix *p, orc_prefix_match *found)
{
  uint32_t b = found->last;
  for (; p->twins > 0 && b != ORC_NO_BLOCK; b = p->at[b].parent) {
    found->idle += p->at[b].holders == 0;
    found->filling += p->at[b].filling;
    found->loading += p->at[b].loading;
  }
  for (; b != ORC_NO_BLOCK && p->at[b].holders == 0; b = p->at[b].parent) {
    found->idle++;
    found->filling += p->at[b].filling;
  }
  for (; b != ORC_NO_BLOCK && p->at[b].filling; b = p->at[b].parent) {
    found->filling++;
    found->loading += p->at[b].loading;
  }
}

orc_prefix_match orc_prefix_find(const orc_prefix *p, const orc_prompt *c, uint64_t root,
                                 int32_t tokens)
{
  orc_prefix_memo nothing = { 0 };
  orc_prefix_match found = orc_prefix_match_from(p, c, root, tokens, &nothing);
  orc_prefix_examine(p, &found);
  return found;
}

/* Idle blocks from `last` upwards, up to `end`, go to the end of the queue. */
static void refresh(orc_prefix *p, uint32_t last, uint32_t end)
{
  for (; last != end && p->at[last].holders == 0; last = p->at[last].parent) {
    part(p, last);
    join(p, last);
  }
}

/* Of a radix tree: a node ends with the block, and what is left of the node counts as used. */
static void split(orc_prefix *p, uint32_t block)
{
  uint32_t end = block;
  if (!p->radix || p->at[block].ends_node) return;
  while (!p->at[end].ends_node && p->at[end].behind != ORC_NO_BLOCK)
    end = p->at[end].behind;
  refresh(p, end, block);
  p->at[block].ends_node = true;
}

void orc_prefix_hold(orc_prefix *p, const orc_prefix_match *found)
{
  for (uint32_t b = found->last; b != ORC_NO_BLOCK; b = p->at[b].parent)
    hold(p, b);
  if (found->last != ORC_NO_BLOCK) split(p, found->last);
}

void orc_prefix_touch(orc_prefix *p, uint32_t last)
{
  if (last == ORC_NO_BLOCK) return;
  split(p, last);
  refresh(p, last, ORC_NO_BLOCK);
}

void orc_prefix_end_node(orc_prefix *p, const orc_prefix_chain *chain)
{
  if (chain->last != ORC_NO_BLOCK) split(p, chain->last);
}

uint32_t orc_prefix_end(const orc_prefix *p, const orc_prompt *c, uint64_t root,
                        const orc_prefix_match *found)
{
  const int32_t size = p->kv->block_size, from = found->blocks * size;
  const uint64_t before = found->last == ORC_NO_BLOCK ? root : p->at[found->last].hash;
  const uint32_t next =
      orc_prefix_look_up(p, found->last, orc_prompt_hash(c, before, from, from + size));
  return next != ORC_NO_BLOCK ? next : found->last;
}

double orc_prefix_fetch(orc_prefix *p, const orc_prompt *c, uint64_t root,
                        const orc_prefix_match *found)
{
  const int32_t size = p->kv->block_size;
  int64_t from[ORC_KV_TIERS_MOST] = { 0 };
  uint64_t hash = found->last == ORC_NO_BLOCK ? root : p->at[found->last].hash;
  for (int32_t i = found->blocks; i < found->blocks + found->lower; i++) {
    hash = orc_prompt_hash(c, hash, i * size, (i + 1) * size);
    from[orc_kv_tiers_take(p->tiers, hash)]++;
  }
  return orc_kv_tiers_seconds(p->tiers, from);
}

static void fill(orc_prefix *p, uint32_t block)
{
  p->filling -= p->at[block].filling;
  p->at[block].filling = p->at[block].loading = false;
}

/* Idle blocks are evicted beyond the number it may keep, of blocks or of prefixes. */
static void trim(orc_prefix *p)
{
  const int64_t over = p->most > 0 ? (int64_t)p->cached - p->most : 0;
  if (over > 0) evict(p, over < p->kv->idle ? over : p->kv->idle);
  while (p->most_entries > 0 && p->entries > p->most_entries)
    evict(p, 1);
}

/* The block at the end of a chain is computed once more: the new one is kept beside the known one.
 */
static void add_twin(orc_prefix *p, uint32_t known, orc_prefix_chain *chain)
{
  const uint32_t twin = orc_prefix_make(p);
  p->at[twin] = (orc_prefix_block){ .below = chain->twins,
                                    .parent = known,
                                    .holders = 1,
                                    .twin = ORC_NO_BLOCK,
                                    .kind = ORC_PREFIX_TWIN };
  orc_prefix_link_twin(p, known, twin);
  chain->twins = twin;
  p->twins++;
  p->cached++;
}

static uint32_t add_known(orc_prefix *p, uint64_t hash, uint32_t parent, orc_prefix_place place)
{
  if (p->tiers != NULL) orc_kv_tiers_drop(p->tiers, hash);
  const uint32_t block = orc_prefix_make(p);
  p->at[block] = (orc_prefix_block){ .hash = hash,
                                     .parent = parent,
                                     .holders = 1,
                                     .twin = ORC_NO_BLOCK,
                                     .first_child = ORC_NO_BLOCK,
                                     .born = p->entered++,
                                     .filling = place.filling,
                                     .loading = place.loading };
  if (parent != ORC_NO_BLOCK) {
    if (p->at[parent].children++ > 0)
      split(p, parent);
    else if (p->radix && !p->at[parent].ends_node)
      p->at[parent].behind = block;
  }
  p->filling += place.filling;
  p->cached++;
  orc_prefix_insert(p, block);
  return block;
}

void orc_prefix_put(orc_prefix *p, const orc_prompt *c, orc_prefix_chain *chain,
                    orc_prefix_place place)
{
  const int32_t size = p->kv->block_size, from = place.index * size;
  const uint64_t before = chain->last == ORC_NO_BLOCK ? place.root : p->at[chain->last].hash;
  const uint64_t hash = orc_prompt_hash(c, before, from, from + size);
  const uint32_t known = orc_prefix_look_up(p, chain->last, hash);
  if (known == ORC_NO_BLOCK) {
    chain->last = add_known(p, hash, chain->last, place);
  } else {
    chain->last = known;
    if (!place.filling) fill(p, known); /* another request was about to */
    if (!p->merges) {
      add_twin(p, known, chain);
    } else {
      hold(p, known);
      orc_kv_give(p->kv, 1);
      return;
    }
  }
  trim(p);
}

int32_t orc_prefix_withdraw(orc_prefix *p, orc_prefix_chain *chain, int32_t blocks)
{
  int32_t left = 0;
  if (!p->merges) return 0;
  for (; left < blocks && p->at[chain->last].filling; left++) {
    const uint32_t block = chain->last;
    ORC_ASSERT(p->at[block].holders == 1);
    chain->last = p->at[block].parent;
    fill(p, block);
    orc_prefix_leave(p, block);
    leave_parent(p, block);
    orc_prefix_discard(p, block);
    p->cached--;
  }
  return left;
}

void orc_prefix_filled(orc_prefix *p, uint32_t last, int32_t later)
{
  for (; later > 0; later--)
    last = p->at[last].parent;
  for (; last != ORC_NO_BLOCK &&
         (p->at[last].filling || (p->twins > 0 && p->at[last].twin != ORC_NO_BLOCK));
       last = p->at[last].parent)
    fill(p, last);
}

bool orc_prefix_common(const orc_prefix *p, uint32_t last, int32_t blocks)
{
  for (; blocks > 0; blocks--, last = p->at[last].parent)
    if (p->at[last].holders > 1) return true;
  return false;
}

/* One block is held no more: the known one, or the twin that was held in its place. */
static void let_go(orc_prefix *p, uint32_t block, uint32_t *twins, int grade)
{
  const uint32_t twin = *twins;
  if (twin != ORC_NO_BLOCK && p->at[twin].parent == block) {
    *twins = p->at[twin].below;
    if (p->at[twin].kind == ORC_PREFIX_TWIN)
      block = twin;
    else
      orc_prefix_end_twin(p, twin);
  }
  ORC_ASSERT(p->at[block].holders > 0);
  if (grade > p->at[block].grade) p->at[block].grade = (uint8_t)grade;
  if (--p->at[block].holders == 0) rest(p, block);
}

void orc_prefix_release(orc_prefix *p, orc_prefix_chain *chain, int grade)
{
  ORC_ASSERT(grade >= 0 && grade < ORC_PREFIX_GRADES);
  for (uint32_t b = chain->last, before; b != ORC_NO_BLOCK; b = before) {
    before = p->at[b].parent;
    prefetch(p, b);
    let_go(p, b, &chain->twins, grade);
  }
  *chain = (orc_prefix_chain){ ORC_NO_BLOCK, ORC_NO_BLOCK };
  trim(p);
}
