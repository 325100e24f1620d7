/*
** layout.h - how a model lies on GPUs, and the memory each one needs.
*/
#ifndef ORC_COST_LAYOUT_H
#define ORC_COST_LAYOUT_H

#include "base/base.h"
#include "cost/hardware.h"
#include "cost/model.h"

typedef struct orc_layout {
  int tensor_parallel_size;   /* >= 1 */
  int pipeline_parallel_size; /* >= 1 */
  orc_dtype weights;          /* format of the matrices in memory */
  orc_dtype activations;      /* of activations, embeddings, norms: bf16 unless fp16, fp32 asked */
  orc_dtype compute;          /* format the matrix units compute in */
  orc_dtype kv;               /* format of the KV cache */
} orc_layout;

/* A range of layers on one pipeline stage. */
typedef struct orc_stage {
  int first_layer; /* [0, layers of the model) */
  int layers;      /* >= 1 */
  bool embedding;  /* looks tokens up: the first stage */
  bool lm_head;    /* final norm, LM head and sampling: the last stage */
} orc_stage;

/*
** Stage `index` in [0, pipeline_parallel_size). Layers split as evenly as may be: the first
** `layers % pp` stages hold one more.
*/
orc_stage orc_layout_stage(const orc_layout *l, const orc_model *m, int index);

/* A matrix's inputs and outputs on one rank, cut as its shard says (KV heads: at least one). */
double orc_layout_inputs(const orc_layout *l, const orc_matrix *x);
double orc_layout_outputs(const orc_layout *l, const orc_model *m, const orc_matrix *x);

/* Bytes of KV per token and layer on one GPU; latent attention's one latent is on every rank. */
double orc_layout_layer_kv_bytes(const orc_layout *l, const orc_model *m);

/* Bytes of the weights of one stage on one GPU; routers stay in the activation format. */
double orc_layout_stage_weight_bytes(const orc_layout *l, const orc_model *m, orc_stage stage);

/*
** Bytes of the weights on the fullest GPU: matrices in their format with its scales, embeddings,
** LM head and norms in the activation format; embeddings on the first stage and the LM head on the
** last, once where both are one tied matrix on one stage. The vocabulary is cut by tp.
*/
double orc_layout_weight_bytes(const orc_layout *l, const orc_model *m);

/* Bytes of KV per token on one GPU of the fullest stage; ranks beyond the KV heads copy them. */
double orc_layout_kv_bytes(const orc_layout *l, const orc_model *m);

/*
** Bytes per GPU that neither weights nor KV may use: the peak of one step's activations, as vLLM's
** profiling run would measure it, and the overhead below. For T = max_num_batched_tokens tokens
** (>= 1) and S = min(max_num_seqs, T) sampled positions (max_num_seqs >= 1):
**   overhead + expert buffers + the largest of MLP, attention and sampling, where
**   MLP              T (4 hidden + gate, up and their product on this rank) values
**   attention        T (4 hidden + queries, keys, values and outputs on this rank) values
**   sampling         T 3 hidden values; S x vocabulary logits as computed and three times in fp32
**                    (copy, sorted, probabilities)
**   expert buffers   T k (the wider of gate and up on this rank, or hidden; + their product)
**                    values, which the fused kernel's workspace keeps
** Against vLLM 0.19 on H100 (T 8192, S 1024; measured / this without the overhead, GiB):
**   Llama-3.1-8B 1.89 / 1.90 at tp 1, 2 and 4     Qwen2.5-7B 2.21 / 2.19    CodeLlama-7B 0.77 /
*0.75
**   Gemma-2-9B 3.65 / 3.58    Phi-4 1.52 / 1.57    Granite-3.1-8B 0.85 / 0.84
**   Qwen3-30B-A3B 2.68 / 2.56    DeepSeek-V2-Lite 1.93 / 1.85
** Source of the measurements: github.com/llm-d-incubation/llm-d-planner,
** accuracy/accuracy_report.md at 875a4fd (54 runs). Up to 0.16 the sampler held about 9.5 fp32
** copies of the logits (same report, part 2).
*/
double orc_layout_activation_bytes(const orc_layout *l, const orc_model *m,
                                   int max_num_batched_tokens, int max_num_seqs);

/*
** The part of the above that does not depend on the model:
**   0.45 GiB   what CUDA offers less than the driver reports (H100: 79.18 of 79.65 GiB)
**   0.25 GiB   memory outside PyTorch at tp 1; 2.10 GiB with NCCL and the custom all-reduce's
**              buffers at tp > 1 (the report above, "Tensor Parallelism" and root cause 2)
** CUDA graphs are captured after the KV cache is sized, out of the share that
** gpu_memory_utilization leaves (same report, root cause 4).
*/
double orc_layout_overhead_bytes(const orc_layout *l);

/*
** Degrees and formats fit the model: tp divides attention heads, MLP widths and the vocabulary
** padded to 64 (vLLM's VocabParallelEmbedding), and divides the KV heads or is a multiple of them;
** pp is at most the layers; activations have 16 or 32 bits, KV 8 or more. False with the numbers.
*/
bool orc_layout_check(const orc_layout *l, const orc_model *m, orc_error *e);

#endif
