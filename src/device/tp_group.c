#include "device/tp_group.h"

#include <math.h>
#include <stdlib.h>

#include "cost/schedule.h"

static int node(const orc_tp_group *s, int rank)
{
  return rank == ORC_RANK_SWITCH ? s->hub : s->devices[rank];
}

static const orc_route *route(const orc_tp_group *s, const orc_transfer *t)
{
  const orc_route *r = orc_topology_route(s->topology, node(s, t->from), node(s, t->to), NULL);
  ORC_ASSERT(r != NULL);
  return r;
}

static bool joins_all(const orc_tp_group *s, int hub)
{
  for (int i = 0; i < s->ranks; i++) {
    const orc_route *r = orc_topology_route(s->topology, s->devices[i], hub, NULL);
    if (r == NULL || r->hops != 1) return false;
  }
  return true;
}

orc_tp_group orc_tp_group_of(orc_topology *t, const int *devices, int ranks)
{
  orc_tp_group s = { .topology = t, .devices = devices, .ranks = ranks, .hub = -1 };
  const int host = orc_topology_node(t, devices[0])->host;
  for (int i = 0; s.hub < 0 && i < orc_topology_nodes(t); i++) {
    const orc_node *n = orc_topology_node(t, i);
    if (n->kind == ORC_NODE_NVSWITCH && n->host == host && joins_all(&s, i)) s.hub = i;
  }
  return s;
}

static int host_of(const orc_tp_group *s, int rank)
{
  return orc_topology_node(s->topology, s->devices[rank])->host;
}

/* Ranks per host, where each of several hosts has as many, in a row; else 0. */
static int per_host(const orc_tp_group *s)
{
  int n = 1;
  while (n < s->ranks && host_of(s, n) == host_of(s, 0))
    n++;
  if (n < 2 || n == s->ranks || s->ranks % n != 0) return 0;
  for (int i = 0; i < s->ranks; i++) {
    if (host_of(s, i) < 0 || host_of(s, i) != host_of(s, i / n * n)) return 0;
    if (i >= n && i % n == 0)
      for (int k = 0; k < i; k += n)
        if (host_of(s, k) == host_of(s, i)) return 0;
  }
  return n;
}

/* ---- one round after the other ---- */

/* What the messages of a class find: those between hosts, and all others. */
typedef struct finding {
  double latency, bandwidth; /* s, B/s: the slowest route's */
  double soonest;            /* s: the least latency */
  double pressure;           /* s/B of the link that the messages of a round fill most */
  double shared;             /* the same of links with several messages; 0: there are none */
  double overhead, gap;      /* s: the greatest of LogGP's */
} finding;

typedef struct survey {
  finding near, far;
  double seconds; /* that all rounds take */
} survey;

/* s/B of a message where every link is divided evenly among the messages on it. */
static double pressure_on(const orc_tp_group *s, const orc_route *r, const uint32_t *load,
                          double *shared)
{
  double most = 0.0;
  for (int h = 0; h < r->hops; h++) {
    const int link = r->links[h];
    const double p = load[link] / orc_topology_link(s->topology, link)->bandwidth;
    most = fmax(most, p);
    if (load[link] > 1) *shared = fmax(*shared, p);
  }
  return most;
}

static void find(const orc_tp_group *s, const orc_transfer *t, bool far, const uint32_t *load,
                 survey *v)
{
  finding *f = far ? &v->far : &v->near;
  const orc_route *r = route(s, t);
  f->latency = fmax(f->latency, r->latency);
  f->soonest = f->bandwidth == 0.0 ? r->latency : fmin(f->soonest, r->latency);
  f->bandwidth = f->bandwidth == 0.0 ? r->bandwidth : fmin(f->bandwidth, r->bandwidth);
  f->pressure = fmax(f->pressure, pressure_on(s, r, load, &f->shared));
  f->overhead = fmax(f->overhead, r->overhead);
  f->gap = fmax(f->gap, r->gap);
}

static void count(const orc_tp_group *s, const orc_transfer *t, uint32_t *load, uint32_t by)
{
  const orc_route *r = route(s, t);
  for (int h = 0; h < r->hops; h++)
    load[r->links[h]] += by;
}

/* The round that begins at the schedule's place; returns the s it takes. */
static double survey_round(const orc_tp_group *s, orc_schedule *from, uint32_t *load, survey *v)
{
  orc_schedule loading = *from, timing = *from, clearing = *from;
  orc_transfer t;
  double longest = 0.0;
  bool more = orc_schedule_next(&loading, &t);
  const int round = t.round;
  for (; more && t.round == round; more = orc_schedule_next(&loading, &t))
    count(s, &t, load, 1);
  while (orc_schedule_next(&timing, &t) && t.round == round) {
    const bool far = from->per_host < from->ranks && t.from >= 0 && t.to >= 0 &&
                     t.from / from->per_host != t.to / from->per_host;
    double shared = 0.0;
    const orc_route *r = route(s, &t);
    find(s, &t, far, load, v);
    longest = fmax(longest, r->latency + t.bytes * pressure_on(s, r, load, &shared));
    *from = timing;
  }
  while (orc_schedule_next(&clearing, &t) && t.round == round)
    count(s, &t, load, (uint32_t)-1);
  return longest;
}

/* Of messages of one size in each round, what this says is what max-min fair sharing does: those on
 * the fullest link are the last. */
static survey survey_of(const orc_tp_group *s, orc_algorithm a, const orc_fabric *f, double bytes)
{
  survey v = { .seconds = 0.0 };
  uint32_t *load = orc_alloc((size_t)orc_topology_links(s->topology) + 1, sizeof *load);
  orc_schedule at = orc_schedule_of(ORC_COLLECTIVE_ALL_REDUCE, a, f, bytes);
  orc_transfer t;
  for (orc_schedule peek = at; orc_schedule_next(&peek, &t); peek = at)
    v.seconds += survey_round(s, &at, load, &v);
  free(load);
  return v;
}

/* ---- fabrics ---- */

/* Messages of a rank at a time. */
static double fanout(orc_algorithm a, int ranks)
{
  if (a == ORC_ALGORITHM_DIRECT) return ranks - 1;
  return a == ORC_ALGORITHM_TREE && ranks > 2 ? 2.0 : 1.0;
}

/* The fabric without its numbers: enough to ask what is offered, and for the messages. */
static orc_fabric bare(const orc_tp_group *s, orc_algorithm a)
{
  const orc_group any = { .ranks = s->ranks, .latency = 1e-6, .bandwidth = 1e11 };
  orc_fabric f = { .near = any, .in_switch = s->hub >= 0 };
  const int n = per_host(s);
  if (a != ORC_ALGORITHM_HIERARCHICAL || n == 0) return f;
  f.near.ranks = n;
  f.far = any;
  f.far.ranks = s->ranks / n;
  return f;
}

static orc_fabric fabric_of(const orc_tp_group *s, orc_algorithm a)
{
  orc_fabric f = bare(s, a);
  const survey v = survey_of(s, a, &f, 1e6);
  /* a message to the switch goes half the way (cost/schedule.h) */
  f.near.latency = (a == ORC_ALGORITHM_IN_SWITCH ? 2.0 : 1.0) * v.near.latency;
  f.near.bandwidth = v.near.bandwidth;
  const double at_once = fanout(a, s->ranks);
  f.port = v.near.shared > 0.0 ? at_once / v.near.shared : at_once * f.near.bandwidth;
  if (f.far.ranks > 1) {
    f.far.latency = v.far.latency;
    f.far.bandwidth = 1.0 / v.far.pressure;
  }
  return f;
}

/* Messages that share a link without beginning together: no formula says how they divide it. */
static bool meets(const finding *f)
{
  return f->shared > 0.0 && f->soonest < f->latency;
}

static orc_way way_of(const orc_tp_group *s, orc_algorithm a)
{
  orc_way w = { .algorithm = a, .fabric = fabric_of(s, a) };
  static const double sizes[] = { 1e6, 1e12 }; /* B: latency and bandwidth both count */
  for (int i = 0; i < 2; i++) {
    const double bytes = sizes[i];
    const double formula = orc_collective_time(ORC_COLLECTIVE_ALL_REDUCE, a, &w.fabric, bytes);
    const survey v = survey_of(s, a, &w.fabric, bytes);
    if (v.seconds > formula * (1.0 + 1e-9) || meets(&v.near) || meets(&v.far)) w.contended = true;
  }
  return w;
}

/* The ends' part in each message, where the network is priced so. What meets on links was looked at
** before: overheads change nothing in that. */
static void add_ends(const orc_tp_group *s, orc_way *w)
{
  if (!orc_topology_is_loggp(s->topology)) return;
  const orc_fabric f = bare(s, w->algorithm);
  const survey v = survey_of(s, w->algorithm, &f, 1e6);
  orc_group *near = &w->fabric.near, *far = &w->fabric.far;
  near->loggp = true;
  near->overhead = v.near.overhead;
  near->gap = v.near.gap;
  if (far->ranks <= 1) return;
  far->loggp = true;
  far->overhead = v.far.overhead;
  far->gap = v.far.gap;
}

static bool offered(const orc_tp_group *s, orc_algorithm a)
{
  const orc_fabric f = bare(s, a);
  return orc_collective_offers(ORC_COLLECTIVE_ALL_REDUCE, a, &f);
}

static bool refuse(const orc_tp_group *s, orc_algorithm a, orc_error *e)
{
  const char *first = orc_topology_node(s->topology, s->devices[0])->name;
  const char *last = orc_topology_node(s->topology, s->devices[s->ranks - 1])->name;
  if (a == ORC_ALGORITHM_IN_SWITCH)
    return orc_fail(e,
                    "all_reduce: in_switch needs one nvswitch that all ranks are joined to; %s to "
                    "%s have none",
                    first, last);
  return orc_fail(e,
                  "all_reduce: %s needs two GPUs or more on each of several hosts, as many on each "
                  "and host by host; %s to %s are not placed so",
                  orc_algorithm_name(a), first, last);
}

bool orc_tp_group_all_reduce(const orc_tp_group *s, orc_algorithm a, orc_all_reduce *out,
                             orc_error *e)
{
  *out = (orc_all_reduce){ .ranks = s->ranks, .placed = true };
  if (s->ranks == 1) {
    *out = orc_all_reduce_of(ORC_ALGORITHM_RING, &(orc_group){ .ranks = 1, .bandwidth = 1.0 });
    return true;
  }
  if (a != ORC_ALGORITHM_AUTO && !offered(s, a)) return refuse(s, a, e);
  for (orc_algorithm i = 0; i < ORC_ALGORITHMS; i++) {
    if ((a != ORC_ALGORITHM_AUTO && a != i) || !offered(s, i)) continue;
    out->ways[out->count] = way_of(s, i);
    add_ends(s, &out->ways[out->count]);
    if (a == i || !out->ways[out->count].contended) out->count++;
  }
  if (out->count == 0) {
    out->ways[0] = way_of(s, ORC_ALGORITHM_RING);
    add_ends(s, &out->ways[out->count++]);
  }
  return true;
}

/* A switch or a mesh of links as fast as the GPU's own, to one part in a hundred. */
static bool at_full_rate(const orc_way *w, const orc_link *link)
{
  const orc_group *g = &w->fabric.near;
  return !w->contended && !g->loggp && fabs(g->bandwidth / link->bandwidth - 1.0) < 0.01;
}

bool orc_tp_group_measured(const orc_tp_group *s, const orc_regimes *measured, const orc_link *link,
                           orc_all_reduce *out)
{
  for (int i = 1; i < s->ranks; i++)
    if (host_of(s, i) != host_of(s, 0)) return false;
  if (measured->count == 0) return false;
  orc_way ring = way_of(s, ORC_ALGORITHM_RING);
  add_ends(s, &ring);
  if (!at_full_rate(&ring, link)) return false;
  *out = orc_all_reduce_measured(measured, &ring.fabric);
  return true;
}

/* ---- links ---- */

/* The most messages a round puts on each link; 1 where the formula reckons with them. */
static void note_use(const orc_tp_group *s, const orc_way *w, uint32_t *load, uint32_t *use)
{
  orc_schedule at = orc_schedule_of(ORC_COLLECTIVE_ALL_REDUCE, w->algorithm, &w->fabric, 1e6);
  orc_transfer t;
  int round = 0;
  const int links = orc_topology_links(s->topology);
  while (orc_schedule_next(&at, &t)) {
    if (t.round != round)
      for (int i = 0; i < links; i++)
        load[i] = 0;
    round = t.round;
    const orc_route *r = route(s, &t);
    for (int h = 0; h < r->hops; h++) {
      const int link = r->links[h];
      load[link]++;
      const uint32_t seen = w->contended ? load[link] : 1;
      if (seen > use[link]) use[link] = seen;
    }
  }
  for (int i = 0; i < links; i++)
    load[i] = 0;
}

void orc_tp_group_use(const orc_tp_group *s, const orc_all_reduce *r, uint32_t *use)
{
  const int links = orc_topology_links(s->topology);
  uint32_t *load = orc_alloc((size_t)links + 1, sizeof *load);
  for (int i = 0; i < links; i++)
    use[i] = 0;
  for (int i = 0; s->ranks > 1 && i < r->count; i++)
    note_use(s, &r->ways[i], load, use);
  free(load);
}
