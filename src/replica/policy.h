/*
** policy.h - what decides: plain function pointers, so the simulator runs without a Lua state.
** Each returns false with *e filled when the policy failed; the run then stops and names it.
*/
#ifndef ORC_REPLICA_POLICY_H
#define ORC_REPLICA_POLICY_H

#include "base/base.h"
#include "replica/request.h"

typedef struct orc_batch orc_batch;
typedef struct orc_cluster orc_cluster;

/* Which running request gives way when KV blocks run short. */
typedef enum orc_victim {
  ORC_VICTIM_LAST,     /* the one admitted last */
  ORC_VICTIM_KEY,      /* the one that goes last in the queue's order */
  ORC_VICTIM_SHORTEST, /* the one with the fewest tokens generated, of those the longest prompt */
} orc_victim;

/*
** Forms the steps of a replica. `step` is called when there is something to decide: a request
** waits, a prompt is partly done, blocks run short - and not again while nothing changed since it
** last left everything but the decodes alone. One that must see every step says so.
*/
typedef struct orc_batching {
  const char *name;
  const char *where; /* " (file:line)" of what forms steps, for errors; NULL: built in */
  void *self;
  bool every_step;
  bool clairvoyant; /* sees true output lengths */
  orc_victim victim;
  bool (*step)(void *self, orc_batch *b, orc_error *e);
  /* Place in the queue, once per arrival: smaller goes first. NULL: order of arrival. */
  bool (*order)(void *self, const orc_request *r, double *key, orc_error *e);
  /* A request of this replica has ended: r->generated tokens came out. NULL: no interest. */
  bool (*ended)(void *self, const orc_request *r, orc_status status, orc_error *e);
} orc_batching;

/* What a replica does with requests. */
typedef enum orc_role {
  ORC_ROLE_ALL,
  ORC_ROLE_PREFILL, /* computes prompts and hands them over with their first token */
  ORC_ROLE_DECODE,  /* takes requests from those; of the router's, it does all the work itself */
} orc_role;

/* How finely steps are simulated. */
typedef enum orc_lod {
  ORC_LOD_MEDIUM, /* a step on a stage is one operation, collectives by formula */
  ORC_LOD_HIGH,   /* each layer on each device, collectives message by message */
  ORC_LOD_AUTO,   /* high where links are shared */
} orc_lod;

/* Chooses the replica of a request as it arrives: *replica, a place in c->lifecycle.ready. NULL: the
 * first. */
typedef struct orc_router {
  const char *name;
  void *self;
  bool tracks; /* it asks for the load of replicas (load.h), which is then counted */
  /* The replica of role decode that takes a request over whose prompt another one computed:
   * *replica, a place in c->lifecycle.ready. NULL: the one with the fewest requests. */
  bool (*decode)(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                 orc_error *e);
  bool (*route)(void *self, const orc_cluster *c, const orc_request *r, int *replica, orc_error *e);
} orc_router;

/* Where it is written, to stand behind its name. */
static inline const char *orc_batching_place(const orc_batching *b)
{
  return b->where != NULL ? b->where : "";
}

/* Decides at its arrival whether a request is served at all; one that is not ends REJECTED. NULL:
 * all are. */
typedef struct orc_admission {
  const char *name;
  void *self;
  bool (*admit)(void *self, const orc_cluster *c, const orc_request *r, bool *yes, orc_error *e);
} orc_admission;

/* What the cached blocks of a request are worth that gives them back: *grade in 0 ..
 * ORC_PREFIX_GRADES
 * - 1, lower grades give way first. NULL: all the same. */
typedef struct orc_eviction {
  const char *name;
  void *self;
  bool (*grade)(void *self, const orc_request *r, int *grade, orc_error *e);
} orc_eviction;

/* Says every so often how many groups of replicas a pool (c->pools) should have. NULL: as many as
 * at the start. */
typedef struct orc_autoscaler {
  const char *name;
  void *self;
  bool (*scale)(void *self, const orc_cluster *c, int pool, int *wanted, orc_error *e);
} orc_autoscaler;

/* vLLM's policy in C: decodes, then prompts begun, then the queue. The yardstick for policies in
 * Lua. */
extern const orc_batching orc_batching_chunked;

#endif
