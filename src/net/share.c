#include "net/share.h"

#include <stdlib.h>

enum { END = UINT32_MAX }; /* of a list */

typedef struct port {
  double capacity;
  double left;    /* capacity not yet given away, during a solve */
  double level;   /* key in the heap: left / open when it was last looked at */
  uint64_t seen;  /* epoch of the last solve that touched it */
  uint32_t first; /* its crossings */
  uint32_t count;
  uint32_t open; /* flows that have no rate yet, during a solve */
  bool dirty;
} port;

/* One flow on one link. */
typedef struct crossing {
  uint32_t flow;
  uint32_t next, before; /* on the same link */
  uint32_t along;        /* the same flow's on its next link; free ones hang together by it */
} crossing;

typedef struct flow {
  const int32_t *links; /* NULL: this number is not in use */
  double rate;
  uint64_t seen, fixed; /* epochs */
  uint32_t hops;
  uint32_t first; /* its crossings, in the order of links */
} flow;

struct orc_share {
  port *ports;
  flow *flows;
  crossing *crossings;
  uint32_t *changed;
  uint32_t *dirty; /* links whose flows changed since the last solve */
  uint32_t *order; /* links being solved: first as a work list, then as a heap */
  uint32_t links, room, crossing_room, free, dirties;
  uint64_t epoch; /* solves so far: marks from earlier ones are void */
};

orc_share *orc_share_new(const double *capacity, int links)
{
  ORC_ASSERT(links >= 0);
  orc_share *s = orc_alloc(1, sizeof *s);
  s->links = (uint32_t)links;
  s->free = END;
  s->ports = orc_alloc(s->links, sizeof *s->ports);
  s->dirty = orc_alloc(s->links, sizeof *s->dirty);
  s->order = orc_alloc(s->links, sizeof *s->order);
  for (uint32_t i = 0; i < s->links; i++) {
    ORC_ASSERT(capacity[i] > 0.0);
    s->ports[i] = (port){ .capacity = capacity[i], .first = END };
  }
  return s;
}

void orc_share_free(orc_share *s)
{
  if (s == NULL) return;
  free(s->ports);
  free(s->flows);
  free(s->crossings);
  free(s->changed);
  free(s->dirty);
  free(s->order);
  free(s);
}

/* Room for the flow `number`. */
static void grow(orc_share *s, uint32_t number)
{
  if (number < s->room) return;
  uint32_t room = s->room > 0 ? s->room : 16;
  while (room <= number)
    room *= 2;
  s->flows = orc_resize(s->flows, room, sizeof *s->flows);
  for (uint32_t f = s->room; f < room; f++)
    s->flows[f] = (flow){ .links = NULL };
  s->changed = orc_resize(s->changed, room, sizeof *s->changed);
  s->room = room;
}

static uint32_t take(orc_share *s)
{
  if (s->free == END) {
    const uint32_t room = s->crossing_room > 0 ? 2 * s->crossing_room : 64;
    ORC_ASSERT(room < UINT32_MAX / 2);
    s->crossings = orc_resize(s->crossings, room, sizeof *s->crossings);
    for (uint32_t i = room; i-- > s->crossing_room;) {
      s->crossings[i].along = s->free;
      s->free = i;
    }
    s->crossing_room = room;
  }
  const uint32_t c = s->free;
  s->free = s->crossings[c].along;
  return c;
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
  grow(s, number);
  ORC_ASSERT(s->flows[number].links == NULL);
  s->flows[number] = (flow){ .links = links, .hops = (uint32_t)count, .first = END };
  for (int h = count; h-- > 0;) {
    ORC_ASSERT(links[h] >= 0 && (uint32_t)links[h] < s->links);
    port *p = &s->ports[links[h]];
    const uint32_t c = take(s);
    s->crossings[c] = (crossing){
      .flow = number, .next = p->first, .before = END, .along = s->flows[number].first
    };
    if (p->first != END) s->crossings[p->first].before = c;
    p->first = c;
    p->count++;
    s->flows[number].first = c;
    touch(s, (uint32_t)links[h]);
  }
}

void orc_share_remove(orc_share *s, uint32_t number)
{
  ORC_ASSERT(number < s->room && s->flows[number].links != NULL);
  flow *f = &s->flows[number];
  uint32_t at = f->first;
  for (uint32_t h = 0; h < f->hops; h++) {
    const crossing c = s->crossings[at];
    port *p = &s->ports[f->links[h]];
    *(c.before == END ? &p->first : &s->crossings[c.before].next) = c.next;
    if (c.next != END) s->crossings[c.next].before = c.before;
    p->count--;
    touch(s, (uint32_t)f->links[h]);
    s->crossings[at].along = s->free;
    s->free = at;
    at = c.along;
  }
  f->links = NULL;
}

double orc_share_rate(const orc_share *s, uint32_t number)
{
  ORC_ASSERT(number < s->room && s->flows[number].links != NULL);
  return s->flows[number].rate;
}

/* ---- one solve ---- */

/* Put a link on the work list, its capacity all free. */
static uint32_t enlist(orc_share *s, uint32_t link, uint32_t n)
{
  port *p = &s->ports[link];
  if (p->seen == s->epoch) return n;
  p->seen = s->epoch;
  p->left = p->capacity;
  p->open = p->count;
  s->order[n] = link;
  return n + 1;
}

/* Fill `order` with all links joined to a dirty one by flows. Returns how many. */
static uint32_t gather(orc_share *s)
{
  uint32_t n = 0;
  for (uint32_t i = 0; i < s->dirties; i++) {
    s->ports[s->dirty[i]].dirty = false;
    n = enlist(s, s->dirty[i], n);
  }
  s->dirties = 0;
  for (uint32_t i = 0; i < n; i++) {
    const port *p = &s->ports[s->order[i]];
    for (uint32_t c = p->first; c != END; c = s->crossings[c].next) {
      flow *f = &s->flows[s->crossings[c].flow];
      if (f->seen == s->epoch) continue;
      f->seen = s->epoch;
      for (uint32_t h = 0; h < f->hops; h++)
        n = enlist(s, (uint32_t)f->links[h], n);
    }
  }
  return n;
}

static bool before(const orc_share *s, uint32_t a, uint32_t b)
{
  const double x = s->ports[a].level, y = s->ports[b].level;
  return x < y || (x == y && a < b);
}

static void sift(orc_share *s, uint32_t at, uint32_t n)
{
  uint32_t *heap = s->order;
  const uint32_t link = heap[at];
  for (uint32_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
    if (child + 1 < n && before(s, heap[child + 1], heap[child])) child++;
    if (!before(s, heap[child], link)) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = link;
}

/* Drop the links nobody crosses and order the rest by the level at which they fill. */
static uint32_t heapify(orc_share *s, uint32_t n)
{
  uint32_t kept = 0;
  for (uint32_t i = 0; i < n; i++) {
    port *p = &s->ports[s->order[i]];
    if (p->open == 0) continue;
    p->level = p->left / p->open;
    s->order[kept++] = s->order[i];
  }
  for (uint32_t i = kept / 2; i-- > 0;)
    sift(s, i, kept);
  return kept;
}

/* The link is full at `level`: its open flows stop there, and take that much of their other links.
 */
static int fix(orc_share *s, const port *full, double level, int changes)
{
  for (uint32_t c = full->first; c != END; c = s->crossings[c].next) {
    const uint32_t number = s->crossings[c].flow;
    flow *f = &s->flows[number];
    if (f->fixed == s->epoch) continue;
    f->fixed = s->epoch;
    for (uint32_t h = 0; h < f->hops; h++) {
      port *p = &s->ports[f->links[h]];
      p->left -= level;
      p->open--;
    }
    if (f->rate != level) s->changed[changes++] = number;
    f->rate = level;
  }
  return changes;
}

int orc_share_solve(orc_share *s, const uint32_t **changed)
{
  *changed = s->changed;
  if (s->dirties == 0) return 0;
  s->epoch++;
  uint32_t n = heapify(s, gather(s));
  int changes = 0;
  double level = 0.0;
  while (n > 0) {
    port *p = &s->ports[s->order[0]];
    const double now = p->open > 0 ? p->left / p->open : 0.0;
    if (p->open > 0 && now > p->level) { /* others stopped elsewhere, so this one fills later */
      p->level = now;
      sift(s, 0, n);
      continue;
    }
    /* The level never falls; taking the maximum keeps rounding from making a rate 0 or less. */
    if (p->open > 0 && now > level) level = now;
    if (p->open > 0) changes = fix(s, p, level, changes);
    s->order[0] = s->order[--n];
    if (n > 0) sift(s, 0, n);
  }
  return changes;
}
