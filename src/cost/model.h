/*
** model.h - the shape of a transformer and what follows from it: parameters, bytes, FLOPs.
** Pure numbers. Field names and meanings are those of Hugging Face's config.json.
*/
#ifndef ORC_COST_MODEL_H
#define ORC_COST_MODEL_H

#include "base/base.h"
#include "cost/dtype.h"

/* Shape of a decoder-only transformer. Counts; every one >= 0, those marked * >= 1. */
typedef struct orc_model {
  int num_hidden_layers;       /* * */
  int hidden_size;             /* * */
  int num_attention_heads;     /* * */
  int num_key_value_heads;     /* * ; divides num_attention_heads */
  int head_dim;                /* * */
  int intermediate_size;       /* dense MLP width (also of the dense layers of an MoE) */
  int vocab_size;              /* * */
  int max_position_embeddings; /* * ; the model's context */
  bool tie_word_embeddings;    /* the LM head is the embedding matrix */
  bool gated_mlp;              /* three MLP matrices (SwiGLU, GeGLU) instead of two */
  bool learned_positions;      /* a position embedding table (GPT-2, GPT-3, OPT) */
  bool attention_bias;         /* biases on Q, K and V (Qwen2) */
  bool linear_bias;            /* biases on every matrix (GPT-3) */
  bool qk_norm;                /* RMS norms on each head's Q and K (Qwen3, Gemma-3) */
  int norms_per_layer;         /* 2, or 4 in Gemma-2 */
  bool norm_bias;              /* LayerNorm (weight and bias) instead of RMSNorm */
  /* mixture of experts: num_experts 0 is a dense model */
  int num_experts, num_experts_per_tok;
  int moe_intermediate_size; /* width of one routed expert */
  int shared_expert_size;    /* width of all shared experts together */
  int num_dense_layers;      /* layers with the dense MLP instead of experts, the first ones */
  /* multi-head latent attention: kv_lora_rank 0 is ordinary attention */
  int kv_lora_rank, q_lora_rank, qk_rope_head_dim, qk_nope_head_dim, v_head_dim;
  /* sliding window: tokens a windowed layer can see; 0 none */
  int sliding_window, num_windowed_layers;
} orc_model;

/* What a matrix is for; matrices of one purpose in one layer run as one operation. */
typedef enum orc_part {
  ORC_PART_QKV,    /* hidden to queries, keys and values (the low-rank stages too) */
  ORC_PART_OUTPUT, /* attention heads back to hidden */
  ORC_PART_UP,     /* dense MLP, gate and up */
  ORC_PART_DOWN,   /* dense MLP, down */
  ORC_PART_ROUTER, /* scores of the experts */
  ORC_PART_EXPERT, /* routed experts: gate, up and down */
  ORC_PART_SHARED, /* shared experts: gate, up and down */
  ORC_PARTS
} orc_part;

/* How tensor parallelism cuts a matrix. */
typedef enum orc_shard {
  ORC_SHARD_NONE,    /* every rank holds it whole */
  ORC_SHARD_INPUTS,  /* by rows: each rank sums over its inputs, an all-reduce follows */
  ORC_SHARD_OUTPUTS, /* by columns */
  ORC_SHARD_KV,      /* by columns in whole KV heads; more ranks than heads replicate them */
} orc_shard;

typedef struct orc_matrix {
  orc_part part;
  orc_shard shard;
  double inputs, outputs; /* shape of one copy, uncut */
  int copies;             /* 1; the experts of an MoE */
  int active;             /* copies that one token passes: 1; top-k */
  bool fused;             /* reads the same input as the matrix before it, once */
} orc_matrix;

enum { ORC_MATRICES = 10 }; /* room that any layer's list fits */

/*
** The matrices of one layer, in the order they run: all that follows (parameters, bytes, FLOPs) is
** summed from this list. Gate and up are one matrix of twice the outputs, as engines run them.
**   experts   the layer has experts instead of the dense MLP
** Returns how many were written to `out`. Sources: Vaswani et al., arXiv:1706.03762 (attention);
** Shazeer, arXiv:2002.05202 (gated MLP); DeepSeek-V2, arXiv:2405.04434, section 2.1 (latent
** attention); Mixtral, arXiv:2401.04088, section 2 (experts).
*/
int orc_model_matrices(const orc_model *m, bool experts, orc_matrix out[ORC_MATRICES]);

/* Norm weights and biases of one layer: kept in the activation format, whole on every rank. */
double orc_model_vector_parameters(const orc_model *m, bool experts);

/* How many of the first `layers` layers have experts: all after the first num_dense_layers. */
int orc_model_expert_layers(const orc_model *m, int layers);

/* How many of the first `layers` layers are windowed: spread evenly, starting with a windowed one
** (Gemma-2: every other layer; Gemma-3: five of six). */
int orc_model_windowed_layers(const orc_model *m, int layers);

/* Parameters: counts of numbers, whatever their format. All of them, embeddings once if tied. */
double orc_model_parameters(const orc_model *m);

/* All layers: matrices, norms, biases, every expert. */
double orc_model_layer_parameters(const orc_model *m);

/* Token and position tables. */
double orc_model_embedding_parameters(const orc_model *m);

/* hidden x vocabulary, also when tied. */
double orc_model_lm_head_parameters(const orc_model *m);

/* Matrices one token passes, the LM head included, without the embedding look-up; top-k experts. */
double orc_model_active_parameters(const orc_model *m);

/*
** Bytes of KV cache per token over `layers` of its layers (all: m->num_hidden_layers), all heads:
** 2 x KV heads x head_dim values per layer, or kv_lora_rank + qk_rope_head_dim under latent
** attention. Windowed layers count in full: a block is held for as long as its sequence.
*/
double orc_model_kv_bytes(const orc_model *m, orc_dtype kv, int layers);

/* Check the shape: false with the field, its value and what was expected. */
bool orc_model_check(const orc_model *m, orc_error *e);

#endif
