/*
** heap.h - the pending events in their total order: (time, class, sequence).
*/
#ifndef ORC_BASE_HEAP_H
#define ORC_BASE_HEAP_H

#include "base/base.h"

/*
** An event says that something happens to `subject`; what, its `kind` tells the engine.
** `order` breaks ties of time: class << 56 | sequence, so classes go first, then first in first
** out. No two pending events share both time and order.
*/
typedef struct orc_event {
  orc_time time;
  uint64_t order;
  uint32_t kind;
  uint32_t subject;
} orc_event;

typedef struct orc_heap {
  orc_event *at; /* see heap.c */
  size_t count, room;
} orc_heap;

/* An empty heap is all zeroes; done frees and makes it so again. */
void orc_heap_done(orc_heap *h);

/* Add one event. Grows by doubling, so a steady simulation allocates nothing. */
void orc_heap_push(orc_heap *h, orc_event e);

/* The first event, or NULL when none is pending. Valid until the next push or pop. */
const orc_event *orc_heap_top(const orc_heap *h);

/* Remove the first event and return it. Precondition: not empty. */
orc_event orc_heap_pop(orc_heap *h);

#endif
