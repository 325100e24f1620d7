#include "cost/op.h"

/* The operation of `part`, appended when it is not there yet. */
static orc_op *find(orc_ops *o, orc_part part)
{
  for (int i = 0; i < o->count; i++) {
    if (o->gemm[i].part == part) return &o->gemm[i];
  }
  o->gemm[o->count] = (orc_op){ .part = part };
  return &o->gemm[o->count++];
}

static void add_matrices(orc_ops *o, const orc_layout *l, const orc_model *m, bool experts,
                         int layers)
{
  orc_matrix x[ORC_MATRICES];
  const int n = orc_model_matrices(m, experts, x);
  const double wide = orc_dtype_bytes(l->activations);
  for (int i = 0; i < n; i++) {
    orc_op *op = find(o, x[i].part);
    const double in = orc_layout_inputs(l, &x[i]), out = orc_layout_outputs(l, m, &x[i]);
    double moved = (x[i].fused ? 0.0 : in) + out;
    if (x[i].part == ORC_PART_EXPERT && l->expert_parallel) /* only what its own experts see */
      moved = ((x[i].fused ? 0.0 : x[i].inputs) + x[i].outputs) / orc_layout_expert_ranks(l);
    op->flops += layers * 2.0 * x[i].active * in * out;
    op->weights += layers * in * out *
                   (x[i].part == ORC_PART_ROUTER ? wide : orc_dtype_weight_bytes(l->weights));
    op->bytes += layers * x[i].active * moved * wide;
  }
}

static orc_attention attention_of(const orc_layout *l, const orc_model *m, int layers)
{
  const double heads = (double)m->num_attention_heads / l->tensor_parallel_size;
  const double wide = orc_dtype_bytes(l->activations), kv = orc_layout_layer_kv_bytes(l, m);
  if (m->kv_lora_rank == 0)
    return (orc_attention){
      .pair_flops = layers * 4.0 * heads * m->head_dim,
      .context_flops = layers * 4.0 * heads * m->head_dim,
      .kv_bytes = layers * kv,
      .token_bytes = layers * 2.0 * heads * m->head_dim * wide,
    };
  const double key = (double)m->qk_nope_head_dim + m->qk_rope_head_dim, value = m->v_head_dim;
  const double latent = m->kv_lora_rank, rope = m->qk_rope_head_dim;
  return (orc_attention){
    .pair_flops = layers * 2.0 * heads * (key + value),
    .past_flops = layers * 2.0 * latent * heads * (m->qk_nope_head_dim + value),
    .context_flops = layers * 2.0 * heads * (latent + rope + latent),
    .kv_bytes = layers * kv,
    .token_bytes = layers * heads * (key + value) * wide,
  };
}

/* Bytes per token of what runs beside matrices and attention in one layer. */
static double other_bytes(const orc_layout *l, const orc_model *m, bool experts)
{
  const double tp = l->tensor_parallel_size, wide = orc_dtype_bytes(l->activations);
  const double share = l->sequence_parallel ? tp : 1.0;
  const double norms =
      4.0 * m->norms_per_layer * m->hidden_size / share; /* hidden and residual, in and out */
  const bool latent = m->kv_lora_rank > 0;
  const double rotated = latent
                             ? (m->num_attention_heads / tp + 1.0) * m->qk_rope_head_dim
                             : m->num_attention_heads / tp * m->head_dim +
                                   orc_layout_layer_kv_bytes(l, m) / orc_dtype_bytes(l->kv) / 2.0;
  const double product =
      m->gated_mlp ? 3.0 : 2.0; /* activation function: gate and up in, one out */
  double mlp = product * m->intermediate_size / tp;
  if (experts) {
    const double k = m->num_experts_per_tok;
    mlp = product * (k * m->moe_intermediate_size + m->shared_expert_size) / tp +
          (k + 1.0) * m->hidden_size; /* the experts' answers, weighted and added */
  }
  return (norms + 2.0 * rotated + mlp) * wide + orc_layout_layer_kv_bytes(l, m);
}

orc_ops orc_ops_of(const orc_layout *l, const orc_model *m, orc_stage stage)
{
  orc_ops o = { .count = 0 };
  const int first = stage.first_layer, end = first + stage.layers;
  const int experts = orc_model_expert_layers(m, end) - orc_model_expert_layers(m, first);
  const int windowed = orc_model_windowed_layers(m, end) - orc_model_windowed_layers(m, first);
  const double wide = orc_dtype_bytes(l->activations), hidden = m->hidden_size;
  if (experts < stage.layers) add_matrices(&o, l, m, false, stage.layers - experts);
  if (experts > 0) add_matrices(&o, l, m, true, experts);
  o.full = attention_of(l, m, stage.layers - windowed);
  o.windowed = attention_of(l, m, windowed);
  o.other_bytes = (stage.layers - experts) * other_bytes(l, m, false);
  if (experts > 0) o.other_bytes += experts * other_bytes(l, m, true);
  o.other_weights = stage.layers * m->norms_per_layer * hidden * wide;
  if (stage.embedding) o.other_bytes += 2.0 * hidden * wide;
  if (stage.lm_head) {
    const double vocab = m->vocab_size / (double)l->tensor_parallel_size;
    o.other_bytes += 4.0 * hidden * wide;
    o.other_weights += hidden * wide;
    o.lm_head = (orc_op){ .flops = 2.0 * hidden * vocab,
                          .weights = hidden * vocab * wide,
                          .bytes = (hidden + vocab) * wide };
  }
  return o;
}
