#include "cost/model.h"

#include <string.h>

static orc_matrix matrix(orc_part part, orc_shard shard, double inputs, double outputs)
{
  return (orc_matrix){
    .part = part, .shard = shard, .inputs = inputs, .outputs = outputs, .copies = 1, .active = 1
  };
}

static int latent_attention(const orc_model *m, orc_matrix *out)
{
  int n = 0;
  const double hidden = m->hidden_size, heads = m->num_attention_heads;
  const double query = heads * (m->qk_nope_head_dim + m->qk_rope_head_dim);
  if (m->q_lora_rank > 0) {
    out[n++] = matrix(ORC_PART_QKV, ORC_SHARD_NONE, hidden, m->q_lora_rank);
    out[n++] = matrix(ORC_PART_QKV, ORC_SHARD_OUTPUTS, m->q_lora_rank, query);
  } else {
    out[n++] = matrix(ORC_PART_QKV, ORC_SHARD_OUTPUTS, hidden, query);
  }
  out[n++] = matrix(ORC_PART_QKV, ORC_SHARD_NONE, hidden, m->kv_lora_rank + m->qk_rope_head_dim);
  out[n++] = matrix(ORC_PART_QKV, ORC_SHARD_OUTPUTS, m->kv_lora_rank,
                    heads * (m->qk_nope_head_dim + m->v_head_dim));
  out[n++] = matrix(ORC_PART_OUTPUT, ORC_SHARD_INPUTS, heads * m->v_head_dim, hidden);
  return n;
}

static int head_attention(const orc_model *m, orc_matrix *out)
{
  const double hidden = m->hidden_size, dim = m->head_dim;
  const double query = m->num_attention_heads * dim;
  out[0] = matrix(ORC_PART_QKV, ORC_SHARD_OUTPUTS, hidden, query);
  out[1] = matrix(ORC_PART_QKV, ORC_SHARD_KV, hidden, 2.0 * m->num_key_value_heads * dim);
  out[1].fused = true;
  out[2] = matrix(ORC_PART_OUTPUT, ORC_SHARD_INPUTS, query, hidden);
  return 3;
}

static int expert_mlp(const orc_model *m, orc_matrix *out)
{
  int n = 0;
  const double hidden = m->hidden_size, wide = m->gated_mlp ? 2.0 : 1.0;
  out[n++] = matrix(ORC_PART_ROUTER, ORC_SHARD_NONE, hidden, m->num_experts);
  const int first = n;
  out[n++] = matrix(ORC_PART_EXPERT, ORC_SHARD_OUTPUTS, hidden, wide * m->moe_intermediate_size);
  out[n++] = matrix(ORC_PART_EXPERT, ORC_SHARD_INPUTS, m->moe_intermediate_size, hidden);
  for (int i = first; i < n; i++) {
    out[i].copies = m->num_experts;
    out[i].active = m->num_experts_per_tok;
  }
  if (m->shared_expert_size > 0) {
    out[n++] = matrix(ORC_PART_SHARED, ORC_SHARD_OUTPUTS, hidden, wide * m->shared_expert_size);
    out[n++] = matrix(ORC_PART_SHARED, ORC_SHARD_INPUTS, m->shared_expert_size, hidden);
  }
  return n;
}

int orc_model_matrices(const orc_model *m, bool experts, orc_matrix out[ORC_MATRICES])
{
  int n = m->kv_lora_rank > 0 ? latent_attention(m, out) : head_attention(m, out);
  if (experts) return n + expert_mlp(m, out + n);
  const double hidden = m->hidden_size, wide = m->gated_mlp ? 2.0 : 1.0;
  out[n++] = matrix(ORC_PART_UP, ORC_SHARD_OUTPUTS, hidden, wide * m->intermediate_size);
  out[n++] = matrix(ORC_PART_DOWN, ORC_SHARD_INPUTS, m->intermediate_size, hidden);
  return n;
}

/* Norm parameters over `width` features. */
static double norm(const orc_model *m, double width)
{
  return m->norm_bias ? 2.0 * width : width;
}

double orc_model_vector_parameters(const orc_model *m, bool experts)
{
  double sum = m->norms_per_layer * norm(m, m->hidden_size);
  if (m->qk_norm) sum += 2.0 * m->head_dim;
  if (m->kv_lora_rank > 0) sum += (double)m->kv_lora_rank + m->q_lora_rank;
  orc_matrix x[ORC_MATRICES];
  const int n = orc_model_matrices(m, experts, x);
  for (int i = 0; i < n; i++) {
    if (m->linear_bias || (m->attention_bias && x[i].part == ORC_PART_QKV))
      sum += x[i].copies * x[i].outputs;
  }
  return sum;
}

int orc_model_expert_layers(const orc_model *m, int layers)
{
  if (m->num_experts == 0 || layers <= m->num_dense_layers) return 0;
  return layers - m->num_dense_layers;
}

int orc_model_windowed_layers(const orc_model *m, int layers)
{
  if (m->sliding_window == 0) return 0;
  const int64_t all = m->num_hidden_layers;
  return (int)(((int64_t)layers * m->num_windowed_layers + all - 1) / all);
}

/* Weights of one layer's matrices: all of them, or those one token passes. */
static double matrix_parameters(const orc_model *m, bool experts, bool active)
{
  orc_matrix x[ORC_MATRICES];
  const int n = orc_model_matrices(m, experts, x);
  double sum = 0.0;
  for (int i = 0; i < n; i++)
    sum += (active ? x[i].active : x[i].copies) * x[i].inputs * x[i].outputs;
  return sum;
}

double orc_model_layer_parameters(const orc_model *m)
{
  const int experts = orc_model_expert_layers(m, m->num_hidden_layers);
  const int dense = m->num_hidden_layers - experts;
  double sum = dense * (matrix_parameters(m, false, false) + orc_model_vector_parameters(m, false));
  if (experts > 0)
    sum += experts * (matrix_parameters(m, true, false) + orc_model_vector_parameters(m, true));
  return sum;
}

double orc_model_embedding_parameters(const orc_model *m)
{
  const double rows =
      (double)m->vocab_size + (m->learned_positions ? m->max_position_embeddings : 0);
  return rows * m->hidden_size;
}

double orc_model_lm_head_parameters(const orc_model *m)
{
  return (double)m->vocab_size * m->hidden_size;
}

double orc_model_parameters(const orc_model *m)
{
  const double head = m->tie_word_embeddings ? 0.0 : orc_model_lm_head_parameters(m);
  return orc_model_layer_parameters(m) + orc_model_embedding_parameters(m) + head +
         norm(m, m->hidden_size);
}

double orc_model_active_parameters(const orc_model *m)
{
  const int experts = orc_model_expert_layers(m, m->num_hidden_layers);
  double sum = (m->num_hidden_layers - experts) * matrix_parameters(m, false, true);
  if (experts > 0) sum += experts * matrix_parameters(m, true, true);
  return sum + orc_model_lm_head_parameters(m);
}

double orc_model_kv_bytes(const orc_model *m, orc_dtype kv, int layers)
{
  ORC_ASSERT(layers >= 0 && layers <= m->num_hidden_layers);
  const double values = m->kv_lora_rank > 0 ? (double)m->kv_lora_rank + m->qk_rope_head_dim
                                            : 2.0 * m->num_key_value_heads * m->head_dim;
  return values * layers * orc_dtype_bytes(kv);
}

typedef struct bound {
  const char *name;
  int value, least;
} bound;

static bool bounds_hold(const bound *b, int count, orc_error *e)
{
  for (int i = 0; i < count; i++) {
    if (b[i].value < b[i].least)
      return orc_fail(e, "model: %s = %d, expected at least %d", b[i].name, b[i].value, b[i].least);
  }
  return true;
}

static bool check_counts(const orc_model *m, orc_error *e)
{
  const bool moe = m->num_experts > 0, latent = m->kv_lora_rank > 0;
  const bool dense = !moe || m->num_dense_layers > 0;
  const bound b[] = {
    { "num_hidden_layers", m->num_hidden_layers, 1 },
    { "hidden_size", m->hidden_size, 1 },
    { "num_attention_heads", m->num_attention_heads, 1 },
    { "num_key_value_heads", m->num_key_value_heads, 1 },
    { "head_dim", m->head_dim, 1 },
    { "intermediate_size", m->intermediate_size, dense ? 1 : 0 },
    { "vocab_size", m->vocab_size, 1 },
    { "max_position_embeddings", m->max_position_embeddings, 1 },
    { "norms_per_layer", m->norms_per_layer, 0 },
    { "num_experts", m->num_experts, 0 },
    { "num_experts_per_tok", m->num_experts_per_tok, moe ? 1 : 0 },
    { "moe_intermediate_size", m->moe_intermediate_size, moe ? 1 : 0 },
    { "shared_expert_size", m->shared_expert_size, 0 },
    { "num_dense_layers", m->num_dense_layers, 0 },
    { "kv_lora_rank", m->kv_lora_rank, 0 },
    { "q_lora_rank", m->q_lora_rank, 0 },
    { "qk_rope_head_dim", m->qk_rope_head_dim, latent ? 1 : 0 },
    { "qk_nope_head_dim", m->qk_nope_head_dim, latent ? 1 : 0 },
    { "v_head_dim", m->v_head_dim, latent ? 1 : 0 },
    { "sliding_window", m->sliding_window, m->num_windowed_layers > 0 ? 1 : 0 },
    { "num_windowed_layers", m->num_windowed_layers, 0 },
  };
  return bounds_hold(b, (int)(sizeof b / sizeof *b), e);
}

bool orc_model_check(const orc_model *m, orc_error *e)
{
  if (!check_counts(m, e)) return false;
  if (m->num_attention_heads % m->num_key_value_heads != 0)
    return orc_fail(e, "model: num_key_value_heads = %d does not divide num_attention_heads = %d",
                    m->num_key_value_heads, m->num_attention_heads);
  if (m->num_experts_per_tok > m->num_experts)
    return orc_fail(e, "model: num_experts_per_tok = %d, expected at most num_experts = %d",
                    m->num_experts_per_tok, m->num_experts);
  if (m->num_dense_layers > m->num_hidden_layers)
    return orc_fail(e, "model: num_dense_layers = %d, expected at most num_hidden_layers = %d",
                    m->num_dense_layers, m->num_hidden_layers);
  if (m->num_windowed_layers > m->num_hidden_layers)
    return orc_fail(e, "model: num_windowed_layers = %d, expected at most num_hidden_layers = %d",
                    m->num_windowed_layers, m->num_hidden_layers);
  return true;
}
