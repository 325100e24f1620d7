/*
** time_split.h - where the time of steps went on one GPU, summed over many of them: seconds by kind
** of operation, and what bound them.
*/
#ifndef ORC_COST_TIME_SPLIT_H
#define ORC_COST_TIME_SPLIT_H

#include "base/base.h"
#include "cost/step.h"

/* s. What is no product, attention or exchange - norms and other passes over activations, launches,
** the host - is overhead. */
typedef struct orc_time_split {
  double gemm, attention, experts, lm_head, collective, exchange, overhead;
  double transfer;        /* KV blocks and adapters that come first, activations between stages */
  double compute, memory; /* of these, what FLOPs bind, and what bytes of the GPU's memory do */
} orc_time_split;

/* Add `times` steps of items *t. */
static inline void orc_time_split_add(orc_time_split *s, const orc_step_time *t, double times)
{
  s->gemm += times * (t->gemm - t->experts);
  s->attention += times * t->attention;
  s->experts += times * t->experts;
  s->lm_head += times * t->lm_head;
  s->collective += times * t->collective;
  s->exchange += times * t->exchange;
  s->overhead += times * (t->other + t->overhead);
  s->compute += times * t->compute;
  s->memory += times * (t->gemm + t->attention + t->lm_head + t->other - t->compute);
}

#endif
