#include "cluster/placement.h"

#include <stdlib.h>

#include "device/tp_group.h"

void orc_placement_init(orc_placement *p, orc_topology *topology)
{
  *p = (orc_placement){ .topology = topology };
  if (topology == NULL) return;
  const size_t links = (size_t)orc_topology_links(topology);
  p->crossings = orc_alloc(links + 1, sizeof *p->crossings);
  p->use = orc_alloc(links + 1, sizeof *p->use);
}

void orc_placement_done(orc_placement *p)
{
  free(p->crossings);
  free(p->use);
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

/* Sends between stages are as slow as the slowest of their ways. */
static void widen(orc_placement *p, orc_group *g, int from, int to)
{
  const orc_route *r = route(p, from, to);
  if (r->latency > g->latency) g->latency = r->latency;
  if (g->bandwidth == 0.0 || r->bandwidth < g->bandwidth) g->bandwidth = r->bandwidth;
  if (r->overhead > g->overhead) g->overhead = r->overhead;
  orc_placement_join(p, from, to);
}

/* The group of a stage gets its ways, and their links are noted. */
static void put_group(orc_placement *p, orc_pipe_stage *s)
{
  const orc_tp_group site =
      orc_tp_group_of(p->topology, s->devices, s->cost->layout.tensor_parallel_size);
  const orc_layout *l = &s->cost->layout;
  const bool measured =
      l->all_reduce == ORC_ALGORITHM_AUTO &&
      orc_tp_group_measured(&site, &l->measured.all_reduce,
                            orc_hardware_peer_link(&s->cost->hardware), &s->cost->reduce);
  const bool whole =
      measured || orc_tp_group_all_reduce(&site, l->all_reduce, &s->cost->reduce, NULL);
  ORC_ASSERT(whole);
  s->hub = site.hub;
  orc_tp_group_use(&site, &s->cost->reduce, p->use);
  for (int i = 0; i < orc_topology_links(p->topology); i++)
    p->crossings[i] += p->use[i];
}

void orc_placement_put(orc_placement *p, orc_pipeline *pipeline, const int *devices)
{
  for (int i = 0; p->topology != NULL && i < pipeline->count; i++) {
    orc_pipe_stage *s = &pipeline->stages[i];
    const int ranks = s->cost->layout.tensor_parallel_size;
    orc_group next = { .ranks = 2, .loggp = orc_topology_is_loggp(p->topology) };
    s->devices = devices + (ptrdiff_t)i * ranks;
    if (ranks > 1) put_group(p, s);
    for (int k = 0; i + 1 < pipeline->count && k < ranks; k++)
      widen(p, &next, s->devices[k], s->devices[k + ranks]);
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

/* Whether others use a link of the group too, or its own messages meet there. */
static bool group_shares(const orc_placement *p, const orc_pipe_stage *s)
{
  const orc_tp_group site = { .topology = p->topology,
                              .devices = s->devices,
                              .ranks = s->cost->layout.tensor_parallel_size,
                              .hub = s->hub };
  orc_tp_group_use(&site, &s->cost->reduce, p->use);
  for (int i = 0; i < orc_topology_links(p->topology); i++)
    if (p->use[i] > 0 && p->crossings[i] > 1) return true;
  return false;
}

bool orc_placement_shared(const orc_placement *p, const orc_pipeline *pipeline)
{
  for (int i = 0; p->topology != NULL && i < pipeline->count; i++) {
    const orc_pipe_stage *s = &pipeline->stages[i];
    const int ranks = s->cost->layout.tensor_parallel_size;
    if (ranks > 1 && group_shares(p, s)) return true;
    for (int k = 0; i + 1 < pipeline->count && k < ranks; k++)
      if (used_twice(p, s->devices[k], s->devices[k + ranks])) return true;
  }
  return false;
}
