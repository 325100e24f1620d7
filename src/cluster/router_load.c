#include "cluster/router_load.h"

#include <stdlib.h>

#include "replica/content.h"
#include "replica/prefix_queue.h"

orc_router_load *orc_router_load_new(const orc_replica *replicas, int count, orc_starts *starts)
{
  orc_router_load *loads = orc_alloc((size_t)count, sizeof *loads);
  orc_router_load_prompts *prompts = orc_alloc((size_t)count, sizeof *prompts);
  for (int i = 0; i < count; i++) {
    orc_router_load *l = &loads[i];
    l->of = &replicas[i];
    l->prompts = &prompts[i];
    l->block_size = replicas[i].knobs.block_size;
    orc_kv_init(&l->prompts->kv, INT64_MAX / 2, l->block_size);
    orc_prefix_init(&l->prompts->prefix, &l->prompts->kv);
    orc_prefix_tell(&l->prompts->prefix, starts, (uint16_t)i);
  }
  return loads;
}

void orc_router_load_free(orc_router_load *loads, int count)
{
  for (int i = 0; i < count; i++)
    orc_prefix_done(&loads[i].prompts->prefix);
  if (count > 0) free(loads[0].prompts);
  free(loads);
}

/* Its full blocks are among those of the replica. */
static void count_blocks(orc_router_load *l, orc_request *q)
{
  const orc_prompt *c = orc_content_shared(l->of, q);
  const int32_t n = q->in.prompt / l->block_size;
  q->load_end = ORC_NO_BLOCK;
  l->blocks += n;
  if (c == NULL || n == 0) return;
  const uint64_t root = orc_content_root(l->of, q);
  const orc_prefix_match found = orc_prefix_find(&l->prompts->prefix, c, root, n * l->block_size);
  orc_prefix_chain chain = { orc_prefix_hold(&l->prompts->prefix, &found), ORC_NO_BLOCK };
  const bool taken = orc_kv_take(&l->prompts->kv, n - found.blocks);
  ORC_ASSERT(taken);
  orc_prefix_put(&l->prompts->prefix, c, &chain, n - found.blocks,
                 (orc_prefix_place){ .root = root, .index = found.blocks });
  q->load_end = chain.last;
  l->blocks -= found.blocks;
}

/* They are not any more, but for those that others have too. */
static void discount_blocks(orc_router_load *l, orc_request *q)
{
  const uint32_t before = l->prompts->prefix.cached;
  orc_prefix_chain chain = { q->load_end, ORC_NO_BLOCK };
  if (q->load_end == ORC_NO_BLOCK) {
    l->blocks -= q->in.prompt / l->block_size;
    return;
  }
  orc_prefix_release(&l->prompts->prefix, &chain, 0);
  orc_prefix_empty(&l->prompts->prefix);
  q->load_end = ORC_NO_BLOCK;
  l->blocks -= before - l->prompts->prefix.cached;
}

void orc_router_load_add(orc_router_load *l, orc_request *q, int32_t tokens)
{
  ORC_ASSERT(q->load_replica == 0 && tokens >= 0);
  q->load_replica = (uint16_t)(l->of->index + 1);
  q->promised = tokens;
  l->tokens += tokens;
  count_blocks(l, q);
}

void orc_router_load_begun(orc_router_load *loads, orc_request *q)
{
  if (q->load_replica == 0) return;
  loads[q->load_replica - 1].tokens -= q->promised;
  q->promised = 0;
}

void orc_router_load_end(orc_router_load *loads, orc_request *q)
{
  if (q->load_replica == 0) return;
  orc_router_load_begun(loads, q);
  discount_blocks(&loads[q->load_replica - 1], q);
  q->load_replica = 0;
}

void orc_router_load_catch_up(orc_router_load *loads, orc_requests *requests)
{
  for (uint64_t n = requests->oldest; n < requests->next_number; n++) {
    const orc_slot slot = orc_requests_find(requests, n);
    if (slot == ORC_NO_SLOT) continue;
    orc_request *q = &requests->at[slot];
    const bool here = q->state == ORC_QUEUED || q->state == ORC_PREFILL || q->state == ORC_DECODE;
    if (!here || q->load_replica != 0 || q->replica == ORC_NO_REPLICA) continue;
    const int32_t left = q->in.prompt - q->computed;
    orc_router_load_add(&loads[q->replica], q, q->first_token < 0 && left > 0 ? left : 0);
  }
}

int64_t orc_router_load_fresh(const orc_router_load *l, const orc_request *q)
{
  const orc_prompt *c = orc_content_shared(l->of, q);
  const int32_t n = q->in.prompt / l->block_size;
  if (c == NULL || n == 0 || l->prompts->prefix.cached == 0) return n;
  orc_prefix_memo nothing = { 0 };
  return n - orc_prefix_match_from(&l->prompts->prefix, c, orc_content_root(l->of, q),
                                   n * l->block_size, &nothing)
                 .blocks;
}
