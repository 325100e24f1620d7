/*
** microbatch.h - a step in flight. A replica whose layers are cut into stages has as many
** microbatches as stages, so that every stage can be at work (vLLM's virtual engines); others have
** one. A sequence decodes in one microbatch; the chunks of a prompt may run in several at a time,
** in order.
*/
#ifndef ORC_REPLICA_MICROBATCH_H
#define ORC_REPLICA_MICROBATCH_H

#include "base/base.h"
#include "cost/step.h"
#include "device/pipeline.h"
#include "replica/decode_set.h"
#include "replica/request.h"

/* One chunk of a prompt in a step. */
typedef struct orc_microbatch_chunk {
  orc_slot slot;
  int32_t tokens;
  int32_t past; /* tokens of the prompt in memory before */
  bool wasted;  /* its request was preempted in the same step: computed for nothing */
} orc_microbatch_chunk;

/* Blocks that move before a step. */
typedef struct orc_microbatch_moves {
  int64_t swapped; /* blocks that go over PCIe to or from the host's memory */
  double adapters; /* s in which LoRA adapters come to the GPU */
  double fetching; /* s in which blocks come back from lower tiers */
} orc_microbatch_moves;

typedef struct orc_microbatch {
  orc_decode_set decode;

  /* The step that is being formed or that runs. */
  orc_microbatch_chunk *chunks;
  int chunk_count, chunk_room;
  int32_t tokens;             /* in all, decodes included */
  int32_t preempted;          /* requests sent back since the policy was called */
  bool prompts;               /* a prompt is computed in it */
  bool prompts_wait;          /* none may be (pace.h) */
  bool decodes;               /* the decode set takes part */
  bool busy;                  /* a step is running */
  orc_microbatch_moves moves; /* before it, while it is formed */
  orc_time end;               /* of the running step */

  int64_t all_tokens; /* lockstep: of all replicas that step together; 0: it steps alone */
  orc_device_step
      step;            /* lockstep, and where delays are told: the running one, as devices see it */
  orc_time begun;      /* contended: when the running step started */
  int abandoned_steps; /* contended: steps under way whose end counts no more, since it failed */

  orc_decode_span *worked; /* [stages] */
  orc_slot *joining;       /* sequences to decode here that wait for the running step's end */
  int joining_count, joining_room;
  uint8_t index;
} orc_microbatch;

/* What the microbatches of a replica are made of. */
typedef struct orc_microbatch_plan {
  orc_requests *requests;
  int32_t block_size;
  int32_t window; /* sliding window in tokens; 0: none */
  int stages;
} orc_microbatch_plan;

/* Set an idle microbatch up. */
void orc_microbatch_init(orc_microbatch *m, int index, const orc_microbatch_plan *plan);
void orc_microbatch_done(orc_microbatch *m);

/* Put a chunk into the step being formed. */
void orc_microbatch_add(orc_microbatch *m, orc_slot slot, int32_t tokens, int32_t past);

/* Whether the step being formed has a chunk of the request. */
bool orc_microbatch_has(const orc_microbatch *m, orc_slot slot);

/* Take a request's chunk out of the step being formed; false when there is none. */
bool orc_microbatch_drop(orc_microbatch *m, orc_slot slot);

/*
** A running request, whose prompt microbatch `from` has computed to its end, decodes from now on in
** the one of `count` microbatches that has the fewest sequences. Where a step runs there, the
** request waits for its end.
*/
void orc_microbatch_join(orc_microbatch *all, int count, int from, orc_slot slot);

/* A running request that is in no decode set decodes in this one once its next step is over. */
void orc_microbatch_wait(orc_microbatch *m, orc_slot slot);

/* The step is over: sequences that waited for its end decode from the next one on. */
void orc_microbatch_let_in(orc_microbatch *m);

#endif
