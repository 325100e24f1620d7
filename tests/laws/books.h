/*
** books.h - for serve.c: what must hold after every event, counted again from the requests.
*/
#ifndef ORC_TEST_BOOKS_H
#define ORC_TEST_BOOKS_H

#include "cluster/state.h"

#include "loads.h"
#include "scenarios.h"

/* Blocks a request holds, from its tokens: independent of what the decode set keeps. */
static int64_t blocks_held(const orc_replica *r, const orc_request *q)
{
  if (q->state != ORC_DECODE) return q->blocks;
  const orc_decode_set *d = &r->microbatches[q->microbatch].decode;
  if (d->members != NULL) return q->blocks;
  int64_t tokens = q->computed + (int64_t)(d->counter - q->joined);
  tokens += d->claimed; /* the running step's token has its place already */
  const int64_t need = orc_kv_blocks(&r->kv, tokens);
  return need > q->blocks ? need : q->blocks;
}

/* Whether a block is known, and found behind its parent. */
static bool is_found(const orc_prefix *p, uint32_t block)
{
  const orc_prefix_extent *b = &p->at[block];
  return b->blocks > 0 && b->kind == ORC_PREFIX_KNOWN &&
         orc_prefix_look_up(p, b->parent, b->hash) == block;
}

/*
** Blocks in the cache that requests hold, each counted once. False when its lists do not agree with
** its counts, or a block outlives one before it.
*/
static bool count_shared(const orc_replica *r, int64_t *held)
{
  const orc_prefix *p = &r->prefix;
  int64_t idle = 0;
  uint32_t filling = 0;
  bool good = true;
  *held = 0;
  for (int grade = 0; grade < ORC_PREFIX_GRADES; grade++)
    for (uint32_t b = p->oldest[grade]; b != ORC_NO_BLOCK; b = p->at[b].newer) {
      good = good && p->at[b].holders == 0 && p->at[b].grade == grade;
      if (p->at[b].kind != ORC_PREFIX_RUN) idle += p->at[b].blocks;
    }
  for (uint32_t b = 0; b < p->count; b++) {
    if (p->at[b].kind != ORC_PREFIX_KNOWN) continue;
    const uint32_t parent = p->at[b].parent;
    good = good && is_found(p, b) && (parent == ORC_NO_BLOCK || is_found(p, parent));
    good = good && (parent == ORC_NO_BLOCK || p->at[parent].filling == 0 ||
                    p->at[b].filling == p->at[b].blocks);
    filling += p->at[b].filling;
    if (p->at[b].holders > 0) *held += p->at[b].blocks;
    good = good && p->at[b].filling <= p->at[b].blocks;
    good = good && (parent == ORC_NO_BLOCK || p->at[parent].holders >= p->at[b].holders);
  }
  good = good && (p->most == 0 || p->cached <= p->most || idle == 0);
  bool busy = r->loads.count > 0;
  for (int l = 0; l < r->microbatch_count; l++)
    busy = busy || r->microbatches[l].busy;
  good = good && filling == p->filling && (busy || filling == 0);
  return good && idle == r->kv.idle && *held + idle == p->cached;
}

/* No tier is over its size, its list says what its count says, and no block is in two places. */
static bool tiers_hold(const orc_replica *r)
{
  const orc_kv_tiers *t = &r->tiers;
  bool good = true;
  uint32_t held = 0;
  for (int i = 0; i < t->count; i++) {
    int64_t used = 0;
    for (uint32_t b = t->at[i].oldest; b != ORC_KV_TIERS_NONE; b = t->blocks[b].newer, used++)
      good = good && t->blocks[b].tier == i && orc_kv_tiers_have(t, t->blocks[b].hash);
    good = good && used == t->at[i].used && used <= t->at[i].kind.blocks;
    held += (uint32_t)used;
  }
  for (uint32_t b = 0; t->count > 0 && b < r->prefix.count; b++)
    if (r->prefix.at[b].kind == ORC_PREFIX_KNOWN)
      good = good && !orc_kv_tiers_have(t, r->prefix.at[b].hash);
  return good && held == t->held;
}

/* Blocks that requests on their way from or to a replica hold there. */
static int64_t held_by_moving(const orc_cluster *c, int replica)
{
  int64_t blocks = 0;
  for (uint32_t i = 0; i < c->kv_transfers.count; i++) {
    const orc_kv_transfer *v = &c->kv_transfers.at[i];
    if (v->slot == ORC_NO_SLOT) continue;
    if (v->from == replica) blocks += v->blocks - v->shared;
    if (v->sent && v->to == replica) blocks += v->room;
  }
  return blocks;
}

/* Requests on their way are counted where they come from and where they go, and wait in one list.
 */
static bool ways_hold(const orc_cluster *c)
{
  const orc_kv_transfers *h = &c->kv_transfers;
  uint64_t moving = 0, flying = 0, listed = 0, chosen = 0;
  int64_t between = 0;
  bool good = true;
  for (uint32_t i = 0; i < h->count; i++) {
    const orc_kv_transfer *v = &h->at[i];
    if (v->slot == ORC_NO_SLOT) continue;
    moving++;
    flying += v->sent;
    chosen += !v->sent && v->pending == 0;
    good = good && c->requests.at[v->slot].state == ORC_MOVING;
    good = good && c->lifecycle.units[v->from].phase != ORC_PHASE_FAILED;
    good = good && (!v->sent || c->lifecycle.units[v->to].phase != ORC_PHASE_FAILED);
  }
  for (int to = 0; to <= c->replica_count; to++)
    for (uint32_t i = h->first[to]; i != UINT32_MAX; i = h->at[i].next, listed++)
      good = good && h->at[i].to == to && !h->at[i].sent;
  for (int i = 0; i < c->replica_count; i++)
    between += c->replicas[i].inbound - c->replicas[i].outbound;
  good = good && moving == h->moving && flying == h->flying && listed == chosen;
  /* Those that have a replica to go to count twice, those that have none once. */
  return good && between <= 0 && (uint64_t)-between <= moving - flying;
}

/* The replicas of a group have one phase, and only those that serve have requests. */
static bool phases_hold(const orc_cluster *c)
{
  bool good = true;
  for (int i = 0; i < c->replica_count; i++) {
    const orc_pool *p = &c->pools[c->replicas[i].pool];
    const orc_phase phase = c->lifecycle.units[i].phase;
    const int64_t load =
        orc_replica_in_flight(&c->replicas[i]) + c->replicas[i].inbound + c->replicas[i].outbound;
    good = good && phase == c->lifecycle.units[i - (i - p->first) % p->group].phase;
    good = good && (load == 0 || phase == ORC_PHASE_READY || phase == ORC_PHASE_DRAINING);
  }
  return good;
}

static bool consistent(const orc_cluster *c)
{
  uint64_t seen = 0;
  bool good = ways_hold(c) && phases_hold(c);
  for (int i = 0; i < c->replica_count; i++) {
    const orc_replica *r = &c->replicas[i];
    int64_t used, decoding = 0;
    good = count_shared(r, &used) && tiers_hold(r) && good;
    used += held_by_moving(c, i);
    int32_t running = 0;
    good = good && (r->knobs.lora.adapters == 0 || r->loras.distinct <= r->knobs.lora.slots);
    good =
        good && r->loras.held[1] <= r->knobs.lora.slots && r->loras.held[0] <= r->knobs.lora.host;
    for (orc_slot s = r->first; s != ORC_NO_SLOT; s = c->requests.at[s].next, running++) {
      used += blocks_held(r, &c->requests.at[s]) - c->requests.at[s].shared;
      decoding += c->requests.at[s].state == ORC_DECODE;
    }
    for (int j = 0; j < r->loads.count; j++) {
      const orc_request *q = &c->requests.at[r->loads.at[j]];
      used += q->blocks - q->shared;
      good = good && q->state == ORC_LOADING && q->loaded >= c->engine.now;
    }
    int64_t host = r->host_free;
    for (uint32_t j = 0; j < r->queue.count; j++) {
      const orc_request *q = &c->requests.at[r->queue.at[j].slot];
      used += q->blocks - q->shared;
      host += q->swapped;
    }
    good = good && host == r->knobs.swap_blocks && r->host_free >= 0;
    good = good && used == orc_kv_used(&r->kv) && r->kv.free >= 0 && running == r->running;
    for (int l = 0; l < r->microbatch_count; l++) {
      decoding -= r->microbatches[l].decode.n;
      good = good && r->microbatches[l].tokens <= r->knobs.max_num_batched_tokens;
    }
    good = good && running <= r->knobs.max_num_seqs && decoding == 0;
    seen += (uint64_t)orc_replica_in_flight(r);
  }
  good = good && loads_agree(c);
  return good && seen + c->kv_transfers.moving + c->lifecycle.unrouted_count == c->requests.live;
}

#endif
