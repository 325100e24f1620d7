#include "replica/decode_set.h"

#include <math.h>
#include <stdlib.h>

void orc_decode_set_init(orc_decode_set *d, orc_requests *requests, int32_t block_size, int32_t cap)
{
  *d = (orc_decode_set){ .requests = requests, .block_size = block_size, .cap = cap };
  d->phase = orc_alloc((size_t)block_size, sizeof *d->phase);
  orc_queue_init(&d->finish, requests, 0);
  orc_queue_init(&d->cross, requests, 1);
}

void orc_decode_set_done(orc_decode_set *d)
{
  free(d->phase);
  free(d->peers);
  free(d->members);
  orc_queue_done(&d->finish);
  orc_queue_done(&d->cross);
  *d = (orc_decode_set){ 0 };
}

enum { MEMBERS = 16 };

void orc_decode_set_verify(orc_decode_set *d)
{
  d->member_room = MEMBERS;
  d->members = orc_alloc(MEMBERS, sizeof *d->members);
}

static void add_member(orc_decode_set *d, orc_slot slot)
{
  if (d->n > d->member_room) {
    d->member_room *= 2;
    d->members = orc_resize(d->members, (size_t)d->member_room, sizeof *d->members);
  }
  d->members[d->n - 1] = slot;
  d->requests->at[slot].member = (uint32_t)(d->n - 1);
}

/* The last one takes its place. */
static void remove_member(orc_decode_set *d, const orc_request *r)
{
  const orc_slot last = d->members[d->n - 1];
  d->members[r->member] = last;
  d->requests->at[last].member = r->member;
}

/* Tokens that a sequence of so many reads in layers with a window. */
static int64_t near(const orc_decode_set *d, int64_t tokens)
{
  return tokens < d->cap ? tokens : d->cap;
}

void orc_decode_set_moved(orc_decode_set *d, const orc_request *r, int32_t tokens)
{
  d->context += tokens;
  if (d->cap == 0) return;
  const int64_t now = (int64_t)r->computed + 1;
  d->window += near(d, now) - near(d, now - tokens);
}

void orc_decode_set_finish(orc_decode_set *d, orc_slot slot)
{
  orc_queue_remove(&d->finish, slot);
  orc_queue_push(&d->finish, slot, (double)d->counter);
}

/* All blocks the sequence will ever need are held already: it opens no more. */
static bool reserved(const orc_decode_set *d, const orc_request *r)
{
  return (int64_t)r->blocks * d->block_size >= (int64_t)r->in.prompt + orc_request_scheduled(r) - 1;
}

/* Steps from a member's joining until its KV outgrows the blocks it joined with, modulo block_size.
 */
static uint32_t phase_of(const orc_decode_set *d, const orc_request *r)
{
  const int64_t spare = (int64_t)r->blocks * d->block_size - r->computed;
  ORC_ASSERT(spare >= 0 && spare < d->block_size);
  return (uint32_t)((r->joined + (uint64_t)spare) % (uint64_t)d->block_size);
}

bool orc_decode_set_opens(const orc_decode_set *d, const orc_request *r)
{
  return !reserved(d, r) && phase_of(d, r) == d->turn;
}

static orc_peers *peers_at(orc_decode_set *d, orc_time now)
{
  for (int i = d->peer_count - 1; i >= 0; i--)
    if (d->peers[i].time == now) return &d->peers[i];
  if (d->peer_count == d->peer_room) {
    d->peer_room = d->peer_room == 0 ? 8 : 2 * d->peer_room;
    d->peers = orc_resize(d->peers, (size_t)d->peer_room, sizeof *d->peers);
  }
  d->peers[d->peer_count] = (orc_peers){ .time = now };
  return &d->peers[d->peer_count++];
}

static void join_verifying(orc_decode_set *d, orc_slot slot)
{
  const orc_request *r = &d->requests->at[slot];
  d->n++;
  d->counted += r->counted;
  d->context += r->computed + 1;
  if (d->cap > 0) d->window += near(d, (int64_t)r->computed + 1);
  add_member(d, slot);
  orc_queue_push(&d->finish, slot, INFINITY);
}

static void leave_verifying(orc_decode_set *d, orc_slot slot)
{
  const orc_request *r = &d->requests->at[slot];
  remove_member(d, r);
  d->n--;
  d->counted -= r->counted;
  d->context -= r->computed + 1;
  if (d->cap > 0) d->window -= near(d, (int64_t)r->computed + 1);
  orc_queue_remove(&d->finish, slot);
}

void orc_decode_set_join(orc_decode_set *d, orc_slot slot, orc_time now)
{
  orc_request *r = &d->requests->at[slot];
  ORC_ASSERT(r->generated >= 1 && r->generated < orc_request_scheduled(r) && !d->claimed);
  ORC_ASSERT(r->computed == r->in.prompt + r->generated - 1);
  ORC_ASSERT((int64_t)r->blocks * d->block_size >= r->computed);
  r->state = ORC_DECODE;
  r->joined = d->counter;
  r->last_token = now;
  r->drafts = r->rejected = 0;
  if (d->members != NULL) {
    join_verifying(d, slot);
    return;
  }
  orc_peers *p = peers_at(d, now);
  p->n++;
  p->counted += r->counted;
  d->n++;
  d->counted += r->counted;
  d->context += r->computed + 1;
  if (!reserved(d, r)) d->phase[phase_of(d, r)]++;
  if (d->cap > 0) {
    if (r->computed + 1 < d->cap) {
      d->growing++;
      d->window += r->computed + 1;
      orc_queue_push(&d->cross, slot, (double)(d->counter + (uint64_t)(d->cap - r->computed - 1)));
    } else {
      d->window += d->cap;
    }
  }
  orc_queue_push(&d->finish, slot,
                 (double)(d->counter + (uint64_t)(orc_request_scheduled(r) - r->generated)));
}

static void leave_window(orc_decode_set *d, orc_slot slot, int32_t held)
{
  if (d->cap == 0) return;
  if (held < d->cap) {
    d->window -= held;
    d->growing--;
    orc_queue_remove(&d->cross, slot);
  } else {
    d->window -= d->cap;
  }
}

void orc_decode_set_leave(orc_decode_set *d, orc_slot slot)
{
  orc_request *r = &d->requests->at[slot];
  if (d->members != NULL) {
    leave_verifying(d, slot);
    return;
  }
  const int32_t steps = (int32_t)(d->counter - r->joined);
  if (!reserved(d, r)) {
    const uint32_t phase = phase_of(d, r);
    d->phase[phase]--;
    const int64_t held = r->computed + steps; /* tokens in memory */
    const int64_t blocks = (held + d->block_size - 1) / d->block_size;
    if (blocks > r->blocks) r->blocks = (int32_t)blocks;
    if (d->claimed && phase == d->turn) r->blocks++;
  }
  if (steps > 0) r->last_token = d->peers[0].time;
  for (int i = 0; i < d->peer_count; i++) {
    if (d->peers[i].time != r->last_token) continue;
    d->peers[i].n--;
    d->peers[i].counted -= r->counted;
    break;
  }
  d->context -= r->computed + steps + 1;
  leave_window(d, slot, r->computed + steps + 1);
  orc_queue_remove(&d->finish, slot);
  d->n--;
  d->counted -= r->counted;
  r->computed += steps;
  r->generated += steps;
}

void orc_decode_set_advance(orc_decode_set *d, orc_time now, orc_hist *gaps)
{
  for (int i = 0; i < d->peer_count; i++)
    orc_hist_add(gaps, now - d->peers[i].time, (uint64_t)d->peers[i].counted);
  d->peers[0] = (orc_peers){ .time = now, .n = d->n, .counted = d->counted };
  d->peer_count = 1;
  d->claimed = false;
  d->counter++;
  if (++d->turn == (uint32_t)d->block_size) d->turn = 0;
  d->context += d->n;
  d->window += d->growing;
  orc_decode_set_cross(d);
}

void orc_decode_set_cross(orc_decode_set *d)
{
  while (d->cross.count > 0 && d->cross.at[0].key <= (double)d->counter) {
    orc_queue_remove(&d->cross, d->cross.at[0].slot);
    d->growing--;
  }
}
