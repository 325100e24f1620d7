#include "serve/handover.h"

#include <math.h>
#include <stdlib.h>

#include "serve/cluster.h"
#include "serve/holding.h"

enum { NONE = UINT32_MAX };

/* Subjects of ORC_EVENT_HANDOVER: a handover, or this and a replica whose waiting ones look again.
 */
#define LOOK 0x80000000u

static void on_handover(void *self, uint32_t subject);

void orc_handovers_init(orc_cluster *c, bool layerwise)
{
  orc_handovers *h = &c->handovers;
  *h = (orc_handovers){ .layerwise = layerwise, .free = NONE };
  h->first = orc_alloc((size_t)c->replica_count, sizeof *h->first);
  h->last = orc_alloc((size_t)c->replica_count, sizeof *h->last);
  for (int i = 0; i < c->replica_count; i++)
    h->first[i] = h->last[i] = NONE;
  orc_engine_on(&c->engine, ORC_EVENT_HANDOVER, on_handover, c);
}

void orc_handovers_done(orc_handovers *h)
{
  free(h->at);
  free(h->first);
  free(h->last);
  *h = (orc_handovers){ 0 };
}

static uint32_t take(orc_handovers *h)
{
  if (h->free != NONE) {
    const uint32_t i = h->free;
    h->free = h->at[i].next;
    return i;
  }
  if (h->count == h->room) {
    h->room = h->room == 0 ? 64 : 2 * h->room;
    h->at = orc_resize(h->at, h->room, sizeof *h->at);
  }
  return h->count++;
}

int orc_handover_messages(int from_devices, int to_devices)
{
  return from_devices > to_devices ? from_devices : to_devices;
}

/*
** The part of a prompt's KV that is still to be sent when its last step is over. Layer by layer,
*each
** layer's goes while the next is computed: what is left is the last layer's, or, where sending is
** slower than computing, all that did not fit into the step.
*/
static double part_left(const orc_cluster *c, const orc_handover *v, double whole)
{
  if (!c->handovers.layerwise || whole <= 0.0) return 1.0;
  const double layers = c->replicas[v->from].cost.model.num_hidden_layers;
  const double step = (double)v->step * 1e-9;
  return fmax(1.0 / layers, 1.0 - step * (layers - 1.0) / layers / whole);
}

static double bytes_of(const orc_replica *r, const orc_request *q)
{
  const orc_step_cost *c = &r->cost;
  return (double)q->computed * c->model.num_hidden_layers * c->layout.tensor_parallel_size *
         orc_layout_layer_kv_bytes(&c->layout, &c->model);
}

static const orc_route *route(const orc_cluster *c, const orc_handover *v, int message)
{
  const orc_replica *from = &c->replicas[v->from], *to = &c->replicas[v->to];
  const int a = from->pipeline.stages[0].devices[message % orc_replica_devices(from)];
  const int b = to->pipeline.stages[0].devices[message % orc_replica_devices(to)];
  return orc_topology_route(c->placement.topology, a, b, NULL);
}

static int messages(const orc_cluster *c, const orc_handover *v)
{
  return orc_handover_messages(orc_replica_devices(&c->replicas[v->from]),
                               orc_replica_devices(&c->replicas[v->to]));
}

/* Its messages that cross a link. */
static int crossing(const orc_cluster *c, const orc_handover *v, int32_t link)
{
  int n = 0;
  for (int i = messages(c, v) - 1; i >= 0; i--) {
    const orc_route *r = route(c, v, i);
    for (int h = 0; h < r->hops; h++)
      n += r->links[h] == link;
  }
  return n;
}

/* s that all of it takes when nobody else sends: its fullest link decides. */
static double alone(const orc_cluster *c, const orc_handover *v, double bytes)
{
  const int n = messages(c, v);
  double most = 0.0;
  for (int i = 0; i < n; i++) {
    const orc_route *r = route(c, v, i);
    for (int h = 0; h < r->hops; h++) {
      const double bandwidth = orc_topology_link(c->placement.topology, r->links[h])->bandwidth;
      most = fmax(most, r->latency + crossing(c, v, r->links[h]) * bytes / n / bandwidth);
    }
  }
  return most;
}

/* What it holds at the replica that computed it goes back. */
static void release(orc_cluster *c, const orc_handover *v)
{
  orc_replica *from = &c->replicas[v->from];
  orc_request *q = &c->requests.at[v->slot];
  q->blocks = v->blocks;
  q->shared = v->shared;
  q->chain = v->chain;
  orc_holding_end(from, q);
  orc_replica_disturb(from);
}

static void drop(orc_cluster *c, uint32_t index)
{
  c->handovers.at[index].slot = ORC_NO_SLOT;
  c->handovers.at[index].next = c->handovers.free;
  c->handovers.free = index;
  c->handovers.moving--;
}

/* It goes no further: its client is gone, or no replica could ever hold it. */
static void end(orc_cluster *c, uint32_t index, orc_status status)
{
  const orc_handover v = c->handovers.at[index];
  release(c, &v);
  drop(c, index);
  c->requests.at[v.slot].state = ORC_DONE;
  orc_cluster_finished(c, v.slot, status, c->engine.now);
}

/* All of its KV is there: it waits to be admitted, with its prompt in memory. */
static void land(orc_cluster *c, uint32_t index)
{
  const orc_handover v = c->handovers.at[index];
  orc_request *q = &c->requests.at[v.slot];
  orc_replica *to = &c->replicas[v.to];
  orc_handovers *h = &c->handovers;
  h->moved++;
  h->bytes += bytes_of(&c->replicas[v.from], q);
  h->time += c->engine.now - q->last_token;
  to->inbound--;
  if (q->aborted != 0) {
    orc_kv_give(&to->kv, v.room);
    orc_replica_disturb(to);
    end(c, index, (orc_status)q->aborted);
    return;
  }
  release(c, &v);
  drop(c, index);
  q->replica = v.to;
  q->lane = 0;
  q->blocks = v.room;
  q->prefilled--; /* the token it computes next is of its answer */
  orc_replica_take_over(to, v.slot);
}

static void message_in(void *self, uint64_t index)
{
  orc_cluster *c = self;
  if (--c->handovers.at[index].pending == 0) land(c, (uint32_t)index);
}

/* Room is reserved: its KV sets out. */
static void set_out(orc_cluster *c, uint32_t index)
{
  orc_handover *v = &c->handovers.at[index];
  const orc_replica *from = &c->replicas[v->from];
  const double whole = bytes_of(from, &c->requests.at[v->slot]);
  const double bytes = whole * part_left(c, v, alone(c, v, whole));
  const int n = messages(c, v);
  v->sent = true;
  if (c->lod == ORC_LOD_MEDIUM && !from->high && !c->replicas[v->to].high) {
    const orc_time due = orc_time_after(c->engine.now, orc_time_of(alone(c, v, bytes)));
    v->pending = 1;
    orc_engine_at(&c->engine, due, ORC_CLASS_TRANSFER, ORC_EVENT_HANDOVER, index);
    return;
  }
  v->pending = n;
  for (int i = 0; i < n; i++)
    orc_net_send(c->crowd.net, route(c, v, i), bytes / n, message_in, c, index);
}

static bool reserve(orc_cluster *c, uint32_t index)
{
  orc_handover *v = &c->handovers.at[index];
  orc_kv *kv = &c->replicas[v->to].kv;
  const int64_t room = orc_kv_blocks(kv, (int64_t)c->requests.at[v->slot].computed + 1);
  if (!orc_kv_take(kv, room)) return false;
  v->room = (int32_t)room;
  return true;
}

/* The replica to decode it that the router picks; -1 where it has no opinion or its choice could
 * never hold it. A failure ends the run. */
static int ask(orc_cluster *c, orc_slot slot)
{
  orc_error e = { 0 };
  const orc_request *q = &c->requests.at[slot];
  int choice = 0;
  if (c->router.decode == NULL || c->fleet.decode_count < 2) return -1;
  c->asked = slot;
  const bool answered = c->router.decode(c->router.self, c, q, &choice, &e);
  c->asked = ORC_NO_SLOT;
  if (!answered) {
    orc_cluster_fail_about(c, "handing over", q, &e);
    return -1;
  }
  const uint16_t to = c->fleet.ready[choice];
  ORC_ASSERT(c->replicas[to].role == ORC_ROLE_DECODE);
  return orc_replica_never_fits(&c->replicas[to], q) ? -1 : to;
}

/* The replica to decode it: of those that could ever hold it the router's choice, or else the one
 * with the fewest requests. */
static int choose(orc_cluster *c, orc_slot slot)
{
  const orc_request *q = &c->requests.at[slot];
  int best = ask(c, slot);
  if (best >= 0) return best;
  for (int i = 0; i < c->replica_count; i++) {
    const orc_replica *r = &c->replicas[i];
    if (r->role != ORC_ROLE_DECODE || orc_replica_never_fits(r, q)) continue;
    if (best < 0 || orc_replica_in_flight(r) + r->inbound <
                        orc_replica_in_flight(&c->replicas[best]) + c->replicas[best].inbound)
      best = i;
  }
  return best;
}

static void wait(orc_cluster *c, uint32_t index)
{
  orc_handovers *h = &c->handovers;
  const uint16_t to = h->at[index].to;
  h->at[index].next = NONE;
  if (h->last[to] == NONE)
    h->first[to] = index;
  else
    h->at[h->last[to]].next = index;
  h->last[to] = index;
}

/* Those that wait at a replica go as far as there is room, in order. */
static void look(orc_cluster *c, uint16_t to)
{
  orc_handovers *h = &c->handovers;
  while (h->first[to] != NONE) {
    const uint32_t index = h->first[to];
    const uint8_t aborted = c->requests.at[h->at[index].slot].aborted;
    if (aborted == 0 && !reserve(c, index)) return;
    h->first[to] = h->at[index].next;
    if (h->first[to] == NONE) h->last[to] = NONE;
    if (aborted == 0) {
      set_out(c, index);
    } else {
      c->replicas[to].inbound--;
      end(c, index, (orc_status)aborted);
    }
  }
}

static void on_handover(void *self, uint32_t subject)
{
  orc_cluster *c = self;
  if ((subject & LOOK) != 0) {
    look(c, (uint16_t)(subject & 0xffff));
    return;
  }
  orc_handover *v = &c->handovers.at[subject];
  if (v->sent) {
    message_in(c, subject);
    return;
  }
  const int to = choose(c, v->slot);
  if (to < 0) {
    end(c, subject, ORC_REJECTED);
    return;
  }
  v->to = (uint16_t)to;
  c->replicas[to].inbound++;
  if (c->router.tracks) orc_load_add(&c->replicas[to], &c->requests.at[v->slot], 0);
  wait(c, subject);
  look(c, (uint16_t)to);
}

void orc_handover_begin(orc_cluster *c, uint16_t from, orc_slot slot, orc_time now)
{
  orc_handovers *h = &c->handovers;
  orc_request *q = &c->requests.at[slot];
  const uint32_t index = take(h);
  h->at[index] = (orc_handover){ .slot = slot,
                                 .from = from,
                                 .step = c->replicas[from].last_step,
                                 .blocks = q->blocks,
                                 .shared = q->shared,
                                 .chain = q->chain };
  h->moving++;
  orc_load_end(c, q);
  q->state = ORC_MOVING;
  orc_engine_at(&c->engine, now, ORC_CLASS_TRANSFER, ORC_EVENT_HANDOVER, index);
}

void orc_handover_room(orc_cluster *c, uint16_t to, orc_time now)
{
  if (c->handovers.first[to] == NONE) return;
  orc_engine_at(&c->engine, now, ORC_CLASS_TRANSFER, ORC_EVENT_HANDOVER, LOOK | to);
}
