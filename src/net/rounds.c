#include "net/rounds.h"

static int node(const orc_rounds *r, int rank)
{
  ORC_ASSERT(rank >= 0 || r->hub >= 0);
  return rank >= 0 ? r->nodes[rank] : r->hub;
}

static void landed(void *self, uint64_t arg);

/* Send one round; when there is none left, the plan is carried out. */
static void advance(orc_rounds *r)
{
  if (!r->more) {
    r->done(r->ctx, r->arg);
    return;
  }
  const int round = r->ahead.round;
  while (r->more && r->ahead.round == round) {
    const orc_transfer t = r->ahead;
    const orc_route *route =
        orc_topology_route(orc_net_topology(r->net), node(r, t.from), node(r, t.to), NULL);
    ORC_ASSERT(route != NULL);
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
  r->more = r->next(r->plan, &r->ahead);
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
