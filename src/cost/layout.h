/*
** layout.h - how a model lies on GPUs, and the memory each one needs.
*/
#ifndef ORC_COST_LAYOUT_H
#define ORC_COST_LAYOUT_H

#include "base/base.h"
#include "cost/hardware.h"
#include "cost/model.h"

typedef struct orc_layout {
  int tensor_parallel_size;   /* >= 1 */
  int pipeline_parallel_size; /* >= 1 */
  orc_dtype weights;          /* format of the matrices in memory */
  orc_dtype activations;      /* format of activations, embeddings, norms: ORC_BF16 unless fp16/fp32 was asked for */
  orc_dtype compute;          /* format the matrix units compute in */
  orc_dtype kv;               /* format of the KV cache */
} orc_layout;

/*
** Bytes of the weights on the fullest GPU: matrices in their format, embeddings, LM head and norms in the activation
** format; layers split over stages as evenly as may be (the first `layers % pp` stages hold one more),
** embeddings on the first stage and the LM head on the last.
*/
double orc_layout_weight_bytes(const orc_layout *l, const orc_model *m);

/* Bytes of KV per token on one GPU of the fullest stage; more ranks than KV heads replicate them. */
double orc_layout_kv_bytes(const orc_layout *l, const orc_model *m);

/* Peak bytes of activations of one step, per GPU: what vLLM's profiling run would measure. */
double orc_layout_activation_bytes(const orc_layout *l, const orc_model *m, int max_num_batched_tokens,
                                   int max_num_seqs);

/* Degrees fit the model: heads divide by tp (or tp is a multiple of the KV heads), pp <= layers, ... */
bool orc_layout_check(const orc_layout *l, const orc_model *m, orc_error *e);

#endif
