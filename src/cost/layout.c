#include "cost/layout.h"

#include <math.h>

#include "cost/all_reduce.h"

static const double GIB = 1073741824.0;

orc_stage orc_layout_stage(const orc_layout *l, const orc_model *m, int index)
{
  const int stages = l->pipeline_parallel_size;
  ORC_ASSERT(index >= 0 && index < stages);
  if (l->layers[0] > 0) {
    orc_stage s = { .layers = l->layers[index],
                    .embedding = index == 0,
                    .lm_head = index == stages - 1 };
    for (int i = 0; i < index; i++)
      s.first_layer += l->layers[i];
    return s;
  }
  const int each = m->num_hidden_layers / stages, more = m->num_hidden_layers % stages;
  return (orc_stage){
    .first_layer = index * each + (index < more ? index : more),
    .layers = each + (index < more ? 1 : 0),
    .embedding = index == 0,
    .lm_head = index == stages - 1,
  };
}

/* KV heads on one rank: whole ones, replicated where there are more ranks than heads. */
static double kv_heads(const orc_layout *l, int heads)
{
  const int tp = l->tensor_parallel_size;
  return heads > tp ? (double)heads / tp : 1.0;
}

int orc_layout_expert_ranks(const orc_layout *l)
{
  return l->tensor_parallel_size * (l->data_parallel_size > 1 ? l->data_parallel_size : 1);
}

/*
** Ranks a matrix is cut over. Whole experts on a few ranks are, on average, parts of all experts on
** all: both take as much memory and, with routing even, as much time.
*/
static double cut(const orc_layout *l, const orc_matrix *x)
{
  return x->part == ORC_PART_EXPERT ? orc_layout_expert_ranks(l) : l->tensor_parallel_size;
}

double orc_layout_inputs(const orc_layout *l, const orc_matrix *x)
{
  return x->shard == ORC_SHARD_INPUTS ? x->inputs / cut(l, x) : x->inputs;
}

double orc_layout_outputs(const orc_layout *l, const orc_model *m, const orc_matrix *x)
{
  if (x->shard == ORC_SHARD_OUTPUTS) return x->outputs / cut(l, x);
  if (x->shard != ORC_SHARD_KV) return x->outputs;
  const int heads =
      x->block == ORC_BLOCK_FULL ? orc_model_kv_heads(m, ORC_BLOCK_FULL) : m->num_key_value_heads;
  return x->outputs * (kv_heads(l, heads) / heads);
}

double orc_layout_part_bytes(const orc_layout *l, orc_part part)
{
  if (l->weight_bits[part] > 0.0) return l->weight_bits[part] / 8.0;
  if (part == ORC_PART_ROUTER) return orc_dtype_bytes(l->activations);
  return orc_dtype_weight_bytes(l->weights);
}

double orc_layout_head_bytes(const orc_layout *l)
{
  return l->head_bits > 0.0 ? l->head_bits / 8.0 : orc_dtype_bytes(l->activations);
}

double orc_layout_table_bytes(const orc_layout *l)
{
  return l->table_bits > 0.0 ? l->table_bits / 8.0 : orc_dtype_bytes(l->activations);
}

orc_dtype orc_layout_part_format(const orc_layout *l, orc_part part)
{
  const double bits = l->weight_bits[part];
  if (part == ORC_PART_ROUTER || bits >= 12.0) return l->activations;
  if (bits == 0.0 || fabs(bits - 8.0 * orc_dtype_weight_bytes(l->weights)) < 1.5) return l->weights;
  return bits >= 6.0 ? ORC_FP8 : ORC_FP4;
}

bool orc_layout_part_is_wide(const orc_layout *l, orc_part part)
{
  return part == ORC_PART_ROUTER || l->weight_bits[part] >= 16.0;
}

double orc_layout_layer_kv_bytes(const orc_layout *l, const orc_model *m, orc_block block)
{
  const double ranks = l->decode_context_parallel_size > 1 ? l->decode_context_parallel_size : 1.0;
  const double whole = orc_model_layer_kv_bytes(m, l->kv, block);
  if (m->kv_lora_rank > 0 || m->compress_ratio > 0) return whole / ranks;
  const double index = block == ORC_BLOCK_WINDOWED ? orc_model_index_bytes(m) : 0.0;
  const int heads = orc_model_kv_heads(m, block);
  return ((whole - index) / heads * kv_heads(l, heads) + index) / ranks;
}

double orc_layout_range_kv_bytes(const orc_layout *l, const orc_model *m, int first, int end)
{
  int count[ORC_BLOCKS];
  orc_model_blocks(m, first, end, count);
  double sum = 0.0;
  for (int i = ORC_BLOCK_WINDOWED; i <= ORC_BLOCK_FULL; i++) {
    if (count[i] > 0) sum += count[i] * orc_layout_layer_kv_bytes(l, m, (orc_block)i);
  }
  return sum;
}

double orc_layout_state_bytes(const orc_layout *l, const orc_model *m)
{
  return m->state_bytes / l->tensor_parallel_size;
}

static double block_weight_bytes(const orc_layout *l, const orc_model *m, orc_block block)
{
  orc_matrix x[ORC_MATRICES];
  const int n = orc_model_matrices(m, block, x);
  double sum = orc_model_vector_parameters(m, block) * orc_dtype_bytes(l->activations);
  for (int i = 0; i < n; i++)
    sum += x[i].copies * orc_layout_inputs(l, &x[i]) * orc_layout_outputs(l, m, &x[i]) *
           orc_layout_part_bytes(l, x[i].part);
  return sum;
}

double orc_layout_stage_weight_bytes(const orc_layout *l, const orc_model *m, orc_stage stage)
{
  const int end = stage.first_layer + stage.layers;
  int count[ORC_BLOCKS];
  orc_model_blocks(m, stage.first_layer, end, count);
  const double wide = orc_dtype_bytes(l->activations);
  double sum = orc_model_norm_parameters(m, stage.first_layer, end) * wide;
  for (int i = 0; i < ORC_BLOCKS; i++) {
    if (count[i] > 0)
      sum += orc_model_copies(m, (orc_block)i, count[i]) * block_weight_bytes(l, m, (orc_block)i);
  }
  const double head = orc_model_lm_head_parameters(m) / l->tensor_parallel_size;
  if (stage.embedding) {
    const double positions = orc_model_embedding_parameters(m) - orc_model_lm_head_parameters(m);
    /* The table has the LM head's shape; positions are not cut. */
    sum += head * orc_layout_table_bytes(l) + positions * wide;
    sum += m->tower_parameters / l->tensor_parallel_size * wide;
  }
  if (stage.lm_head) {
    const bool shared = m->tie_word_embeddings && stage.embedding;
    sum += (shared ? 0.0 : head * orc_layout_head_bytes(l)) +
           (m->norm_bias ? 2.0 : 1.0) * m->hidden_size * wide;
  }
  return sum;
}

double orc_layout_weight_bytes(const orc_layout *l, const orc_model *m)
{
  double most = 0.0;
  for (int i = 0; i < l->pipeline_parallel_size; i++) {
    const double bytes = orc_layout_stage_weight_bytes(l, m, orc_layout_stage(l, m, i));
    if (bytes > most) most = bytes;
  }
  return most;
}

double orc_layout_kv_bytes(const orc_layout *l, const orc_model *m)
{
  double most = 0.0;
  for (int i = 0; i < l->pipeline_parallel_size; i++) {
    const orc_stage s = orc_layout_stage(l, m, i);
    const double bytes = orc_layout_range_kv_bytes(l, m, s.first_layer, s.first_layer + s.layers);
    if (bytes > most) most = bytes;
  }
  return most;
}

double orc_layout_head_layers(const orc_layout *l, const orc_model *m)
{
  const double head = orc_model_lm_head_parameters(m) * orc_layout_head_bytes(l);
  const orc_stage all = { .layers = m->num_hidden_layers };
  const double layers = l->tensor_parallel_size * orc_layout_stage_weight_bytes(l, m, all);
  return head / (layers / m->num_hidden_layers);
}

void orc_layout_balance(orc_layout *l, const orc_model *m, double head)
{
  const int stages = l->pipeline_parallel_size, layers = m->num_hidden_layers;
  ORC_ASSERT(stages <= ORC_STAGES && stages <= layers && head >= 0.0);
  int best = 0;
  double least = INFINITY;
  for (int last = 1; stages > 1 && last <= layers - (stages - 1); last++) {
    const int others = (layers - last + stages - 2) / (stages - 1); /* the fullest of them */
    const double with_head = last + head, most = with_head > others ? with_head : others;
    if (most > least) continue;
    least = most;
    best = last;
  }
  for (int i = 0; i + 1 < stages; i++) {
    const int each = (layers - best) / (stages - 1), more = (layers - best) % (stages - 1);
    l->layers[i] = (uint16_t)(each + (i < more));
  }
  l->layers[stages - 1] = (uint16_t)(stages > 1 ? best : layers);
}

static double larger(double a, double b)
{
  return a > b ? a : b;
}

/* Values per token of a block's widest moment beside the hidden states. */
static double block_values(const orc_layout *l, const orc_model *m, orc_block block, bool experts)
{
  orc_matrix x[ORC_MATRICES];
  const int n = orc_model_matrices(m, block, x);
  double sum = 0.0;
  for (int i = 0; i < n; i++) {
    const double in = orc_layout_inputs(l, &x[i]), out = orc_layout_outputs(l, m, &x[i]);
    if (x[i].part == ORC_PART_QKV || x[i].part == ORC_PART_UP) sum += out;
    if (x[i].part == ORC_PART_OUTPUT || x[i].part == ORC_PART_DOWN) sum += in;
    if (!experts) continue;
    /* The fused kernel's buffer of gate and up later takes the experts' answers. */
    if (x[i].part == ORC_PART_EXPERT && x[i].shard == ORC_SHARD_OUTPUTS)
      sum += x[i].active * larger(out, m->hidden_size);
    if (x[i].part == ORC_PART_EXPERT && x[i].shard == ORC_SHARD_INPUTS) sum += x[i].active * in;
  }
  return sum;
}

/* Values per token of the two buffers that layers of experts share: gate and up, their product, each
** at least as wide as the answers of all chosen experts. */
static double workspace_values(const orc_layout *l, const orc_model *m, orc_block block)
{
  orc_matrix x[ORC_MATRICES];
  const int n = orc_model_matrices(m, block, x);
  double sum = 0.0;
  for (int i = 0; i < n; i++) {
    if (x[i].part != ORC_PART_EXPERT) continue;
    const bool product = x[i].shard == ORC_SHARD_INPUTS;
    const double own = product ? orc_layout_inputs(l, &x[i]) : orc_layout_outputs(l, m, &x[i]);
    sum += x[i].active * larger(own, m->hidden_size);
  }
  return sum;
}

double orc_layout_activation_bytes(const orc_layout *l, const orc_model *m,
                                   int max_num_batched_tokens, int max_num_seqs, double logit_bytes,
                                   bool experts_held)
{
  ORC_ASSERT(max_num_batched_tokens >= 1 && max_num_seqs >= 1);
  const double tokens = max_num_batched_tokens;
  const double sampled = max_num_seqs < max_num_batched_tokens ? max_num_seqs : tokens;
  const double value = orc_dtype_bytes(l->activations);
  const double hidden = tokens * m->hidden_size * value;
  int count[ORC_BLOCKS];
  orc_model_blocks(m, 0, m->num_hidden_layers, count);
  double widest = 0.0, held = 0.0;
  for (int i = 0; i < ORC_BLOCKS; i++) {
    if (count[i] == 0) continue;
    widest = larger(widest, block_values(l, m, (orc_block)i, !experts_held));
    if (experts_held) held = larger(held, workspace_values(l, m, (orc_block)i));
  }
  const double layer = 4.0 * hidden + tokens * widest * value;
  const double sampling = 2.0 * hidden + sampled * m->vocab_size * (value + logit_bytes);
  const double windows = (double)max_num_seqs * m->compress_window * m->num_hidden_layers;
  const double kept = m->compress_window > 0 ? windows * orc_model_entry_bytes(m) : 0.0;
  return orc_layout_overhead_bytes(l) + larger(layer, sampling) + tokens * held * value + kept;
}

double orc_layout_overhead_bytes(const orc_layout *l)
{
  const double reserved = 0.45 * GIB;
  return reserved + (l->tensor_parallel_size > 1 ? 0.55 : 0.14) * GIB;
}

static bool divides(const char *what, int value, int tp, orc_error *e)
{
  if (value % tp == 0) return true;
  return orc_fail(e, "layout: tensor_parallel_size = %d does not divide the model's %s = %d", tp,
                  what, value);
}

static bool check_formats(const orc_layout *l, orc_error *e)
{
  if ((unsigned)l->weights >= ORC_DTYPES || (unsigned)l->compute >= ORC_DTYPES ||
      (unsigned)l->activations >= ORC_DTYPES || (unsigned)l->kv >= ORC_DTYPES)
    return orc_fail(e, "layout: a format that does not exist");
  if (orc_dtype_bytes(l->activations) < 2.0)
    return orc_fail(e, "layout: activations = %s, expected fp32, bf16 or fp16",
                    orc_dtype_name(l->activations));
  if (l->kv == ORC_FP4)
    return orc_fail(e, "layout: kv = %s, expected fp32, bf16, fp16, fp8, int8 or int4",
                    orc_dtype_name(l->kv));
  return true;
}

/* What is told of the stages must make up the model. */
static bool check_stages(const orc_layout *l, const orc_model *m, orc_error *e)
{
  int sum = 0, told = 0;
  for (int i = 0; i < ORC_STAGES && l->layers[i] > 0; i++, told++)
    sum += l->layers[i];
  if (told == 0 || (told == l->pipeline_parallel_size && sum == m->num_hidden_layers)) return true;
  return orc_fail(e,
                  "layout: %d stages of %d layers in all are told, expected "
                  "pipeline_parallel_size = %d stages of the model's %d",
                  told, sum, l->pipeline_parallel_size, m->num_hidden_layers);
}

static bool check_experts(const orc_layout *l, const orc_model *m, orc_error *e)
{
  const int ranks = orc_layout_expert_ranks(l);
  if (l->data_parallel_size < 0)
    return orc_fail(e, "layout: data_parallel_size = %d, expected at least 1",
                    l->data_parallel_size);
  if (m->num_experts == 0) {
    if (l->expert_parallel)
      return orc_fail(e, "layout: expert parallelism, but the model has no experts");
    return true;
  }
  const int whole = l->expert_parallel ? m->num_experts : m->moe_intermediate_size;
  if (whole % ranks == 0) return true;
  return orc_fail(
      e,
      "layout: %d ranks (tensor_parallel_size %d x data_parallel_size %d) do not divide "
      "the model's %s = %d",
      ranks, l->tensor_parallel_size, ranks / l->tensor_parallel_size,
      l->expert_parallel ? "num_experts" : "moe_intermediate_size", whole);
}

static bool check_kv_heads(int tp, const orc_model *m, orc_block block, orc_error *e)
{
  const int kv = orc_model_kv_heads(m, block);
  const bool latent = m->kv_lora_rank > 0 || m->compress_ratio > 0;
  if (latent || kv % tp == 0 || tp % kv == 0) return true;
  return orc_fail(e,
                  "layout: tensor_parallel_size = %d must divide num_key_value_heads = %d or be a "
                  "multiple of it",
                  tp, kv);
}

/* vLLM: config/model.py, verify_with_parallel_config; v1/core/single_type_kv_cache_manager.py has no
** windows and states dealt out. */
static bool check_context(const orc_layout *l, const orc_model *m, orc_error *e)
{
  const int tp = l->tensor_parallel_size, ranks = l->decode_context_parallel_size;
  if (ranks < 0 || l->kv_interleave < 0 || l->max_lora_rank < 0)
    return orc_fail(e, "layout: a negative size");
  if (ranks <= 1) return true;
  if (tp % ranks != 0)
    return orc_fail(e,
                    "layout: decode_context_parallel_size = %d does not divide "
                    "tensor_parallel_size = %d",
                    ranks, tp);
  if (m->num_windowed_layers > 0 || m->num_state_layers > 0)
    return orc_fail(e,
                    "layout: decode_context_parallel_size = %d: all layers of the model must keep "
                    "every token; %d have a window and %d a state",
                    ranks, m->num_windowed_layers, m->num_state_layers);
  const int heads = m->num_key_value_heads, copies = tp > heads ? tp / heads : 1;
  if (m->kv_lora_rank > 0 || copies % ranks == 0) return true;
  return orc_fail(e,
                  "layout: decode_context_parallel_size = %d: a divisor of %d expected, the ranks "
                  "that hold the "
                  "same KV (tensor_parallel_size %d / num_key_value_heads %d)",
                  ranks, copies, tp, heads);
}

bool orc_layout_check(const orc_layout *l, const orc_model *m, orc_error *e)
{
  const int tp = l->tensor_parallel_size, pp = l->pipeline_parallel_size;
  if (tp < 1) return orc_fail(e, "layout: tensor_parallel_size = %d, expected at least 1", tp);
  if (pp < 1) return orc_fail(e, "layout: pipeline_parallel_size = %d, expected at least 1", pp);
  if (pp > m->num_hidden_layers)
    return orc_fail(e,
                    "layout: pipeline_parallel_size = %d, expected at most the model's %d layers",
                    pp, m->num_hidden_layers);
  if (!check_stages(l, m, e) || !check_formats(l, e)) return false;
  if (!divides("num_attention_heads", m->num_attention_heads, tp, e) ||
      !divides("full_attention_heads", m->full_attention_heads, tp, e))
    return false;
  if (!orc_all_reduce_check(l->all_reduce, tp, e)) return false;
  const int64_t padded = ((int64_t)m->vocab_size + 63) / 64 * 64;
  if (padded % tp != 0)
    return orc_fail(
        e, "layout: tensor_parallel_size = %d does not divide the vocabulary of %d (%lld padded)",
        tp, m->vocab_size, (long long)padded);
  if (!divides("intermediate_size", m->intermediate_size, tp, e) || !check_experts(l, m, e) ||
      !divides("shared_expert_size", m->shared_expert_size, tp, e))
    return false;
  return check_kv_heads(tp, m, ORC_BLOCK_WINDOWED, e) && check_kv_heads(tp, m, ORC_BLOCK_FULL, e) &&
         check_context(l, m, e);
}
