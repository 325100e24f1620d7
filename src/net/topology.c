#include "net/topology.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_ROOM = 64, DISTANCE_BYTES = 64 << 20 };

/* Names to numbers: open addressing, never more than half full; 0 is free, else number + 1. */
typedef struct names {
  uint32_t *slots;
  uint32_t room; /* a power of two */
} names;

typedef struct distance {
  int32_t hops; /* to the destination; -1: no way */
  orc_time delay;
} distance;

typedef struct arc {
  orc_edge edge;
  orc_time delay;   /* latency in ns: whole numbers, so that equal sums are equal */
  int32_t next_out; /* the sender's next link, numbers rising; -1: none */
  int32_t next_in;  /* the receiver's */
} arc;

typedef struct vertex {
  orc_node node;
  int32_t first_out, last_out, first_in, last_in;
  orc_route **routes; /* by destination; NULL until one from here was asked for */
} vertex;

struct orc_topology {
  vertex *vertices;
  arc *arcs;
  uint32_t nodes, node_room, links, link_room;
  names node_names, link_names;
  bool spread;
  bool loggp;
  bool closed; /* routes are known: nothing may be added */
  /* distances to the destinations asked for last, as many as DISTANCE_BYTES hold */
  distance *distances; /* slot by slot, a row of all nodes each */
  int32_t *slot_of;    /* by destination; -1: not there */
  int32_t *held;       /* by slot: its destination; -1: none */
  uint32_t slots, next_slot;
  int32_t *queue; /* room for all nodes */
};

orc_topology *orc_topology_new(void)
{
  return orc_alloc(1, sizeof(orc_topology));
}

void orc_topology_free(orc_topology *t)
{
  if (t == NULL) return;
  for (uint32_t i = 0; i < t->nodes; i++) {
    vertex *v = &t->vertices[i];
    for (uint32_t to = 0; v->routes != NULL && to < t->nodes; to++)
      free(v->routes[to]);
    free(v->routes);
    free((char *)v->node.name);
  }
  for (uint32_t i = 0; i < t->links; i++)
    free((char *)t->arcs[i].edge.name);
  free(t->vertices);
  free(t->arcs);
  free(t->node_names.slots);
  free(t->link_names.slots);
  free(t->distances);
  free(t->slot_of);
  free(t->held);
  free(t->queue);
  free(t);
}

int orc_topology_nodes(const orc_topology *t)
{
  return (int)t->nodes;
}

int orc_topology_links(const orc_topology *t)
{
  return (int)t->links;
}

const orc_node *orc_topology_node(const orc_topology *t, int node)
{
  ORC_ASSERT(node >= 0 && (uint32_t)node < t->nodes);
  return &t->vertices[node].node;
}

const orc_edge *orc_topology_link(const orc_topology *t, int link)
{
  ORC_ASSERT(link >= 0 && (uint32_t)link < t->links);
  return &t->arcs[link].edge;
}

void orc_topology_spread(orc_topology *t, bool on)
{
  ORC_ASSERT(!t->closed);
  t->spread = on;
}

/* ---- names ---- */

/* FNV-1a (Fowler, Noll and Vo). */
static uint32_t hash(const char *name)
{
  uint32_t h = 2166136261U;
  for (; *name != '\0'; name++)
    h = (h ^ (unsigned char)*name) * 16777619U;
  return h;
}

static const char *node_name(const orc_topology *t, uint32_t i)
{
  return t->vertices[i].node.name;
}

static const char *link_name(const orc_topology *t, uint32_t i)
{
  return t->arcs[i].edge.name;
}

typedef const char *name_of(const orc_topology *t, uint32_t i);

static int look_up(const orc_topology *t, const names *n, name_of *of, const char *name)
{
  if (n->room == 0) return -1;
  for (uint32_t at = hash(name) & (n->room - 1); n->slots[at] != 0; at = (at + 1) & (n->room - 1))
    if (strcmp(of(t, n->slots[at] - 1), name) == 0) return (int)(n->slots[at] - 1);
  return -1;
}

static void put(names *n, const char *name, uint32_t number)
{
  uint32_t at = hash(name) & (n->room - 1);
  while (n->slots[at] != 0)
    at = (at + 1) & (n->room - 1);
  n->slots[at] = number + 1;
}

/* Enter the name of number `count`, the next one. */
static void enter(const orc_topology *t, names *n, name_of *of, uint32_t count)
{
  if (2 * (count + 1) > n->room) {
    free(n->slots);
    n->room = n->room > 0 ? 2 * n->room : 64;
    n->slots = orc_alloc(n->room, sizeof *n->slots);
    for (uint32_t i = 0; i < count; i++)
      put(n, of(t, i), i);
  }
  put(n, of(t, count), count);
}

static char *copy(const char *name)
{
  const size_t size = strlen(name) + 1;
  return memcpy(orc_alloc(size, 1), name, size);
}

int orc_topology_find(const orc_topology *t, const char *name)
{
  return look_up(t, &t->node_names, node_name, name);
}

/* ---- building ---- */

int orc_topology_add_node(orc_topology *t, orc_node_kind kind, const char *name, int host,
                          orc_error *e)
{
  ORC_ASSERT(!t->closed && t->nodes < INT32_MAX / 2);
  const size_t length = strlen(name);
  if (length == 0 || length >= NAME_ROOM) {
    orc_fail(e, "node '%s': a name of 1 to %d characters expected", name, NAME_ROOM - 1);
    return -1;
  }
  if (orc_topology_find(t, name) >= 0) {
    orc_fail(e, "node '%s': named twice", name);
    return -1;
  }
  if (t->nodes == t->node_room) {
    t->node_room = t->node_room > 0 ? 2 * t->node_room : 32;
    t->vertices = orc_resize(t->vertices, t->node_room, sizeof *t->vertices);
  }
  t->vertices[t->nodes] = (vertex){
    .node = { .name = copy(name), .kind = kind, .host = host },
    .first_out = -1,
    .last_out = -1,
    .first_in = -1,
    .last_in = -1,
  };
  enter(t, &t->node_names, node_name, t->nodes);
  return (int)t->nodes++;
}

/* The link from one node to another, or -1. */
static int joined(const orc_topology *t, int from, int to)
{
  int link = t->vertices[from].first_out;
  while (link >= 0 && t->arcs[link].edge.to != to)
    link = t->arcs[link].next_out;
  return link;
}

static bool check_link(const orc_topology *t, const orc_edge *s, const char *name, orc_error *e)
{
  const int nodes = (int)t->nodes;
  if (s->from < 0 || s->from >= nodes || s->to < 0 || s->to >= nodes)
    return orc_fail(e, "link '%s': it must join two nodes of the topology", name);
  if (s->from == s->to)
    return orc_fail(e, "link '%s': joins '%s' to itself", name, node_name(t, (uint32_t)s->from));
  if (!(s->bandwidth > 0.0) || !isfinite(s->bandwidth))
    return orc_fail(e, "link '%s': bandwidth %g B/s; more than 0 expected", name, s->bandwidth);
  if (!(s->latency >= 0.0) || !(s->latency <= 1e6))
    return orc_fail(e, "link '%s': latency %g s; 0 or more expected", name, s->latency);
  if (!(s->overhead >= 0.0) || !(s->overhead <= 1e6) || !(s->gap >= 0.0) || !(s->gap <= 1e6))
    return orc_fail(e, "link '%s': overhead %g s, gap %g s; 0 or more expected", name, s->overhead,
                    s->gap);
  if (look_up(t, &t->link_names, link_name, name) >= 0)
    return orc_fail(e, "link '%s': named twice", name);
  const int twin = joined(t, s->from, s->to);
  if (twin >= 0)
    return orc_fail(e,
                    "link '%s': link '%s' already goes from '%s' to '%s'; give one link the "
                    "bandwidth of both",
                    name, link_name(t, (uint32_t)twin), node_name(t, (uint32_t)s->from),
                    node_name(t, (uint32_t)s->to));
  return true;
}

int orc_topology_add_link(orc_topology *t, const orc_edge *spec, orc_error *e)
{
  ORC_ASSERT(!t->closed && t->links < INT32_MAX / 2);
  const int nodes = (int)t->nodes;
  char made[2 * NAME_ROOM + 4] = "";
  if (spec->name == NULL && spec->from >= 0 && spec->from < nodes && spec->to >= 0 &&
      spec->to < nodes)
    snprintf(made, sizeof made, "%s->%s", node_name(t, (uint32_t)spec->from),
             node_name(t, (uint32_t)spec->to));
  const char *name = spec->name != NULL ? spec->name : made;
  if (!check_link(t, spec, name, e)) return -1;
  if (t->links == t->link_room) {
    t->link_room = t->link_room > 0 ? 2 * t->link_room : 64;
    t->arcs = orc_resize(t->arcs, t->link_room, sizeof *t->arcs);
  }
  const int32_t link = (int32_t)t->links;
  arc *a = &t->arcs[link];
  *a = (arc){ .edge = *spec, .delay = orc_time_of(spec->latency), .next_out = -1, .next_in = -1 };
  a->edge.name = copy(name);
  vertex *from = &t->vertices[spec->from], *to = &t->vertices[spec->to];
  *(from->last_out < 0 ? &from->first_out : &t->arcs[from->last_out].next_out) = link;
  *(to->last_in < 0 ? &to->first_in : &t->arcs[to->last_in].next_in) = link;
  from->last_out = to->last_in = link;
  enter(t, &t->link_names, link_name, t->links);
  return (int)t->links++;
}

void orc_topology_loggp(orc_topology *t, double overhead, double gap)
{
  ORC_ASSERT(!t->closed && overhead >= 0.0 && gap >= 0.0);
  t->loggp = true;
  for (uint32_t i = 0; i < t->links; i++) {
    t->arcs[i].edge.overhead = overhead;
    t->arcs[i].edge.gap = gap;
  }
}

bool orc_topology_is_loggp(const orc_topology *t)
{
  return t->loggp;
}

/* ---- routes ---- */

/* No more nodes: take the memory that routes need. */
static void close_topology(orc_topology *t)
{
  t->closed = true;
  const size_t fit = DISTANCE_BYTES / (sizeof(distance) * t->nodes);
  t->slots = fit < 1 ? 1 : fit > t->nodes ? t->nodes : (uint32_t)fit;
  t->distances = orc_alloc((size_t)t->slots * t->nodes, sizeof *t->distances);
  t->slot_of = orc_alloc(t->nodes, sizeof *t->slot_of);
  t->held = orc_alloc(t->slots, sizeof *t->held);
  t->queue = orc_alloc(t->nodes, sizeof *t->queue);
  for (uint32_t i = 0; i < t->nodes; i++)
    t->slot_of[i] = -1;
  for (uint32_t i = 0; i < t->slots; i++)
    t->held[i] = -1;
}

/*
** Breadth first: distances of all nodes to `end` (inward), or from it. A node's least latency is
** known before nodes further out are looked at, so one pass settles both. queue: room for all
** nodes.
*/
static void measure(const orc_topology *t, int end, bool inward, int32_t *queue, distance *d)
{
  for (uint32_t i = 0; i < t->nodes; i++)
    d[i] = (distance){ .hops = -1 };
  d[end] = (distance){ .hops = 0 };
  uint32_t tail = 0;
  queue[tail++] = end;
  for (uint32_t head = 0; head < tail; head++) {
    const int32_t v = queue[head];
    int32_t link = inward ? t->vertices[v].first_in : t->vertices[v].first_out;
    for (; link >= 0; link = inward ? t->arcs[link].next_in : t->arcs[link].next_out) {
      const arc *a = &t->arcs[link];
      const int other = inward ? a->edge.from : a->edge.to;
      distance *u = &d[other];
      const orc_time delay = d[v].delay + a->delay;
      if (u->hops < 0) {
        *u = (distance){ .hops = d[v].hops + 1, .delay = delay };
        queue[tail++] = other;
      } else if (u->hops == d[v].hops + 1 && delay < u->delay) {
        u->delay = delay;
      }
    }
  }
}

static const distance *distances_to(orc_topology *t, int to)
{
  if (!t->closed) close_topology(t);
  if (t->slot_of[to] < 0) {
    const uint32_t slot = t->next_slot;
    t->next_slot = (slot + 1) % t->slots;
    if (t->held[slot] >= 0) t->slot_of[t->held[slot]] = -1;
    t->held[slot] = to;
    t->slot_of[to] = (int32_t)slot;
    measure(t, to, true, t->queue, &t->distances[(size_t)slot * t->nodes]);
  }
  return &t->distances[(size_t)t->slot_of[to] * t->nodes];
}

/* Whether link `a`, out of node `from`, is on a best way. */
static bool good(const arc *a, int from, const distance *d)
{
  const distance *v = &d[a->edge.to];
  return v->hops == d[from].hops - 1 && v->delay + a->delay == d[from].delay;
}

/* The best link out of `from`; of several the one number `turn` says, which is divided by them. */
static int32_t next_link(const orc_topology *t, int from, const distance *d, uint32_t *turn)
{
  const int32_t first = t->vertices[from].first_out;
  uint32_t ways = 0;
  for (int32_t link = first; link >= 0; link = t->arcs[link].next_out)
    ways += good(&t->arcs[link], from, d);
  ORC_ASSERT(ways > 0);
  uint32_t skip = *turn % ways;
  *turn /= ways;
  int32_t link = first;
  while (!good(&t->arcs[link], from, d) || skip-- > 0)
    link = t->arcs[link].next_out;
  return link;
}

static orc_route *find_route(orc_topology *t, int from, int to, orc_error *e)
{
  const distance *d = distances_to(t, to);
  if (d[from].hops < 0) {
    orc_fail(e, "no route from '%s' to '%s': no chain of links joins them",
             node_name(t, (uint32_t)from), node_name(t, (uint32_t)to));
    return NULL;
  }
  const size_t hops = (size_t)d[from].hops;
  orc_route *r = orc_alloc(1, sizeof *r + hops * sizeof r->links[0]);
  r->from = from;
  r->to = to;
  r->hops = (int)hops;
  r->bandwidth = INFINITY;
  uint32_t turn = t->spread ? (uint32_t)to : 0;
  int at = from;
  for (size_t h = 0; h < hops; h++) {
    r->links[h] = next_link(t, at, d, &turn);
    const arc *a = &t->arcs[r->links[h]];
    r->latency += a->edge.latency;
    r->bandwidth = fmin(r->bandwidth, a->edge.bandwidth);
    r->overhead = fmax(r->overhead, a->edge.overhead);
    r->gap = fmax(r->gap, a->edge.gap);
    at = a->edge.to;
  }
  r->delay = 1e9 * r->latency;
  r->ns_per_byte = 1e9 / r->bandwidth;
  return r;
}

const orc_route *orc_topology_route(orc_topology *t, int from, int to, orc_error *e)
{
  ORC_ASSERT(from >= 0 && (uint32_t)from < t->nodes && to >= 0 && (uint32_t)to < t->nodes);
  vertex *v = &t->vertices[from];
  if (v->routes == NULL) v->routes = orc_alloc(t->nodes, sizeof(orc_route *));
  if (v->routes[to] == NULL) v->routes[to] = find_route(t, from, to, e);
  return v->routes[to];
}

/* All devices reach the first one and are reached by it: then any two reach each other. */
bool orc_topology_check(const orc_topology *t, orc_error *e)
{
  uint32_t first = 0;
  while (first < t->nodes && t->vertices[first].node.kind != ORC_NODE_DEVICE)
    first++;
  if (first == t->nodes) return orc_fail(e, "the topology has no device");
  distance *d = orc_alloc(t->nodes, sizeof *d);
  int32_t *queue = orc_alloc(t->nodes, sizeof *queue);
  bool ok = true;
  for (int inward = 0; ok && inward < 2; inward++) {
    measure(t, (int)first, inward, queue, d);
    uint32_t i = first;
    while (i < t->nodes && (t->vertices[i].node.kind != ORC_NODE_DEVICE || d[i].hops >= 0))
      i++;
    if (i < t->nodes)
      ok = orc_fail(e, "the topology is disconnected: no route from '%s' to '%s'",
                    node_name(t, inward ? i : first), node_name(t, inward ? first : i));
  }
  free(queue);
  free(d);
  return ok;
}
