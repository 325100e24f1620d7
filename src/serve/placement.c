#include "serve/placement.h"

#include <stdlib.h>

void orc_placement_init(orc_placement *p, orc_topology *topology)
{
  *p = (orc_placement){ .topology = topology };
  if (topology == NULL) return;
  p->crossings = orc_alloc((size_t)orc_topology_links(topology) + 1, sizeof *p->crossings);
}

void orc_placement_done(orc_placement *p)
{
  free(p->crossings);
  *p = (orc_placement){ 0 };
}

static const orc_route *route(const orc_placement *p, int from, int to)
{
  const orc_route *r = orc_topology_route(p->topology, from, to, NULL);
  ORC_ASSERT(r != NULL);
  return r;
}

void orc_placement_join(orc_placement *p, int from, int to)
{
  const orc_route *r = route(p, from, to);
  for (int i = 0; i < r->hops; i++)
    p->crossings[r->links[i]]++;
}

/* A group is as slow as the slowest of the ways its messages take. */
static void widen(orc_placement *p, orc_group *g, int from, int to)
{
  const orc_route *r = route(p, from, to);
  if (r->latency > g->latency) g->latency = r->latency;
  if (g->bandwidth == 0.0 || r->bandwidth < g->bandwidth) g->bandwidth = r->bandwidth;
  orc_placement_join(p, from, to);
}

void orc_placement_put(orc_placement *p, orc_pipeline *pipeline, const int *devices)
{
  for (int i = 0; p->topology != NULL && i < pipeline->count; i++) {
    orc_pipe_stage *s = &pipeline->stages[i];
    const int ranks = s->cost.layout.tensor_parallel_size;
    orc_group ring = { .ranks = ranks }, next = { .ranks = 2 };
    s->devices = devices + (ptrdiff_t)i * ranks;
    for (int k = 0; ranks > 1 && k < ranks; k++)
      widen(p, &ring, s->devices[k], s->devices[(k + 1) % ranks]);
    for (int k = 0; i + 1 < pipeline->count && k < ranks; k++)
      widen(p, &next, s->devices[k], s->devices[k + ranks]);
    if (ranks > 1) s->cost.group = s->detail.group = ring;
    s->next = next;
  }
}

static bool used_twice(const orc_placement *p, int from, int to)
{
  const orc_route *r = route(p, from, to);
  for (int i = 0; i < r->hops; i++)
    if (p->crossings[r->links[i]] > 1) return true;
  return false;
}

bool orc_placement_shared(const orc_placement *p, const orc_pipeline *pipeline)
{
  for (int i = 0; p->topology != NULL && i < pipeline->count; i++) {
    const orc_pipe_stage *s = &pipeline->stages[i];
    const int ranks = s->cost.layout.tensor_parallel_size;
    for (int k = 0; k < ranks; k++) {
      const int next = s->devices[(k + 1) % ranks];
      if (ranks > 1 && used_twice(p, s->devices[k], next)) return true;
      if (i + 1 < pipeline->count && used_twice(p, s->devices[k], s->devices[k + ranks]))
        return true;
    }
  }
  return false;
}
