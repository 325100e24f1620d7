/* prefix_find.c - how much of a prompt is cached. */
#include "replica/prefix.h"

/* Begin with the extent of the memo, if it is here. Returns it, with what is before it found. */
static uint32_t skip(const orc_prefix *p, const orc_prefix_memo *memo, orc_prefix_match *found)
{
  const uint32_t extent = memo->extent;
  if (memo->hash == 0 || extent >= p->count) return ORC_NO_BLOCK;
  const orc_prefix_extent *e = &p->at[extent];
  if (e->kind != ORC_PREFIX_KNOWN || e->hash != memo->hash) return ORC_NO_BLOCK;
  found->last = e->parent;
  found->part = e->parent == ORC_NO_BLOCK ? 0 : p->at[e->parent].blocks;
  found->blocks = memo->before;
  return extent;
}

uint32_t orc_prefix_alike(const orc_prefix *p, const orc_prompt_place *at, int32_t from,
                          uint32_t most)
{
  const uint32_t within = (uint32_t)(at->end - from) / (uint32_t)p->kv->block_size;
  if (within <= 1 || p->single) return 1;
  return within < most ? within : most;
}

/* The extent that the next block, which begins at `at`, is found to begin is entered as far as it is
** found, up to `most` blocks. */
static void enter(const orc_prefix *p, uint32_t extent, const orc_prompt_place *at, uint32_t most,
                  orc_prefix_match *found)
{
  const int32_t size = p->kv->block_size, from = found->blocks * size;
  const uint32_t has = p->at[extent].blocks;
  const uint32_t alike = has == 1 ? 1 : orc_prefix_alike(p, at, from, most);
  found->last = extent;
  found->part = alike < has ? alike : has;
  if (found->part < has)
    found->rest = orc_prompt_prefix_within(at, from + ((int32_t)found->part + 1) * size);
  found->blocks += (int32_t)found->part;
}

/* Of the first `most` blocks those that are found one after the other. No chain is cut in the middle: behind a
** block of a lower tier is none of ours. */
static void walk(const orc_prefix *p, const orc_prompt *c, uint64_t root, int32_t most,
                 orc_prefix_memo *memo, orc_prefix_match *found)
{
  const int32_t size = p->kv->block_size;
  uint32_t next = memo->before < most ? skip(p, memo, found) : ORC_NO_BLOCK;
  orc_prompt_place at = orc_prompt_at(c, root, found->blocks * size);
  *memo = (orc_prefix_memo){ 0 };
  for (int32_t n = found->blocks; n < most; n = found->blocks + found->lower) {
    orc_prompt_seek(&at, n * size);
    if (next == ORC_NO_BLOCK) {
      const uint64_t hash = orc_prompt_prefix(&at, (n + 1) * size);
      if (found->lower == 0) next = orc_prefix_look_up(p, found->last, hash);
      if (next == ORC_NO_BLOCK) {
        if (p->tiers == NULL || !orc_kv_tiers_have(p->tiers, hash)) return;
        found->lower++;
        continue;
      }
    }
    *memo = (orc_prefix_memo){ p->at[next].hash, n, next };
    enter(p, next, &at, (uint32_t)(most - n), found);
    if (found->part < p->at[next].blocks) return;
    next = ORC_NO_BLOCK;
  }
}

/* Whether the block behind what was found is there too. */
static bool goes_on(const orc_prefix *p, const orc_prompt *c, uint64_t root,
                    const orc_prefix_match *found)
{
  const int32_t size = p->kv->block_size, from = (found->blocks + found->lower) * size;
  const orc_prompt_place at = orc_prompt_at(c, root, from);
  const uint64_t hash = orc_prompt_prefix(&at, from + size);
  if (found->last != ORC_NO_BLOCK && found->part < p->at[found->last].blocks)
    return found->rest == hash;
  if (found->lower == 0 && orc_prefix_look_up(p, found->last, hash) != ORC_NO_BLOCK) return true;
  return p->tiers != NULL && orc_kv_tiers_have(p->tiers, hash);
}

orc_prefix_match orc_prefix_match_from(const orc_prefix *p, const orc_prompt *c, uint64_t root,
                                       int32_t tokens, orc_prefix_memo *memo)
{
  orc_prefix_match found = { .last = ORC_NO_BLOCK };
  const int32_t size = p->kv->block_size, full = tokens / size;
  const bool spares_last = p->recompute_last_block && tokens > 0 && tokens % size == 0;
  walk(p, c, root, spares_last ? full - 1 : full, memo, &found);
  const int32_t n = found.blocks + found.lower, there = n * size;
  found.tokens = there < tokens ? there : tokens - 1;
  found.whole = n > 0 && there >= tokens - 1;
  if (spares_last && n == full - 1 && goes_on(p, c, root, &found)) found.whole = true;
  return found;
}

/* Of the first `part` blocks of an extent those that are yet to be computed. */
static uint32_t filling_of(const orc_prefix_extent *e, uint32_t part)
{
  const uint32_t computed = e->blocks - e->filling;
  return part > computed ? part - computed : 0;
}

/* A holder of a block holds all before it, and a block is computed after all before it: of a chain
** the last blocks are idle, or being computed. But holders of twins hold those in place of known
** blocks. */
void orc_prefix_examine(const orc_prefix *p, orc_prefix_match *found)
{
  bool idle = true, filling = true; /* all behind were */
  uint32_t part = found->part;
  for (uint32_t b = found->last; b != ORC_NO_BLOCK && (p->twins > 0 || idle || filling);) {
    const orc_prefix_extent *e = &p->at[b];
    const uint32_t unfilled = filling_of(e, part);
    idle = idle && e->holders == 0;
    if (e->holders == 0) found->idle += (int32_t)part;
    found->filling += (int32_t)unfilled;
    if (e->loading) found->loading += (int32_t)unfilled;
    filling = filling && unfilled == part;
    b = e->parent;
    part = b == ORC_NO_BLOCK ? 0 : p->at[b].blocks;
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

void orc_prefix_drop_last(const orc_prefix *p, const orc_prompt *c, uint64_t root,
                          orc_prefix_match *found)
{
  const int32_t size = p->kv->block_size, from = --found->blocks * size;
  const orc_prompt_place at = orc_prompt_at(c, root, from);
  found->rest = orc_prompt_prefix(&at, from + size);
  if (--found->part > 0) return;
  found->last = p->at[found->last].parent;
  found->part = found->last == ORC_NO_BLOCK ? 0 : p->at[found->last].blocks;
}

uint32_t orc_prefix_end_with(orc_prefix *p, const orc_prefix_match *found)
{
  if (found->last == ORC_NO_BLOCK || found->part == p->at[found->last].blocks) return found->last;
  return orc_prefix_split(p, found->last, found->part, found->rest);
}

uint32_t orc_prefix_end(orc_prefix *p, const orc_prompt *c, uint64_t root,
                        const orc_prefix_match *found)
{
  const int32_t size = p->kv->block_size, from = found->blocks * size;
  const orc_prompt_place at = orc_prompt_at(c, root, from);
  orc_prefix_match next = *found;
  if (found->last == ORC_NO_BLOCK || found->part == p->at[found->last].blocks) {
    next.last = orc_prefix_look_up(p, found->last, orc_prompt_prefix(&at, from + size));
    if (next.last == ORC_NO_BLOCK) return found->last;
    next.part = 0;
  }
  next.part++;
  next.rest = orc_prompt_prefix_within(&at, from + 2 * size);
  return orc_prefix_end_with(p, &next);
}
