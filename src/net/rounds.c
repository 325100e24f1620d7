#include "net/rounds.h"

#include <stdlib.h>

typedef struct orc_leg {
  const orc_route *route;
  double bytes;
} orc_leg;

static const orc_route *route_of(orc_topology *t, const int *nodes, int hub, const orc_transfer *m)
{
  ORC_ASSERT((m->from >= 0 && m->to >= 0) || hub >= 0);
  const orc_route *route = orc_topology_route(t, m->from >= 0 ? nodes[m->from] : hub,
                                              m->to >= 0 ? nodes[m->to] : hub, NULL);
  ORC_ASSERT(route != NULL);
  return route;
}

void orc_itinerary_fill(orc_itinerary *it, orc_topology *t, const int *nodes, int hub,
                        orc_transfer_next *next, void *plan)
{
  int count = 0, round = -1;
  it->rounds = 0;
  for (orc_transfer m; next(plan, &m); count++) {
    if (count == it->leg_room) {
      it->leg_room = it->leg_room > 0 ? 2 * it->leg_room : 64;
      it->legs = orc_resize(it->legs, (size_t)it->leg_room, sizeof *it->legs);
    }
    if (it->rounds + 1 >= it->round_room) {
      it->round_room = it->round_room > 0 ? 2 * it->round_room : 16;
      it->first = orc_resize(it->first, (size_t)it->round_room, sizeof *it->first);
    }
    if (m.round != round) it->first[it->rounds++] = count;
    round = m.round;
    it->legs[count] = (orc_leg){ .route = route_of(t, nodes, hub, &m), .bytes = m.bytes };
  }
  if (it->rounds > 0) it->first[it->rounds] = count;
}

void orc_itinerary_done(orc_itinerary *it)
{
  free(it->first);
  free(it->legs);
  *it = (orc_itinerary){ 0 };
}

static void landed(void *self, uint64_t arg);

/* The next round of the itinerary; false: there is none. */
static bool go_on(orc_rounds *r)
{
  const orc_itinerary *it = r->itinerary;
  if (r->round == it->rounds) return false;
  const int begin = it->first[r->round], end = it->first[r->round + 1];
  r->round++;
  r->pending = end - begin;
  for (int i = begin; i < end; i++)
    orc_net_send(r->net, it->legs[i].route, it->legs[i].bytes, landed, r, 0);
  return true;
}

/* Send one round; when there is none left, the plan is carried out. */
static void advance(orc_rounds *r)
{
  if (r->itinerary != NULL && go_on(r)) return;
  if (!r->more) {
    r->done(r->ctx, r->arg);
    return;
  }
  const int round = r->ahead.round;
  while (r->more && r->ahead.round == round) {
    const orc_transfer t = r->ahead;
    const orc_route *route = route_of(orc_net_topology(r->net), r->nodes, r->hub, &t);
    r->pending++;
    orc_net_send(r->net, route, t.bytes, landed, r, 0);
    r->more = r->next(r->plan, &r->ahead);
    ORC_ASSERT(!r->more || r->ahead.round >= round);
  }
}

static void landed(void *self, uint64_t arg)
{
  (void)arg;
  orc_rounds *r = self;
  const orc_time now = orc_net_engine(r->net)->now;
  const double rest = orc_net_rest(r->net);
  if (now > r->last || rest > r->last_rest) r->last_rest = rest;
  r->last = now;
  if (--r->pending > 0) return;
  orc_net_carry_rest(r->net, r->last_rest);
  advance(r);
}

void orc_rounds_start(orc_rounds *r)
{
  r->pending = 0;
  r->last = -1;
  r->round = 0;
  r->more = r->itinerary == NULL && r->next(r->plan, &r->ahead);
  advance(r);
}

bool orc_rounds_check(orc_topology *t, const int *nodes, int ranks, int hub, orc_error *e)
{
  for (int a = 0; a < ranks; a++)
    for (int b = hub >= 0 ? -1 : 0; b < ranks; b++) {
      const int other = b < 0 ? hub : nodes[b];
      if (orc_topology_route(t, nodes[a], other, e) == NULL) return false;
      if (b < 0 && orc_topology_route(t, other, nodes[a], e) == NULL) return false;
    }
  return true;
}
