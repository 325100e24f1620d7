#include "replica/prefix.h"

#include <stdlib.h>

enum { TABLE_LEAST = 256 };

static void evict(void *self, int64_t blocks);

void orc_prefix_init(orc_prefix *p, orc_kv *kv)
{
  *p = (orc_prefix){ .kv = kv, .free = ORC_NO_BLOCK };
  for (int i = 0; i < ORC_PREFIX_GRADES; i++)
    p->oldest[i] = p->newest[i] = ORC_NO_BLOCK;
  kv->evict = evict;
  kv->self = p;
}

void orc_prefix_done(orc_prefix *p)
{
  free(p->at);
  free(p->table);
  *p = (orc_prefix){ 0 };
}

/* ---- the table: linear probing ---- */

static uint32_t home(const orc_prefix *p, uint64_t hash)
{
  return (uint32_t)hash & (p->table_room - 1);
}

static uint32_t look_up(const orc_prefix *p, uint64_t hash)
{
  if (p->table_room == 0) return ORC_NO_BLOCK;
  for (uint32_t i = home(p, hash);; i = (i + 1) & (p->table_room - 1)) {
    const orc_prefix_entry *at = &p->table[i];
    if (at->block == ORC_NO_BLOCK) return ORC_NO_BLOCK;
    if (at->low == (uint32_t)hash && p->at[at->block].hash == hash) return at->block;
  }
}

static void enter(orc_prefix *p, orc_prefix_entry entry)
{
  uint32_t i = home(p, entry.low);
  while (p->table[i].block != ORC_NO_BLOCK)
    i = (i + 1) & (p->table_room - 1);
  p->table[i] = entry;
}

static void widen(orc_prefix *p)
{
  const uint32_t had = p->table_room;
  orc_prefix_entry *old = p->table;
  p->table_room = had == 0 ? TABLE_LEAST : 2 * had;
  p->table = orc_alloc(p->table_room, sizeof *p->table);
  for (uint32_t i = 0; i < p->table_room; i++)
    p->table[i].block = ORC_NO_BLOCK;
  for (uint32_t i = 0; i < had; i++)
    if (old[i].block != ORC_NO_BLOCK) enter(p, old[i]);
  free(old);
}

/* Take a block out; those behind it in its run of places close up. */
static void leave(orc_prefix *p, uint32_t block)
{
  const uint32_t mask = p->table_room - 1;
  uint32_t gap = home(p, p->at[block].hash);
  while (p->table[gap].block != block)
    gap = (gap + 1) & mask;
  for (uint32_t i = (gap + 1) & mask; p->table[i].block != ORC_NO_BLOCK; i = (i + 1) & mask) {
    const uint32_t wanted = home(p, p->table[i].low);
    if (((i - wanted) & mask) < ((i - gap) & mask)) continue; /* it would land before its home */
    p->table[gap] = p->table[i];
    gap = i;
  }
  p->table[gap].block = ORC_NO_BLOCK;
}

/* ---- idle blocks, by when they were given back ---- */

static void rest(orc_prefix *p, uint32_t block)
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
  p->kv->idle++;
  p->entries += b->children == 0;
}

static void wake(orc_prefix *p, uint32_t block)
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
  p->kv->idle--;
  p->entries -= b->children == 0;
}

/* A block that is not in the cache any more has left its parent, which may now end a prefix. */
static void part(orc_prefix *p, uint32_t block)
{
  const uint32_t parent = p->at[block].parent;
  if (parent == ORC_NO_BLOCK) return;
  ORC_ASSERT(p->at[parent].children > 0);
  if (--p->at[parent].children == 0 && p->at[parent].holders == 0) p->entries++;
}

/*
** The oldest idle block of the lowest grade has no block behind it in the cache: a holder of one
** behind it held it too, gave it back later and with the same grade. So no chain is ever cut in the
** middle.
*/
static void evict(void *self, int64_t blocks)
{
  orc_prefix *p = self;
  ORC_ASSERT(blocks <= p->kv->idle);
  for (; blocks > 0; blocks--) {
    int grade = 0;
    while (p->oldest[grade] == ORC_NO_BLOCK)
      grade++;
    const uint32_t block = p->oldest[grade];
    wake(p, block);
    leave(p, block);
    part(p, block);
    if (p->tiers != NULL) orc_kv_tiers_put(p->tiers, p->at[block].hash);
    p->at[block].newer = p->free;
    p->free = block;
    p->cached--;
    p->filling -= p->at[block].filling;
    p->kv->free++;
    p->kv->evictions++;
  }
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
  const uint32_t block = look_up(p, memo->hash);
  if (block == ORC_NO_BLOCK) return 0;
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
  *memo = (orc_prefix_memo){ hash, n * size };
  for (; (int64_t)(n + 1) * size <= tokens; n++) {
    hash = orc_prompt_hash(c, hash, n * size, (n + 1) * size);
    const uint32_t block = found.lower == 0 ? look_up(p, hash) : ORC_NO_BLOCK;
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
    *memo = (orc_prefix_memo){ hash, (n + 1) * size };
  }
  const int32_t there = (found.blocks + found.lower) * size;
  found.tokens = there < tokens ? there : tokens - 1;
  found.whole = found.whole || (n > 0 && there >= tokens - 1);
  return found;
}

/* A holder of a block holds all before it, and a block is computed after all before it: of a chain
** the last blocks are idle, or being computed. */
void orc_prefix_examine(const orc_prefix *p, orc_prefix_match *found)
{
  uint32_t b = found->last;
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

void orc_prefix_hold(orc_prefix *p, const orc_prefix_match *found)
{
  for (uint32_t b = found->last; b != ORC_NO_BLOCK; b = p->at[b].parent)
    hold(p, b);
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

/* An unused block, for new content. */
static uint32_t make(orc_prefix *p)
{
  const uint32_t block = p->free;
  if (block != ORC_NO_BLOCK) {
    p->free = p->at[block].newer;
    return block;
  }
  if (p->count == p->room) {
    p->room = p->room == 0 ? TABLE_LEAST / 2 : 2 * p->room;
    p->at = orc_resize(p->at, p->room, sizeof *p->at);
  }
  return p->count++;
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

uint32_t orc_prefix_put(orc_prefix *p, const orc_prompt *c, orc_prefix_place place)
{
  const int32_t size = p->kv->block_size, from = place.index * size;
  const uint64_t parent = place.last == ORC_NO_BLOCK ? place.root : p->at[place.last].hash;
  const uint64_t hash = orc_prompt_hash(c, parent, from, from + size);
  uint32_t block = look_up(p, hash);
  if (block != ORC_NO_BLOCK) {
    hold(p, block);
    orc_kv_give(p->kv, 1);
    if (!place.filling) fill(p, block); /* another request was about to */
    return block;
  }
  if (p->tiers != NULL) orc_kv_tiers_drop(p->tiers, hash);
  block = make(p);
  p->at[block] = (orc_prefix_block){ .hash = hash,
                                     .parent = place.last,
                                     .holders = 1,
                                     .filling = place.filling,
                                     .loading = place.loading };
  if (place.last != ORC_NO_BLOCK) p->at[place.last].children++;
  p->filling += place.filling;
  if (2 * ++p->cached > p->table_room) widen(p);
  enter(p, (orc_prefix_entry){ (uint32_t)hash, block });
  trim(p);
  return block;
}

int32_t orc_prefix_withdraw(orc_prefix *p, uint32_t *last, int32_t blocks)
{
  int32_t left = 0;
  for (; left < blocks && p->at[*last].filling; left++) {
    const uint32_t block = *last;
    ORC_ASSERT(p->at[block].holders == 1);
    *last = p->at[block].parent;
    fill(p, block);
    leave(p, block);
    part(p, block);
    p->at[block].newer = p->free;
    p->free = block;
    p->cached--;
  }
  return left;
}

void orc_prefix_filled(orc_prefix *p, uint32_t last, int32_t later)
{
  for (; later > 0; later--)
    last = p->at[last].parent;
  for (; last != ORC_NO_BLOCK && p->at[last].filling; last = p->at[last].parent)
    fill(p, last);
}

bool orc_prefix_common(const orc_prefix *p, uint32_t last, int32_t blocks)
{
  for (; blocks > 0; blocks--, last = p->at[last].parent)
    if (p->at[last].holders > 1) return true;
  return false;
}

void orc_prefix_release(orc_prefix *p, uint32_t last)
{
  orc_prefix_release_as(p, last, 0);
}

void orc_prefix_release_as(orc_prefix *p, uint32_t last, int grade)
{
  ORC_ASSERT(grade >= 0 && grade < ORC_PREFIX_GRADES);
  for (uint32_t b = last; b != ORC_NO_BLOCK; b = p->at[b].parent) {
    ORC_ASSERT(p->at[b].holders > 0);
    if (grade > p->at[b].grade) p->at[b].grade = (uint8_t)grade;
    if (--p->at[b].holders == 0) rest(p, b);
  }
  trim(p);
}
