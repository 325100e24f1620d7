/*
** layout.h - how a model lies on GPUs, and the memory each one needs.
*/
#ifndef ORC_COST_LAYOUT_H
#define ORC_COST_LAYOUT_H

#include "base/base.h"
#include "cost/collective.h"
#include "cost/hardware.h"
#include "cost/model.h"
#include "cost/regimes.h"

enum { ORC_STAGES = 64 }; /* stages whose layers can be told one by one */

/* Collectives over the ranks of one node as they were measured; count 0: formulas alone. */
typedef struct orc_measured_collectives {
  orc_regimes all_reduce;                 /* of the tensor-parallel ranks */
  orc_regimes all_gather, reduce_scatter; /* of the replicas that share the experts; */
  orc_regimes dispatch, combine; /* or tokens to the ranks of their experts and back, each */
  double copies;                 /* in so many copies; read where dispatch.count > 0 */
} orc_measured_collectives;

typedef struct orc_layout {
  int tensor_parallel_size;         /* >= 1 */
  int pipeline_parallel_size;       /* >= 1 */
  int data_parallel_size;           /* attention replicas that share the experts; 0 or 1: none do */
  int decode_context_parallel_size; /* tensor-parallel ranks that a sequence's KV is dealt out to; 0 or
                                       1: none */
  int kv_interleave;                /* tokens in a row on one of them; 0: 1 */
  int max_lora_rank;                /* of LoRA adapters; 0: none are served */
  bool expert_parallel;             /* a rank has whole experts; else a part of each */
  bool sequence_parallel; /* norms work on a tp-th of the tokens (Korthikanti et al., MLSys 2023) */
  orc_algorithm all_reduce;          /* of the tensor-parallel ranks; 0: ring */
  orc_measured_collectives measured; /* what AUTO takes where count > 0 */
  uint16_t layers[ORC_STAGES];       /* of each stage; all 0: as even as may be */
  orc_dtype weights;                 /* format of the matrices in memory */
  double weight_bits[ORC_PARTS]; /* of one weight of that part with what is stored beside it, where
                                    parts differ; 0: as `weights` says */
  double head_bits, table_bits;  /* of one weight of the LM head and of the embedding where they are
                                    quantised; 0: as the activations */
  orc_dtype activations; /* of activations, embeddings, norms: bf16 unless fp16, fp32 asked */
  orc_dtype compute;     /* format the matrix units compute in */
  orc_dtype kv;          /* format of the KV cache */
} orc_layout;

/* A range of layers on one pipeline stage. */
typedef struct orc_stage {
  int first_layer; /* [0, layers of the model) */
  int layers;      /* >= 1 */
  bool embedding;  /* looks tokens up: the first stage */
  bool lm_head;    /* final norm, LM head and sampling: the last stage */
} orc_stage;

/*
** Stage `index` in [0, pipeline_parallel_size). Unless the layout tells the layers of each, they
** are split as evenly as may be: the first `layers % pp` stages hold one more.
*/
orc_stage orc_layout_stage(const orc_layout *l, const orc_model *m, int index);

/* The LM head in layers, by bytes of weights: 2.4 where it has 2.4 times those of one layer. */
double orc_layout_head_layers(const orc_layout *l, const orc_model *m);

/*
** Tell the layers of each stage so that the last, which has the LM head too, has as much to do as
** the others, as nearly as whole layers can. Degrees and formats must have passed orc_layout_check;
** at most ORC_STAGES stages.
**   head   layers that the LM head takes as long as, >= 0
*/
void orc_layout_balance(orc_layout *l, const orc_model *m, double head);

/* Ranks the experts are spread over: those of all attention replicas. */
int orc_layout_expert_ranks(const orc_layout *l);

/* A matrix's inputs and outputs on one rank, cut as its shard says (KV heads: at least one). */
double orc_layout_inputs(const orc_layout *l, const orc_matrix *x);
double orc_layout_outputs(const orc_layout *l, const orc_model *m, const orc_matrix *x);

/* Bytes of one weight of a part, with its share of scales; routers stay in the activation format. */
double orc_layout_part_bytes(const orc_layout *l, orc_part part);

/* Bytes of one weight of the LM head and of the embedding's table. */
double orc_layout_head_bytes(const orc_layout *l);
double orc_layout_table_bytes(const orc_layout *l);
/* The format of a part's weights: `weights`, or what its bits come nearest to where they differ: the
** activations', 8 or 4 bits. */
orc_dtype orc_layout_part_format(const orc_layout *l, orc_part part);

/* Whether a part's weights are in 16 or 32 bits, so that its products run in the activation format
** where others do not. */
bool orc_layout_part_is_wide(const orc_layout *l, orc_part part);

/*
** Bytes of KV per token and layer of one kind of attention on one GPU, on average where some layers
** keep none; one latent or entry is on every rank, and so is what an indexer keeps, unless decode
** context parallelism deals tokens out. The values alone: with int4 an engine
** keeps scales beside them (LMDeploy's documentation, "INT4/INT8 KV Cache": one per head and token,
** 4 B for the 64 B of a head of 128).
*/
double orc_layout_layer_kv_bytes(const orc_layout *l, const orc_model *m, orc_block block);

/* Bytes of KV per token on one GPU over the layers [first, end). */
double orc_layout_range_kv_bytes(const orc_layout *l, const orc_model *m, int first, int end);

/* Bytes of one sequence's state per state layer on one GPU. */
double orc_layout_state_bytes(const orc_layout *l, const orc_model *m);

/* Bytes of the weights of one stage on one GPU; routers stay in the activation format. */
double orc_layout_stage_weight_bytes(const orc_layout *l, const orc_model *m, orc_stage stage);

/*
** Bytes of the weights on the fullest GPU: matrices in their format with its scales, embeddings,
** LM head and norms in the activation format; embeddings and encoders of images or sound on the
** first stage and the LM head on the last, once where both are one tied matrix on one stage. The
** vocabulary is cut by tp.
*/
double orc_layout_weight_bytes(const orc_layout *l, const orc_model *m);

/* Bytes of KV per token on one GPU of the fullest stage; ranks beyond the KV heads copy them. */
double orc_layout_kv_bytes(const orc_layout *l, const orc_model *m);

/*
** Bytes per GPU that neither weights nor KV may use: the peak of one step's activations, as the
** profiling run of vLLM up to 0.16 measures it, and the overhead below. For
** T = max_num_batched_tokens tokens (>= 1) and S = min(max_num_seqs, T) sampled positions
** (max_num_seqs >= 1):
**   overhead + the largest of MLP, attention and sampling, where
**   MLP          T (4 hidden + gate, up and their product on this rank) values; with experts
**                T (4 hidden + k (the wider of gate and up on this rank, or hidden; + product))
**   attention    T (4 hidden + queries, keys, values and outputs on this rank) values
**   sampling     T 2 hidden values; S x vocabulary logits as computed, and logit_bytes (36) beside each:
**                fp32 copies, sorted values and indices, the sort's workspace, probabilities and
**                their running sum; the 36 is fitted to the figures below
** and the uncompressed window of max_num_seqs sequences under compressed attention. With
** experts_held the experts' two buffers, of k (the wider of gate and up, or hidden; + the wider of
** product and hidden) values a token, outlive the layer and are on top of the largest of the rest: vLLM
** 0.33, v1/worker/workspace.py and fused_moe/experts/triton_moe.py, workspace_shapes.
** On H100 with T 8192, S 1024, vllm serve's defaults there (measured / this without the overhead,
** GiB): Llama-3.1-8B 4.76 / 4.77, Llama-3.3-70B at tp 2 4.84 / 4.90, Qwen3-0.6B 5.56 / 5.54,
** Qwen3-32B 5.64 / 5.66, gpt-oss-20b 7.38 / 7.38; with S 256 Llama-3-8B at tp 1 and 2 1.26 / 1.29.
** Measurements: github.com/llm-d/llm-d-benchmark, config_explorer/empirical-vllm-memory-results.md
** at 2593348; github.com/vllm-project/vllm, pull request 10511 (2024-12-14). From 0.17 on the
** sampler needs a third, logit_bytes 12 (Llama-3.1-8B: 1.89 GiB; github.com/llm-d-incubation/llm-d-planner,
** accuracy/accuracy_report.md at 875a4fd, part 2).
*/
double orc_layout_activation_bytes(const orc_layout *l, const orc_model *m,
                                   int max_num_batched_tokens, int max_num_seqs, double logit_bytes,
                                   bool experts_held);

/*
** The part of the above that does not depend on the model:
**   0.45 GiB   what CUDA offers less than the driver reports (H100: 79.18 of 79.65 GiB)
**   0.14 GiB   memory outside PyTorch at tp 1; 0.55 GiB with NCCL's buffers at tp > 1 (the first
**              source above, "Non-torch Memory")
** CUDA graphs are captured after the KV cache is sized, out of the share that
** gpu_memory_utilization leaves.
*/
double orc_layout_overhead_bytes(const orc_layout *l);

/*
** Degrees and formats fit the model: whole experts are dealt out evenly; tp divides attention
** heads, MLP widths and the vocabulary
** padded to 64 (vLLM's VocabParallelEmbedding), and divides the KV heads or is a multiple of them;
** decode context parallelism divides tp and, but for latent attention, the ranks that hold the same KV
** heads, and all layers keep all tokens; pp is at most the layers, and what is told of the stages adds
** up to them; activations have 16 or 32 bits, KV is not fp4. False with the numbers.
*/
bool orc_layout_check(const orc_layout *l, const orc_model *m, orc_error *e);

#endif
