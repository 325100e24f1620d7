#include "replica/block_table.h"

#include "replica/content.h"
#include "replica/group_table.h"
#include "replica/prefix_stats.h"

/* It finds what earlier turns of its session left, not what others' prompts have in common. */
static bool own(const orc_replica *r, const orc_prompt *c, int32_t tokens)
{
  return c->follows && (tokens > c->shared || !r->knobs.enable_cross_request_caching);
}

/* What is remembered of a request changes nothing that a policy sees. */
static orc_prefix_memo *memo_of(const orc_replica *r, const orc_request *q)
{
  return &r->requests->at[q - r->requests->at].seen;
}

/*
** Tokens that a prompt has in common with what was found of it. Two prompts part where a span ends:
** in the first block that is not there, or, where none ends in it, at its beginning.
*/
static int32_t common(const orc_replica *r, const orc_prompt *c, const orc_prefix_match *found)
{
  const int32_t size = r->knobs.block_size, there = (found->blocks + found->lower) * size;
  if (there == 0) return 0;
  for (int32_t i = 0; i < c->count; i++) {
    const int32_t end = c->spans[i].end;
    if (end >= there) return end < there + size ? end : there;
  }
  return there;
}

static bool long_enough(const orc_replica *r, const orc_prompt *c, const orc_prefix_match *found)
{
  const int32_t least = r->knobs.min_prefix_cache_length;
  return least == 0 || common(r, c, found) >= least || own(r, c, found->tokens);
}

/* Without the last block of what the GPU has. */
static void drop_last(const orc_replica *r, const orc_request *q, const orc_prompt *c,
                      orc_prefix_match *found)
{
  if (found->blocks == 0 || found->lower > 0) return;
  orc_prefix_drop_last(&r->prefix, c, orc_content_root(r, q), found);
  found->tokens = found->blocks * r->knobs.block_size;
  found->whole = false;
}

/* Its `idle` and `filling` are not told. */
static orc_prefix_match match(const orc_replica *r, const orc_request *q)
{
  const orc_prefix_match none = { .last = ORC_NO_BLOCK };
  const orc_prompt *c = r->groups != NULL ? orc_content_identity(r, q) : orc_content_known_as(r, q);
  if (c == NULL) return none;
  orc_prefix_match found = r->groups != NULL
                               ? orc_group_table_find(r, q)
                               : orc_prefix_match_from(&r->prefix, c, orc_content_root(r, q),
                                                       orc_request_target(q), memo_of(r, q));
  if (r->knobs.speculation.drops_last_block && r->groups == NULL) drop_last(r, q, c, &found);
  if (long_enough(r, c, &found)) return found;
  if (r->groups != NULL) orc_group_table_find_none(r);
  return none;
}

static orc_prefix_match find(const orc_replica *r, const orc_request *q)
{
  orc_prefix_match found = match(r, q);
  orc_prefix_examine(&r->prefix, &found);
  return found;
}

orc_prefix_match orc_block_table_find(const orc_replica *r, const orc_request *q)
{
  if (r->groups != NULL) orc_group_table_find_none(r);
  if (q->blocks > 0 || q->computed > 0) return (orc_prefix_match){ .last = ORC_NO_BLOCK };
  return find(r, q);
}

uint32_t orc_block_table_last(orc_replica *r, const orc_request *q)
{
  if (q->blocks > 0 || q->computed > 0) return ORC_NO_BLOCK;
  const orc_prefix_match found = match(r, q);
  if (!found.whole || !r->knobs.recompute_last_block)
    return orc_prefix_end_with(&r->prefix, &found);
  return orc_prefix_end(&r->prefix, orc_content_known_as(r, q), orc_content_root(r, q), &found);
}

void orc_block_table_touch(orc_replica *r, const orc_request *q)
{
  if (r->knobs.rules.radix_tree) orc_prefix_touch(&r->prefix, orc_block_table_last(r, q));
}

int32_t orc_block_table_match(const orc_replica *r, const orc_request *q)
{
  if (r->groups == NULL && orc_content_known_as(r, q) == NULL) return 0;
  const orc_prefix_match found = find(r, q);
  if (found.filling == 0) return found.tokens;
  return (found.blocks - found.filling) * r->knobs.block_size;
}

static orc_prefix_event event_of(const orc_replica *r, const orc_prompt *c,
                                 const orc_prefix_match *found)
{
  if (c == NULL) return ORC_PREFIX_MISS_FULL;
  if (found->whole) return ORC_PREFIX_FULL_HIT;
  if (found->tokens > 0)
    return own(r, c, found->tokens) ? ORC_PREFIX_CONVERSATIONAL_HIT : ORC_PREFIX_CROSS_REQUEST_HIT;
  return c->follows && c->history == 0 ? ORC_PREFIX_CONVERSATIONAL_MISS : ORC_PREFIX_MISS_FULL;
}

/* What was found on the GPU is held; all of it counts as computed. */
static void begin(orc_replica *r, orc_request *q, const orc_prefix_match *found)
{
  const int32_t tokens = found->tokens;
  if (q->computed == 0 && q->blocks == 0) orc_prefix_stats_admit(r, q, tokens);
  if (q->scheduled < 0 && q->blocks == 0 && q->computed == 0 && r->knobs.enable_prefix_caching) {
    const orc_prompt *c = orc_content_known_as(r, q);
    q->cached = tokens;
    q->lost = 0; /* what came back for it before was never in a step */
    q->cached_blocks = found->blocks + found->lower;
    q->follows = c != NULL && c->follows;
    q->prefix_event = (uint8_t)event_of(r, c, found);
  }
  /* Meanwhile others may have computed more of its prompt than it had itself. */
  else if (tokens > q->lost && tokens > q->computed)
    q->cached += tokens - q->lost;
  if (found->blocks + found->lower == 0) return;
  if (r->groups != NULL) {
    orc_group_table_begin(r, q, tokens);
    q->computed = tokens;
    return;
  }
  q->chain.last = orc_prefix_hold(&r->prefix, found);
  q->shared = q->blocks = found->blocks;
  q->computed = tokens;
}

double orc_block_table_begin(orc_replica *r, orc_request *q, const orc_prefix_match *found)
{
  q->staged = 0;
  begin(r, q, found);
  if (found->lower == 0) return 0.0;
  return orc_prefix_fetch(&r->prefix, orc_content_known_as(r, q), orc_content_root(r, q), found);
}

void orc_block_table_grow(orc_replica *r, orc_request *q, int64_t tokens, int32_t chunk)
{
  if (r->groups != NULL) {
    orc_group_table_grow(r, q, tokens, chunk);
    return;
  }
  const int64_t lacks = orc_kv_blocks(&r->kv, tokens) - q->blocks;
  if (lacks <= 0) return;
  const bool taken = orc_kv_take(&r->kv, lacks);
  ORC_ASSERT(taken);
  q->blocks += (int32_t)lacks;
}

/* Its full blocks up to `tokens` enter the cache, computed or not. Returns how many did. */
static int32_t share(orc_replica *r, orc_request *q, int32_t tokens, orc_prefix_place how)
{
  const orc_prompt *c = orc_content_known_as(r, q);
  if (c == NULL || q->blocks == 0) return 0; /* one in host memory has nothing here to share */
  const int32_t blocks = tokens / r->knobs.block_size - q->shared;
  if (blocks <= 0) return 0;
  how.root = orc_content_root(r, q);
  how.index = q->shared;
  orc_prefix_put(&r->prefix, c, &q->chain, blocks, how);
  orc_prefix_end_node(&r->prefix, &q->chain);
  q->shared += blocks;
  return blocks;
}

double orc_block_table_load(orc_replica *r, orc_request *q, const orc_prefix_match *found)
{
  begin(r, q, found);
  const double seconds =
      orc_prefix_fetch(&r->prefix, orc_content_known_as(r, q), orc_content_root(r, q), found);
  const bool taken = orc_kv_take(&r->kv, found->lower);
  ORC_ASSERT(taken);
  q->blocks += found->lower;
  share(r, q, q->computed, (orc_prefix_place){ .filling = true, .loading = true });
  return seconds;
}

void orc_block_table_share(orc_replica *r, orc_request *q, int32_t tokens)
{
  if (r->groups != NULL || r->knobs.computed_only)
    return; /* they did as they were taken, or will */
  q->entered = share(r, q, tokens, (orc_prefix_place){ .filling = true });
}

void orc_block_table_filled(orc_replica *r, orc_request *q)
{
  if (r->knobs.computed_only && r->groups == NULL)
    share(r, q, q->computed, (orc_prefix_place){ 0 });
  const int32_t later = q->shared - q->computed / r->knobs.block_size;
  if (q->shared > 0) orc_prefix_filled(&r->prefix, q->chain.last, later);
}

void orc_block_table_withdraw(orc_replica *r, orc_request *q)
{
  q->shared -= orc_prefix_withdraw(&r->prefix, &q->chain, q->entered);
  q->entered = 0;
}

bool orc_block_table_filling(const orc_replica *r, const orc_request *q)
{
  return q->shared > 0 && r->prefix.at[q->chain.last].filling > 0;
}

bool orc_block_table_counted_on(const orc_replica *r, const orc_request *q)
{
  return orc_prefix_common(&r->prefix, q->chain.last, q->entered);
}

/* Tokens of it whose blocks are known: not the one that a step in flight decodes. */
static int32_t settled(const orc_replica *r, const orc_request *q)
{
  const bool in_flight = q->last_token > r->now && q->last_token != q->chunk_end;
  return q->computed - (in_flight ? 1 + q->together : 0);
}

void orc_block_table_end(orc_replica *r, orc_request *q)
{
  if (r->groups != NULL) {
    orc_group_table_end(r, q, settled(r, q));
    return;
  }
  share(r, q, settled(r, q), (orc_prefix_place){ 0 });
  orc_block_table_drop(r, q);
}

/* Where every full block is known by its content, those of a prompt unlike any other, which no other request
** asks for, wait for their turn all the same. */
static int32_t unknown_blocks(const orc_replica *r, const orc_request *q)
{
  if (!r->knobs.rules.knows_all_blocks || !r->knobs.enable_prefix_caching) return 0;
  if (orc_content_known_as(r, q) != NULL) return 0;
  const int32_t full = settled(r, q) / r->knobs.block_size, own = q->blocks - q->shared;
  return full < own ? full : own;
}

void orc_block_table_drop(orc_replica *r, orc_request *q)
{
  const int32_t unknown = unknown_blocks(r, q);
  orc_kv_give(&r->kv, q->blocks - q->shared - unknown);
  orc_prefix_give_unknown(&r->prefix, unknown);
  if (q->shared > 0)
    orc_prefix_release(&r->prefix, &q->chain, r->host->grade(r->host->self, r->index, q));
  q->blocks = q->shared = 0;
}

void orc_block_table_clear(orc_replica *r)
{
  if (r->groups != NULL)
    orc_block_pool_clear(&r->groups->pool);
  else
    orc_prefix_clear(&r->prefix);
}

void orc_block_table_know(const orc_replica *r, orc_request *q)
{
  q->finds_own = q->finds_own || (r->knobs.rules.knows_all_blocks && q->in.prompt_id == 0);
}
