/*
** queue.h - requests in the order of (key, number): a 4-ary heap of slots that knows where each is.
** The waiting requests of a replica are one (first come first served is key = number; a policy may
** give keys of its own); so are the sequences of a decode set by the step they end at.
*/
#ifndef ORC_REPLICA_QUEUE_H
#define ORC_REPLICA_QUEUE_H

#include "base/base.h"
#include "replica/request.h"

typedef struct orc_queue_entry {
  double key;
  uint64_t number;
  orc_slot slot;
} orc_queue_entry;

typedef struct orc_queue {
  orc_requests *requests; /* whose place[which] the queue keeps */
  int which;              /* 0 or 1: a request may be in two queues at a time */
  orc_queue_entry *at;
  uint32_t count, room;
} orc_queue;

void orc_queue_init(orc_queue *q, orc_requests *requests, int which);
void orc_queue_done(orc_queue *q);

void orc_queue_push(orc_queue *q, orc_slot slot, double key);
void orc_queue_remove(orc_queue *q, orc_slot slot); /* a request that is in the queue */

/* The first, ORC_NO_SLOT when it is empty. */
static inline orc_slot orc_queue_head(const orc_queue *q)
{
  return q->count == 0 ? ORC_NO_SLOT : q->at[0].slot;
}

/*
** Go through the first entries in order without sorting the others: the head is laid aside, O(log n), in
** at[count] of the shorter queue, until `n` of them are put back, all that were laid aside since.
*/
const orc_queue_entry *orc_queue_lay_aside(orc_queue *q); /* a queue that is not empty */
void orc_queue_put_back(orc_queue *q, uint32_t n);

/* Bring the entries at[0 .. count - 1] into full order (a sorted array is a heap too). O(n log n).
 */
void orc_queue_sort(orc_queue *q);

/*
** Give all entries the keys 1, 2, 3 ... in the order of `slots` [count], which are those of the
** queue. O(n).
*/
void orc_queue_arrange(orc_queue *q, const orc_slot *slots);

#endif
