/*
** draft.h - what proposing draft tokens costs: the passes of a draft model, or of the layer that an
** EAGLE head or multi-token prediction adds, after each step of the model they draft for.
*/
#ifndef ORC_COST_DRAFT_H
#define ORC_COST_DRAFT_H

#include "base/base.h"
#include "cost/step.h"

typedef struct orc_draft_cost {
  orc_step_cost cost; /* of the draft model on its GPUs; unread without passes */
  int passes;         /* one for each draft token, one after the other; 0: no model proposes */
  double joined;   /* parameters on each GPU of the matrix that joins hidden states and embeddings
                          ahead of an added layer; 0: none */
  double overhead; /* s per step: what a search of the text takes, as told */
} orc_draft_cost;

/*
** The time after a step of this shape. The first pass computes all tokens of the step again, whose KV
** the drafter needs (vLLM v1/spec_decode/eagle.py, propose); the others one token of each sequence that
** goes on, each of which reads its context. A prompt that ends in the step is taken for the mean of
** those in it.
*/
orc_step_time orc_draft_time(const orc_draft_cost *d, const orc_step_shape *s);

#endif
