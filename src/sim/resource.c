#include "sim/resource.h"

#include <stdlib.h>

void orc_resource_init(orc_resource *r, uint32_t capacity, bool preemptive)
{
  ORC_ASSERT(capacity >= 1);
  *r = (orc_resource){ .capacity = capacity, .preemptive = preemptive };
}

void orc_resource_done(orc_resource *r)
{
  free(r->queue.at);
  free(r->users.at);
  *r = (orc_resource){ .capacity = r->capacity };
}

bool orc_request_before(const orc_request *a, const orc_request *b)
{
  if (a->priority != b->priority) return a->priority < b->priority;
  return a->number < b->number;
}

static void put(orc_request_list *l, uint32_t i, orc_request *q)
{
  l->at[i] = q;
  q->place = i;
}

static void append(orc_request_list *l, orc_request *q)
{
  if (l->count == l->room) {
    l->room = orc_more_room(l->room, 8);
    l->at = orc_resize(l->at, l->room, sizeof(orc_request *));
  }
  put(l, l->count++, q);
}

/* ---- the queue: a binary heap ---- */

static void rise(orc_request_list *l, uint32_t i, orc_request *q)
{
  for (; i > 0 && orc_request_before(q, l->at[(i - 1) / 2]); i = (i - 1) / 2)
    put(l, i, l->at[(i - 1) / 2]);
  put(l, i, q);
}

static void sink(orc_request_list *l, uint32_t i, orc_request *q)
{
  for (;;) {
    uint32_t child = 2 * i + 1;
    if (child + 1 < l->count && orc_request_before(l->at[child + 1], l->at[child])) child++;
    if (child >= l->count || !orc_request_before(l->at[child], q)) break;
    put(l, i, l->at[child]);
    i = child;
  }
  put(l, i, q);
}

static void leave_queue(orc_request_list *l, orc_request *q)
{
  orc_request *last = l->at[--l->count];
  if (last == q) return;
  const uint32_t i = q->place;
  sink(l, i, last);
  rise(l, last->place, last);
}

/* ---- servers ---- */

static void grant(orc_resource *r, orc_request *q)
{
  r->count++;
  q->state = ORC_REQUEST_HOLDS;
  q->granted = orc_des_now(q->event.env);
  if (r->preemptive) append(&r->users, q);
  orc_des_trigger(&q->event, false);
}

static void give_back(orc_resource *r, orc_request *q, orc_request_state state)
{
  ORC_ASSERT(q->state == ORC_REQUEST_HOLDS);
  r->count--;
  q->state = (uint8_t)state;
  if (!r->preemptive) return;
  orc_request *last = r->users.at[--r->users.count];
  if (last != q) put(&r->users, q->place, last);
}

/* The user with the least right to its server: the greatest priority, and of these the latest. */
static orc_request *weakest(const orc_resource *r)
{
  orc_request *found = r->users.at[0];
  for (uint32_t i = 1; i < r->users.count; i++)
    if (orc_request_before(found, r->users.at[i])) found = r->users.at[i];
  return found;
}

orc_request *orc_resource_ask(orc_resource *r, orc_request *q, double priority, bool preempts)
{
  orc_request *loser = NULL;
  q->asked = orc_des_now(q->event.env);
  q->priority = priority;
  q->number = r->asked++;
  if (r->count == r->capacity && r->preemptive && preempts) {
    loser = weakest(r);
    if (loser->priority > priority)
      give_back(r, loser, ORC_REQUEST_LOST);
    else
      loser = NULL;
  }
  if (r->count < r->capacity) {
    grant(r, q);
    return loser;
  }
  q->state = ORC_REQUEST_WAITS;
  orc_des_hold(&q->event);
  append(&r->queue, q);
  rise(&r->queue, q->place, q);
  return loser;
}

orc_request *orc_resource_release(orc_resource *r, orc_request *q)
{
  give_back(r, q, ORC_REQUEST_OVER);
  if (r->queue.count == 0) return NULL;
  orc_request *next = r->queue.at[0];
  leave_queue(&r->queue, next);
  grant(r, next);
  return next;
}

void orc_resource_cancel(orc_resource *r, orc_request *q)
{
  ORC_ASSERT(q->state == ORC_REQUEST_WAITS);
  leave_queue(&r->queue, q);
  q->state = ORC_REQUEST_OVER;
  orc_des_drop(&q->event);
}
