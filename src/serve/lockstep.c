#include "serve/lockstep.h"

/* The slowest way between any two ranks. */
static orc_group slowest(orc_placement *p, orc_group g, const int *devices)
{
  g.latency = 0.0;
  g.bandwidth = 0.0;
  for (int a = 0; a < g.ranks; a++)
    for (int b = 0; b < g.ranks; b++) {
      if (a == b) continue;
      const orc_route *way = orc_topology_route(p->topology, devices[a], devices[b], NULL);
      ORC_ASSERT(way != NULL);
      if (way->latency > g.latency) g.latency = way->latency;
      if (g.bandwidth == 0.0 || way->bandwidth < g.bandwidth) g.bandwidth = way->bandwidth;
    }
  return g;
}

void orc_lockstep_init(orc_lockstep *l, orc_replica *first, int count, orc_placement *p)
{
  *l = (orc_lockstep){ .first = first, .count = count };
  for (int i = 0; i < count; i++) {
    orc_replica *r = &first[i];
    orc_step_cost *cost = &r->pipeline.stages[0].cost;
    ORC_ASSERT(r->lane_count == 1 && !r->crowded);
    r->lockstep = l;
    r->stepwise = true;
    if (p->topology != NULL && cost->exchange.ranks > 1)
      cost->exchange = slowest(p, cost->exchange, first->pipeline.stages[0].devices);
  }
}

bool orc_lockstep_step(orc_lockstep *l, orc_time now, orc_error *e)
{
  if (l->busy) return true;
  int64_t tokens = 0;
  for (int i = 0; i < l->count; i++) {
    orc_replica *r = &l->first[i];
    bool work;
    r->now = now;
    if (!orc_replica_form(r, &work, e)) return false;
    tokens += work ? r->lane->batch.tokens : 0;
  }
  if (tokens == 0) return true;
  orc_time end = now;
  for (int i = 0; i < l->count; i++) {
    orc_replica *r = &l->first[i];
    if (r->lane->batch.tokens == 0) continue;
    r->all_tokens = tokens;
    orc_replica_start(r);
    if (r->lane->end > end) end = r->lane->end;
  }
  for (int i = 0; i < l->count; i++) {
    l->first[i].lane->end = end;
    if (l->first[i].lane->busy) l->first[i].last_step = end - now;
  }
  l->busy = true;
  const uint32_t subject = l->first->index;
  orc_engine_at_local(l->first->engine, end, ORC_CLASS_STEP, subject, ORC_EVENT_STEP_END, subject);
  return true;
}

bool orc_lockstep_end(orc_lockstep *l, orc_error *e)
{
  const orc_time now = l->first->engine->now;
  l->busy = false;
  for (int i = 0; i < l->count; i++) {
    orc_replica *r = &l->first[i];
    if (r->lane->busy)
      orc_replica_apply(r, now);
    else
      r->counted = now;
  }
  return orc_lockstep_step(l, now, e);
}
