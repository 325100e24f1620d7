/*
** Laws of collectives:
** - time never falls as bytes grow, or as bandwidth falls or latency grows; one rank is free;
** - a ring all-reduce is a reduce-scatter and an all-gather; no all-reduce is shorter than the
**   reduce-scatter of the same algorithm;
** - auto is no dearer than any algorithm offered;
** - LogGP with o = g = 0 and long messages is alpha-beta;
** - the messages of a schedule, carried out on an idle network, take the time of the formula.
*/
#include "cost/collective.h"
#include "base/rng.h"
#include "cost/schedule.h"
#include "net/rounds.h"

#include "test.h"

enum { KIND = 1, MOST = 33 };

static const double sizes[] = { 0.0,   1.0,    100.0,     4096.0, 65536.0, 1e6,
                                4.2e6, 33.3e6, 268435456, 1e9,    2e9 };
enum { SIZES = sizeof sizes / sizeof *sizes };

static orc_fabric some_fabric(orc_rng *r)
{
  orc_fabric f = {
    .near = { 1 + (int)orc_rng_below(r, 16), 1e-7 * (double)orc_rng_below(r, 100),
              1e9 * (double)(1 + orc_rng_below(r, 900)) },
    .in_switch = orc_rng_below(r, 2) == 1,
  };
  if (orc_rng_below(r, 2) == 1) f.port = f.near.bandwidth * (double)(1 + orc_rng_below(r, 15));
  if (orc_rng_below(r, 3) == 0)
    f.far = (orc_group){ .ranks = 1 + (int)orc_rng_below(r, 5),
                         .latency = 1e-6 * (double)(1 + orc_rng_below(r, 10)),
                         .bandwidth = 1e9 * (double)(1 + orc_rng_below(r, 50)) };
  return f;
}

static void never_falls(orc_collective c, orc_algorithm a, const orc_fabric *f)
{
  bool rising = true, dearer = true;
  double last = 0.0;
  orc_fabric worse = *f;
  worse.near.latency *= 1.5;
  worse.near.bandwidth /= 1.5;
  worse.port /= 1.5;
  for (double s = 0.5; s < 1e10; s *= 1.07) {
    const double t = orc_collective_time(c, a, f, s);
    rising &= t >= last * (1.0 - 1e-12);
    dearer &= orc_collective_time(c, a, &worse, s) >= t;
    last = t;
  }
  CLAIM("time never falls with bytes");
  CHECK(rising);
  CLAIM("slower links never take less time");
  CHECK(dearer);
}

static void on_paper(uint64_t index)
{
  orc_rng r = orc_rng_stream(11, ORC_FOR_TESTS, index);
  const orc_fabric f = some_fabric(&r);
  CLAIM("the fabrics drawn are valid");
  CHECK(orc_fabric_check(&f, NULL));
  for (orc_collective c = 0; c < ORC_COLLECTIVES; c++) {
    const double s = 1e7 * orc_rng_uniform(&r),
                 cheapest = orc_collective_time(c, ORC_ALGORITHM_AUTO, &f, s);
    for (orc_algorithm a = 0; a <= ORC_ALGORITHM_AUTO; a++) {
      if (!orc_collective_offers(c, a, &f)) continue;
      if (index < 40) never_falls(c, a, &f);
      const double t = orc_collective_time(c, a, &f, s);
      CLAIM("one rank takes no time, several take some");
      CHECK(orc_fabric_ranks(&f) == 1 ? t == 0.0 : t > 0.0);
      CLAIM("auto is the quickest");
      CHECK(cheapest <= t);
      if (c == ORC_COLLECTIVE_ALL_REDUCE &&
          orc_collective_offers(ORC_COLLECTIVE_REDUCE_SCATTER, a, &f)) {
        CLAIM("an all-reduce takes no less than its reduce-scatter");
        CHECK(t >= orc_collective_time(ORC_COLLECTIVE_REDUCE_SCATTER, a, &f, s));
      }
    }
    orc_fabric alone = f;
    alone.near.ranks = 1;
    alone.far.ranks = 1;
    CLAIM("one rank takes no time, several take some");
    CHECK(orc_collective_time(c, ORC_ALGORITHM_AUTO, &alone, s) == 0.0);
  }
  const double s = 1e9 * orc_rng_uniform(&r);
  const double halves =
      orc_collective_time(ORC_COLLECTIVE_REDUCE_SCATTER, ORC_ALGORITHM_RING, &f, s) +
      orc_collective_time(ORC_COLLECTIVE_ALL_GATHER, ORC_ALGORITHM_RING, &f, s);
  CLAIM("a ring's all-reduce is a reduce-scatter and an all-gather");
  NEAR(orc_collective_time(ORC_COLLECTIVE_ALL_REDUCE, ORC_ALGORITHM_RING, &f, s), halves, 1e-12);
}

/* A message of k bytes has k - 1 after its first: the models differ by G per message. The smallest
** message here, 1/256 of half of 1e7 B, is 19,531 B: 1 part in 19,531. */
/* Costs never fall as bytes grow, and never as the ends take longer. */
static void loggp_grows(void)
{
  orc_rng r = orc_rng_stream(11, ORC_FOR_TESTS, 0);
  for (int i = 0; i < 300; i++) {
    orc_fabric f = some_fabric(&r);
    f.near.loggp = f.far.loggp = true;
    f.near.overhead = 1e-7 * (double)orc_rng_below(&r, 50);
    f.near.gap = 1e-7 * (double)orc_rng_below(&r, 80);
    orc_fabric slower = f;
    slower.near.overhead += 1e-6;
    for (orc_collective c = 0; c < ORC_COLLECTIVES; c++)
      for (orc_algorithm a = 0; a <= ORC_ALGORITHM_AUTO; a++) {
        if (!orc_collective_offers(c, a, &f) || orc_fabric_ranks(&f) < 2) continue;
        double before = 0.0;
        for (int k = 0; k < SIZES; k++) {
          const double t = orc_collective_time(c, a, &f, sizes[k]);
          CHECK(t >= before * (1.0 - 1e-12));
          CHECK(orc_collective_time(c, a, &slower, sizes[k]) >= t);
          before = t;
        }
      }
  }
}

static void loggp_is_alpha_beta(void)
{
  const orc_loggp l = { .latency = 2e-6, .gap_per_byte = 1e-11 };
  for (int p = 2; p <= 16; p *= 2)
    for (orc_collective c = 0; c < ORC_COLLECTIVES; c++)
      for (orc_algorithm a = 0; a < ORC_ALGORITHMS; a++) {
        const orc_fabric f = { .near = { p, 2e-6, 1e11 } };
        if (!orc_collective_offers(c, a, &f)) continue;
        NEAR(orc_collective_loggp(c, a, &l, p, 1e7), orc_collective_time(c, a, &f, 1e7), 6e-5);
      }
}

/* ---- carried out ---- */

typedef struct scene {
  orc_engine engine;
  orc_net *net;
  double end; /* s */
} scene;

static void ended(void *self, uint64_t arg)
{
  (void)arg;
  scene *s = self;
  s->end = ((double)s->engine.now + orc_net_rest(s->net)) * 1e-9;
}

typedef struct place {
  orc_topology *t;
  int nodes[MOST];
  int ranks, hub;
} place;

/* The ranks are the topology's first devices. */
static place open_place(const char *name, orc_topology_shape shape)
{
  place p = { .t = orc_topology_build(name, &shape, NULL), .ranks = shape.gpus * shape.hosts };
  for (int i = 0; i < p.ranks; i++)
    p.nodes[i] = i;
  p.hub = orc_topology_find(p.t, "host0.nvswitch");
  CHECK(orc_rounds_check(p.t, p.nodes, p.ranks, p.hub, NULL));
  return p;
}

static double carried_out(const place *p, orc_schedule schedule)
{
  scene s = { .end = -1.0 };
  s.net = orc_net_new(p->t, &s.engine, KIND);
  orc_rounds r = {
    .net = s.net, .nodes = p->nodes, .hub = p->hub, .next = orc_schedule_next, .plan = &schedule
  };
  r.done = ended;
  r.ctx = &s;
  orc_rounds_start(&r);
  while (orc_engine_next(&s.engine) < ORC_NEVER)
    orc_engine_step(&s.engine);
  orc_net_free(s.net);
  orc_engine_done(&s.engine);
  return s.end;
}

static void all_collectives(const place *p, const orc_fabric *f, bool hosts)
{
  for (orc_collective c = 0; c < ORC_COLLECTIVES; c++)
    for (orc_algorithm a = 0; a < ORC_ALGORITHMS; a++) {
      if (!orc_collective_offers(c, a, f)) continue;
      if (hosts && a != ORC_ALGORITHM_HIERARCHICAL) continue;
      for (int i = 0; i < SIZES; i++) {
        const orc_schedule s = orc_schedule_of(c, a, f, sizes[i]);
        const double formula = orc_collective_time(c, a, f, sizes[i]), real = carried_out(p, s);
        const double room = 1e-6 * formula;
        if (fabs(real - formula) > room)
          printf("%s %s, %d ranks, %g B: %.9g s, formula %.9g s\n", orc_collective_name(c),
                 orc_algorithm_name(a), p->ranks, sizes[i], real, formula);
        CHECK(fabs(real - formula) <= room);
      }
    }
}

static void on_networks(void)
{
  const int counts[] = { 2, 3, 4, 5, 6, 8, 9, 16, 24, 33 };
  for (int i = 0; i < 10; i++) {
    const int p = counts[i];
    const orc_topology_shape shape = { .hosts = 1, .gpus = p, .latency = 2e-6, .bandwidth = 75e9 };
    place mesh = open_place("nvlink_mesh", shape), hub = open_place("nvswitch", shape);
    const orc_group near = { .ranks = p, .latency = 2e-6, .bandwidth = 75e9 };
    all_collectives(&mesh, &(orc_fabric){ .near = near, .port = 75e9 * (p - 1) }, false);
    all_collectives(&hub, &(orc_fabric){ .near = near, .in_switch = true }, false);
    orc_topology_free(mesh.t);
    orc_topology_free(hub.t);
  }
}

/* Rails: a rank reaches its like on another host over its own NIC: 3 us and 50 GB/s, 6 links. */
static void over_hosts(void)
{
  for (int hosts = 2; hosts <= 4; hosts += 2) {
    place p = open_place("hgx_ib", (orc_topology_shape){ .hosts = hosts, .gpus = 4 });
    const orc_route *r = orc_topology_route(p.t, 0, 4, NULL);
    CHECK(r->hops == 6 && r->bandwidth == 50e9);
    NEAR(r->latency, 3e-6, 1e-12);
    const orc_fabric f = { .near = { 4, 1e-6, 450e9 }, .far = { hosts, r->latency, 50e9 } };
    all_collectives(&p, &f, true);
    orc_topology_free(p.t);
  }
}

int main(void)
{
  for (uint64_t i = 0; i < 300; i++)
    on_paper(i);
  RUN(loggp_is_alpha_beta);
  RUN(loggp_grows);
  RUN(on_networks);
  RUN(over_hosts);
  return DONE();
}
