#include "cluster/dispatch.h"

#include <stdlib.h>

#include "cluster/failure.h"
#include "cluster/least.h"
#include "cluster/slice.h"
#include "replica/block_table.h"
#include "replica/loop.h"
#include "replica/waiting.h"

/* No replica is ready: the request waits. */
static void hold(orc_cluster *c, orc_slot slot)
{
  orc_lifecycle *f = &c->lifecycle;
  if (f->unrouted_count == f->unrouted_room) {
    f->unrouted_room = orc_more_room(f->unrouted_room, 16);
    f->unrouted = orc_resize(f->unrouted, f->unrouted_room, sizeof *f->unrouted);
  }
  c->requests.at[slot].replica = ORC_NO_REPLICA;
  f->unrouted[f->unrouted_count++] = slot;
}

void orc_dispatch_forget(orc_cluster *c, orc_slot slot)
{
  orc_lifecycle *f = &c->lifecycle;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < f->unrouted_count; i++)
    if (f->unrouted[i] != slot) f->unrouted[kept++] = f->unrouted[i];
  f->unrouted_count = kept;
}

int orc_dispatch_home(const orc_cluster *c, const orc_request *q)
{
  const uint16_t home = q->in.last_replica;
  if (home == ORC_NO_REPLICA) return -1;
  for (int i = 0; i < c->lifecycle.ready_count; i++)
    if (c->lifecycle.ready[i] == home) return i;
  return -1;
}

void orc_dispatch(orc_cluster *c, orc_slot slot)
{
  orc_error e;
  orc_error_clear(&e);
  orc_request *q = &c->requests.at[slot];
  const orc_router *router = &c->router;
  const int ready = c->lifecycle.ready_count;
  int choice = 0;
  if (ready == 0) {
    hold(c, slot);
    return;
  }
  const int choices = ready + c->lifecycle.decode_count;
  if (router->route != NULL && choices > 1 && !router->route(router->self, c, q, &choice, &e)) {
    orc_failure_about(c, "routing", q, &e);
    return;
  }
  ORC_ASSERT(choice >= 0 && choice < choices);
  orc_replica *r = &c->replicas[c->lifecycle.ready[choice]];
  if (c->slice != NULL && !orc_slice_serves(c, r, slot)) return;
  q->replica = q->routed_to = r->index;
  orc_loop_settle(r);
  if (router->tracks)
    orc_router_load_add(&c->loads[r->index], q,
                        orc_request_target(q) - orc_block_table_match(r, q));
  if (!orc_waiting_enqueue(r, slot, &e)) orc_failure_at(c, r, &e);
  orc_least_note(c, r);
}

void orc_dispatch_unrouted(orc_cluster *c)
{
  orc_lifecycle *f = &c->lifecycle;
  const uint32_t n = f->unrouted_count;
  if (n == 0 || f->ready_count == 0) return;
  orc_slot *list = f->unrouted;
  f->unrouted = NULL;
  f->unrouted_count = f->unrouted_room = 0;
  for (uint32_t i = 0; i < n && c->failure.code == 0; i++)
    orc_dispatch(c, list[i]);
  free(list);
}
