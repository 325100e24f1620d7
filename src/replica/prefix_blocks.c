#include "replica/prefix_blocks.h"

#include <stdlib.h>

enum { TABLE_LEAST = 256, SLACK = 5 };

/* ---- the table: linear probing ---- */

static uint32_t home(const orc_prefix *p, uint64_t hash)
{
  return (uint32_t)hash & (p->table_room - 1);
}

static uint32_t look_up_in_table(const orc_prefix *p, uint64_t hash)
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

/* The block with this hash behind its parent. */
uint32_t orc_prefix_look_up(const orc_prefix *p, uint32_t parent, uint64_t hash)
{
  if (parent != ORC_NO_BLOCK) {
    const orc_prefix_extent *b = &p->at[parent];
    const bool has_first = b->first_child != ORC_NO_BLOCK;
    if (has_first && p->at[b->first_child].hash == hash) return b->first_child;
    if (b->children == has_first) return ORC_NO_BLOCK;
  }
  return look_up_in_table(p, hash);
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

/* A block enters behind its parent. */
void orc_prefix_insert(orc_prefix *p, uint32_t block)
{
  const uint32_t parent = p->at[block].parent;
  if (parent != ORC_NO_BLOCK && p->at[parent].first_child == ORC_NO_BLOCK) {
    p->at[parent].first_child = block;
    return;
  }
  if (parent == ORC_NO_BLOCK && p->starts != NULL)
    orc_starts_add(p->starts, p->at[block].hash, p->index);
  if (2 * ++p->in_table > p->table_room) widen(p);
  enter(p, (orc_prefix_entry){ (uint32_t)p->at[block].hash, block });
}

/* Take a block out; those behind it in its run of places close up. */
void orc_prefix_leave(orc_prefix *p, uint32_t block)
{
  const uint32_t parent = p->at[block].parent;
  if (parent != ORC_NO_BLOCK && p->at[parent].first_child == block) {
    p->at[parent].first_child = ORC_NO_BLOCK;
    return;
  }
  if (parent == ORC_NO_BLOCK && p->starts != NULL)
    orc_starts_remove(p->starts, p->at[block].hash, p->index);
  p->in_table--;
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

void orc_prefix_tell(orc_prefix *p, orc_starts *starts, uint16_t index)
{
  p->starts = starts;
  p->index = index;
  for (uint32_t i = 0; i < p->table_room; i++) {
    const uint32_t block = p->table[i].block;
    if (block != ORC_NO_BLOCK && p->at[block].parent == ORC_NO_BLOCK)
      orc_starts_add(starts, p->at[block].hash, index);
  }
}

/* Another has a block's place there, with the same parent and hash. */
static void replace(orc_prefix *p, uint32_t block, uint32_t with)
{
  const uint32_t parent = p->at[block].parent;
  if (parent != ORC_NO_BLOCK && p->at[parent].first_child == block) {
    p->at[parent].first_child = with;
    return;
  }
  uint32_t i = home(p, p->at[block].hash);
  while (p->table[i].block != block)
    i = (i + 1) & (p->table_room - 1);
  p->table[i].block = with;
}

/* ---- entries ---- */

/* One entry in SLACK stays unused, so that those given back grow together to long runs before
** they are taken again: of 8.7 million blocks that Mooncake's conversations evict 99.5 % lie right
** behind their parent, of 77 % where the entry given back last is taken first. */
uint32_t orc_prefix_make(orc_prefix *p)
{
  if (SLACK * (uint64_t)p->unused.count >= p->count && p->unused.count > 0)
    return orc_index_set_take(&p->unused);
  if (p->count == p->room) {
    p->room = orc_more_room(p->room, 4);
    p->at = orc_resize(p->at, p->room, sizeof *p->at);
    orc_index_set_reserve(&p->unused, p->room);
  }
  return p->count++;
}

void orc_prefix_discard(orc_prefix *p, uint32_t block)
{
  p->at[block].kind = ORC_PREFIX_FREE;
  orc_index_set_put(&p->unused, block);
}

static uint32_t least(uint32_t a, uint32_t b)
{
  return a < b ? a : b;
}

/* The last block of an idle extent goes first, so that the first ones stand behind the rest. */
static void queue_behind(orc_prefix *p, uint32_t rest, uint32_t head)
{
  orc_prefix_extent *e = &p->at[rest];
  p->at[head].older = rest;
  p->at[head].newer = e->newer;
  if (e->newer != ORC_NO_BLOCK)
    p->at[e->newer].older = head;
  else
    p->newest[e->grade] = head;
  e->newer = head;
}

uint32_t orc_prefix_split(orc_prefix *p, uint32_t extent, uint32_t blocks, uint64_t rest)
{
  const uint32_t head = orc_prefix_make(p);
  orc_prefix_extent *e = &p->at[extent], *h = &p->at[head];
  ORC_ASSERT(blocks > 0 && blocks < e->blocks && e->twin == ORC_NO_BLOCK);
  *h = *e;
  h->blocks = blocks;
  h->filling = e->filling - least(e->filling, e->blocks - blocks);
  h->children = 1;
  h->first_child = extent;
  replace(p, extent, head);
  e->hash = rest;
  e->parent = head;
  e->blocks -= blocks;
  e->filling -= h->filling;
  if (e->holders == 0) queue_behind(p, extent, head);
  return head;
}

/* ---- twins ---- */

/* The last of the twins of a known block, of which there may be one for each request: the first
** one's `before`, so that none is looked for. */
void orc_prefix_link_twin(orc_prefix *p, uint32_t known, uint32_t twin)
{
  const uint32_t first = p->at[known].twin;
  if (first == ORC_NO_BLOCK) {
    p->at[known].twin = p->at[twin].before = twin;
    return;
  }
  const uint32_t last = p->at[first].before;
  p->at[last].twin = p->at[first].before = twin;
  p->at[twin].before = last;
}

/* A twin is no longer among those of the block it equals. */
void orc_prefix_unlink_twin(orc_prefix *p, uint32_t twin)
{
  orc_prefix_extent *known = &p->at[p->at[twin].parent];
  const uint32_t next = p->at[twin].twin, before = p->at[twin].before;
  const bool is_first = known->twin == twin;
  if (is_first)
    known->twin = next;
  else
    p->at[before].twin = next;
  if (next != ORC_NO_BLOCK)
    p->at[next].before = before;
  else if (!is_first)
    p->at[known->twin].before = before;
}

void orc_prefix_end_twin(orc_prefix *p, uint32_t twin)
{
  orc_prefix_discard(p, twin);
  p->twins--;
}

/* The first twin of a known block that has given way takes its place, and its place in the queue.
 */
void orc_prefix_raise_twin(orc_prefix *p, uint32_t block)
{
  const uint32_t twin = p->at[block].twin;
  orc_prefix_extent *b = &p->at[block], *t = &p->at[twin];
  orc_prefix_unlink_twin(p, twin);
  b->holders = t->holders;
  b->grade = t->grade;
  if (t->holders > 0) {
    t->kind = ORC_PREFIX_ROSE;
    return;
  }
  b->older = t->older;
  b->newer = t->newer;
  if (t->older != ORC_NO_BLOCK)
    p->at[t->older].newer = block;
  else
    p->oldest[t->grade] = block;
  if (t->newer != ORC_NO_BLOCK)
    p->at[t->newer].older = block;
  else
    p->newest[t->grade] = block;
  p->entries += b->children == 0;
  orc_prefix_end_twin(p, twin);
}
