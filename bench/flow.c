/*
** flow.c - speed of transfers: where nobody shares a link, and where thousands do.
*/
#include "net/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/rng.h"
#include "cost/schedule.h"
#include "net/rounds.h"
#include "net/share.h"

enum { KIND = 1, RING = 8 };

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct scene {
  orc_topology *t;
  orc_engine engine;
  orc_net *net;
  orc_rng rng;
  uint64_t left;
  double bytes;
} scene;

static void open_scene(scene *s, const char *name, const orc_topology_shape *shape)
{
  *s = (scene){ .t = orc_topology_build(name, shape, NULL), .bytes = 1e5 };
  s->net = orc_net_new(s->t, &s->engine, KIND);
  s->rng = orc_rng_stream(1, ORC_FOR_TESTS, 0);
}

static void close_scene(scene *s)
{
  orc_net_free(s->net);
  orc_engine_done(&s->engine);
  orc_topology_free(s->t);
}

/* Each GPU sends to the next in its ring as soon as its last transfer came in. */
static void pass_on(void *self, uint64_t gpu)
{
  scene *s = self;
  if (s->left == 0) return;
  s->left--;
  const int from = (int)gpu, to = from % RING == RING - 1 ? from - RING + 1 : from + 1;
  orc_net_send(s->net, orc_topology_route(s->t, from, to, NULL), s->bytes, pass_on, s, gpu);
}

static void unshared(const char *name, int hosts, uint64_t transfers)
{
  scene s;
  open_scene(&s, name, &(orc_topology_shape){ .gpus = RING, .hosts = hosts });
  s.left = transfers;
  const double start = now();
  for (uint64_t g = 0; g < (uint64_t)(RING * hosts); g++)
    pass_on(&s, g);
  while (orc_engine_next(&s.engine) < ORC_NEVER)
    orc_engine_step(&s.engine);
  const double took = now() - start;
  printf("  %-12s %4d GPUs in rings of 8: %6.1f M transfers/s (%.0f ns each, %llu solves)\n", name,
         RING * hosts, 1e-6 * (double)transfers / took, 1e9 * took / (double)transfers,
         (unsigned long long)orc_net_counted(s.net).solved);
  close_scene(&s);
}

/* All-reduce after all-reduce, as their real messages. */
typedef struct chorus {
  scene s;
  orc_itinerary itinerary;
  orc_rounds rounds;
} chorus;

static void once_more(void *self, uint64_t arg)
{
  (void)arg;
  chorus *c = self;
  if (c->s.left == 0) return;
  c->s.left--;
  orc_rounds_start(&c->rounds);
}

static void all_reduces(int ranks, uint64_t count)
{
  static const int nodes[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
  const orc_fabric f = { .near = { ranks, 1e-6, 75e9 } };
  chorus c = { .itinerary = { 0 } };
  open_scene(&c.s, "nvlink_mesh", &(orc_topology_shape){ .gpus = ranks, .bandwidth = 75e9 });
  c.s.left = count;
  orc_schedule schedule = orc_schedule_of(ORC_COLLECTIVE_ALL_REDUCE, ORC_ALGORITHM_RING, &f, 1e6);
  orc_itinerary_fill(&c.itinerary, c.s.t, nodes, -1, orc_schedule_next, &schedule);
  c.rounds = (orc_rounds){ .net = c.s.net, .itinerary = &c.itinerary };
  c.rounds.done = once_more;
  c.rounds.ctx = &c;
  const double start = now();
  once_more(&c, 0);
  while (orc_engine_next(&c.s.engine) < ORC_NEVER)
    orc_engine_step(&c.s.engine);
  const double took = now() - start, messages = (double)orc_net_counted(c.s.net).sent;
  printf("  ring all-reduces of %d ranks: %.1f M transfers/s (%.0f ns each)\n", ranks,
         1e-6 * messages / took, 1e9 * took / messages);
  orc_itinerary_done(&c.itinerary);
  close_scene(&c.s);
}

/* Whoever came in is replaced by another between two random GPUs: `flows` are always under way. */
static void replace(void *self, uint64_t arg)
{
  scene *s = self;
  if (s->left == 0) return;
  s->left--;
  const uint64_t devices = 128;
  const int from = (int)orc_rng_below(&s->rng, devices), to = (int)orc_rng_below(&s->rng, devices);
  const double bytes = s->bytes * (0.5 + orc_rng_uniform(&s->rng));
  orc_net_send(s->net, orc_topology_route(s->t, from, to, NULL), bytes, replace, s, arg);
}

static void contended(const char *name, const orc_topology_shape *shape, uint64_t flows,
                      uint64_t changes)
{
  scene s;
  open_scene(&s, name, shape);
  s.bytes = 1e9;
  s.left = flows + changes;
  for (uint64_t i = 0; i < flows; i++)
    replace(&s, i);
  while (s.left > changes / 2)
    orc_engine_step(&s.engine);
  const double start = now();
  while (s.left > 0)
    orc_engine_step(&s.engine);
  const double took = now() - start;
  printf("  %-12s %6llu flows under way on %5d links: %8.1f us per transfer\n", name,
         (unsigned long long)flows, orc_topology_links(s.t), 1e6 * took / ((double)changes / 2.0));
  close_scene(&s);
}

/* Islands of 8 flows on 4 links: what one change costs must not depend on how many islands there
 * are. */
static void islands(uint32_t count)
{
  enum { LINKS = 4, FLOWS = 8, CHANGES = 200000 };
  double *capacity = orc_alloc((size_t)count * LINKS, sizeof *capacity);
  int32_t *routes = orc_alloc((size_t)count * FLOWS * 2, sizeof *routes);
  for (uint32_t i = 0; i < count * LINKS; i++)
    capacity[i] = 1.0 + i % 3;
  orc_share *s = orc_share_new(capacity, (int)(count * LINKS));
  const uint32_t *changed;
  for (uint32_t f = 0; f < count * FLOWS; f++) {
    routes[2 * f] = (int32_t)(f / FLOWS * LINKS + f % LINKS);
    routes[2 * f + 1] = (int32_t)(f / FLOWS * LINKS + (f + 1) % LINKS);
    orc_share_add(s, f, &routes[2 * f], 2);
  }
  orc_share_solve(s, &changed);
  orc_rng rng = orc_rng_stream(1, ORC_FOR_TESTS, 0);
  const double start = now();
  for (int i = 0; i < CHANGES; i++) {
    const uint32_t f = (uint32_t)orc_rng_below(&rng, count * FLOWS);
    orc_share_remove(s, f);
    orc_share_solve(s, &changed);
    orc_share_add(s, f, &routes[2 * f], 2);
    orc_share_solve(s, &changed);
  }
  printf("  %6u flows in islands of 8: %.2f us per change\n", count * FLOWS,
         1e6 * (now() - start) / (2.0 * CHANGES));
  orc_share_free(s);
  free(capacity);
  free(routes);
}

int main(void)
{
  puts("transfers that share nothing");
  unshared("nvlink_mesh", 1, 20000000);
  unshared("nvlink_mesh", 16, 20000000);
  unshared("nvswitch", 1, 20000000);
  all_reduces(2, 2000000);
  all_reduces(8, 80000);
  puts("one flow leaves and one comes");
  islands(1);
  islands(1250);
  contended("nvswitch", &(orc_topology_shape){ .hosts = 16 }, 100, 20000);
  contended("fat_tree", &(orc_topology_shape){ .k = 8 }, 1000, 4000);
  contended("fat_tree", &(orc_topology_shape){ .k = 8 }, 10000, 2000);
  return 0;
}
