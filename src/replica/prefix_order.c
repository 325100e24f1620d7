#include "replica/prefix_order.h"

#include <stdlib.h>

enum { NONE = UINT32_MAX, ROOT = 0 };

void orc_prefix_order_done(orc_prefix_order *w)
{
  free(w->at);
  free(w->other);
  free(w->order);
  free(w->nodes);
  free(w->sorted);
  free(w->node_of);
  *w = (orc_prefix_order){ 0 };
}

void orc_prefix_order_clear(orc_prefix_order *w)
{
  w->count = 0;
}

void orc_prefix_order_add(orc_prefix_order *w, uint64_t number, orc_slot slot, uint32_t last)
{
  if (w->count == w->room) {
    w->room = orc_more_room(w->room, 64);
    w->at = orc_resize(w->at, w->room, sizeof *w->at);
    w->other = orc_resize(w->other, w->room, sizeof *w->other);
    w->order = orc_resize(w->order, w->room, sizeof *w->order);
  }
  w->at[w->count++] =
      (orc_prefix_order_request){ .number = number, .slot = slot, .last = last, .next = NONE };
}

/* Bring the requests into order of their numbers, the youngest first: byte by byte, as far as they
 * differ, for mostly they are many and close together. */
static void youngest_first(orc_prefix_order *w)
{
  uint64_t least = UINT64_MAX, most = 0;
  for (uint32_t i = 0; i < w->count; i++) {
    if (w->at[i].number < least) least = w->at[i].number;
    if (w->at[i].number > most) most = w->at[i].number;
  }
  for (unsigned shift = 0; shift < 64 && (most - least) >> shift > 0; shift += 8) {
    uint32_t from[256] = { 0 }, place = 0;
    for (uint32_t i = 0; i < w->count; i++)
      from[(most - w->at[i].number) >> shift & 255]++;
    for (int d = 0; d < 256; d++) {
      const uint32_t n = from[d];
      from[d] = place;
      place += n;
    }
    for (uint32_t i = 0; i < w->count; i++)
      w->other[from[(most - w->at[i].number) >> shift & 255]++] = w->at[i];
    orc_prefix_order_request *swap = w->at;
    w->at = w->other;
    w->other = swap;
  }
}

static int heaviest_first(const void *one, const void *other)
{
  const orc_prefix_order_node *a = one, *b = other;
  if (a->weight != b->weight) return a->weight > b->weight ? -1 : 1;
  return a->least < b->least ? -1 : a->least > b->least ? 1 : 0;
}

static uint32_t add_node(orc_prefix_order *w, uint32_t block)
{
  if (w->node_count == w->node_room) {
    w->node_room = orc_more_room(w->node_room, 256);
    w->nodes = orc_resize(w->nodes, w->node_room, sizeof *w->nodes);
  }
  w->nodes[w->node_count] = (orc_prefix_order_node){
    .least = UINT64_MAX, .block = block, .parent = NONE, .child = NONE, .sibling = NONE, .own = NONE
  };
  return w->node_count++;
}

static void hang(orc_prefix_order *w, uint32_t node, uint32_t parent)
{
  w->nodes[node].parent = parent;
  w->nodes[node].sibling = w->nodes[parent].child;
  w->nodes[parent].open++;
  w->nodes[parent].child = node;
}

/* The node of a block; new ones up to the first that is there already, or the root, are hung up. */
static uint32_t node_at(orc_prefix_order *w, const orc_prefix *p, uint32_t block)
{
  if (block == ORC_NO_BLOCK) return ROOT;
  if (w->node_of[block] != ROOT) return w->node_of[block];
  const uint32_t first = add_node(w, block);
  w->node_of[block] = first;
  for (uint32_t node = first;;) {
    const uint32_t above = p->at[w->nodes[node].block].parent;
    if (above == ORC_NO_BLOCK || w->node_of[above] != ROOT) {
      hang(w, node, above == ORC_NO_BLOCK ? ROOT : w->node_of[above]);
      return first;
    }
    const uint32_t parent = add_node(w, above);
    w->node_of[above] = parent;
    hang(w, node, parent);
    node = parent;
  }
}

/* Weights and oldest requests, from the leaves up: a node is done when all below it are. */
static void weigh(orc_prefix_order *w)
{
  for (uint32_t i = 1; i < w->node_count; i++) {
    if (w->nodes[i].child != NONE) continue;
    for (uint32_t n = i; n != ROOT; n = w->nodes[n].parent) {
      const orc_prefix_order_node *from = &w->nodes[n];
      orc_prefix_order_node *to = &w->nodes[from->parent];
      to->weight += from->weight;
      if (from->least < to->least) to->least = from->least;
      if (--to->open > 0) break;
    }
  }
}

/* The tree of all requests; the youngest are put in first, so that the oldest end up in front. */
static void grow(orc_prefix_order *w, const orc_prefix *p)
{
  if (w->node_of_room < p->room) {
    free(w->node_of);
    w->node_of = orc_alloc(p->room, sizeof *w->node_of);
    w->node_of_room = p->room;
  }
  w->node_count = 0;
  add_node(w, ORC_NO_BLOCK);
  youngest_first(w);
  for (uint32_t i = 0; i < w->count; i++) {
    const uint32_t own = node_at(w, p, w->at[i].last);
    w->at[i].next = w->nodes[own].own;
    w->nodes[own].own = i;
    w->nodes[own].weight++;
    w->nodes[own].least = w->at[i].number;
  }
  weigh(w);
}

/* Bring the children of a node into order: of equally heavy ones, the one with the oldest request first, or of a radix
** tree the one that was there first. */
static void arrange(orc_prefix_order *w, const orc_prefix *p, uint32_t node)
{
  uint32_t n = 0;
  const uint32_t first = w->nodes[node].child;
  if (first == NONE || w->nodes[first].sibling == NONE) return;
  for (uint32_t i = first; i != NONE; i = w->nodes[i].sibling) {
    if (n == w->sorted_room) {
      w->sorted_room = orc_more_room(w->sorted_room, 64);
      w->sorted = orc_resize(w->sorted, w->sorted_room, sizeof *w->sorted);
    }
    w->sorted[n] = w->nodes[i];
    /* Seen from now, as the count of those that entered begins anew after 2^32. */
    if (p->radix) w->sorted[n].least = p->at[w->nodes[i].block].born - p->entered;
    n++;
  }
  qsort(w->sorted, n, sizeof *w->sorted, heaviest_first);
  uint32_t next = NONE;
  for (; n > 0; n--) {
    const uint32_t i = w->node_of[w->sorted[n - 1].block];
    w->nodes[i].sibling = next;
    next = i;
  }
  w->nodes[node].child = next;
}

void orc_prefix_order_sort(orc_prefix_order *w, const orc_prefix *p)
{
  if (w->count == 0) return;
  grow(w, p);
  uint32_t done = 0, node = ROOT;
  arrange(w, p, node);
  while (node != NONE) { /* a child that was visited is off its parent's list */
    const uint32_t child = w->nodes[node].child;
    if (child != NONE) {
      w->nodes[node].child = w->nodes[child].sibling;
      arrange(w, p, child);
      node = child;
      continue;
    }
    for (uint32_t i = w->nodes[node].own; i != NONE; i = w->at[i].next)
      w->order[done++] = w->at[i].slot;
    node = w->nodes[node].parent;
  }
  ORC_ASSERT(done == w->count);
  for (uint32_t i = 1; i < w->node_count; i++)
    w->node_of[w->nodes[i].block] = ROOT;
}
