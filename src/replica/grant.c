#include "replica/grant.h"

#include "replica/group_table.h"

/* Tokens of a prompt that go into one step at most; 0: any number. */
static int32_t largest_chunk(const orc_replica *r, const orc_request *q)
{
  const orc_engine_knobs *k = &r->knobs;
  const int32_t part = k->num_microbatches_per_request > 1
                           ? (orc_request_target(q) - 1) / k->num_microbatches_per_request + 1
                           : 0;
  int32_t cap = k->long_prefill_token_threshold;
  if (k->rules.lone_request_without_threshold && r->running + (int64_t)r->queue.count <= 1) cap = 0;
  return part > 0 && (cap == 0 || part < cap) ? part : cap;
}

int32_t orc_grant_tokens(const orc_replica *r, const orc_microbatch *m, const orc_request *q,
                         int32_t computed, int limit)
{
  const int32_t left = r->knobs.max_num_batched_tokens - m->tokens;
  const int32_t wanted = orc_request_target(q) - computed;
  int32_t most = limit < left ? limit : left;
  if (m->prompts_wait && wanted > 1) return 0;
  if (wanted < most) most = wanted;
  const int32_t cap = largest_chunk(r, q);
  if (cap > 0 && most > cap && r->knobs.enable_chunked_prefill) most = cap;
  if (most < wanted && !r->knobs.enable_chunked_prefill) return 0;
  if (most <= 0) return 0;
  return r->groups != NULL ? orc_group_table_align(r, q, computed, most) : most;
}

int64_t orc_grant_blocks(const orc_replica *r, const orc_request *q, int32_t tokens)
{
  const int64_t before = r->groups != NULL ? orc_group_table_computed(r, q) : q->computed;
  const int64_t slots = orc_replica_slots(r, before + q->ahead + tokens, 0);
  if (r->groups != NULL) return orc_group_table_lack(r, q, slots);
  const int64_t need = orc_kv_blocks(&r->kv, slots) - q->blocks;
  return need > 0 ? need : 0;
}

int64_t orc_grant_room(const orc_replica *r, const orc_request *q, const orc_prefix_match *found,
                       int64_t tokens)
{
  if (r->groups != NULL) return orc_group_table_lack(r, q, tokens);
  const int64_t lacks = orc_kv_blocks(&r->kv, tokens) - q->blocks - found->blocks;
  return (lacks > 0 ? lacks : 0) + found->idle;
}

int64_t orc_grant_longest(const orc_replica *r, const orc_request *q)
{
  return orc_replica_slots(r, orc_request_longest(q), orc_replica_drafts_most(r));
}

int64_t orc_grant_reserve(const orc_replica *r, const orc_request *q, const orc_prefix_match *found)
{
  const int64_t longest = orc_grant_longest(r, q);
  return r->groups != NULL ? orc_group_table_lack_whole(r, q, longest)
                           : orc_grant_room(r, q, found, longest);
}

/* vLLM counts its null block, which is none of ours, among those of which it keeps a share. */
int64_t orc_grant_kept(const orc_replica *r)
{
  if (r->running == 0 || r->knobs.rules.watermark == 0.0) return 0;
  return (int64_t)(r->knobs.rules.watermark * (double)(r->kv.total + 1));
}

int64_t orc_grant_whole(const orc_replica *r, const orc_request *q, const orc_prefix_match *found)
{
  return r->groups != NULL ? orc_group_table_lack_whole(r, q, orc_request_target(q))
                           : orc_grant_room(r, q, found, orc_request_target(q));
}

bool orc_grant_waits(const orc_replica *r, const orc_request *q, const orc_prefix_match *found)
{
  return r->knobs.rules.whole_sequence_must_fit &&
         orc_grant_whole(r, q, found) > orc_kv_available(&r->kv) - orc_grant_kept(r);
}
