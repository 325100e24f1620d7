#include "net/agenda.h"

#include <stdlib.h>

void orc_agenda_reserve(orc_agenda *a, uint32_t room)
{
  if (room <= a->room) return;
  a->heap = orc_resize(a->heap, room, sizeof *a->heap);
  a->place = orc_resize(a->place, room, sizeof *a->place);
  for (uint32_t i = a->room; i < room; i++)
    a->place[i] = 0;
  a->room = room;
}

void orc_agenda_done(orc_agenda *a)
{
  free(a->heap);
  free(a->place);
  *a = (orc_agenda){ 0 };
}

static inline bool sooner(const orc_due *a, const orc_due *b)
{
  if (a->time != b->time) return a->time < b->time;
  return a->rest != b->rest ? a->rest < b->rest : a->order < b->order;
}

static inline void set(orc_agenda *a, uint32_t at, const orc_due *due)
{
  a->heap[at] = *due;
  a->place[due->slot] = at + 1;
}

/* Put it where it belongs, at the free place `at` or below. */
static void sink(orc_agenda *a, uint32_t at, orc_due due)
{
  for (uint32_t child = 2 * at + 1; child < a->count; child = 2 * at + 1) {
    if (child + 1 < a->count && sooner(&a->heap[child + 1], &a->heap[child])) child++;
    if (!sooner(&a->heap[child], &due)) break;
    set(a, at, &a->heap[child]);
    at = child;
  }
  set(a, at, &due);
}

/* The same, also above. */
static void settle(orc_agenda *a, uint32_t at, const orc_due *due)
{
  while (at > 0 && sooner(due, &a->heap[(at - 1) / 2])) {
    set(a, at, &a->heap[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  sink(a, at, *due);
}

/* Where the slot stands; at the end if it is new. */
static uint32_t place_of(orc_agenda *a, uint32_t slot)
{
  ORC_ASSERT(slot < a->room);
  return a->place[slot] > 0 ? a->place[slot] - 1 : a->count++;
}

void orc_agenda_put(orc_agenda *a, const orc_due *due)
{
  const orc_due own = *due; /* it may be one of the heap's */
  settle(a, place_of(a, own.slot), &own);
}

void orc_agenda_add(orc_agenda *a, const orc_due *due)
{
  const orc_due own = *due;
  set(a, place_of(a, own.slot), &own);
}

void orc_agenda_order(orc_agenda *a)
{
  for (uint32_t i = a->count / 2; i-- > 0;)
    sink(a, i, a->heap[i]);
}

void orc_agenda_remove(orc_agenda *a, uint32_t slot)
{
  ORC_ASSERT(slot < a->room && a->place[slot] > 0);
  const uint32_t at = a->place[slot] - 1;
  a->place[slot] = 0;
  const orc_due last = a->heap[--a->count];
  if (last.slot != slot) settle(a, at, &last);
}
