#include "cluster/kv_transfer.h"

#include <math.h>
#include <stdlib.h>

#include "cluster/failure.h"
#include "cluster/ledger.h"
#include "cluster/phases.h"
#include "replica/attribution.h"
#include "replica/block_table.h"
#include "replica/crash.h"
#include "replica/waiting.h"

/* Subjects of ORC_EVENT_KV_TRANSFER: a transfer, or this and a replica for which transfers wait. */
#define LOOK 0x80000000u

static void on_event(void *self, uint32_t subject);
static void message_in(void *self, uint64_t index);

static void init_reshards(orc_cluster *c)
{
  orc_kv_transfers *h = &c->kv_transfers;
  h->reshard_count = c->pool_count * c->pool_count;
  h->reshards = orc_alloc((size_t)h->reshard_count, sizeof *h->reshards);
  for (int i = 0; i < h->reshard_count; i++) {
    const orc_replica *from = &c->replicas[c->pools[i / c->pool_count].first];
    const orc_replica *to = &c->replicas[c->pools[i % c->pool_count].first];
    if (from->role == ORC_ROLE_PREFILL && to->role == ORC_ROLE_DECODE)
      orc_kv_reshard_init(&h->reshards[i], from, to);
  }
}

void orc_kv_transfer_start(orc_cluster *c, bool layerwise)
{
  orc_kv_transfers *h = &c->kv_transfers;
  orc_kv_transfer_table_init(h, c->replica_count);
  h->layerwise = layerwise;
  h->paces = orc_alloc((size_t)c->pool_count, sizeof *h->paces);
  init_reshards(c);
  orc_engine_on(&c->engine, ORC_EVENT_KV_TRANSFER, on_event, c);
}

const orc_kv_reshard *orc_kv_transfer_reshard(const orc_cluster *c, const orc_replica *from,
                                              const orc_replica *to)
{
  return &c->kv_transfers.reshards[from->pool * c->pool_count + to->pool];
}

/* ---- entries ---- */

/* It is on its way no more; the entry is free once no event will ask for it. */
static void drop(orc_cluster *c, uint32_t index)
{
  orc_kv_transfers *h = &c->kv_transfers;
  orc_kv_transfer *v = &h->at[index];
  v->slot = ORC_NO_SLOT;
  c->replicas[v->from].outbound--;
  c->replicas[v->from].lost = 0; /* its blocks are free again */
  h->moving--;
  h->flying -= v->sent;
  if (v->wired && v->pending > 0) {
    orc_net_drop(c->net, message_in, c, index);
    v->pending = 0;
  }
  if (v->pending == 0) orc_kv_transfer_table_recycle(h, index);
}

/* What it holds at the replica that computed it goes back. */
static void release(orc_cluster *c, const orc_kv_transfer *v)
{
  orc_replica *from = &c->replicas[v->from];
  orc_request *q = &c->requests.at[v->slot];
  q->blocks = v->blocks;
  q->shared = v->shared;
  q->chain = v->chain;
  orc_block_table_end(from, q);
  orc_replica_disturb(from);
}

/* It goes no further: its client is gone, or no replica could ever hold it. */
static void end(orc_cluster *c, uint32_t index, orc_status status)
{
  const orc_kv_transfer v = c->kv_transfers.at[index];
  release(c, &v);
  drop(c, index);
  c->requests.at[v.slot].state = ORC_DONE;
  orc_ledger_end(c, v.slot, status, c->engine.now);
}

/* ---- the way ---- */

/* s that a token's KV takes from a replica to the pool that decodes, when nothing else is sent. */
static double pace_of(orc_cluster *c, const orc_replica *from)
{
  double *pace = &c->kv_transfers.paces[from->pool];
  for (int i = 0; *pace <= 0.0 && i < c->pool_count; i++) {
    const orc_replica *to = &c->replicas[c->pools[i].first];
    const orc_kv_reshard *w = orc_kv_transfer_reshard(c, from, to);
    if (w->count == 0) continue;
    const double many = orc_kv_reshard_bytes(to, 1 << 20);
    *pace = (orc_kv_reshard_alone(w, c->placement.topology, from, to, many) -
             orc_kv_reshard_alone(w, c->placement.topology, from, to, 0.0)) /
            (1 << 20);
  }
  return *pace;
}

void orc_kv_transfer_stage(orc_cluster *c, uint16_t from, orc_request *q, orc_time now)
{
  const orc_replica *r = &c->replicas[from];
  if (!c->kv_transfers.layerwise || q->computed == 0) return;
  const double layers = r->cost->model.num_hidden_layers, pace = pace_of(c, r);
  const double step = (double)r->last_step * 1e-9;
  const double fresh = q->computed - q->staged;
  double unsent = 0.0;
  if (q->staged > 0) { /* until the first layer is there, only what was left goes */
    const double idle = fmax(0.0, (double)(now - q->staged_at) * 1e-9 - step);
    unsent = fmax(0.0, q->unsent - (idle + step / layers) / pace);
  }
  unsent = fmax(fresh / layers, unsent + fresh - step * (layers - 1.0) / layers / pace);
  q->unsent = unsent;
  q->staged = q->computed;
  q->staged_at = now;
}

/* All of its KV is there: it waits to be admitted, with its prompt in memory. */
static void land(orc_cluster *c, uint32_t index)
{
  const orc_kv_transfer v = c->kv_transfers.at[index];
  orc_request *q = &c->requests.at[v.slot];
  orc_replica *to = &c->replicas[v.to];
  orc_kv_transfers *h = &c->kv_transfers;
  h->moved++;
  h->bytes += orc_kv_reshard_bytes(to, q->computed);
  h->time += c->engine.now - q->last_token;
  to->inbound--;
  if (q->aborted != 0) {
    orc_kv_give(&to->kv, v.room);
    orc_replica_disturb(to);
    orc_kv_transfer_room(c, v.to, c->engine.now); /* for those that wait for it */
    end(c, index, (orc_status)q->aborted);
    orc_phases_drained(c, v.to, c->engine.now);
    return;
  }
  orc_attribution_apart(c->host.attribution, v.slot, c->engine.now, ORC_DELAY_POOL,
                        ORC_BINDING_LINK);
  release(c, &v);
  drop(c, index);
  orc_phases_drained(c, v.from, c->engine.now);
  q->replica = v.to;
  q->microbatch = 0;
  q->blocks = v.room;
  q->handed_over = true;
  orc_error e;
  orc_error_clear(&e);
  if (!orc_waiting_place(to, q, &e)) orc_failure_at(c, to, &e);
  orc_waiting_take_over(to, v.slot);
}

static void message_in(void *self, uint64_t index)
{
  orc_cluster *c = self;
  orc_kv_transfer *v = &c->kv_transfers.at[index];
  if (--v->pending > 0) return;
  if (v->slot == ORC_NO_SLOT)
    orc_kv_transfer_table_recycle(&c->kv_transfers,
                                  (uint32_t)index); /* of a replica that has failed since */
  else
    land(c, (uint32_t)index);
}

/* Room is reserved: its KV sets out. */
static void set_out(orc_cluster *c, uint32_t index)
{
  orc_kv_transfer *v = &c->kv_transfers.at[index];
  const orc_replica *from = &c->replicas[v->from], *to = &c->replicas[v->to];
  const orc_kv_reshard *w = orc_kv_transfer_reshard(c, from, to);
  orc_topology *t = c->placement.topology;
  const double whole = orc_kv_reshard_bytes(to, c->requests.at[v->slot].computed);
  const double bytes = whole * v->part;
  orc_attribution_apart(c->host.attribution, v->slot, c->engine.now, ORC_DELAY_POOL_ROOM,
                        ORC_BINDING_BLOCKS);
  v->sent = true;
  c->kv_transfers.flying++;
  if (from->level == ORC_LOD_MEDIUM && to->level == ORC_LOD_MEDIUM) {
    const double time = orc_kv_reshard_alone(w, t, from, to, bytes);
    const orc_time due = orc_time_after(c->engine.now, orc_time_of(time));
    v->pending = 1;
    orc_engine_at(&c->engine, due, ORC_CLASS_TRANSFER, ORC_EVENT_KV_TRANSFER, index);
    return;
  }
  v->pending = w->count;
  v->wired = true;
  for (int i = 0; i < w->count; i++)
    orc_net_send(c->net, orc_kv_reshard_route(w, t, i, from, to), w->parts[i].share * bytes,
                 message_in, c, index);
}

/* ---- room ---- */

static bool reserve(orc_cluster *c, uint32_t index)
{
  orc_kv_transfer *v = &c->kv_transfers.at[index];
  orc_kv *kv = &c->replicas[v->to].kv;
  const int64_t room = orc_kv_blocks(kv, (int64_t)c->requests.at[v->slot].computed + 1);
  if (!orc_kv_take(kv, room)) return false;
  v->room = (int32_t)room;
  return true;
}

static int64_t load(const orc_replica *r)
{
  return orc_replica_in_flight(r) + r->inbound;
}

/* The replica to decode it that the router picks; -1 where it has no opinion or its choice could
 * never hold it. A failure ends the run. */
static int ask(orc_cluster *c, orc_slot slot)
{
  orc_error e = { 0 };
  const orc_request *q = &c->requests.at[slot];
  int choice = 0;
  if (c->router.decode == NULL || c->lifecycle.decode_count < 2) return -1;
  if (!c->router.decode(c->router.self, c, q, &choice, &e)) {
    orc_failure_about(c, "handing over", q, &e);
    return -1;
  }
  const uint16_t to = c->lifecycle.ready[choice];
  ORC_ASSERT(c->replicas[to].role == ORC_ROLE_DECODE);
  return orc_replica_never_fits(&c->replicas[to], q) ? -1 : to;
}

/*
** The replica to decode it: of those that could hold it and are ready the router's choice, or else
** the one with the fewest requests; c->replica_count when none of them is ready; -1 when there is
** none at all.
*/
static int choose(orc_cluster *c, orc_slot slot)
{
  const orc_request *q = &c->requests.at[slot];
  int best = ask(c, slot);
  if (best >= 0) return best;
  for (int i = 0; i < c->replica_count; i++) {
    const orc_replica *r = &c->replicas[i];
    if (r->role != ORC_ROLE_DECODE || orc_replica_never_fits(r, q)) continue;
    const bool ready = c->lifecycle.units[i].phase == ORC_PHASE_READY;
    if (!ready && best < 0) best = c->replica_count;
    if (!ready) continue;
    if (best < 0 || best == c->replica_count || load(r) < load(&c->replicas[best])) best = i;
  }
  return best;
}

/* Transfers that wait at a replica set out as far as there is room, in order. */
static void look(orc_cluster *c, uint16_t to)
{
  while (c->kv_transfers.first[to] != ORC_NO_KV_TRANSFER && reserve(c, c->kv_transfers.first[to]))
    set_out(c, orc_kv_transfer_table_next(&c->kv_transfers, to));
}

/* It looks for a replica to decode it. */
static void seek(orc_cluster *c, uint32_t index)
{
  orc_kv_transfer *v = &c->kv_transfers.at[index];
  orc_request *q = &c->requests.at[v->slot];
  orc_router_load_end(c->loads, q); /* it may have had another in mind */
  if (q->aborted != 0) {
    end(c, index, (orc_status)q->aborted);
    return;
  }
  const int to = choose(c, v->slot);
  if (to < 0) {
    end(c, index, ORC_REJECTED);
    return;
  }
  v->to = (uint16_t)to;
  orc_kv_transfer_table_wait(&c->kv_transfers, index);
  if (to == c->replica_count) return;
  c->replicas[to].inbound++;
  if (c->router.tracks) orc_router_load_add(&c->loads[to], q, 0);
  look(c, (uint16_t)to);
}

static void on_event(void *self, uint32_t subject)
{
  orc_cluster *c = self;
  if ((subject & LOOK) != 0) {
    look(c, (uint16_t)(subject & 0xffff));
    return;
  }
  orc_kv_transfer *v = &c->kv_transfers.at[subject];
  if (v->slot == ORC_NO_SLOT || v->sent) {
    message_in(c, subject);
    return;
  }
  v->pending = 0;
  seek(c, subject);
}

/* ---- replicas that come and go ---- */

/* Let all in a list seek again, in order of arrival. */
static void seek_all(orc_cluster *c, uint32_t list)
{
  orc_kv_transfers *h = &c->kv_transfers;
  while (list != ORC_NO_KV_TRANSFER) {
    uint32_t *first = &list;
    for (uint32_t *i = &list; *i != ORC_NO_KV_TRANSFER; i = &h->at[*i].next)
      if (c->requests.at[h->at[*i].slot].number < c->requests.at[h->at[*first].slot].number)
        first = i;
    const uint32_t index = *first;
    *first = h->at[index].next;
    seek(c, index);
  }
}

/* All that wait at a replica, or for one, do so no more: they stand in front of `list`. */
static uint32_t leave_all(orc_cluster *c, int to, uint32_t list)
{
  int left;
  list = orc_kv_transfer_table_leave_all(&c->kv_transfers, to, list, &left);
  if (to < c->replica_count) c->replicas[to].inbound -= left;
  return list;
}

/* One that waits does so no more. Returns where it did. */
static uint16_t leave(orc_cluster *c, uint32_t index)
{
  const uint16_t to = c->kv_transfers.at[index].to;
  orc_kv_transfer_table_leave(&c->kv_transfers, index);
  if (to < c->replica_count) c->replicas[to].inbound--;
  return to;
}

void orc_kv_transfer_again(orc_cluster *c)
{
  uint32_t list = ORC_NO_KV_TRANSFER;
  for (int i = 0; i <= c->replica_count; i++)
    list = leave_all(c, i, list);
  seek_all(c, list);
}

/* Its KV, on the way to a replica that has failed, is still where it was computed. */
static void send_anew(orc_cluster *c, uint32_t index)
{
  orc_kv_transfers *h = &c->kv_transfers;
  const uint32_t other = orc_kv_transfer_table_take(h);
  h->at[other] = h->at[index];
  h->at[other].sent = h->at[other].wired = false;
  h->at[other].pending = h->at[other].room = 0;
  h->at[other].part = 1.0; /* nothing is left of what went while it was computed */
  c->replicas[h->at[index].from].outbound++;
  h->moving++;
  drop(c, index);
  seek(c, other);
}

static void lose_inbound(orc_cluster *c, uint16_t replica)
{
  orc_replica *r = &c->replicas[replica];
  orc_kv_transfers *h = &c->kv_transfers;
  const uint32_t list = leave_all(c, replica, ORC_NO_KV_TRANSFER), count = h->count;
  seek_all(c, list);
  for (uint32_t i = 0; i < count; i++) {
    if (h->at[i].slot == ORC_NO_SLOT || !h->at[i].sent || h->at[i].to != replica) continue;
    orc_kv_give(&r->kv, h->at[i].room);
    r->inbound--;
    send_anew(c, i);
  }
}

/* It stands in a list. */
static bool waits(const orc_kv_transfer *v)
{
  return !v->sent && v->pending == 0;
}

/* One whose KV was here: where it went, its room is free again. */
static bool lose_one(orc_cluster *c, uint32_t index)
{
  orc_kv_transfers *h = &c->kv_transfers;
  const orc_kv_transfer v = h->at[index];
  orc_request *q = &c->requests.at[v.slot];
  if (v.sent) {
    orc_replica *to = &c->replicas[v.to];
    orc_kv_give(&to->kv, v.room);
    to->inbound--;
    orc_replica_disturb(to);
    orc_kv_transfer_room(c, v.to, c->engine.now);
    orc_phases_drained(c, v.to, c->engine.now);
  }
  if (q->aborted != 0) {
    end(c, index, (orc_status)q->aborted);
    return false;
  }
  h->lost++;
  release(c, &v);
  drop(c, index);
  orc_crash_forget(&c->replicas[v.from], v.slot);
  orc_router_load_end(c->loads, q);
  return true;
}

static uint32_t lose_outbound(orc_cluster *c, uint16_t replica, orc_slot *out)
{
  orc_kv_transfers *h = &c->kv_transfers;
  uint32_t n = 0;
  for (uint32_t i = 0; i < h->count; i++) {
    const orc_slot slot = h->at[i].slot;
    if (slot == ORC_NO_SLOT || h->at[i].from != replica) continue;
    if (waits(&h->at[i])) leave(c, i);
    if (lose_one(c, i)) out[n++] = slot;
  }
  for (int to = 0; n > 0 && to < c->replica_count; to++)
    orc_kv_transfer_room(c, (uint16_t)to, c->engine.now); /* the first in a list may be gone */
  return n;
}

uint32_t orc_kv_transfer_lose(orc_cluster *c, uint16_t replica, orc_slot *out)
{
  if (c->kv_transfers.moving == 0) return 0;
  if (c->replicas[replica].role == ORC_ROLE_DECODE) lose_inbound(c, replica);
  return c->replicas[replica].role == ORC_ROLE_PREFILL ? lose_outbound(c, replica, out) : 0;
}

void orc_kv_transfer_abort(orc_cluster *c, orc_slot slot, orc_status status)
{
  orc_kv_transfers *h = &c->kv_transfers;
  orc_request *q = &c->requests.at[slot];
  if (q->aborted != 0) return;
  q->aborted = (uint8_t)status;
  uint32_t index = 0;
  while (h->at[index].slot != slot)
    index++;
  if (!waits(&h->at[index])) return;
  const uint16_t to = leave(c, index);
  end(c, index, status);
  if (to == c->replica_count) return;
  orc_kv_transfer_room(c, to, c->engine.now); /* the next in the list may need less */
  orc_phases_drained(c, to, c->engine.now);
}

uint64_t orc_kv_transfer_stranded(const orc_cluster *c)
{
  const orc_kv_transfers *h = &c->kv_transfers;
  uint64_t n = 0;
  for (uint32_t i = h->first[c->replica_count]; i != ORC_NO_KV_TRANSFER; i = h->at[i].next)
    n++;
  return n;
}

/* ---- from outside ---- */

void orc_kv_transfer_begin(orc_cluster *c, uint16_t from, orc_slot slot, orc_time now)
{
  orc_kv_transfers *h = &c->kv_transfers;
  orc_request *q = &c->requests.at[slot];
  const uint32_t index = orc_kv_transfer_table_take(h);
  h->at[index] = (orc_kv_transfer){ .slot = slot,
                                    .from = from,
                                    .pending = 1,
                                    .part = h->layerwise ? q->unsent / q->computed : 1.0,
                                    .blocks = q->blocks,
                                    .shared = q->shared,
                                    .chain = q->chain };
  h->moving++;
  c->replicas[from].outbound++;
  orc_router_load_end(c->loads, q);
  orc_ledger_leave(c, q, ORC_PENDING);
  q->state = ORC_MOVING;
  orc_engine_at(&c->engine, now, ORC_CLASS_TRANSFER, ORC_EVENT_KV_TRANSFER, index);
}

void orc_kv_transfer_room(orc_cluster *c, uint16_t to, orc_time now)
{
  if (c->kv_transfers.first[to] == ORC_NO_KV_TRANSFER) return;
  orc_engine_at(&c->engine, now, ORC_CLASS_TRANSFER, ORC_EVENT_KV_TRANSFER, LOOK | to);
}
