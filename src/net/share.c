#include "net/share.h"

#include <math.h>
#include <stdlib.h>

enum {
  WORTH = 4,  /* a round of peeling is worth its while when it settles one flow in so many, */
  MANY = 64,  /* it is tried without asking when no more flows are left, */
  WAIT = 32,  /* and once it was not worth it with more, not in so many solves */
  ROUNDS = 4, /* of seeking how low a new flow's rate can be */
};

/* Rates below a change's level stay; what rounding may put on either side of it goes with it. */
#define BELOW (1.0 - 1e-9)

/* One flow on one link: the flow, and which of its links this is. */
typedef struct crossing {
  uint32_t flow, hop;
} crossing;

typedef struct port {
  double capacity;
  double left;    /* capacity not yet given away, during a solve */
  double least;   /* rate of the flow that stopped last: the next ones' is no less */
  uint32_t count; /* flows that cross it */
  uint32_t open;  /* of these, without a rate yet, during a solve */
  uint32_t fresh; /* of these, that have come since the last solve */
  crossing *crossings;
  uint32_t room;
  bool dirty;
  uint64_t seen; /* epoch of the last solve that touched it */
} port;

typedef struct flow {
  const int32_t *links; /* NULL: this number is not in use */
  double rate;          /* 0: it has come since the last solve */
  uint32_t hops;
  uint32_t aim; /* the link that fills first of its own, during a round */
} flow;

/* A link, and where it filled when it was last looked at. */
typedef struct candidate {
  double level;
  uint32_t link;
} candidate;

struct orc_share {
  port *ports;
  flow *flows;
  uint64_t *mark;    /* by flow: twice its last epoch, and one more once it has its rate */
  uint32_t *place;   /* by flow and hop: where it stands in that link's crossings */
  uint32_t *live;    /* flows that have no rate yet, during a solve */
  uint32_t *changed; /* flows that got another one */
  uint32_t *dirty;   /* links whose flows changed since the last solve */
  uint32_t *order;   /* links being solved */
  candidate *heap;   /* the same by level */
  double *level;     /* by link: where it fills as far as is known */
  uint64_t *barred;  /* by link: the last round in which some flow met a sooner one */
  uint32_t links, room, stride, dirties;
  uint32_t wait;         /* solves in which peeling is not tried */
  double lowest;         /* rate of the slowest flow that has gone since the last solve */
  uint64_t epoch, round; /* solves and rounds so far: marks from earlier ones are void */
};

orc_share *orc_share_new(const double *capacity, int links)
{
  ORC_ASSERT(links >= 0);
  orc_share *s = orc_alloc(1, sizeof *s);
  s->lowest = INFINITY;
  s->links = (uint32_t)links;
  s->ports = orc_alloc(s->links, sizeof *s->ports);
  s->dirty = orc_alloc(s->links, sizeof *s->dirty);
  s->order = orc_alloc(s->links, sizeof *s->order);
  s->heap = orc_alloc(s->links, sizeof *s->heap);
  s->level = orc_alloc(s->links, sizeof *s->level);
  s->barred = orc_alloc(s->links, sizeof *s->barred);
  for (uint32_t i = 0; i < s->links; i++) {
    ORC_ASSERT(capacity[i] > 0.0);
    s->ports[i].capacity = capacity[i];
  }
  return s;
}

void orc_share_free(orc_share *s)
{
  if (s == NULL) return;
  for (uint32_t i = 0; i < s->links; i++)
    free(s->ports[i].crossings);
  free(s->ports);
  free(s->flows);
  free(s->mark);
  free(s->place);
  free(s->live);
  free(s->changed);
  free(s->dirty);
  free(s->order);
  free(s->heap);
  free(s->level);
  free(s->barred);
  free(s);
}

/* Room for flow numbers below `room` that cross up to `stride` links. */
static void grow(orc_share *s, uint32_t room, uint32_t stride)
{
  uint32_t *place = orc_alloc((size_t)room * stride, sizeof *place);
  for (uint32_t f = 0; f < s->room; f++)
    for (uint32_t h = 0; h < s->stride; h++)
      place[(size_t)f * stride + h] = s->place[(size_t)f * s->stride + h];
  free(s->place);
  s->place = place;
  s->flows = orc_resize(s->flows, room, sizeof *s->flows);
  s->mark = orc_resize(s->mark, room, sizeof *s->mark);
  for (uint32_t f = s->room; f < room; f++) {
    s->flows[f] = (flow){ .links = NULL };
    s->mark[f] = 0;
  }
  s->live = orc_resize(s->live, room, sizeof *s->live);
  s->changed = orc_resize(s->changed, room, sizeof *s->changed);
  s->room = room;
  s->stride = stride;
}

/* The set of flows on a link changed. */
static void touch(orc_share *s, uint32_t link)
{
  if (s->ports[link].dirty) return;
  s->ports[link].dirty = true;
  s->dirty[s->dirties++] = link;
}

void orc_share_add(orc_share *s, uint32_t number, const int32_t *links, int count)
{
  ORC_ASSERT(count >= 1 && number < UINT32_MAX / 2);
  const uint32_t hops = (uint32_t)count;
  if (number >= s->room || hops > s->stride) {
    uint32_t room = s->room > 0 ? s->room : 16;
    while (room <= number)
      room *= 2;
    grow(s, room, hops > s->stride ? hops : s->stride);
  }
  ORC_ASSERT(s->flows[number].links == NULL);
  s->flows[number] = (flow){ .links = links, .hops = hops };
  uint32_t *place = &s->place[(size_t)number * s->stride];
  for (uint32_t h = 0; h < hops; h++) {
    ORC_ASSERT(links[h] >= 0 && (uint32_t)links[h] < s->links);
    port *p = &s->ports[links[h]];
    if (p->count == p->room) {
      p->room = p->room > 0 ? 2 * p->room : 8;
      p->crossings = orc_resize(p->crossings, p->room, sizeof *p->crossings);
    }
    p->fresh++;
    place[h] = p->count;
    p->crossings[p->count++] = (crossing){ number, h };
    touch(s, (uint32_t)links[h]);
  }
}

void orc_share_remove(orc_share *s, uint32_t number)
{
  ORC_ASSERT(number < s->room && s->flows[number].links != NULL);
  flow *f = &s->flows[number];
  const bool fresh = f->rate == 0.0;
  if (!fresh && f->rate < s->lowest) s->lowest = f->rate;
  for (uint32_t h = 0; h < f->hops; h++) {
    port *p = &s->ports[f->links[h]];
    p->fresh -= fresh;
    const uint32_t at = s->place[(size_t)number * s->stride + h];
    const crossing last = p->crossings[--p->count]; /* takes the place that becomes free */
    p->crossings[at] = last;
    s->place[(size_t)last.flow * s->stride + last.hop] = at;
    touch(s, (uint32_t)f->links[h]);
  }
  f->links = NULL;
}

double orc_share_rate(const orc_share *s, uint32_t number)
{
  ORC_ASSERT(number < s->room && s->flows[number].links != NULL);
  return s->flows[number].rate;
}

/* ---- one solve ---- */

/*
** What a change leaves alone. All rates rise together, so what happens before the first moment at
** which a flow that went used to stop, or one that came stops now, happens with and without them:
** slower flows keep their rates. That moment of a flow that went is its rate. The first of those
** that came stops on a link where x = its rate fills the link, those that are faster than x having
** x too: and no link on the way of one that came fills at a lower x, for what is slower than the
** first of them has the rate it had. Found from below: all that the last guess showed to be slower
** is taken off.
*/
static double level_of_fresh(const orc_share *s, const port *p)
{
  double level = p->capacity / p->count;
  for (int round = 0; round < ROUNDS; round++) {
    double left = p->capacity;
    uint32_t open = p->count;
    for (uint32_t k = 0; k < p->count; k++) {
      const double rate = s->flows[p->crossings[k].flow].rate;
      if (rate == 0.0 || rate >= level) continue;
      left -= rate;
      open--;
    }
    const double next = left / open; /* the fresh ones are open */
    if (!(next > level)) break;
    level = next;
  }
  return level;
}

/* Flows slower than this keep their rates. */
static double unmoved(orc_share *s)
{
  double level = s->lowest;
  s->lowest = INFINITY;
  for (uint32_t i = 0; i < s->dirties; i++) {
    port *p = &s->ports[s->dirty[i]];
    if (p->fresh == 0) continue;
    if (level > 0.0) level = fmin(level, level_of_fresh(s, p));
    p->fresh = 0;
  }
  return level * BELOW;
}

/* What is being solved: so many in `order` and `live`, and rates that changed. */
typedef struct solve {
  double unmoved;
  uint32_t links, flows;
  int changes;
} solve;

/* Put a link on the work list, its capacity all free. */
static void enlist(orc_share *s, uint32_t link, solve *v)
{
  port *p = &s->ports[link];
  if (p->seen == s->epoch) return;
  p->seen = s->epoch;
  s->order[v->links++] = link;
}

/* A flow whose rate may be another, and its links. */
static void admit(orc_share *s, uint32_t number, solve *v)
{
  if (s->mark[number] == 2 * s->epoch) return;
  s->mark[number] = 2 * s->epoch;
  s->live[v->flows++] = number;
  const flow *f = &s->flows[number];
  for (uint32_t h = 0; h < f->hops; h++)
    enlist(s, (uint32_t)f->links[h], v);
}

/* All links joined to a dirty one by flows that may change, and these flows. */
static solve gather(orc_share *s)
{
  solve v = { .unmoved = unmoved(s) };
  for (uint32_t i = 0; i < s->dirties; i++) {
    s->ports[s->dirty[i]].dirty = false;
    enlist(s, s->dirty[i], &v);
  }
  s->dirties = 0;
  for (uint32_t i = 0; i < v.links; i++) {
    port *p = &s->ports[s->order[i]];
    p->left = p->capacity;
    p->least = 0.0;
    p->open = p->count;
    for (uint32_t k = 0; k < p->count; k++) {
      const uint32_t number = p->crossings[k].flow;
      const double rate = s->flows[number].rate;
      if (rate > 0.0 && rate < v.unmoved) {
        p->left -= rate;
        p->least = rate > p->least ? rate : p->least;
        p->open--;
      } else {
        admit(s, number, &v);
      }
    }
  }
  return v;
}

/* Where a link with open flows fills. Never below `least`, which rounding could otherwise cause. */
static double level_of(const port *p)
{
  const double level = p->left / p->open;
  return level > p->least ? level : p->least;
}

/* The flow stops at `rate`, and takes that much of all its links. */
static void stop(orc_share *s, uint32_t number, double rate, solve *v)
{
  flow *f = &s->flows[number];
  s->mark[number] = 2 * s->epoch + 1;
  for (uint32_t h = 0; h < f->hops; h++) {
    port *p = &s->ports[f->links[h]];
    p->left -= rate;
    p->least = rate > p->least ? rate : p->least;
    p->open--;
  }
  if (f->rate != rate) s->changed[v->changes++] = number;
  f->rate = rate;
}

/* Drop the links that have no open flow, and look at the level of the others. */
static void level_links(orc_share *s, solve *v)
{
  uint32_t kept = 0;
  for (uint32_t i = 0; i < v->links; i++) {
    const uint32_t link = s->order[i];
    if (s->ports[link].open == 0) continue;
    s->level[link] = level_of(&s->ports[link]);
    s->order[kept++] = link;
  }
  v->links = kept;
}

/* Each flow aims at the link that fills first of its own, and bars its others. */
static void aim(orc_share *s, const solve *v)
{
  s->round++;
  for (uint32_t i = 0; i < v->flows; i++) {
    flow *f = &s->flows[s->live[i]];
    const int32_t *links = f->links;
    uint32_t best = 0;
    for (uint32_t h = 1; h < f->hops; h++)
      if (s->level[links[h]] < s->level[links[best]]) best = h;
    f->aim = (uint32_t)links[best];
    const double least = s->level[f->aim];
    for (uint32_t h = 0; h < f->hops; h++)
      if (s->level[links[h]] > least) s->barred[links[h]] = s->round;
  }
}

/*
** A link that no flow barred fills first for all that cross it: whatever happens elsewhere, they
** stop there. One round settles all such links, wherever they are; the lowest is always among
** them.
*/
static void peel(orc_share *s, solve *v)
{
  level_links(s, v);
  aim(s, v);
  uint32_t kept = 0;
  for (uint32_t i = 0; i < v->flows; i++) {
    const uint32_t number = s->live[i], link = s->flows[number].aim;
    if (s->barred[link] == s->round)
      s->live[kept++] = number;
    else
      stop(s, number, s->level[link], v);
  }
  v->flows = kept;
}

/* ---- in order, for what rounds would take long over: links that fill one after the other ---- */

static bool sooner(const candidate *a, const candidate *b)
{
  return a->level < b->level || (a->level == b->level && a->link < b->link);
}

/* Put `c` where it belongs at or below the free place `at` of a heap of n, four children each. */
static void sift(candidate *heap, uint32_t at, uint32_t n, candidate c)
{
  for (uint32_t child = 4 * at + 1; child < n; child = 4 * at + 1) {
    uint32_t best = child;
    for (uint32_t k = child + 1; k < child + 4 && k < n; k++)
      if (sooner(&heap[k], &heap[best])) best = k;
    if (!sooner(&heap[best], &c)) break;
    heap[at] = heap[best];
    at = best;
  }
  heap[at] = c;
}

/* The lowest link fills: its open flows stop there. */
static void fill(orc_share *s, const port *full, double level, solve *v)
{
  for (uint32_t k = 0; k < full->count; k++) {
    const uint32_t number = full->crossings[k].flow;
    if (s->mark[number] != 2 * s->epoch) continue;
    stop(s, number, level, v);
    v->flows--;
  }
}

static void in_order(orc_share *s, solve *v)
{
  level_links(s, v);
  candidate *heap = s->heap;
  uint32_t n = v->links;
  for (uint32_t i = 0; i < n; i++)
    heap[i] = (candidate){ s->level[s->order[i]], s->order[i] };
  for (uint32_t i = n / 4 + 1; i-- > 0;)
    sift(heap, i, n, heap[i]);
  while (v->flows > 0) {
    candidate c = heap[0];
    const port *p = &s->ports[c.link];
    const double level = p->open > 0 ? level_of(p) : 0.0;
    if (level > c.level) { /* others stopped elsewhere, so this one fills later */
      c.level = level;
    } else {
      if (p->open > 0) fill(s, p, level, v);
      c = heap[--n];
    }
    if (n > 0) sift(heap, 0, n, c);
  }
}

int orc_share_solve(orc_share *s, const uint32_t **changed)
{
  *changed = s->changed;
  if (s->dirties == 0) return 0;
  s->epoch++;
  solve v = gather(s);
  bool worth = v.flows <= MANY || s->wait == 0;
  if (!worth) s->wait--;
  while (v.flows > 0 && worth) {
    const uint32_t before = v.flows;
    peel(s, &v);
    worth = before - v.flows >= before / WORTH;
    if (!worth && before > MANY) s->wait = WAIT;
  }
  if (v.flows > 0) in_order(s, &v);
  return v.changes;
}
