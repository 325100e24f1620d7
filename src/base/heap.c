#include "base/heap.h"

#include <stdlib.h>

/* The total order as one number: a single compare without branches. */
static __int128 key(const orc_event *e)
{
  return (__int128)e->time << 64 | (__int128)e->order;
}

void orc_heap_done(orc_heap *h)
{
  free(h->at);
  *h = (orc_heap){ 0 };
}

void orc_heap_push(orc_heap *h, orc_event e)
{
  if (h->count == h->room) {
    h->room = h->room == 0 ? 64 : 2 * h->room;
    h->at = orc_resize(h->at, h->room, sizeof *h->at);
  }
  const __int128 k = key(&e);
  size_t i = h->count++;
  while (i > 0) {
    const size_t up = (i - 1) / 4;
    if (key(&h->at[up]) <= k) break;
    h->at[i] = h->at[up];
    i = up;
  }
  h->at[i] = e;
}

const orc_event *orc_heap_top(const orc_heap *h)
{
  return h->count == 0 ? NULL : h->at;
}

orc_event orc_heap_pop(orc_heap *h)
{
  ORC_ASSERT(h->count > 0);
  const orc_event first = h->at[0];
  const orc_event last = h->at[--h->count];
  const __int128 k = key(&last);
  size_t i = 0;
  for (;;) {
    const size_t child = 4 * i + 1;
    if (child >= h->count) break;
    size_t least = child;
    for (size_t c = child + 1; c < child + 4 && c < h->count; c++)
      if (key(&h->at[c]) < key(&h->at[least])) least = c;
    if (k <= key(&h->at[least])) break;
    h->at[i] = h->at[least];
    i = least;
  }
  h->at[i] = last;
  return first;
}
