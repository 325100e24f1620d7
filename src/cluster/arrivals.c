#include "cluster/arrivals.h"

#include "cluster/failure.h"

/* When a request sent at its time is there; one does not overtake another on the clients' link. */
static orc_time reaches(const orc_cluster *c, const orc_arrival *a)
{
  const double ns = c->token_overhead * a->prompt + 0.5;
  const orc_time way = orc_time_after(c->overhead, ns < 0x1p63 ? (orc_time)ns : ORC_END);
  const orc_time t = orc_time_after(a->time, way);
  return t > c->engine.now ? t : c->engine.now;
}

void orc_arrivals_expect(orc_cluster *c, uint32_t source, uint16_t from, const orc_arrival *a)
{
  if (c->future_free_count == 0) {
    const uint32_t room = orc_more_room(c->future_room, 64);
    c->future = orc_resize(c->future, room, sizeof *c->future);
    c->future_free = orc_resize(c->future_free, room, sizeof *c->future_free);
    for (uint32_t i = room; i > c->future_room; i--)
      c->future_free[c->future_free_count++] = i - 1;
    c->future_room = room;
  }
  const uint32_t index = c->future_free[--c->future_free_count];
  c->future[index] = *a;
  c->future[index].source = source;
  c->future[index].last_replica = a->turn > 1 ? from : ORC_NO_REPLICA;
  c->expected++;
  orc_engine_at(&c->engine, reaches(c, a), ORC_CLASS_ARRIVAL, ORC_EVENT_FOLLOW, index);
}

orc_arrival orc_arrivals_take(orc_cluster *c, uint32_t index)
{
  c->future_free[c->future_free_count++] = index;
  return c->future[index];
}

void orc_arrivals_draw(orc_cluster *c, uint32_t source)
{
  orc_error e;
  orc_error_clear(&e);
  orc_arrival *a = &c->pending[source];
  const orc_source *s = &c->sources[source];
  if (!s->next(s->self, a, &e)) {
    if (e.code != 0) orc_failure(c, &e);
    return;
  }
  a->source = source;
  a->last_replica = ORC_NO_REPLICA;
  c->expected++;
  orc_engine_at_key(&c->engine, reaches(c, a), ORC_CLASS_ARRIVAL, source, ORC_EVENT_ARRIVAL,
                    source);
}

bool orc_arrivals_let_come(orc_cluster *c)
{
  if (c->left == 0) return false;
  if (--c->left == 0) {
    c->expected = 1;
    c->open = false;
  }
  return true;
}
