#include "replica/group_table.h"

#include "replica/content.h"

/* Without its content. What changes with a request's blocks is nothing that a policy sees of it. */
static orc_kv_owner owner(const orc_replica *r, const orc_request *q)
{
  orc_request *of = &r->requests->at[q - r->requests->at];
  return (orc_kv_owner){ .table = &of->table,
                         .root = orc_content_root(r, q),
                         .boundaries = { q->in.prompt - 1, q->junction } };
}

/* Blocks of the first `settled` tokens can be found. */
static void know(orc_replica *r, orc_request *q, int32_t settled)
{
  if (q->table == ORC_NO_TABLE || !r->groups->habits.caching) return;
  if (settled / r->knobs.block_size <= r->groups->tables[q->table].known) return;
  orc_kv_owner o = owner(r, q);
  o.content = orc_content_identity(r, q);
  orc_kv_groups_know(r->groups, &o, settled);
}

/* ---- what is there ---- */

static const orc_decode_set *set_of(const orc_replica *r, const orc_request *q)
{
  return q->state == ORC_DECODE ? &r->microbatches[q->microbatch].decode : NULL;
}

int32_t orc_group_table_computed(const orc_replica *r, const orc_request *q)
{
  const orc_decode_set *d = set_of(r, q);
  return d == NULL ? q->computed : orc_decode_set_computed(d, q);
}

/* Of these, those that a step in flight computes. */
static int32_t in_flight(const orc_replica *r, const orc_request *q)
{
  const orc_decode_set *d = set_of(r, q);
  if (r->flights == 0 || q->table == ORC_NO_TABLE) return 0;
  if (q->chunk_end > r->now) return r->groups->tables[q->table].chunk;
  const bool verifies = d != NULL && d->members != NULL;
  if (verifies) return q->last_token > r->now ? 1 + q->together : 0;
  const bool moved = d != NULL && d->counter > q->joined;
  return (moved ? d->peers[0].time : q->last_token) > r->now;
}

/* ---- waiting ---- */

orc_prefix_match orc_group_table_find(const orc_replica *r, const orc_request *q)
{
  const int32_t size = r->knobs.block_size, target = orc_request_target(q);
  orc_kv_owner o = owner(r, q);
  o.content = orc_content_identity(r, q);
  orc_kv_groups_find(r->groups, &o, target - 1);
  const int32_t tokens = r->groups->found.blocks * size;
  return (orc_prefix_match){ .last = ORC_NO_BLOCK,
                             .blocks = r->groups->found.blocks,
                             .tokens = tokens,
                             .whole = tokens > 0 && target - tokens <= size && target % size <= 1 };
}

void orc_group_table_find_none(const orc_replica *r)
{
  orc_kv_groups_find_none(r->groups);
}

/* Tokens that a request has, with what was found. */
static int32_t there(const orc_replica *r, const orc_request *q)
{
  return orc_group_table_computed(r, q) + r->groups->found.blocks * r->knobs.block_size;
}

int64_t orc_group_table_lack(const orc_replica *r, const orc_request *q, int64_t tokens)
{
  const orc_kv_owner o = owner(r, q);
  return orc_kv_groups_lack(r->groups, &o, (int32_t)tokens, there(r, q));
}

int64_t orc_group_table_lack_whole(const orc_replica *r, const orc_request *q, int64_t tokens)
{
  const orc_kv_owner o = owner(r, q);
  return orc_kv_groups_lack_whole(r->groups, &o, (int32_t)tokens, there(r, q),
                                  orc_replica_in_flight_most(r));
}

int32_t orc_group_table_align(const orc_replica *r, const orc_request *q, int32_t from,
                              int32_t tokens)
{
  const int32_t size = r->knobs.block_size, target = orc_request_target(q);
  const int32_t prompt_end = q->in.prompt > target - 1 ? q->in.prompt : target - 1;
  if (!r->groups->aligned || from >= prompt_end) return tokens;
  int32_t end = from + tokens;
  if (end < prompt_end) {
    const int32_t cap = r->knobs.long_prefill_token_threshold;
    int32_t most = r->knobs.max_num_batched_tokens;
    if (cap > 0 && cap < most) most = cap;
    if (end / size * size > from || size <= most) end = end / size * size;
  }
  const int32_t junction = q->junction;
  const int32_t stops[] = {
    (target - 1) / size * size,
    from % size != 0 ? (from / size + 1) * size : 0,
    from < junction && junction < end ? from + (junction - from) / size * size : 0,
  };
  for (int i = 0; i < 3; i++)
    if (from < stops[i] && stops[i] < end) end = stops[i];
  return end > from ? end - from : 0;
}

/* ---- running ---- */

/* q->blocks counts places: they are the same in all groups. */
static void count_places(const orc_replica *r, orc_request *q, int64_t tokens)
{
  const int32_t places = (int32_t)orc_kv_blocks(&r->kv, tokens);
  if (places > q->blocks) q->blocks = places;
}

void orc_group_table_begin(orc_replica *r, orc_request *q, int32_t tokens)
{
  const orc_kv_owner o = owner(r, q);
  orc_kv_groups_adopt(r->groups, &o, tokens);
  count_places(r, q, tokens);
}

void orc_group_table_grow(orc_replica *r, orc_request *q, int64_t tokens, int32_t chunk)
{
  const orc_kv_owner o = owner(r, q);
  const int32_t before = orc_group_table_computed(r, q) + q->ahead, ends = before + chunk;
  const bool decodes = q->state == ORC_DECODE;
  /* The token that a step in flight gives is not known yet. */
  const int32_t settled = ends - (decodes && in_flight(r, q) > 0 ? 1 + q->together : 0);
  orc_kv_groups_grow(r->groups, &o, (int32_t)tokens, chunk);
  know(r, q, settled);
  orc_kv_groups_rest(r->groups, &o, orc_replica_ahead(r));
  if (!decodes) count_places(r, q, tokens);
  orc_group_table_find_none(r);
}

void orc_group_table_go_on(orc_replica *r, orc_request *q)
{
  const orc_kv_owner o = owner(r, q);
  orc_kv_groups_find_none(r->groups);
  orc_kv_groups_drop_unread(r->groups, &o, orc_group_table_computed(r, q) - in_flight(r, q));
}

void orc_group_table_end(orc_replica *r, orc_request *q, int32_t settled)
{
  const orc_kv_owner o = owner(r, q);
  know(r, q, settled);
  orc_kv_groups_free(r->groups, &o);
  q->blocks = 0;
}

int orc_group_table_quiet(const orc_replica *r, const orc_microbatch *m, int most)
{
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT && most > 0;) {
    const orc_request *q = &r->requests->at[slot];
    slot = q->next;
    if (q->state != ORC_DECODE || q->microbatch != m->index) continue;
    const int32_t left =
        r->groups->tables[q->table].wakes - 1 - orc_decode_set_computed(&m->decode, q);
    if (left < most) most = left > 0 ? left : 0;
  }
  return most;
}
