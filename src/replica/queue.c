#include "replica/queue.h"

#include <stdlib.h>
#include <string.h>

void orc_queue_init(orc_queue *q, orc_requests *requests, int which)
{
  ORC_ASSERT(which == 0 || which == 1);
  *q = (orc_queue){ .requests = requests, .which = which };
}

void orc_queue_done(orc_queue *q)
{
  free(q->at);
  orc_queue_init(q, q->requests, q->which);
}

static bool before(const orc_queue_entry *a, const orc_queue_entry *b)
{
  return a->key != b->key ? a->key < b->key : a->number < b->number;
}

static void put(orc_queue *q, uint32_t place, orc_queue_entry e)
{
  q->at[place] = e;
  q->requests->at[e.slot].place[q->which] = place;
}

static void rise(orc_queue *q, uint32_t place, orc_queue_entry e)
{
  while (place > 0 && before(&e, &q->at[(place - 1) / 4])) {
    put(q, place, q->at[(place - 1) / 4]);
    place = (place - 1) / 4;
  }
  put(q, place, e);
}

static void sink(orc_queue *q, uint32_t place, orc_queue_entry e)
{
  for (;;) {
    const uint32_t child = 4 * place + 1;
    if (child >= q->count) break;
    const uint32_t end = child + 4 < q->count ? child + 4 : q->count;
    uint32_t least = child;
    for (uint32_t c = child + 1; c < end; c++)
      if (before(&q->at[c], &q->at[least])) least = c;
    if (!before(&q->at[least], &e)) break;
    put(q, place, q->at[least]);
    place = least;
  }
  put(q, place, e);
}

void orc_queue_push(orc_queue *q, orc_slot slot, double key)
{
  if (q->count == q->room) {
    q->room = orc_more_room(q->room, 8);
    q->at = orc_resize(q->at, q->room, sizeof *q->at);
  }
  rise(q, q->count++, (orc_queue_entry){ key, q->requests->at[slot].number, slot });
}

void orc_queue_remove(orc_queue *q, orc_slot slot)
{
  const uint32_t place = q->requests->at[slot].place[q->which];
  ORC_ASSERT(place < q->count && q->at[place].slot == slot);
  const orc_queue_entry last = q->at[--q->count];
  if (place == q->count) return;
  if (place > 0 && before(&last, &q->at[(place - 1) / 4]))
    rise(q, place, last);
  else
    sink(q, place, last);
}

const orc_queue_entry *orc_queue_lay_aside(orc_queue *q)
{
  ORC_ASSERT(q->count > 0);
  const orc_queue_entry head = q->at[0], last = q->at[--q->count];
  if (q->count > 0) sink(q, 0, last);
  put(q, q->count, head);
  return &q->at[q->count];
}

void orc_queue_put_back(orc_queue *q, uint32_t n)
{
  for (; n > 0; n--, q->count++)
    rise(q, q->count, q->at[q->count]);
}

static int compare(const void *a, const void *b)
{
  return before(a, b) ? -1 : before(b, a);
}

void orc_queue_sort(orc_queue *q)
{
  if (q->count > 1) qsort(q->at, q->count, sizeof *q->at, compare);
  for (uint32_t i = 0; i < q->count; i++)
    q->requests->at[q->at[i].slot].place[q->which] = i;
}

void orc_queue_arrange(orc_queue *q, const orc_slot *slots)
{
  for (uint32_t i = 0; i < q->count; i++) {
    orc_request *r = &q->requests->at[slots[i]];
    r->key = i + 1.0;
    put(q, i, (orc_queue_entry){ r->key, r->number, slots[i] });
  }
}
