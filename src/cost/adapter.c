#include "cost/adapter.h"

/* Matrices that one matrix of the model stands for, which have adapters of their own. */
static int slices(const orc_model *m, const orc_matrix *x)
{
  if (x->part == ORC_PART_QKV && x->shard == ORC_SHARD_KV) return 2;
  const bool gates = x->part == ORC_PART_UP || x->part == ORC_PART_SHARED;
  return gates && x->shard == ORC_SHARD_OUTPUTS && m->gated_mlp ? 2 : 1;
}

static bool adapts(const orc_matrix *x)
{
  return x->part != ORC_PART_ROUTER && x->part != ORC_PART_EXPERT;
}

orc_adapter orc_adapter_of(const orc_layout *l, const orc_model *m, orc_stage stage)
{
  orc_adapter a = { .layers = stage.layers };
  if (l->max_lora_rank == 0) return (orc_adapter){ .layers = 0 };
  const double rank = l->max_lora_rank, wide = orc_dtype_bytes(l->activations);
  int count[ORC_BLOCKS];
  orc_model_blocks(m, stage.first_layer, stage.first_layer + stage.layers, count);
  for (int block = 0; block < ORC_BLOCKS; block++) {
    if (count[block] == 0) continue;
    orc_matrix x[ORC_MATRICES];
    const int n = orc_model_matrices(m, (orc_block)block, x);
    for (int i = 0; i < n; i++) {
      if (!adapts(&x[i])) continue;
      const double in = orc_layout_inputs(l, &x[i]), out = orc_layout_outputs(l, m, &x[i]);
      const double parts = slices(m, &x[i]), both = parts * in + out;
      a.weights += count[block] * rank * both * wide;
      a.flops += count[block] * 2.0 * rank * both;
      a.bytes += count[block] * (parts * (in + 2.0 * rank) + 2.0 * out) * wide;
    }
  }
  return a;
}
