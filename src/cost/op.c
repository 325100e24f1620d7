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

static void add_matrices(orc_ops *o, const orc_layout *l, const orc_model *m, orc_block block,
                         int layers)
{
  orc_matrix x[ORC_MATRICES];
  const int n = orc_model_matrices(m, block, x);
  const double wide = orc_dtype_bytes(l->activations);
  for (int i = 0; i < n; i++) {
    orc_op *op = find(o, x[i].part);
    const double in = orc_layout_inputs(l, &x[i]), out = orc_layout_outputs(l, m, &x[i]);
    double moved = (x[i].fused ? 0.0 : in) + out;
    if (x[i].part == ORC_PART_EXPERT && l->expert_parallel) /* only what its own experts see */
      moved = ((x[i].fused ? 0.0 : x[i].inputs) + x[i].outputs) / orc_layout_expert_ranks(l);
    op->flops += layers * 2.0 * x[i].active * in * out;
    op->weights += layers * in * out * orc_layout_part_bytes(l, x[i].part);
    op->bytes += layers * x[i].active * moved * wide;
  }
}

/* What a token of context costs to read: layers that keep nothing read what another one keeps. */
static double kv_read(const orc_layout *l, const orc_model *m, orc_block block)
{
  const bool indexed = block == ORC_BLOCK_WINDOWED;
  const double index =
      indexed ? orc_model_index_bytes(m) / (m->compress_ratio > 0 ? m->compress_ratio : 1) : 0.0;
  return (orc_layout_layer_kv_bytes(l, m, block) - index) / orc_model_kv_share(m);
}

static orc_attention head_attention(const orc_layout *l, const orc_model *m, orc_block block,
                                    int layers)
{
  const double heads = orc_model_heads(m, block) / l->tensor_parallel_size;
  const double wide = orc_dtype_bytes(l->activations);
  const double size = (double)orc_model_head_dim(m, block) + orc_model_value_dim(m, block);
  const int ratio = block == ORC_BLOCK_WINDOWED ? m->compress_ratio : m->full_compress_ratio;
  const double pair = 2.0 * heads * size / (ratio > 0 ? ratio : 1);
  return (orc_attention){
    .pair_flops = layers * pair,
    .context_flops = layers * pair,
    .kv_bytes = layers * kv_read(l, m, block),
    .token_bytes = layers * heads * size * wide,
  };
}

/* Ranks that a sequence's tokens are dealt out to. */
static double context_ranks(const orc_layout *l)
{
  return l->decode_context_parallel_size > 1 ? l->decode_context_parallel_size : 1.0;
}

static orc_attention latent_attention(const orc_layout *l, const orc_model *m, int layers)
{
  const double heads = (double)m->num_attention_heads / l->tensor_parallel_size;
  const double wide = orc_dtype_bytes(l->activations);
  const double key = (double)m->qk_nope_head_dim + m->qk_rope_head_dim, value = m->v_head_dim;
  const double latent = m->kv_lora_rank, rope = m->qk_rope_head_dim;
  const double absorbed = 2.0 * heads * (latent + rope + latent);
  const bool sparse = m->index_topk > 0; /* chosen tokens are met in the latent, prompts too */
  return (orc_attention){
    .pair_flops = layers * (sparse ? absorbed : 2.0 * heads * (key + value)),
    .past_flops = sparse ? 0.0 : layers * 2.0 * latent * heads * (m->qk_nope_head_dim + value),
    .context_flops = layers * absorbed,
    .kv_bytes = layers * (latent + rope) * orc_dtype_bytes(l->kv) / context_ranks(l),
    .token_bytes = layers * heads * (key + value) * wide,
  };
}

/* The indexer scores every token before it - or entry - with each of its heads; it goes beside the
** attention of layers without one. */
static void add_index(orc_attention *a, const orc_layout *l, const orc_model *m, int layers)
{
  const double heads = m->index_n_heads, dim = m->index_head_dim;
  const double share = layers / (m->compress_ratio > 0 ? (double)m->compress_ratio : 1.0);
  const double own = orc_model_index_share(m);
  a->pair_flops += share * own * 2.0 * heads * dim;
  a->context_flops += share * own * 2.0 * heads * dim;
  a->kv_bytes += share * orc_model_index_bytes(m) / context_ranks(l);
  a->token_bytes += layers * own * heads * dim;
}

static void add_attention(orc_ops *o, const orc_layout *l, const orc_model *m, int windowed,
                          int full)
{
  const bool latent = m->kv_lora_rank > 0;
  o->windowed = latent ? latent_attention(l, m, windowed)
                       : head_attention(l, m, ORC_BLOCK_WINDOWED, windowed);
  o->full = latent ? latent_attention(l, m, full) : head_attention(l, m, ORC_BLOCK_FULL, full);
  if (m->index_topk > 0) add_index(&o->full, l, m, windowed);
}

/* Bytes per token beside the matrices and the attention proper: rotation and the KV written. */
static double attention_bytes(const orc_layout *l, const orc_model *m, orc_block block)
{
  const double tp = l->tensor_parallel_size, wide = orc_dtype_bytes(l->activations);
  const double kv = orc_layout_layer_kv_bytes(l, m, block);
  const double rotated = m->kv_lora_rank > 0
                             ? (m->num_attention_heads / tp + 1.0) * m->qk_rope_head_dim
                             : orc_model_heads(m, block) / tp * orc_model_head_dim(m, block) +
                                   kv / orc_dtype_bytes(l->kv) / 2.0;
  return 2.0 * rotated * wide + kv;
}

/* The activation function: gate and up in, one out; experts' answers weighted and added. */
static double mlp_bytes(const orc_layout *l, const orc_model *m, orc_block block)
{
  const double tp = l->tensor_parallel_size, product = m->gated_mlp ? 3.0 : 2.0;
  const double k = orc_model_active_experts(m);
  double values = product * m->intermediate_size / tp;
  if (block == ORC_BLOCK_EXPERTS)
    values = product * (k * m->moe_intermediate_size + m->shared_expert_size) / tp +
             (k + 1.0) * m->hidden_size;
  return values * orc_dtype_bytes(l->activations);
}

static double other_bytes(const orc_layout *l, const orc_model *m, orc_block block)
{
  const double wide = orc_dtype_bytes(l->activations);
  if (block == ORC_BLOCK_DENSE || block == ORC_BLOCK_EXPERTS) return mlp_bytes(l, m, block);
  if (block != ORC_BLOCK_STATE) return attention_bytes(l, m, block);
  /* The convolution and the gate pass over what goes in. */
  return 2.0 * m->state_inputs / l->tensor_parallel_size * wide;
}

/*
** A state layer reads and writes its state per decoded token; prompts do so once per chunk of the
** kernels, 64 tokens (flash-linear-attention, fla/ops/gated_delta_rule/chunk.py: chunk_size 64).
** FLOPs: decay, outer product and read-out, 2 each per value of the state. The uncompressed window
** of compressed attention, which does not grow either, is read and met by every head.
*/
static void add_states(orc_ops *o, const orc_layout *l, const orc_model *m, int layers, int windows)
{
  const double tp = l->tensor_parallel_size;
  o->state_bytes = 2.0 * layers * orc_layout_state_bytes(l, m);
  o->state_flops = 6.0 * layers * m->state_values / tp;
  if (m->compress_window == 0) return;
  const double tokens = (double)windows * m->compress_window;
  o->state_bytes += tokens * orc_model_entry_bytes(m);
  o->state_flops += tokens * 4.0 * m->num_attention_heads / tp * m->head_dim;
}

orc_ops orc_ops_of(const orc_layout *l, const orc_model *m, orc_stage stage)
{
  orc_ops o = { .count = 0 };
  int count[ORC_BLOCKS];
  orc_model_blocks(m, stage.first_layer, stage.first_layer + stage.layers, count);
  const double wide = orc_dtype_bytes(l->activations), hidden = m->hidden_size;
  for (int i = 0; i < ORC_BLOCKS; i++) {
    if (count[i] == 0) continue;
    add_matrices(&o, l, m, (orc_block)i, count[i]);
    o.other_bytes += count[i] * other_bytes(l, m, (orc_block)i);
  }
  add_attention(&o, l, m, count[ORC_BLOCK_WINDOWED], count[ORC_BLOCK_FULL]);
  add_states(&o, l, m, count[ORC_BLOCK_STATE], count[ORC_BLOCK_WINDOWED] + count[ORC_BLOCK_FULL]);
  /* Norms: hidden and residual, in and out. */
  const double share = l->sequence_parallel ? l->tensor_parallel_size : 1.0;
  const double norms = (double)stage.layers * m->norms_per_layer;
  o.other_bytes += norms * 4.0 * hidden / share * wide;
  o.other_weights = norms * hidden * wide;
  if (stage.embedding) o.other_bytes += 2.0 * hidden * wide;
  if (stage.lm_head) {
    const double vocab = m->vocab_size / (double)l->tensor_parallel_size;
    o.other_bytes += 4.0 * hidden * wide;
    o.other_weights += hidden * wide;
    o.lm_head = (orc_op){ .flops = 2.0 * hidden * vocab,
                          .weights = hidden * vocab * orc_layout_head_bytes(l),
                          .bytes = (hidden + vocab) * wide };
  }
  return o;
}
