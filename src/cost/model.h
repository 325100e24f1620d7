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
  int moe_intermediate_size;     /* width of one routed expert */
  int shared_expert_size;        /* width of all shared experts together */
  int routed_expert_hidden_size; /* experts work on a projection of hidden to it (Kimi-K3); 0: none */
  int zero_experts;              /* further ones to choose that do nothing (LongCat-Flash) */
  int num_dense_layers;          /* layers with the dense MLP instead of experts, the first ones */
  /* multi-head latent attention: kv_lora_rank 0 is ordinary attention */
  int kv_lora_rank, q_lora_rank, qk_rope_head_dim, qk_nope_head_dim, v_head_dim;
  /* sliding window: tokens a windowed layer can see; 0 none */
  int sliding_window, num_windowed_layers;
  bool
      chunked_window; /* the window is the chunk a token is in (Llama-4) and moves by whole chunks */
  /* attention layers without window that differ from the windowed ones (Gemma-4); 0: they do not */
  int full_attention_heads, full_key_value_heads, full_head_dim;
  bool full_shares_kv; /* one matrix makes both K and V in those layers; both are cached */
  bool attention_gate; /* queries come with a gate of their own size (Qwen3-Next) */
  /* heads of a layer on average, where layers differ (OpenELM, Nemotron-NAS); 0: they do not */
  double mean_attention_heads, mean_key_value_heads;
  int attention_inputs; /* width that queries, keys and values are made of (Zamba); 0: hidden_size */
  int num_kv_shared_layers; /* layers that read K and V of another one and keep none (Gemma-3n) */
  int num_shared_blocks; /* attention and MLP blocks of so many different weights (Zamba2); 0: each
                               of its own */
  /* sparse attention: a token attends to index_topk tokens that an indexer chooses; 0: to all */
  int index_topk, index_n_heads, index_head_dim;
  int num_index_layers; /* layers with an indexer of their own (GLM-5.2); 0: all sparse ones */
  double index_bytes;   /* B that an indexer keeps of a token; 0: see orc_model_index_bytes */
  /* compressed attention (DeepSeek-V4): K and V are one entry of head_dim values for compress_ratio
  ** tokens in windowed layers, where an indexer chooses among them, and for full_compress_ratio in
  ** full ones; every layer sees compress_window tokens uncompressed besides. 0: no compression */
  int compress_ratio, full_compress_ratio, compress_window;
  int o_groups, o_lora_rank; /* its output goes through a low rank in groups of heads */
  /* layers that mix tokens by a state of fixed size (linear attention, Mamba, short convolution) */
  int num_state_layers;
  bool state_beside_attention; /* in those layers, attention works beside it (Falcon-H1) */
  int state_inputs,
      state_outputs;   /* widths into and out of it: hidden x inputs, outputs x hidden */
  int state_vectors;   /* other parameters of such a layer: convolution, decay, norm */
  double state_bytes;  /* B of one sequence's state in such a layer, uncut */
  double state_values; /* values of the recurrence among them: each takes part in every token */
  /* layers that lack a half (Nemotron-H: one of mixer and MLP in each) */
  int num_mixerless_layers, num_mlpless_layers;
  int side_width;       /* narrow path beside a dense MLP: hidden to it and back (Gemma-3n) */
  double layer_vectors; /* further parameters of each layer that are no matrix product of note */
  /* what is in memory and takes no part in a decoded token: encoders of images or sound, tables
  ** that are looked up. In the activation format. */
  double tower_parameters;
} orc_model;

/* The halves of layers: what mixes tokens, and the MLP after it. */
typedef enum orc_block {
  ORC_BLOCK_WINDOWED, /* attention within a window */
  ORC_BLOCK_FULL,     /* attention to all tokens, or those an indexer chooses */
  ORC_BLOCK_STATE,
  ORC_BLOCK_DENSE, /* MLP */
  ORC_BLOCK_EXPERTS,
  ORC_BLOCKS
} orc_block;

/* What a matrix is for; matrices of one purpose in one layer run as one operation. */
typedef enum orc_part {
  ORC_PART_QKV,    /* hidden to queries, keys and values (the low-rank stages too) */
  ORC_PART_OUTPUT, /* attention heads back to hidden */
  ORC_PART_UP,     /* dense MLP, gate and up */
  ORC_PART_DOWN,   /* dense MLP, down */
  ORC_PART_ROUTER, /* scores of the experts, and projections to a hidden state of their own */
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
  double inputs, outputs; /* shape of one copy, uncut */
  orc_block block;
  orc_part part;
  orc_shard shard;
  int copies;    /* 1; the experts of an MoE */
  double active; /* copies that one token passes: 1; top-k, on average */
  bool fused;    /* reads the same input as the matrix before it, once */
} orc_matrix;

enum { ORC_MATRICES = 13 }; /* room that any block's list fits */

/*
** The matrices of one block, in the order they run: all that follows (parameters, bytes, FLOPs) is
** summed from these lists. Gate and up are one matrix of twice the outputs, as engines run them.
** Returns how many were written to `out`. Sources: Vaswani et al., arXiv:1706.03762 (attention);
** Shazeer, arXiv:2002.05202 (gated MLP); DeepSeek-V2, arXiv:2405.04434, section 2.1 (latent
** attention); Mixtral, arXiv:2401.04088, section 2 (experts); DeepSeek-V3.2's report, section 2.1,
** and its inference/model.py (the indexer: queries from the latent, one key, a weight per head);
** DeepSeek-V4's inference/model.py (one K and V for all heads, compressors of width 2 where entries
** overlap, grouped output); LongCat-Flash, arXiv:2509.01322, section 2.1 (zero experts);
** Yang et al., arXiv:2412.06464, section 3 (gated delta net), Dao and Gu, arXiv:2405.21060, section 7
** (Mamba-2): one projection in, one out.
*/
int orc_model_matrices(const orc_model *m, orc_block block, orc_matrix out[ORC_MATRICES]);

/* Parameters of a block that are no matrix and no layer's norm: biases, norms of heads and latents,
** a state's convolution. Kept in the activation format, whole on every rank. */
double orc_model_vector_parameters(const orc_model *m, orc_block block);

/* Norms around the blocks of layers [first, end). */
double orc_model_norm_parameters(const orc_model *m, int first, int end);

/* How many of the first `layers` layers have experts: all after the first num_dense_layers. */
int orc_model_expert_layers(const orc_model *m, int layers);

/*
** How many blocks of each kind layers [first, end) have, into count[ORC_BLOCKS]. Kinds are spread
** evenly: the first layer has a state where any has, and attention layers start with a windowed one
** (Gemma-2: every other layer; Gemma-3: five of six; Qwen3-Next: states in three of four).
*/
void orc_model_blocks(const orc_model *m, int first, int end, int count[ORC_BLOCKS]);

/* KV heads, heads (on average) and sizes of a head's key and value, of the attention of a block, which
** must be one of attention. */
int orc_model_kv_heads(const orc_model *m, orc_block block);
double orc_model_heads(const orc_model *m, orc_block block);
int orc_model_head_dim(const orc_model *m, orc_block block);
int orc_model_value_dim(const orc_model *m, orc_block block);

/*
** Values that an attention block caches per token: KV heads x (key + value size), or kv_lora_rank +
** qk_rope_head_dim under latent attention. What an indexer caches comes on top. In layers that have
** K and V of their own.
*/
double orc_model_kv_values(const orc_model *m, orc_block block);

/* Experts that a token passes, on average: what else it chooses does nothing. */
double orc_model_active_experts(const orc_model *m);

/* Share of the sparse layers that have an indexer of their own. */
double orc_model_index_share(const orc_model *m);

/* Share of the attention layers that have K and V of their own. */
double orc_model_kv_share(const orc_model *m);

/* B that the indexer caches per token and layer: its key in 8 bits and a 32-bit scale for every 128
** values (vLLM 0.33, v1/attention/backends/mla/indexer.py: head_dim 132 for 128), unless index_bytes
** says otherwise. 0: no indexer. */
double orc_model_index_bytes(const orc_model *m);

/*
** B of one entry of compressed attention: 8 bits a value, 16 those with positions, a scale of 8 bits
** for 64 values and one that pads (vLLM, models/deepseek_v4/common/ops/cache_utils.py: 584 for 512).
*/
double orc_model_entry_bytes(const orc_model *m);

/* Bytes per token and layer that a block of attention keeps with all heads uncut, in the format `kv`
** but under compressed attention. */
double orc_model_layer_kv_bytes(const orc_model *m, orc_dtype kv, orc_block block);

/* How many different weights so many blocks of a kind have: fewer where blocks are shared. */
double orc_model_copies(const orc_model *m, orc_block block, int blocks);

/* Parameters: counts of numbers, whatever their format. All of them, embeddings once if tied. */
double orc_model_parameters(const orc_model *m);

/* All layers: matrices, norms, biases, every expert. */
double orc_model_layer_parameters(const orc_model *m);

/* Of one part of the matrices, over all layers. */
double orc_model_part_parameters(const orc_model *m, orc_part part);

/* Token and position tables. */
double orc_model_embedding_parameters(const orc_model *m);

/* hidden x vocabulary, also when tied. */
double orc_model_lm_head_parameters(const orc_model *m);

/* Matrices one token passes, the LM head included, without the embedding look-up; top-k experts. */
double orc_model_active_parameters(const orc_model *m);

/*
** Bytes of KV cache per token over the first `layers` layers (all: m->num_hidden_layers), all
** heads; what a token costs while every layer keeps it. State layers cost nothing per token.
*/
double orc_model_kv_bytes(const orc_model *m, orc_dtype kv, int layers);

/* Check the shape: false with the field, its value and what was expected. */
bool orc_model_check(const orc_model *m, orc_error *e);

#endif
