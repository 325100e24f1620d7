#include "serve/holding.h"

#include "serve/cluster.h"

const orc_content *orc_holding_content(const orc_replica *r, const orc_request *q)
{
  if (q->in.content == 0 || !r->knobs.enable_prefix_caching) return NULL;
  return &r->cluster->sources[q->in.source].contents->at[q->in.content];
}

static orc_prefix_match find(const orc_replica *r, const orc_request *q)
{
  const orc_content *c = orc_holding_content(r, q);
  if (c == NULL) return (orc_prefix_match){ .last = ORC_NO_BLOCK };
  return orc_prefix_find(&r->prefix, c, orc_request_target(q));
}

orc_prefix_match orc_holding_find(const orc_replica *r, const orc_request *q)
{
  if (q->blocks > 0 || q->computed > 0) return (orc_prefix_match){ .last = ORC_NO_BLOCK };
  return find(r, q);
}

int32_t orc_holding_match(const orc_replica *r, const orc_request *q)
{
  const orc_prefix_match found = find(r, q);
  return (found.blocks + found.lower) * r->knobs.block_size;
}

static orc_prefix_event event_of(const orc_content *c, const orc_prefix_match *found,
                                 int32_t tokens)
{
  if (c == NULL) return ORC_PREFIX_MISS_FULL;
  if (found->whole) return ORC_PREFIX_FULL_HIT;
  if (tokens > 0)
    return c->follows && tokens > c->shared ? ORC_PREFIX_CONVERSATIONAL_HIT
                                            : ORC_PREFIX_CROSS_REQUEST_HIT;
  return c->follows && c->history == 0 ? ORC_PREFIX_CONVERSATIONAL_MISS : ORC_PREFIX_MISS_FULL;
}

void orc_holding_begin(orc_replica *r, orc_request *q, const orc_prefix_match *found)
{
  const int32_t tokens = (found->blocks + found->lower) * r->knobs.block_size;
  if (q->scheduled < 0 && r->knobs.enable_prefix_caching) {
    const orc_content *c = orc_holding_content(r, q);
    q->cached = tokens;
    q->follows = c != NULL && c->follows;
    q->prefix_event = (uint8_t)event_of(c, found, tokens);
  }
  /* What a preemption lost and the cache still has is not computed again. */
  const int32_t back = tokens < q->lost ? tokens : q->lost;
  r->usage.recomputed_tokens -= (uint64_t)back;
  q->lost = 0;
  if (tokens == 0) return;
  orc_prefix_hold(&r->prefix, found);
  q->chain = found->last;
  q->shared = q->blocks = found->blocks;
  q->computed = tokens;
  if (found->lower > 0)
    r->fetching += orc_prefix_fetch(&r->prefix, orc_holding_content(r, q), found);
}

void orc_holding_share(orc_replica *r, orc_request *q)
{
  const orc_content *c = orc_holding_content(r, q);
  if (c == NULL || q->blocks == 0) return; /* one in host memory has nothing here to share */
  const int32_t full = q->computed / r->knobs.block_size;
  for (; q->shared < full; q->shared++)
    q->chain = orc_prefix_put(&r->prefix, c, q->chain, q->shared);
}

void orc_holding_end(orc_replica *r, orc_request *q)
{
  orc_holding_share(r, q);
  orc_kv_give(&r->kv, q->blocks - q->shared);
  if (q->shared > 0) orc_prefix_release_as(&r->prefix, q->chain, orc_cluster_grade(r, q));
  q->blocks = q->shared = 0;
  q->chain = ORC_NO_BLOCK;
}
