/*
** step_delays.h - what a step is to each kind of request in it: one that decodes, one whose prompt it
** computes, one that waits it out. The step is priced three times: as it is, its decodes alone, its
** prompts alone; what a request has in common with the others of its kind is its own, and what the
** rest makes the step longer is theirs. Seconds are divided so that all adds up to the step.
*/
#ifndef ORC_REPLICA_STEP_DELAYS_H
#define ORC_REPLICA_STEP_DELAYS_H

#include "obs/delays.h"
#include "replica/server.h"

/* Seconds of a step, as priced. */
typedef struct orc_step_delays {
  orc_time start;       /* ns */
  orc_step_time decode; /* of its decodes alone, all stages; drafts apart */
  double total;         /* of the whole, */
  double chunks;        /* and of its prompts alone; */
  double send;          /* between stages; */
  double drafts;        /* to propose the next draft tokens; */
  double host, tiers;   /* while blocks or adapters move, and while blocks come back from tiers */
  double by[ORC_BINDING_HOST + 1]; /* what binds it */
  orc_delay wait;                  /* what the time is that it takes beyond all this */
  bool decodes, prompts;
} orc_step_delays;

/* Of the step that starts in microbatch `m` at `start` (ns), whose m->step is up to date. */
orc_step_delays orc_step_delays_price(const orc_replica *r, const orc_microbatch *m,
                                      orc_time start);

/* A step that took `time` ns, to a request that decodes on the replica. */
orc_delays orc_step_delays_of_decode(const orc_step_delays *d, orc_time time);

/* Tokens of a chunk in a step. */
typedef struct orc_step_chunk {
  int32_t tokens, past;
  int32_t again; /* of them, computed once more */
  int32_t fresh; /* of them, the newest token of an answer: a decode's */
  bool last;     /* the prompt ends with it */
} orc_step_chunk;

/* The same to a request of whose prompt it computes a chunk. */
orc_delays orc_step_delays_of_chunk(const orc_step_delays *d, const orc_replica *r,
                                    const orc_step_chunk *chunk, orc_time time);

/* What bound the step, as weights of orc_delays_divide for d.by; and the part of it that its prompts
** make, 0 .. 1. */
void orc_step_delays_binding(const orc_step_delays *d, double by[ORC_BINDINGS]);
double orc_step_delays_prompts(const orc_step_delays *d);

#endif
