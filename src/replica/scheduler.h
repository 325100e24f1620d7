/*
** scheduler.h - what decides in a replica: how steps are formed, and what cached blocks are worth.
** Plain function pointers, so the simulator runs without a Lua state. Each returns false with *e
** filled when the policy failed; the run then stops and names it.
*/
#ifndef ORC_REPLICA_SCHEDULER_H
#define ORC_REPLICA_SCHEDULER_H

#include "base/base.h"
#include "replica/request.h"

typedef struct orc_batch orc_batch;

/* Which running request is preempted first when KV blocks run short. */
typedef enum orc_victim {
  ORC_VICTIM_LAST,     /* the one admitted last */
  ORC_VICTIM_KEY,      /* the one that goes last in the queue's order */
  ORC_VICTIM_SHORTEST, /* the one with the fewest tokens generated, of those the longest prompt */
} orc_victim;

/*
** Forms the steps of a replica. `step` is called when there is something to decide: a request
** waits, a prompt is partly done, blocks run short - and not again while nothing changed since it
** last left everything but the decodes alone. A policy that must see every step says so.
*/
typedef struct orc_batching {
  const char *name;
  const char *where; /* " (file:line)" of what forms steps, for errors; NULL: built in */
  void *self;
  bool every_step;
  bool clairvoyant; /* sees true output lengths */
  orc_victim victim;
  bool (*step)(void *self, orc_batch *b, orc_error *e);
  /* Place in the queue, each time one comes to a replica: smaller goes first. NULL: order of arrival. */
  bool (*order)(void *self, const orc_request *r, double *key, orc_error *e);
  /* A request has left this replica, after r->generated tokens: it has ended, goes on elsewhere, or
  ** is lost with the replica (PENDING). Once for each time it came. NULL: no interest. */
  bool (*ended)(void *self, const orc_request *r, orc_status status, orc_error *e);
} orc_batching;

/* Where it is written, to stand behind its name. */
static inline const char *orc_batching_place(const orc_batching *b)
{
  return b->where != NULL ? b->where : "";
}

/*
** What the cached blocks of a request are worth when the request gives them back: *grade in
** 0 .. ORC_PREFIX_GRADES - 1, lower grades are evicted first. NULL: all the same.
*/
typedef struct orc_eviction {
  const char *name;
  void *self;
  bool (*grade)(void *self, const orc_request *r, int *grade, orc_error *e);
} orc_eviction;

/* vLLM's policy in C (chunked.c): decodes, then prompts begun, then the queue. The yardstick for
** policies in Lua. */
extern const orc_batching orc_batching_chunked;

#endif
