#include "cluster/router_load.h"

#include <stdlib.h>

#include "replica/content.h"

enum { ROOM_LEAST = 256 };

orc_router_load *orc_router_load_new(const orc_replica *replicas, int count)
{
  orc_router_load *loads = orc_alloc((size_t)count, sizeof *loads);
  for (int i = 0; i < count; i++)
    loads[i] = (orc_router_load){ .of = &replicas[i], .block_size = replicas[i].knobs.block_size };
  return loads;
}

void orc_router_load_free(orc_router_load *loads, int count)
{
  for (int i = 0; i < count; i++)
    free(loads[i].at);
  free(loads);
}

/* ---- the table: linear probing ---- */

static orc_router_load_block *place(const orc_router_load *l, uint64_t hash)
{
  const uint32_t mask = l->room - 1;
  uint32_t i = (uint32_t)hash & mask;
  while (l->at[i].requests > 0 && l->at[i].hash != hash)
    i = (i + 1) & mask;
  return &l->at[i];
}

static void widen(orc_router_load *l)
{
  const uint32_t had = l->room;
  orc_router_load_block *old = l->at;
  l->room = had == 0 ? ROOM_LEAST : 2 * had;
  l->at = orc_alloc(l->room, sizeof *l->at);
  for (uint32_t i = 0; i < had; i++)
    if (old[i].requests > 0) *place(l, old[i].hash) = old[i];
  free(old);
}

static void enter(orc_router_load *l, uint64_t hash)
{
  if (2 * (l->named + 1) > l->room) widen(l);
  orc_router_load_block *b = place(l, hash);
  if (b->requests++ > 0) return;
  b->hash = hash;
  l->named++;
  l->blocks++;
}

/* Those behind an emptied place in its run of places close up. */
static void leave(orc_router_load *l, uint64_t hash)
{
  const uint32_t mask = l->room - 1;
  orc_router_load_block *b = place(l, hash);
  ORC_ASSERT(b->requests > 0);
  if (--b->requests > 0) return;
  uint32_t gap = (uint32_t)(b - l->at);
  for (uint32_t i = (gap + 1) & mask; l->at[i].requests > 0; i = (i + 1) & mask) {
    const uint32_t wanted = (uint32_t)l->at[i].hash & mask;
    if (((i - wanted) & mask) < ((i - gap) & mask)) continue; /* it would land before its home */
    l->at[gap] = l->at[i];
    l->at[i].requests = 0;
    gap = i;
  }
  l->named--;
  l->blocks--;
}

/* ---- prompts ---- */

/* Each block of a prompt enters or leaves the load. */
static void count_blocks(orc_router_load *l, const orc_request *q,
                         void (*each)(orc_router_load *, uint64_t), int64_t sign)
{
  const orc_prompt *c = orc_content_shared(l->of, q);
  const int32_t size = l->block_size, n = q->in.prompt / size;
  if (c == NULL) {
    l->blocks += sign * n;
    return;
  }
  uint64_t hash = orc_content_root(l->of, q);
  for (int32_t i = 0; i < n; i++) {
    hash = orc_prompt_hash(c, hash, i * size, (i + 1) * size);
    each(l, hash);
  }
}

void orc_router_load_add(orc_router_load *l, orc_request *q, int32_t tokens)
{
  ORC_ASSERT(q->load_replica == 0 && tokens >= 0);
  q->load_replica = (uint16_t)(l->of->index + 1);
  q->promised = tokens;
  l->tokens += tokens;
  count_blocks(l, q, enter, 1);
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
  count_blocks(&loads[q->load_replica - 1], q, leave, -1);
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

/* Who has a block has all before it: behind the first that is not there, none is. */
int64_t orc_router_load_fresh(const orc_router_load *l, const orc_request *q)
{
  const orc_prompt *c = orc_content_shared(l->of, q);
  const int32_t size = l->block_size, n = q->in.prompt / size; /* full blocks */
  if (c == NULL || l->room == 0) return n;
  uint64_t hash = orc_content_root(l->of, q);
  for (int32_t i = 0; i < n; i++) {
    hash = orc_prompt_hash(c, hash, i * size, (i + 1) * size);
    if (place(l, hash)->requests == 0) return n - i;
  }
  return 0;
}
