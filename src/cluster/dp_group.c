#include "cluster/dp_group.h"

#include <stdlib.h>

#include "replica/loop.h"
#include "replica/step_time.h"
#include "replica/usage.h"

/* Device `rank` of those that share the experts of a stage. */
static int device_of(const orc_dp_group *l, int stage, int rank)
{
  const int tp = l->first->cost->layout.tensor_parallel_size;
  return l->first[rank / tp].pipeline.stages[stage].devices[rank % tp];
}

/* The slowest way between any two ranks. */
static orc_group slowest(const orc_dp_group *l, orc_placement *p, orc_group g, int stage)
{
  g.latency = 0.0;
  g.bandwidth = 0.0;
  g.loggp = orc_topology_is_loggp(p->topology);
  for (int a = 0; a < g.ranks; a++)
    for (int b = 0; b < g.ranks; b++) {
      if (a == b) continue;
      const orc_route *way =
          orc_topology_route(p->topology, device_of(l, stage, a), device_of(l, stage, b), NULL);
      ORC_ASSERT(way != NULL);
      if (way->latency > g.latency) g.latency = way->latency;
      if (g.bandwidth == 0.0 || way->bandwidth < g.bandwidth) g.bandwidth = way->bandwidth;
      if (way->overhead > g.overhead) g.overhead = way->overhead;
      if (way->gap > g.gap) g.gap = way->gap;
    }
  return g;
}

void orc_dp_group_init(orc_dp_group *l, orc_replica *first, int count, orc_placement *p)
{
  *l = (orc_dp_group){ .first = first, .count = count };
  l->ends = orc_alloc((size_t)first->microbatch_count, sizeof *l->ends);
  orc_dp_group_abandon(l);
  for (int i = 0; i < count; i++) {
    ORC_ASSERT(first[i].microbatch_count == first->microbatch_count && first[i].contended == NULL);
    first[i].lockstep = true;
    first[i].stepwise = true;
  }
  for (int stage = 0; p->topology != NULL && stage < first->pipeline.count; stage++) {
    const orc_group g = first->pipeline.stages[stage].cost->exchange;
    if (g.ranks < 2) continue;
    const orc_group own = slowest(l, p, g, stage);
    for (int i = 0; i < count; i++)
      first[i].pipeline.stages[stage].cost->exchange = own;
  }
}

void orc_dp_group_done(orc_dp_group *l)
{
  free(l->ends);
}

void orc_dp_group_abandon(orc_dp_group *l)
{
  for (int i = 0; i < l->first->microbatch_count; i++)
    l->ends[i] = -1;
}

/* Each forms its batch in a microbatch; *tokens: of all. */
static bool form(const orc_dp_group *l, int microbatch, orc_time now, int64_t *tokens, orc_error *e)
{
  *tokens = 0;
  for (int i = 0; i < l->count; i++) {
    orc_replica *r = &l->first[i];
    orc_microbatch *m = &r->microbatches[microbatch];
    bool work;
    orc_usage_count(r, now);
    r->now = now;
    if (!orc_loop_form(r, m, &work, e)) return false;
    *tokens += work ? m->tokens : 0;
  }
  return true;
}

static bool begin(orc_dp_group *l, int microbatch, orc_time now, orc_error *e)
{
  int64_t tokens;
  if (!form(l, microbatch, now, &tokens, e)) return false;
  if (tokens == 0) return true;
  for (int i = 0; i < l->count; i++)
    l->first[i].microbatches[microbatch].all_tokens = tokens;
  const orc_time end = orc_step_time_together(l->first, l->count, microbatch, now);
  for (int i = 0; i < l->count; i++) {
    orc_microbatch *m = &l->first[i].microbatches[microbatch];
    if (m->tokens > 0) orc_loop_started(&l->first[i], m, end);
  }
  l->ends[microbatch] = end;
  const uint32_t subject = (uint32_t)microbatch << 16 | l->first->index;
  orc_engine_at_local(l->first->engine, end, ORC_CLASS_STEP, subject, ORC_EVENT_STEP_END, subject);
  return true;
}

bool orc_dp_group_step(orc_dp_group *l, orc_time now, orc_error *e)
{
  for (int i = 0; i < l->first->microbatch_count; i++)
    if (l->ends[i] < 0 && !begin(l, i, now, e)) return false;
  return true;
}

bool orc_dp_group_end(orc_dp_group *l, int microbatch)
{
  const orc_time now = l->first->engine->now;
  if (l->ends[microbatch] != now) return false;
  l->ends[microbatch] = -1;
  for (int i = 0; i < l->count; i++) {
    orc_replica *r = &l->first[i];
    orc_microbatch *m = &r->microbatches[microbatch];
    if (m->busy)
      orc_loop_apply(r, m, now);
    else
      orc_usage_count(r, now);
  }
  return true;
}
