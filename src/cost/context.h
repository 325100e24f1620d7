/*
** context.h - decode context parallelism: the tokens of a sequence's KV dealt out over
** tensor-parallel ranks that would else hold the same ones (vLLM's decode_context_parallel_size;
** v0.11 attention/ops/common.py, cp_lse_ag_out_rs; docs.vllm.ai, "Context Parallel Deployment").
** Pure functions of a stage's layers.
*/
#ifndef ORC_COST_CONTEXT_H
#define ORC_COST_CONTEXT_H

#include "base/base.h"
#include "cost/layout.h"
#include "cost/model.h"

/* What the ranks that share sequences send each other; all 0 where there is one. */
typedef struct orc_context {
  orc_group group;     /* the ranks; 0 ranks: KV is not dealt out */
  int layers;          /* of attention */
  double query_bytes;  /* B per token and layer: the queries of all ranks, gathered */
  double lse_bytes;    /* B: the logarithms of their sums of exponentials, of all ranks, gathered */
  double output_bytes; /* B: partial outputs, added up and scattered */
  double kv_bytes;     /* B per token of a prompt's past: gathered for the chunks after it */
  double excess; /* tokens of a sequence that the fullest rank reads beyond its share, on average */
} orc_context;

/* Of the attention layers of a stage; `link` joins the ranks. */
orc_context orc_context_of(const orc_layout *l, const orc_model *m, orc_stage stage,
                           const orc_group *link);

/* s that `queries` decoded tokens (>= 0) take on their ways, and `past` tokens of prompts. */
double orc_context_decode_time(const orc_context *c, double queries);
double orc_context_prefill_time(const orc_context *c, double past);

#endif
