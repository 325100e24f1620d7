/*
** knobs.h - the settings of one LLM server: one row each, under the name that a scenario gives it
** (vLLM's). The struct below, what the Lua side knows of a knob (range, default, help, whether it
** may change while a simulation runs) and the reading of it come from the row.
*/
#ifndef ORC_REPLICA_KNOBS_H
#define ORC_REPLICA_KNOBS_H

#include <stddef.h>

#include "base/base.h"
#include "replica/kv_groups.h"
#include "replica/kv_tiers.h"
#include "replica/lora.h"
#include "replica/rules.h"
#include "replica/speculation.h"

/* How blocks come back from lower tiers: kv_loading "blocking", "layerwise", "async". */
typedef enum orc_onload_mode {
  ORC_ONLOAD_FIRST,   /* before the step that needs them, which waits */
  ORC_ONLOAD_LAYERED, /* in it, each layer's while the one before computes */
  ORC_ONLOAD_AHEAD,   /* before their request is admitted, while others compute (kv_onload.h) */
  ORC_ONLOAD_MODES
} orc_onload_mode;

/* Who gives a knob its value. */
typedef enum orc_knob_giver {
  ORC_KNOB_ENGINE,   /* the scenario, as a key of `engine` */
  ORC_KNOB_SCENARIO, /* the scenario, as a key of its own */
  ORC_KNOB_PLAN,     /* lua/oracle/plan, from the model, the hardware and the system */
} orc_knob_giver;

/*
** X(type, name, giver, least, most, otherwise, dimension, fixed, needs, doc)
**   type       int32_t, int64_t, bool, double or orc_onload_mode
**   giver      orc_knob_giver without its prefix
**   otherwise  the default; NONE: it depends on the model, the GPU or the system
**   dimension  of the units it may be written in (lua/oracle/text/units.lua); NULL: a bare number
**   fixed      why it cannot change while a simulation runs: STARTED (the engine was started with it),
**              LAID_OUT (the KV cache was laid out by it); LIVE: it can, from the next step on
**   needs      the boolean knob without which it has no effect, or NULL
**   doc        its meaning, for --help
** One more knob is one more row, and its use. What engines do differently by version is no knob but
** a field of rules.h.
*/
/* clang-format off */
#define ORC_KNOBS(X)                                                                               \
  X(int32_t, max_num_seqs, ENGINE, 1, 1000000, NONE, NULL, LIVE, NULL,                             \
    "requests in one step; 1024 on GPUs of 70 GiB and more but the A100, else 256")                \
  X(int32_t, max_num_batched_tokens, ENGINE, 1, 1000000000, NONE, "tokens", LIVE, NULL,            \
    "token budget of one step; 8192 on GPUs of 70 GiB and more but the A100, else 2048")           \
  X(int32_t, max_model_len, ENGINE, 1, 1000000000, NONE, "tokens", LIVE, NULL,                     \
    "longest prompt + output; the model's context")                                                \
  X(int32_t, block_size, ENGINE, 1, 65536, 16, NULL, LAID_OUT, NULL,                               \
    "tokens in one KV block")                                                                      \
  X(bool, enable_chunked_prefill, ENGINE, 0, 1, 1, NULL, LIVE, NULL,                               \
    "cut prompts to what is left of the budget")                                                   \
  X(int32_t, long_prefill_token_threshold, ENGINE, 0, 1000000000, 0, "tokens", LIVE, NULL,         \
    "tokens of one prompt in a step at most; 0: as many as the budget leaves")                     \
  X(int32_t, num_microbatches_per_request, ENGINE, 1, 1000000, 1, NULL, LIVE, NULL,                \
    "parts a prompt is computed in, which may be in several pipeline stages at a time")            \
  X(bool, enable_prefix_caching, ENGINE, 0, 1, 1, NULL, LAID_OUT, NULL,                            \
    "reuse KV blocks of equal prefixes")                                                           \
  X(bool, enable_cross_request_caching, ENGINE, 0, 1, 1, NULL, STARTED, "enable_prefix_caching",   \
    "of any request's prompts; false: only what earlier turns of the same session left")           \
  X(int32_t, min_prefix_cache_length, ENGINE, 0, 1000000000, 0, "tokens", STARTED,                 \
    "enable_prefix_caching", "shorter prefixes of other requests' prompts are no hit")             \
  X(int64_t, prefix_cache_blocks, ENGINE, 0, 1000000000, 0, NULL, STARTED, "enable_prefix_caching",\
    "KV blocks the prefix cache keeps at most, the least recently used give way; 0: as many as fit")\
  X(int64_t, prefix_cache_entries, ENGINE, 0, 1000000000, 0, NULL, STARTED, "enable_prefix_caching",\
    "prefixes that no request holds, each the end of a prompt or an answer, that the cache keeps at " \
    "most, the least recently used give way; 0: as many as fit")                                   \
  X(bool, recompute_last_block, ENGINE, 0, 1, 0, NULL, STARTED, "enable_prefix_caching",           \
    "a prompt found whole computes its last block again, as vLLM V1 does, not its last token alone")\
  X(orc_onload_mode, kv_loading, SCENARIO, 0, ORC_ONLOAD_MODES - 1, NONE, NULL, LAID_OUT, NULL,    \
    "how blocks come back from kv_tiers: the step waits; layer by layer while it computes; before " \
    "their request is admitted, while others compute; as the system does")                         \
  X(int64_t, num_gpu_blocks, PLAN, 1, 1e12, NONE, NULL, LAID_OUT, NULL, "KV blocks there are")     \
  X(bool, swap, PLAN, 0, 1, 0, NULL, STARTED, NULL,                                                \
    "preempted requests move to host memory; else they are recomputed")                            \
  X(int64_t, swap_blocks, PLAN, 0, 2e18, 0, NULL, STARTED, NULL, "KV blocks the host's memory holds")\
  X(double, swap_block_seconds, PLAN, 0, 1e9, 0, NULL, STARTED, NULL, "s to move one block over PCIe")\
  X(bool, computed_only, PLAN, 0, 1, 0, NULL, STARTED, NULL,                                       \
    "a prefix is found only once the step that computes it is over")
/* clang-format on */

typedef struct orc_engine_knobs {
#define ORC_KNOB_FIELD(type, name, ...) type name;
  ORC_KNOBS(ORC_KNOB_FIELD)
#undef ORC_KNOB_FIELD
  orc_tier_kind tiers[ORC_KV_TIERS_MOST]; /* where evicted blocks of the prefix cache go */
  orc_rules rules;
  orc_speculation speculation;
  orc_lora_plan lora;
  orc_kv_group groups[ORC_KV_GROUPS_MOST]; /* of layers that keep different parts of a sequence */
  int tier_count;                          /* 0: nowhere */
  int group_count;                         /* 0: all layers keep all of it */
} orc_engine_knobs;

typedef enum orc_knob_type {
  ORC_KNOB_INT32,
  ORC_KNOB_INT64,
  ORC_KNOB_BOOL,
  ORC_KNOB_DOUBLE,
  ORC_KNOB_ONLOAD, /* one of `values` */
} orc_knob_type;

/* A row of the table; its columns are explained there. */
typedef struct orc_knob {
  const char *name;
  orc_knob_type type;
  orc_knob_giver giver;
  size_t offset, size; /* of its field in orc_engine_knobs, in bytes */
  double least, most;
  double otherwise; /* < least: there is no default */
  const char *dimension, *fixed, *needs, *doc;
  const char *const *values; /* what a choice's values are called, NULL at the end; or NULL */
} orc_knob;

/* The rows, in the order in which they are listed: *count of them. */
const orc_knob *orc_knobs(int *count);

/* Each knob's default; 0 where it has none. No tiers. */
orc_engine_knobs orc_knobs_default(void);

/* Give a knob a value within its range: whole for numbers, 0 or 1 for booleans, the place of a
** choice. */
void orc_knob_set(orc_engine_knobs *k, const orc_knob *row, double value);

/* Copy one knob. */
void orc_knob_copy(orc_engine_knobs *to, const orc_engine_knobs *from, const orc_knob *row);

#endif
