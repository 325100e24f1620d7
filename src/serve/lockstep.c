#include "serve/lockstep.h"

#include <stdlib.h>

#include "serve/execute.h"

/* Device `rank` of those that share the experts of a stage. */
static int device_of(const orc_lockstep *l, int stage, int rank)
{
  const int tp = l->first->cost.layout.tensor_parallel_size;
  return l->first[rank / tp].pipeline.stages[stage].devices[rank % tp];
}

/* The slowest way between any two ranks. */
static orc_group slowest(const orc_lockstep *l, orc_placement *p, orc_group g, int stage)
{
  g.latency = 0.0;
  g.bandwidth = 0.0;
  for (int a = 0; a < g.ranks; a++)
    for (int b = 0; b < g.ranks; b++) {
      if (a == b) continue;
      const orc_route *way =
          orc_topology_route(p->topology, device_of(l, stage, a), device_of(l, stage, b), NULL);
      ORC_ASSERT(way != NULL);
      if (way->latency > g.latency) g.latency = way->latency;
      if (g.bandwidth == 0.0 || way->bandwidth < g.bandwidth) g.bandwidth = way->bandwidth;
    }
  return g;
}

void orc_lockstep_init(orc_lockstep *l, orc_replica *first, int count, orc_placement *p)
{
  *l = (orc_lockstep){ .first = first, .count = count };
  l->ends = orc_alloc((size_t)first->lane_count, sizeof *l->ends);
  orc_lockstep_abandon(l);
  for (int i = 0; i < count; i++) {
    ORC_ASSERT(first[i].lane_count == first->lane_count && !first[i].crowded);
    first[i].lockstep = l;
    first[i].stepwise = true;
  }
  for (int stage = 0; p->topology != NULL && stage < first->pipeline.count; stage++) {
    const orc_group g = first->pipeline.stages[stage].cost.exchange;
    if (g.ranks < 2) continue;
    const orc_group own = slowest(l, p, g, stage);
    for (int i = 0; i < count; i++)
      first[i].pipeline.stages[stage].cost.exchange = own;
  }
}

void orc_lockstep_done(orc_lockstep *l)
{
  free(l->ends);
}

void orc_lockstep_abandon(orc_lockstep *l)
{
  for (int i = 0; i < l->first->lane_count; i++)
    l->ends[i] = -1;
}

/* Each forms its batch in a lane; *tokens: of all. */
static bool form(orc_lockstep *l, int lane, orc_time now, int64_t *tokens, orc_error *e)
{
  *tokens = 0;
  for (int i = 0; i < l->count; i++) {
    orc_replica *r = &l->first[i];
    bool work;
    orc_replica_count(r, now);
    r->now = now;
    r->lane = &r->lanes[lane];
    if (!orc_replica_form(r, &work, e)) return false;
    *tokens += work ? r->lane->batch.tokens : 0;
  }
  return true;
}

static bool begin(orc_lockstep *l, int lane, orc_time now, orc_error *e)
{
  int64_t tokens;
  if (!form(l, lane, now, &tokens, e)) return false;
  if (tokens == 0) return true;
  for (int i = 0; i < l->count; i++)
    l->first[i].all_tokens = tokens;
  const orc_time end = orc_execute_together(l->first, l->count, lane, now);
  for (int i = 0; i < l->count; i++)
    if (l->first[i].lane->batch.tokens > 0) orc_replica_started(&l->first[i], end);
  l->ends[lane] = end;
  const uint32_t subject = (uint32_t)lane << 16 | l->first->index;
  orc_engine_at_local(l->first->engine, end, ORC_CLASS_STEP, subject, ORC_EVENT_STEP_END, subject);
  return true;
}

bool orc_lockstep_step(orc_lockstep *l, orc_time now, orc_error *e)
{
  for (int i = 0; i < l->first->lane_count; i++)
    if (l->ends[i] < 0 && !begin(l, i, now, e)) return false;
  return true;
}

bool orc_lockstep_end(orc_lockstep *l, int lane)
{
  const orc_time now = l->first->engine->now;
  if (l->ends[lane] != now) return false;
  l->ends[lane] = -1;
  for (int i = 0; i < l->count; i++) {
    orc_replica *r = &l->first[i];
    r->lane = &r->lanes[lane];
    if (r->lane->busy)
      orc_replica_apply(r, now);
    else
      orc_replica_count(r, now);
  }
  return true;
}
