/*
** op.h - the work of one step on one GPU, by kind of operation: what each token adds, in FLOPs and
** bytes. Numbers of the model and its layout alone; step.h makes time of them.
*/
#ifndef ORC_COST_OP_H
#define ORC_COST_OP_H

#include "base/base.h"
#include "cost/layout.h"
#include "cost/model.h"

/* A matrix product, summed over the layers that have it. */
typedef struct orc_op {
  orc_part part;
  double flops;   /* FLOP per token: 2 per weight it passes */
  double weights; /* B read once per step; of ORC_PART_EXPERT: of one expert */
  double bytes;   /* B of activations read and written per token */
} orc_op;

/* Attention proper (scores, softmax, weighted sum), summed over layers of one kind. */
typedef struct orc_attention {
  double pair_flops;    /* prefill: FLOP per query-key pair */
  double past_flops;    /* prefill: FLOP per token of past (latent attention expands it), else 0 */
  double context_flops; /* decode: FLOP per token of context */
  double kv_bytes;      /* B of KV per token read */
  double token_bytes;   /* B of queries read and outputs written per new token */
} orc_attention;

typedef struct orc_ops {
  int count; /* entries of gemm in use, in the order they run */
  orc_op gemm[ORC_PARTS];
  orc_op lm_head;               /* per sampled position; all 0 on a stage without it */
  orc_attention full, windowed; /* of an indexer and what it chooses where attention is sparse */
  double state_flops;           /* FLOP per token of the state layers' recurrence */
  double state_bytes;   /* B of their states read and written per decoding sequence and step */
  double other_weights; /* B per step: norm weights */
  double other_bytes;   /* B per token: norms, rotary, activation function, KV writes, embedding */
} orc_ops;

/*
** The work of the layers of `stage`. orc_model_check and orc_layout_check must have passed. Heads
** and widths are cut by tp; norms work on the whole hidden state of every token on each rank.
*/
orc_ops orc_ops_of(const orc_layout *l, const orc_model *m, orc_stage stage);

#endif
