#include "cost/context.h"

orc_context orc_context_of(const orc_layout *l, const orc_model *m, orc_stage stage,
                           const orc_group *link)
{
  const int ranks = l->decode_context_parallel_size;
  if (ranks <= 1) return (orc_context){ .layers = 0 };
  int count[ORC_BLOCKS];
  orc_model_blocks(m, stage.first_layer, stage.first_layer + stage.layers, count);
  const double heads = (double)m->num_attention_heads / l->tensor_parallel_size * ranks;
  const double wide = orc_dtype_bytes(l->activations);
  const bool latent = m->kv_lora_rank > 0;
  const double query = latent ? m->kv_lora_rank + m->qk_rope_head_dim : m->head_dim;
  const double output = latent ? m->kv_lora_rank : m->head_dim;
  const double stride = l->kv_interleave > 1 ? l->kv_interleave : 1.0;
  orc_context c = {
    .group = *link,
    .layers = count[ORC_BLOCK_FULL] + count[ORC_BLOCK_WINDOWED],
    .query_bytes = heads * query * wide,
    .lse_bytes = ranks * heads * 4.0, /* fp32 */
    .output_bytes = heads * output * wide,
    .kv_bytes = ranks * orc_layout_layer_kv_bytes(l, m, ORC_BLOCK_FULL),
    /* Of a length that is anything modulo stride x ranks, the first rank has stride / 2 x (1 - 1 / ranks)
    ** more than its share. */
    .excess = stride / 2.0 * (1.0 - 1.0 / ranks),
  };
  c.group.ranks = ranks;
  return c;
}

static double gather(const orc_context *c, orc_collective what, double bytes)
{
  const orc_fabric fabric = { .near = c->group };
  return orc_collective_time(what, ORC_ALGORITHM_RING, &fabric, bytes);
}

double orc_context_decode_time(const orc_context *c, double queries)
{
  if (c->layers == 0 || queries == 0.0) return 0.0;
  return c->layers * (gather(c, ORC_COLLECTIVE_ALL_GATHER, queries * c->query_bytes) +
                      gather(c, ORC_COLLECTIVE_ALL_GATHER, queries * c->lse_bytes) +
                      gather(c, ORC_COLLECTIVE_REDUCE_SCATTER, queries * c->output_bytes));
}

double orc_context_prefill_time(const orc_context *c, double past)
{
  if (c->layers == 0 || past == 0.0) return 0.0;
  return c->layers * gather(c, ORC_COLLECTIVE_ALL_GATHER, past * c->kv_bytes);
}
