#include "replica/prefix.h"

#include <stdlib.h>

void orc_prefix_init(orc_prefix *p, orc_kv *kv)
{
  *p = (orc_prefix){ .kv = kv, .merges = true };
  for (int i = 0; i < ORC_PREFIX_GRADES; i++)
    p->oldest[i] = p->newest[i] = ORC_NO_BLOCK;
  kv->evict = orc_prefix_make_room;
  kv->self = p;
}

void orc_prefix_done(orc_prefix *p)
{
  free(p->at);
  free(p->table);
  orc_index_set_done(&p->unused);
  *p = (orc_prefix){ 0 };
}

/* ---- chains ---- */

static void hold(orc_prefix *p, uint32_t block)
{
  if (p->at[block].holders++ == 0) orc_prefix_wake(p, block);
}

/* Idle blocks from `last` upwards, up to `end`, go to the end of the queue. */
static void refresh(orc_prefix *p, uint32_t last, uint32_t end)
{
  for (; last != end && p->at[last].holders == 0; last = p->at[last].parent) {
    orc_prefix_renew(p, last);
  }
}

/* Of a radix tree: a node ends with the block, and what is left of the node counts as used. */
static void end_node(orc_prefix *p, uint32_t block)
{
  uint32_t end = block;
  if (!p->radix || p->at[block].ends_node) return;
  while (!p->at[end].ends_node && p->at[end].behind != ORC_NO_BLOCK)
    end = p->at[end].behind;
  refresh(p, end, block);
  p->at[block].ends_node = true;
}

uint32_t orc_prefix_hold(orc_prefix *p, const orc_prefix_match *found)
{
  const uint32_t last = orc_prefix_end_with(p, found);
  for (uint32_t b = last; b != ORC_NO_BLOCK; b = p->at[b].parent)
    hold(p, b);
  if (last != ORC_NO_BLOCK) end_node(p, last);
  return last;
}

void orc_prefix_touch(orc_prefix *p, uint32_t last)
{
  if (last == ORC_NO_BLOCK) return;
  end_node(p, last);
  refresh(p, last, ORC_NO_BLOCK);
}

void orc_prefix_end_node(orc_prefix *p, const orc_prefix_chain *chain)
{
  if (chain->last != ORC_NO_BLOCK) end_node(p, chain->last);
}

double orc_prefix_fetch(orc_prefix *p, const orc_prompt *c, uint64_t root,
                        const orc_prefix_match *found)
{
  const int32_t size = p->kv->block_size, first = found->blocks;
  int64_t from[ORC_KV_TIERS_MOST] = { 0 };
  orc_prompt_place at = orc_prompt_at(c, root, first * size);
  for (int32_t i = first; i < first + found->lower; i++) {
    orc_prompt_seek(&at, i * size);
    from[orc_kv_tiers_take(p->tiers, orc_prompt_prefix(&at, (i + 1) * size))]++;
  }
  return orc_kv_tiers_seconds(p->tiers, from);
}

static void fill(orc_prefix *p, uint32_t block)
{
  p->filling -= p->at[block].filling;
  p->at[block].filling = 0;
  p->at[block].loading = false;
}

/* The block at the end of a chain is computed once more: the new one is kept beside the known one.
 */
static void add_twin(orc_prefix *p, uint32_t known, orc_prefix_chain *chain)
{
  const uint32_t twin = orc_prefix_make(p);
  p->at[twin] = (orc_prefix_extent){ .below = chain->twins,
                                     .parent = known,
                                     .blocks = 1,
                                     .holders = 1,
                                     .twin = ORC_NO_BLOCK,
                                     .kind = ORC_PREFIX_TWIN };
  orc_prefix_link_twin(p, known, twin);
  chain->twins = twin;
  p->twins++;
  p->cached++;
}

static uint32_t add_known(orc_prefix *p, uint64_t hash, uint32_t parent, uint32_t blocks,
                          orc_prefix_place place)
{
  if (p->tiers != NULL) orc_kv_tiers_drop(p->tiers, hash);
  const uint32_t block = orc_prefix_make(p);
  p->at[block] = (orc_prefix_extent){ .hash = hash,
                                      .parent = parent,
                                      .blocks = blocks,
                                      .filling = place.filling ? blocks : 0,
                                      .holders = 1,
                                      .twin = ORC_NO_BLOCK,
                                      .first_child = ORC_NO_BLOCK,
                                      .born = p->entered,
                                      .loading = place.loading };
  if (parent != ORC_NO_BLOCK) {
    if (p->at[parent].children++ > 0)
      end_node(p, parent);
    else if (p->radix && !p->at[parent].ends_node)
      p->at[parent].behind = block;
  }
  orc_prefix_insert(p, block);
  return block;
}

/* Whether blocks of the text at `at` that a request adds to its chain may go into the chain's last extent: they go on
** in its text, and all of it is held by this request alone, is worth as much and goes before them. */
static bool goes_on(const orc_prefix *p, uint32_t last, const orc_prompt_place *at, int32_t from,
                    bool filling)
{
  if (last == ORC_NO_BLOCK || p->single) return false;
  const orc_prefix_extent *e = &p->at[last];
  return e->holders == 1 && e->children == 0 && e->twin == ORC_NO_BLOCK && e->grade == 0 &&
         (filling || e->filling == 0) && at->begin <= from - (int64_t)e->blocks * p->kv->block_size;
}

static void add(orc_prefix *p, orc_prefix_chain *chain, const orc_prompt_place *at, uint32_t blocks,
                orc_prefix_place place)
{
  const int32_t size = p->kv->block_size, from = place.index * size;
  const uint32_t filling = place.filling ? blocks : 0;
  if (at->end - from >= size && goes_on(p, chain->last, at, from, place.filling)) {
    p->at[chain->last].blocks += blocks;
    p->at[chain->last].filling += filling;
  } else {
    chain->last = add_known(p, orc_prompt_prefix(at, from + size), chain->last, blocks, place);
  }
  p->entered += blocks;
  p->filling += filling;
  p->cached += blocks;
}

/* Of an extent that the text at `at` begins, the first `blocks`, or all if it has no more. */
static uint32_t first_of(orc_prefix *p, uint32_t extent, uint32_t blocks,
                         const orc_prompt_place *at, int32_t from)
{
  if (p->at[extent].blocks <= blocks) return extent;
  const int32_t behind = from + ((int32_t)blocks + 1) * p->kv->block_size;
  return orc_prefix_split(p, extent, blocks, orc_prompt_prefix_within(at, behind));
}

/* One block or more, up to `most`, that are known or none of which is. Returns how many. */
static uint32_t put(orc_prefix *p, orc_prompt_place *at, orc_prefix_chain *chain, uint32_t most,
                    orc_prefix_place place)
{
  const int32_t size = p->kv->block_size, from = place.index * size;
  orc_prompt_seek(at, from);
  const uint32_t alike = orc_prefix_alike(p, at, from, most);
  const uint32_t known = orc_prefix_look_up(p, chain->last, orc_prompt_prefix(at, from + size));
  if (known == ORC_NO_BLOCK) {
    add(p, chain, at, alike, place);
    orc_prefix_trim(p);
    return alike;
  }
  chain->last = first_of(p, known, p->merges ? alike : 1, at, from);
  if (!place.filling) fill(p, chain->last); /* another request was about to */
  if (!p->merges) {
    add_twin(p, chain->last, chain);
    orc_prefix_trim(p);
    return 1;
  }
  const uint32_t blocks = p->at[chain->last].blocks;
  hold(p, chain->last);
  orc_kv_give(p->kv, blocks);
  return blocks;
}

void orc_prefix_put(orc_prefix *p, const orc_prompt *c, orc_prefix_chain *chain, int32_t blocks,
                    orc_prefix_place place)
{
  orc_prompt_place at = orc_prompt_at(c, place.root, place.index * p->kv->block_size);
  for (const int32_t end = place.index + blocks; place.index < end;)
    place.index += (int32_t)put(p, &at, chain, (uint32_t)(end - place.index), place);
}

/* The last `blocks` of a chain's last extent, all of which are yet to be computed, leave the cache. */
static void take_back(orc_prefix *p, orc_prefix_chain *chain, uint32_t blocks)
{
  const uint32_t last = chain->last;
  orc_prefix_extent *e = &p->at[last];
  ORC_ASSERT(e->holders == 1);
  p->cached -= blocks;
  orc_prefix_drop_filling(p, e, blocks);
  if (blocks < e->blocks) {
    e->blocks -= blocks;
    return;
  }
  chain->last = e->parent;
  orc_prefix_leave(p, last);
  orc_prefix_leave_parent(p, last);
  orc_prefix_discard(p, last);
}

int32_t orc_prefix_withdraw(orc_prefix *p, orc_prefix_chain *chain, int32_t blocks)
{
  int32_t left = 0;
  if (!p->merges) return 0;
  while (left < blocks && p->at[chain->last].filling > 0) {
    const uint32_t filling = p->at[chain->last].filling, more = (uint32_t)(blocks - left);
    const uint32_t n = filling < more ? filling : more;
    left += (int32_t)n;
    take_back(p, chain, n);
  }
  return left;
}

/* Of an extent all is computed but its `later` last blocks. Returns whether it was all yet to be. */
static bool fill_up_to(orc_prefix *p, uint32_t extent, uint32_t later)
{
  orc_prefix_extent *e = &p->at[extent];
  const bool all = e->filling == e->blocks;
  if (later == 0) {
    fill(p, extent);
  } else if (e->filling > later) {
    p->filling -= e->filling - later;
    e->filling = later;
  }
  return all;
}

void orc_prefix_filled(orc_prefix *p, uint32_t last, int32_t later)
{
  int64_t left = later > 0 ? later : 0;
  for (; last != ORC_NO_BLOCK && left >= p->at[last].blocks; last = p->at[last].parent)
    left -= p->at[last].blocks;
  for (; last != ORC_NO_BLOCK; last = p->at[last].parent, left = 0) {
    const bool twins = p->twins > 0 && p->at[last].twin != ORC_NO_BLOCK;
    if (!fill_up_to(p, last, (uint32_t)left) && !twins) return;
  }
}

bool orc_prefix_common(const orc_prefix *p, uint32_t last, int32_t blocks)
{
  for (int64_t left = blocks; left > 0; left -= p->at[last].blocks, last = p->at[last].parent)
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
  if (--p->at[block].holders == 0) orc_prefix_rest(p, block);
}

void orc_prefix_release(orc_prefix *p, orc_prefix_chain *chain, int grade)
{
  ORC_ASSERT(grade >= 0 && grade < ORC_PREFIX_GRADES);
  for (uint32_t b = chain->last, before; b != ORC_NO_BLOCK; b = before) {
    before = p->at[b].parent;
    orc_prefix_prefetch(p, b);
    let_go(p, b, &chain->twins, grade);
  }
  *chain = (orc_prefix_chain){ ORC_NO_BLOCK, ORC_NO_BLOCK };
  orc_prefix_trim(p);
}
