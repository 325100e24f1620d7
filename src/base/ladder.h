/*
** ladder.h - the pending events in their total order: (time, class, sequence).
**
** A ladder queue (Tang, Goh and Thng, ACM TOMACS 15(3), 2005): the soonest events lie sorted in a
** short array, later ones in buckets of time, the latest in a heap of no order. A bucket is sorted
** when its turn comes, and one with many events is first divided into finer buckets. So an event
** is moved a few times however many are pending, where a binary heap takes log n cache misses.
** Times may be distributed in any way: equal, clustered, with far outliers.
*/
#ifndef ORC_BASE_LADDER_H
#define ORC_BASE_LADDER_H

#include "base/base.h"

/*
** An event says that something happens to `subject`; what, its `kind` tells the engine.
** `order` breaks ties of time: class << 56 | sequence, so classes go first, then first in first
** out. Events equal in both leave in an order that depends only on the calls made; more than a few
** dozen such at once are slow.
*/
typedef struct orc_event {
  orc_time time;
  uint64_t order;
  uint32_t kind;
  uint32_t subject;
} orc_event;

/* Time and order as one number that sorts as they do. */
typedef unsigned __int128 orc_event_key;

#define ORC_LAST_KEY (~(orc_event_key)0)

/*
** All zeroes is an empty queue. The fields are ladder.c's and of the inline functions below. Keys
** and what happens (kind and subject) lie in arrays of their own, of the same index.
*/
typedef struct orc_ladder {
  size_t count;        /* events pending */
  orc_event_key *near; /* sorted, the first event at its end; not empty unless all is */
  uint64_t *near_what;
  size_t near_count, near_room;
  orc_event_key near_last; /* keys up to here belong into `near` */
  orc_event_key *far;      /* beyond the coarsest rung, in no order */
  uint64_t *far_what;
  size_t far_count, far_room;
  struct orc_rung
      *rung; /* buckets, the coarsest first; each rung ends before the one above begins */
  int depth, rung_room;
  struct orc_chunk *chunk; /* what buckets are made of */
  uint32_t chunk_count, chunk_room, chunk_free;
} orc_ladder;

/* Free all; the queue is then empty and may be used again. */
void orc_ladder_done(orc_ladder *q);

/* The rare parts of push and pop; not to be called otherwise. */
void orc_ladder_push_beyond(orc_ladder *q, orc_event_key key, uint64_t what);
void orc_ladder_refill(orc_ladder *q);

static inline orc_event_key orc_event_key_of(orc_time time, uint64_t order)
{
  return (orc_event_key)((uint64_t)time ^ (uint64_t)1 << 63) << 64 | order;
}

/* Insert into `near`, which has room, `key` being <= near_last. */
static inline void orc_ladder_insert(orc_ladder *q, orc_event_key key, uint64_t what)
{
  /* From the end, where new events of a small queue mostly belong; a search costs more here. */
  size_t i = q->near_count++;
  for (; i > 0 && q->near[i - 1] <= key; i--) {
    q->near[i] = q->near[i - 1];
    q->near_what[i] = q->near_what[i - 1];
  }
  q->near[i] = key;
  q->near_what[i] = what;
}

/*
** Add one event, at any time, also before the first one pending. Memory grows by doubling and is
** kept, so a steady simulation allocates nothing.
*/
static inline void orc_ladder_push(orc_ladder *q, orc_event e)
{
  const orc_event_key key = orc_event_key_of(e.time, e.order);
  const uint64_t what = (uint64_t)e.subject << 32 | e.kind;
  q->count++;
  if (key <= q->near_last && q->near_count < q->near_room)
    orc_ladder_insert(q, key, what);
  else
    orc_ladder_push_beyond(q, key, what);
}

/* The key of the first event, ORC_LAST_KEY when none is pending: which of two queues goes first. */
static inline orc_event_key orc_ladder_key(const orc_ladder *q)
{
  return q->count == 0 ? ORC_LAST_KEY : q->near[q->near_count - 1];
}

/* The time of the first event, ORC_NEVER when none is pending. */
static inline orc_time orc_ladder_time(const orc_ladder *q)
{
  if (q->count == 0) return ORC_NEVER;
  return (orc_time)((uint64_t)(q->near[q->near_count - 1] >> 64) ^ (uint64_t)1 << 63);
}

/* The first event; its time is ORC_NEVER, and the rest 0, when none is pending. */
static inline orc_event orc_ladder_top(const orc_ladder *q)
{
  if (q->count == 0) return (orc_event){ .time = ORC_NEVER };
  const orc_event_key key = q->near[q->near_count - 1];
  const uint64_t what = q->near_what[q->near_count - 1];
  return (orc_event){
    .time = (orc_time)((uint64_t)(key >> 64) ^ (uint64_t)1 << 63),
    .order = (uint64_t)key,
    .kind = (uint32_t)what,
    .subject = (uint32_t)(what >> 32),
  };
}

/* Remove the first event and return it. Precondition: not empty. */
static inline orc_event orc_ladder_pop(orc_ladder *q)
{
  ORC_ASSERT(q->count > 0);
  const orc_event first = orc_ladder_top(q);
  q->count--;
  if (--q->near_count == 0 && q->near_last != ORC_LAST_KEY) orc_ladder_refill(q);
  return first;
}

#endif
