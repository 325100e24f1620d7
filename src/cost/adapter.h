/*
** adapter.h - LoRA adapters (Hu et al., arXiv:2106.09685, section 4.1): beside every matrix of
** attention, dense MLP and shared experts W, products with A (inputs x rank) and B (rank x outputs),
** each adapter's own. Routed experts, routers and the LM head have none.
*/
#ifndef ORC_COST_ADAPTER_H
#define ORC_COST_ADAPTER_H

#include "base/base.h"
#include "cost/layout.h"
#include "cost/model.h"

/* What adapters add on one GPU over the layers of a stage. */
typedef struct orc_adapter {
  double weights; /* B of one adapter's slot */
  double flops;   /* FLOP per token that has one */
  double bytes;   /* B of activations read and written per such token */
  int layers;     /* with such matrices */
} orc_adapter;

/*
** Of l->max_lora_rank; all 0 where that is 0. Slots have room for that rank, and kernels compute with
** it, whatever an adapter's own (vLLM 0.11 lora/layers/base_linear.py, create_lora_weights). A is whole
** on every rank where W is cut by outputs, B where it is cut by inputs. Q, K and V, gate and up have an A
** each. Weights are in the activation format.
*/
orc_adapter orc_adapter_of(const orc_layout *l, const orc_model *m, orc_stage stage);

#endif
