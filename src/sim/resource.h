/*
** resource.h - servers that processes hold for a while (SimPy's Resource, PriorityResource and
** PreemptiveResource). A request is an event that happens when it is granted; those that have to
** wait are granted in the order (priority, coming), the least first.
**
** The memory of requests is the caller's: a request stays where it is while it waits, and, of a
** preemptive resource, while it holds a server.
*/
#ifndef ORC_SIM_RESOURCE_H
#define ORC_SIM_RESOURCE_H

#include "sim/des.h"

typedef enum orc_request_state {
  ORC_REQUEST_WAITS,
  ORC_REQUEST_HOLDS,
  ORC_REQUEST_LOST, /* its server was taken from it */
  ORC_REQUEST_OVER, /* given back, or cancelled */
} orc_request_state;

typedef struct orc_request {
  orc_des_event event;
  orc_time asked, granted;
  double priority; /* less goes first; not NaN */
  uint64_t number; /* of its resource, in the order of coming */
  uint32_t place;  /* in the queue, or among the users of a preemptive resource */
  uint8_t state;   /* orc_request_state */
} orc_request;

typedef struct orc_request_list {
  orc_request **at;
  uint32_t count, room;
} orc_request_list;

typedef struct orc_resource {
  uint32_t capacity;      /* servers, >= 1 */
  uint32_t count;         /* servers that are held */
  bool preemptive;        /* it keeps a list of users */
  uint64_t asked;         /* requests so far */
  orc_request_list queue; /* a heap: the next is the first */
  orc_request_list users; /* in no order */
} orc_resource;

void orc_resource_init(orc_resource *r, uint32_t capacity, bool preemptive);
void orc_resource_done(orc_resource *r);

/*
** Request `q`, whose event has just been initialised (kind ORC_DES_REQUEST), asks for a server: it
** holds one from now on, its event triggered, or waits, its event held.
**   preempts   of a preemptive resource: where all servers are held, the weakest user loses its own
**              to `q` if its priority is greater
** Returns who lost its server, or NULL.
*/
orc_request *orc_resource_ask(orc_resource *r, orc_request *q, double priority, bool preempts);

/*
** `q`, which holds a server, gives it back. Returns the request that gets it, its event triggered,
** or NULL.
*/
orc_request *orc_resource_release(orc_resource *r, orc_request *q);

/* Whether `a` has the better right to a server. */
bool orc_request_before(const orc_request *a, const orc_request *b);

/* `q`, which waits, waits no longer; its event stays pending, and held no longer. */
void orc_resource_cancel(orc_resource *r, orc_request *q);

#endif
