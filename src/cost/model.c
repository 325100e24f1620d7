#include "cost/model.h"

#include <string.h>

static orc_matrix matrix(orc_part part, orc_shard shard, double inputs, double outputs)
{
  return (orc_matrix){
    .part = part, .shard = shard, .inputs = inputs, .outputs = outputs, .copies = 1, .active = 1
  };
}

/* How many of the first `layers` layers are of a kind that `of` layers are, spread evenly. */
static int spread(const orc_model *m, int layers, int of, bool early)
{
  const int64_t all = m->num_hidden_layers;
  return (int)(((int64_t)layers * of + (early ? all - 1 : 0)) / all);
}

double orc_model_index_share(const orc_model *m)
{
  const int own = m->num_index_layers;
  return own > 0 && own < m->num_windowed_layers ? (double)own / m->num_windowed_layers : 1.0;
}

/* Queries and keys of the indexer; weights of its heads where queries come from a latent. Whole on
** every rank. */
static int indexer(const orc_model *m, orc_matrix *out)
{
  const bool latent = m->q_lora_rank > 0 || m->kv_lora_rank > 0;
  const double share = orc_model_index_share(m), hidden = m->hidden_size;
  const double from = m->q_lora_rank > 0 ? m->q_lora_rank : hidden;
  const double heads = m->index_n_heads, dim = m->index_head_dim;
  const double keys =
      m->compress_ratio > 0 ? 4.0 * dim : dim; /* a compressor: keys and gates, twice */
  out[0] = matrix(ORC_PART_QKV, ORC_SHARD_NONE, from, share * heads * dim);
  out[1] = matrix(ORC_PART_QKV, ORC_SHARD_NONE, hidden, share * (keys + (latent ? heads : 0.0)));
  return 2;
}

static int latent_attention(const orc_model *m, orc_block block, orc_matrix *out)
{
  int n = 0;
  const double hidden = m->hidden_size, heads = m->num_attention_heads;
  const double query = heads * (m->qk_nope_head_dim + m->qk_rope_head_dim);
  const double value = heads * m->v_head_dim;
  if (m->q_lora_rank > 0) {
    out[n++] = matrix(ORC_PART_QKV, ORC_SHARD_NONE, hidden, m->q_lora_rank);
    out[n++] = matrix(ORC_PART_QKV, ORC_SHARD_OUTPUTS, m->q_lora_rank, query);
  } else {
    out[n++] = matrix(ORC_PART_QKV, ORC_SHARD_OUTPUTS, hidden, query);
  }
  out[n++] = matrix(ORC_PART_QKV, ORC_SHARD_NONE, hidden, m->kv_lora_rank + m->qk_rope_head_dim);
  out[n++] =
      matrix(ORC_PART_QKV, ORC_SHARD_OUTPUTS, m->kv_lora_rank, heads * m->qk_nope_head_dim + value);
  if (m->attention_gate) out[n++] = matrix(ORC_PART_QKV, ORC_SHARD_OUTPUTS, hidden, value);
  out[n++] = matrix(ORC_PART_OUTPUT, ORC_SHARD_INPUTS, value, hidden);
  if (m->index_topk > 0 && block == ORC_BLOCK_WINDOWED) n += indexer(m, out + n);
  return n;
}

/* Entries for few tokens overlap: their compressor is twice as wide. */
static int compressed_attention(const orc_model *m, orc_block block, orc_matrix *out)
{
  const double hidden = m->hidden_size, dim = m->head_dim, query = m->num_attention_heads * dim;
  const double low = (double)m->o_groups * m->o_lora_rank;
  const bool sparse = block == ORC_BLOCK_WINDOWED;
  out[0] = matrix(ORC_PART_QKV, ORC_SHARD_NONE, hidden, m->q_lora_rank);
  out[1] = matrix(ORC_PART_QKV, ORC_SHARD_OUTPUTS, m->q_lora_rank, query);
  out[2] = matrix(ORC_PART_QKV, ORC_SHARD_NONE, hidden, dim + (sparse ? 4.0 : 2.0) * dim);
  out[3] = matrix(ORC_PART_OUTPUT, ORC_SHARD_OUTPUTS, query / m->o_groups, low);
  out[4] = matrix(ORC_PART_OUTPUT, ORC_SHARD_INPUTS, low, hidden);
  return 5 + (sparse ? indexer(m, out + 5) : 0);
}

int orc_model_kv_heads(const orc_model *m, orc_block block)
{
  const bool own = block == ORC_BLOCK_FULL && m->full_key_value_heads > 0;
  return own ? m->full_key_value_heads : m->num_key_value_heads;
}

double orc_model_heads(const orc_model *m, orc_block block)
{
  if (m->mean_attention_heads > 0.0) return m->mean_attention_heads;
  const bool own = block == ORC_BLOCK_FULL && m->full_attention_heads > 0;
  return own ? m->full_attention_heads : m->num_attention_heads;
}

int orc_model_head_dim(const orc_model *m, orc_block block)
{
  return block == ORC_BLOCK_FULL && m->full_head_dim > 0 ? m->full_head_dim : m->head_dim;
}

int orc_model_value_dim(const orc_model *m, orc_block block)
{
  return m->v_head_dim > 0 ? m->v_head_dim : orc_model_head_dim(m, block);
}

/* KV heads on average. */
static double mean_kv_heads(const orc_model *m, orc_block block)
{
  return m->mean_key_value_heads > 0.0 ? m->mean_key_value_heads : orc_model_kv_heads(m, block);
}

static int head_attention(const orc_model *m, orc_block block, orc_matrix *out)
{
  const double hidden = m->hidden_size, heads = orc_model_heads(m, block);
  const double from = m->attention_inputs > 0 ? m->attention_inputs : hidden;
  const double key = orc_model_head_dim(m, block), value = orc_model_value_dim(m, block);
  const bool one = block == ORC_BLOCK_FULL && m->full_shares_kv;
  const double kv = mean_kv_heads(m, block); /* also in layers that read another one's */
  const double query = heads * (m->attention_gate ? key + value : key);
  const int rank = m->q_lora_rank;
  int n = 0;
  out[n++] = rank > 0 ? matrix(ORC_PART_QKV, ORC_SHARD_NONE, from, rank)
                      : matrix(ORC_PART_QKV, ORC_SHARD_OUTPUTS, from, query);
  out[n] = matrix(ORC_PART_QKV, ORC_SHARD_KV, from, kv * (one ? key : key + value));
  out[n++].fused = true;
  if (rank > 0) out[n++] = matrix(ORC_PART_QKV, ORC_SHARD_OUTPUTS, rank, query);
  out[n++] = matrix(ORC_PART_OUTPUT, ORC_SHARD_INPUTS, heads * value, hidden);
  return n + (m->index_topk > 0 && block == ORC_BLOCK_WINDOWED ? indexer(m, out + n) : 0);
}

static int attention(const orc_model *m, orc_block block, orc_matrix *out)
{
  if (m->compress_ratio > 0) return compressed_attention(m, block, out);
  return m->kv_lora_rank > 0 ? latent_attention(m, block, out) : head_attention(m, block, out);
}

static int state_mixer(const orc_model *m, orc_matrix *out)
{
  out[0] = matrix(ORC_PART_QKV, ORC_SHARD_OUTPUTS, m->hidden_size, m->state_inputs);
  out[1] = matrix(ORC_PART_OUTPUT, ORC_SHARD_INPUTS, m->state_outputs, m->hidden_size);
  return 2;
}

double orc_model_active_experts(const orc_model *m)
{
  if (m->num_experts == 0) return 0.0;
  return m->num_experts_per_tok * ((double)m->num_experts / (m->num_experts + m->zero_experts));
}

static int expert_mlp(const orc_model *m, orc_matrix *out)
{
  int n = 0;
  const double hidden = m->hidden_size, wide = m->gated_mlp ? 2.0 : 1.0;
  const double routed = m->routed_expert_hidden_size > 0 ? m->routed_expert_hidden_size : hidden;
  out[n++] =
      matrix(ORC_PART_ROUTER, ORC_SHARD_NONE, hidden, (double)m->num_experts + m->zero_experts);
  if (m->routed_expert_hidden_size > 0) {
    out[n++] = matrix(ORC_PART_ROUTER, ORC_SHARD_NONE, hidden, routed);
    out[n++] = matrix(ORC_PART_ROUTER, ORC_SHARD_NONE, routed, hidden);
  }
  const int first = n;
  out[n++] = matrix(ORC_PART_EXPERT, ORC_SHARD_OUTPUTS, routed, wide * m->moe_intermediate_size);
  out[n++] = matrix(ORC_PART_EXPERT, ORC_SHARD_INPUTS, m->moe_intermediate_size, routed);
  for (int i = first; i < n; i++) {
    out[i].copies = m->num_experts;
    out[i].active = orc_model_active_experts(m);
  }
  if (m->shared_expert_size > 0) {
    out[n++] = matrix(ORC_PART_SHARED, ORC_SHARD_OUTPUTS, hidden, wide * m->shared_expert_size);
    out[n++] = matrix(ORC_PART_SHARED, ORC_SHARD_INPUTS, m->shared_expert_size, hidden);
  }
  return n;
}

static int dense_mlp(const orc_model *m, orc_matrix *out)
{
  int n = 0;
  const double hidden = m->hidden_size, wide = m->gated_mlp ? 2.0 : 1.0;
  out[n++] = matrix(ORC_PART_UP, ORC_SHARD_OUTPUTS, hidden, wide * m->intermediate_size);
  out[n++] = matrix(ORC_PART_DOWN, ORC_SHARD_INPUTS, m->intermediate_size, hidden);
  if (m->side_width > 0) {
    out[n++] = matrix(ORC_PART_UP, ORC_SHARD_NONE, hidden, m->side_width);
    out[n++] = matrix(ORC_PART_DOWN, ORC_SHARD_NONE, m->side_width, hidden);
  }
  return n;
}

int orc_model_matrices(const orc_model *m, orc_block block, orc_matrix out[ORC_MATRICES])
{
  int n;
  if (block == ORC_BLOCK_STATE)
    n = state_mixer(m, out);
  else if (block == ORC_BLOCK_DENSE)
    n = dense_mlp(m, out);
  else if (block == ORC_BLOCK_EXPERTS)
    n = expert_mlp(m, out);
  else
    n = attention(m, block, out);
  for (int i = 0; i < n; i++)
    out[i].block = block;
  return n;
}

/* Norm parameters over `width` features. */
static double norm(const orc_model *m, double width)
{
  return m->norm_bias ? 2.0 * width : width;
}

double orc_model_vector_parameters(const orc_model *m, orc_block block)
{
  if (block == ORC_BLOCK_STATE) return m->state_vectors;
  double sum = 0.0;
  const bool attends = block == ORC_BLOCK_WINDOWED || block == ORC_BLOCK_FULL;
  if (attends && m->qk_norm) sum += 2.0 * orc_model_head_dim(m, block);
  if (attends) sum += (double)m->kv_lora_rank + m->q_lora_rank;
  if (block == ORC_BLOCK_WINDOWED && m->index_topk > 0) sum += 2.0 * m->index_head_dim;
  orc_matrix x[ORC_MATRICES];
  const int n = orc_model_matrices(m, block, x);
  for (int i = 0; i < n; i++) {
    if (m->linear_bias || (m->attention_bias && x[i].part == ORC_PART_QKV))
      sum += x[i].copies * x[i].outputs;
  }
  return sum;
}

int orc_model_expert_layers(const orc_model *m, int layers)
{
  const int mlps = layers - spread(m, layers, m->num_mlpless_layers, false);
  if (m->num_experts == 0 || mlps <= m->num_dense_layers) return 0;
  return mlps - m->num_dense_layers;
}

/* Blocks of each kind in the first `layers` layers. */
static void first_blocks(const orc_model *m, int layers, int count[ORC_BLOCKS])
{
  const int mixers = layers - spread(m, layers, m->num_mixerless_layers, false);
  const int states = spread(m, layers, m->num_state_layers, true);
  const int attention = m->state_beside_attention ? mixers : mixers - states;
  const int all = m->num_hidden_layers - m->num_mixerless_layers -
                  (m->state_beside_attention ? 0 : m->num_state_layers);
  const int64_t windowed = m->sliding_window == 0 || all == 0
                               ? 0
                               : ((int64_t)attention * m->num_windowed_layers + all - 1) / all;
  count[ORC_BLOCK_WINDOWED] = (int)windowed;
  count[ORC_BLOCK_FULL] = attention - (int)windowed;
  count[ORC_BLOCK_STATE] = states;
  count[ORC_BLOCK_EXPERTS] = orc_model_expert_layers(m, layers);
  count[ORC_BLOCK_DENSE] =
      layers - spread(m, layers, m->num_mlpless_layers, false) - count[ORC_BLOCK_EXPERTS];
}

void orc_model_blocks(const orc_model *m, int first, int end, int count[ORC_BLOCKS])
{
  ORC_ASSERT(first >= 0 && first <= end && end <= m->num_hidden_layers);
  int before[ORC_BLOCKS];
  first_blocks(m, first, before);
  first_blocks(m, end, count);
  for (int i = 0; i < ORC_BLOCKS; i++)
    count[i] -= before[i];
}

double orc_model_norm_parameters(const orc_model *m, int first, int end)
{
  const int halves = spread(m, end, m->num_mixerless_layers, false) +
                     spread(m, end, m->num_mlpless_layers, false) -
                     spread(m, first, m->num_mixerless_layers, false) -
                     spread(m, first, m->num_mlpless_layers, false);
  const int of_a_half = m->norms_per_layer / 2;
  const double norms = (end - first) * (double)m->norms_per_layer - (double)halves * of_a_half;
  return norms * norm(m, m->hidden_size) + (end - first) * m->layer_vectors;
}

/* Weights of a block's matrices of one part, or all: every copy, or those one token passes. */
static double matrix_parameters(const orc_model *m, orc_block block, orc_part part, bool active)
{
  orc_matrix x[ORC_MATRICES];
  const int n = orc_model_matrices(m, block, x);
  double sum = 0.0;
  for (int i = 0; i < n; i++) {
    if (part != ORC_PARTS && x[i].part != part) continue;
    sum += (active ? x[i].active : x[i].copies) * x[i].inputs * x[i].outputs;
  }
  return sum;
}

double orc_model_copies(const orc_model *m, orc_block block, int blocks)
{
  const bool shared = m->num_shared_blocks > 0 && block != ORC_BLOCK_STATE;
  return shared && blocks > m->num_shared_blocks ? m->num_shared_blocks : blocks;
}

/* Over all layers: every weight once, or those that a token passes, as often as it does. */
static double all_matrices(const orc_model *m, orc_part part, bool active)
{
  int count[ORC_BLOCKS];
  orc_model_blocks(m, 0, m->num_hidden_layers, count);
  double sum = 0.0;
  for (int i = 0; i < ORC_BLOCKS; i++) {
    if (count[i] == 0) continue;
    const double blocks = active ? count[i] : orc_model_copies(m, (orc_block)i, count[i]);
    sum += blocks * matrix_parameters(m, (orc_block)i, part, active);
  }
  return sum;
}

double orc_model_part_parameters(const orc_model *m, orc_part part)
{
  return all_matrices(m, part, false);
}

double orc_model_layer_parameters(const orc_model *m)
{
  int count[ORC_BLOCKS];
  orc_model_blocks(m, 0, m->num_hidden_layers, count);
  double sum =
      all_matrices(m, ORC_PARTS, false) + orc_model_norm_parameters(m, 0, m->num_hidden_layers);
  for (int i = 0; i < ORC_BLOCKS; i++) {
    if (count[i] > 0)
      sum += orc_model_copies(m, (orc_block)i, count[i]) *
             orc_model_vector_parameters(m, (orc_block)i);
  }
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
         norm(m, m->hidden_size) + m->tower_parameters;
}

double orc_model_active_parameters(const orc_model *m)
{
  return all_matrices(m, ORC_PARTS, true) + orc_model_lm_head_parameters(m);
}

double orc_model_kv_values(const orc_model *m, orc_block block)
{
  if (m->kv_lora_rank > 0) return (double)m->kv_lora_rank + m->qk_rope_head_dim;
  const int size = orc_model_head_dim(m, block) + orc_model_value_dim(m, block);
  return mean_kv_heads(m, block) * size;
}

double orc_model_kv_share(const orc_model *m)
{
  if (m->num_kv_shared_layers == 0) return 1.0;
  int count[ORC_BLOCKS];
  orc_model_blocks(m, 0, m->num_hidden_layers, count);
  const int layers = count[ORC_BLOCK_WINDOWED] + count[ORC_BLOCK_FULL];
  return (double)(layers - m->num_kv_shared_layers) / layers;
}

double orc_model_index_bytes(const orc_model *m)
{
  if (m->index_topk == 0) return 0.0;
  const int scales = (m->index_head_dim + 127) / 128;
  const double bytes = m->index_bytes > 0.0 ? m->index_bytes : m->index_head_dim + 4.0 * scales;
  return orc_model_index_share(m) * bytes;
}

double orc_model_entry_bytes(const orc_model *m)
{
  const int rope = m->qk_rope_head_dim, plain = m->head_dim - rope, scales = (plain + 63) / 64;
  return plain + 2.0 * rope + scales + 1.0;
}

double orc_model_layer_kv_bytes(const orc_model *m, orc_dtype kv, orc_block block)
{
  const bool sparse = block == ORC_BLOCK_WINDOWED;
  const double index = sparse ? orc_model_index_bytes(m) : 0.0;
  if (m->compress_ratio > 0) {
    const int tokens = sparse ? m->compress_ratio : m->full_compress_ratio;
    return (orc_model_entry_bytes(m) + index) / tokens;
  }
  return orc_model_kv_share(m) * orc_model_kv_values(m, block) * orc_dtype_bytes(kv) + index;
}

double orc_model_kv_bytes(const orc_model *m, orc_dtype kv, int layers)
{
  int count[ORC_BLOCKS];
  orc_model_blocks(m, 0, layers, count);
  double sum = 0.0;
  for (int i = ORC_BLOCK_WINDOWED; i <= ORC_BLOCK_FULL; i++) {
    if (count[i] > 0) sum += count[i] * orc_model_layer_kv_bytes(m, kv, (orc_block)i);
  }
  return sum;
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
  const bool state = m->num_state_layers > 0;
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
    { "routed_expert_hidden_size", m->routed_expert_hidden_size, 0 },
    { "zero_experts", m->zero_experts, 0 },
    { "full_attention_heads", m->full_attention_heads, 0 },
    { "attention_inputs", m->attention_inputs, 0 },
    { "num_kv_shared_layers", m->num_kv_shared_layers, 0 },
    { "num_shared_blocks", m->num_shared_blocks, 0 },
    { "num_index_layers", m->num_index_layers, 0 },
    { "compress_ratio", m->compress_ratio, 0 },
    { "full_compress_ratio", m->full_compress_ratio, m->compress_ratio > 0 ? 1 : 0 },
    { "compress_window", m->compress_window, 0 },
    { "o_groups", m->o_groups, m->compress_ratio > 0 ? 1 : 0 },
    { "o_lora_rank", m->o_lora_rank, m->compress_ratio > 0 ? 1 : 0 },
    { "side_width", m->side_width, 0 },
    { "full_key_value_heads", m->full_key_value_heads, 0 },
    { "full_head_dim", m->full_head_dim, 0 },
    { "index_topk", m->index_topk, 0 },
    { "index_n_heads", m->index_n_heads, m->index_topk > 0 ? 1 : 0 },
    { "index_head_dim", m->index_head_dim, m->index_topk > 0 ? 1 : 0 },
    { "num_state_layers", m->num_state_layers, 0 },
    { "state_inputs", m->state_inputs, state ? 1 : 0 },
    { "state_outputs", m->state_outputs, state ? 1 : 0 },
    { "state_vectors", m->state_vectors, 0 },
    { "num_mixerless_layers", m->num_mixerless_layers, 0 },
    { "num_mlpless_layers", m->num_mlpless_layers, 0 },
  };
  return bounds_hold(b, (int)(sizeof b / sizeof *b), e);
}

/* Kinds of layers must not be more than there are layers. */
static bool check_kinds(const orc_model *m, orc_error *e)
{
  const int mixers = m->num_hidden_layers - m->num_mixerless_layers;
  const int states = m->state_beside_attention ? 0 : m->num_state_layers;
  if (m->num_windowed_layers > m->num_hidden_layers)
    return orc_fail(e, "model: num_windowed_layers = %d, expected at most num_hidden_layers = %d",
                    m->num_windowed_layers, m->num_hidden_layers);
  if (m->num_state_layers > mixers || states + m->num_windowed_layers > mixers)
    return orc_fail(e, "model: %d layers with a state and %d windowed ones of %d that mix tokens",
                    m->num_state_layers, m->num_windowed_layers, mixers);
  if (m->num_mlpless_layers + m->num_mixerless_layers > m->num_hidden_layers)
    return orc_fail(e, "model: %d layers without MLP and %d with nothing else of %d",
                    m->num_mlpless_layers, m->num_mixerless_layers, m->num_hidden_layers);
  const int attention = mixers - states;
  if (m->num_kv_shared_layers > 0 && m->num_kv_shared_layers >= attention)
    return orc_fail(e, "model: num_kv_shared_layers = %d, expected fewer than the %d that attend",
                    m->num_kv_shared_layers, attention);
  return true;
}

/* Numbers that are no counts. */
static bool check_numbers(const orc_model *m, orc_error *e)
{
  const struct {
    const char *name;
    double value;
  } n[] = {
    { "state_bytes", m->state_bytes },
    { "state_values", m->state_values },
    { "tower_parameters", m->tower_parameters },
    { "layer_vectors", m->layer_vectors },
    { "index_bytes", m->index_bytes },
    { "mean_attention_heads", m->mean_attention_heads },
    { "mean_key_value_heads", m->mean_key_value_heads },
  };
  for (size_t i = 0; i < sizeof n / sizeof *n; i++) {
    if (!(n[i].value >= 0.0 && n[i].value <= 1e18))
      return orc_fail(e, "model: %s = %g, expected at least 0", n[i].name, n[i].value);
  }
  if (m->mean_attention_heads > m->num_attention_heads ||
      m->mean_key_value_heads > m->num_key_value_heads)
    return orc_fail(e, "model: mean_attention_heads or mean_key_value_heads above the counts");
  return true;
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
  const int full_kv = orc_model_kv_heads(m, ORC_BLOCK_FULL);
  const int full = m->full_attention_heads > 0 ? m->full_attention_heads : m->num_attention_heads;
  if (full % full_kv != 0)
    return orc_fail(e, "model: %d KV heads of full layers do not divide their %d heads", full_kv,
                    full);
  return check_kinds(m, e) && check_numbers(m, e);
}
