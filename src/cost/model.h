/*
** model.h - the shape of a transformer and what follows from it: parameters, bytes, FLOPs.
** Pure numbers. Field names and meanings are those of Hugging Face's config.json.
*/
#ifndef ORC_COST_MODEL_H
#define ORC_COST_MODEL_H

#include "base/base.h"

typedef enum orc_dtype {
  ORC_FP32, ORC_BF16, ORC_FP16, ORC_FP8, ORC_INT8, ORC_FP4, ORC_INT4,
  ORC_DTYPES /* how many there are */
} orc_dtype;

/* Bytes of one value: 4, 2, 2, 1, 1, 0.5, 0.5 (scales of block formats are added where they matter). */
double orc_dtype_bytes(orc_dtype d);

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
  int moe_intermediate_size;   /* width of one routed expert */
  int shared_expert_size;      /* width of all shared experts together */
  int num_dense_layers;        /* layers with the dense MLP instead of experts */
  /* multi-head latent attention: kv_lora_rank 0 is ordinary attention */
  int kv_lora_rank, q_lora_rank, qk_rope_head_dim, qk_nope_head_dim, v_head_dim;
  /* sliding window: tokens a windowed layer can see; 0 none */
  int sliding_window, num_windowed_layers;
} orc_model;

/* Parameters (counts of numbers), without any quantisation. */
double orc_model_parameters(const orc_model *m);          /* all, embeddings once if tied */
double orc_model_layer_parameters(const orc_model *m);    /* all layers: matrices, norms, biases, every expert */
double orc_model_embedding_parameters(const orc_model *m);/* token and position tables */
double orc_model_lm_head_parameters(const orc_model *m);  /* hidden x vocab, also when tied */
double orc_model_active_parameters(const orc_model *m);   /* matrices one token passes, with the LM head, without
                                                             the embedding look-up; top-k experts of an MoE */

/* Bytes of KV cache per token over `layers` of its layers (all: m->num_hidden_layers), all heads. */
double orc_model_kv_bytes(const orc_model *m, orc_dtype kv, int layers);

/* Check the shape: false with the field, its value and what was expected. */
bool orc_model_check(const orc_model *m, orc_error *e);

#endif
