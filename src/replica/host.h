/*
** host.h - what a replica asks of the world it serves in, as function pointers: the cluster
** implements it, a test may. `self` comes first in every call; replicas are named by their index.
*/
#ifndef ORC_REPLICA_HOST_H
#define ORC_REPLICA_HOST_H

#include <signal.h>

#include "base/base.h"
#include "obs/life.h"
#include "obs/log.h"
#include "obs/record.h"
#include "replica/request.h"
#include "workload/prompt.h"

/*
** Who hears of requests, and of each token as its time is known: answers that are read while they come. Where steps
** are formed ahead that time may be yet to come. Steps are then not part of runs.
*/
typedef struct orc_token_listener {
  void *self;
  void (*arrived)(void *self, orc_request *q, orc_slot slot); /* nothing is decided about it yet */
  void (*admitted)(void *self, const orc_request *q);         /* into a step of q->replica */
  void (*token)(void *self, const orc_request *q, orc_time at); /* the one that ends its prompt */
  void (*decoded)(void *self, uint16_t replica, int microbatch,
                  orc_time at); /* those of all that decode there */
  void (*ended)(void *self, const orc_record *r);
} orc_token_listener;

typedef struct orc_attribution orc_attribution; /* replica/attribution.h */

typedef struct orc_host {
  void *self;
  orc_time limit; /* ns: no step that ends later is applied; the host may move it between events */
  const volatile sig_atomic_t *stop; /* not 0: go back to the host after a step; NULL: never */

  orc_attribution *attribution; /* what the time of requests goes into; NULL: it is not told */

  /* A change in the life of a request; NULL: changes are not watched. */
  void (*note)(void *self, const orc_life_entry *entry);

  /* A step as it starts; NULL: steps are not watched. */
  void (*note_step)(void *self, const orc_step_note *note);

  /* When it is on which stage: after note_step, or, where links are shared, once it has left the
  ** stage; NULL: not watched. */
  void (*note_stage)(void *self, const orc_stage_note *note);

  /* Then each request in it; NULL: they are not watched. */
  void (*note_part)(void *self, const orc_step_part *part);

  const orc_token_listener *tokens; /* NULL: nobody hears of them */

  /* What the prompt of a request with a prompt_id is made of. */
  const orc_prompt *(*prompt)(void *self, const orc_request *q);

  /* What the cached blocks are worth that a request gives back: 0 .. ORC_PREFIX_GRADES - 1. */
  int (*grade)(void *self, uint16_t replica, const orc_request *q);

  /* A request has its prompt computed to the end, for the first time or again. */
  void (*prompt_computed)(void *self, orc_request *q);

  /* A DONE request has ended at `now` (ns): its slot goes back to the pool. */
  void (*ended)(void *self, orc_slot slot, orc_status status, orc_time now);

  /* A request is not on its replica any more, which has failed. */
  void (*left)(void *self, orc_slot slot);

  /* ---- of replicas that compute prompts for others ---- */

  /* A chunk of a prompt is computed at `now`, the end of its step. */
  void (*chunk_computed)(void *self, uint16_t replica, orc_request *q, orc_time now);

  /* A request has its first token at `now` and no longer runs here; its blocks stay taken. */
  void (*hand_over)(void *self, uint16_t replica, orc_slot slot, orc_time now);

  /* ---- of replicas that decode for others ---- */

  /* Blocks may have become free at `now`: requests on their way here may reserve them. */
  void (*room_freed)(void *self, uint16_t replica, orc_time now);

  /* ---- of replicas that step together with others ---- */

  /* Begin at `now` the next step of all in each idle microbatch. False: a policy failed. */
  bool (*step_together)(void *self, uint16_t replica, orc_time now, orc_error *e);

  /* Apply the step of all in a microbatch that ends now. False: it was abandoned. */
  bool (*end_together)(void *self, uint16_t replica, int microbatch);
} orc_host;

/* Note a change; where changes are not watched it costs the test. */
static inline void orc_host_note(const orc_host *h, const orc_request *q, orc_time now,
                                 orc_change what, int32_t amount, int32_t of)
{
  if (h->note == NULL) return;
  const orc_life_entry entry = { .time = now,
                                 .number = q->number,
                                 .amount = amount,
                                 .of = of,
                                 .replica = q->replica,
                                 .what = (uint8_t)what };
  h->note(h->self, &entry);
}

#endif
