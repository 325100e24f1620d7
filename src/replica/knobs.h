/*
** knobs.h - the settings of one LLM server, under vLLM's names.
*/
#ifndef ORC_REPLICA_KNOBS_H
#define ORC_REPLICA_KNOBS_H

#include "base/base.h"
#include "replica/kv_tiers.h"
#include "replica/rules.h"

/* How blocks come back from lower tiers. */
typedef enum orc_onload_mode {
  ORC_ONLOAD_FIRST,   /* before the step that needs them, which waits */
  ORC_ONLOAD_LAYERED, /* in it, each layer's while the one before computes */
  ORC_ONLOAD_AHEAD,   /* before their request is admitted, while others compute (kv_onload.h) */
} orc_onload_mode;

typedef struct orc_engine_knobs {
  int32_t max_num_seqs;           /* running at a time, >= 1 */
  int32_t max_num_batched_tokens; /* per step, >= max_num_seqs */
  int32_t max_model_len;          /* prompt and output together */
  int32_t block_size;             /* tokens per KV block */
  int64_t num_gpu_blocks;
  bool enable_chunked_prefill;
  bool swap;                 /* preempted requests move to host memory; else they are recomputed */
  int64_t swap_blocks;       /* KV blocks the host's memory holds, >= 0 */
  double swap_block_seconds; /* s to move one block over PCIe */
  int32_t long_prefill_token_threshold; /* tokens of one prompt in a step at most; 0: any */
  int32_t prompt_parts;                 /* steps a prompt is spread over at least; 0: one */
  bool enable_prefix_caching;
  bool sessions_apart;  /* only the turns of one session share prefixes */
  bool recompute_block; /* orc_prefix's by_block */
  bool computed_only;   /* a prefix is found only once the step that computes it is over */
  int32_t min_prefix_cache_length;        /* tokens: shorter prefixes of other prompts are no hit */
  int64_t max_prefix_cache_blocks;        /* the prefix cache keeps; 0: as many as fit */
  orc_tier_kind tiers[ORC_KV_TIERS_MOST]; /* where evicted blocks of the prefix cache go */
  int tier_count;                         /* 0: nowhere */
  orc_onload_mode loading;
  orc_rules rules;
} orc_engine_knobs;

#endif
