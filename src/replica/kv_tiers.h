/*
** kv_tiers.h - memory below the GPU's own for the prefix cache of one replica (host DRAM, NVMe).
**
** A block that gives way on the GPU enters the first tier; a full tier passes its oldest block
** on to the next, and what the last one passes on is lost. A block is in one place only: brought
** back, it leaves its tier. Blocks go down when they are evicted, as with SGLang HiCache's policy
** write_back (docs.sglang.io, "HiCache System Design and Optimization", 2025).
*/
#ifndef ORC_REPLICA_KV_TIERS_H
#define ORC_REPLICA_KV_TIERS_H

#include "base/base.h"

enum { ORC_KV_TIERS_MOST = 4 };

/* What a tier is. All GPUs of a replica have one each, and move their shares at the same time. */
typedef struct orc_tier_kind {
  int64_t blocks;       /* KV blocks it holds, >= 1 */
  double latency;       /* s until the first byte comes, >= 0 */
  double block_seconds; /* s per block: its bytes on a GPU over the tier's bandwidth, >= 0 */
} orc_tier_kind;

typedef struct orc_tier {
  orc_tier_kind kind;
  int64_t used;            /* blocks in it */
  uint32_t oldest, newest; /* by when they came in; ORC_KV_TIERS_NONE: empty */
  uint64_t hits;           /* blocks brought back to the GPU */
  uint64_t evictions;      /* blocks that gave way, to the next tier or out of the last */
} orc_tier;

#define ORC_KV_TIERS_NONE UINT32_MAX

typedef struct orc_tier_block {
  uint64_t hash;
  uint32_t older, newer; /* in its tier */
  uint32_t next;         /* in its bucket; of free ones, the next free one */
  uint8_t tier;
} orc_tier_block;

typedef struct orc_kv_tiers {
  orc_tier at[ORC_KV_TIERS_MOST]; /* the fastest first */
  int count;
  orc_tier_block *blocks;
  uint32_t made, room, free; /* handed out at least once; allocated; the first unused one */
  uint32_t held;             /* blocks in all tiers */
  uint32_t *buckets;         /* first block by hash; [bucket_count], a power of two */
  uint32_t bucket_count;
} orc_kv_tiers;

/* Empty tiers of 1 .. ORC_KV_TIERS_MOST kinds. */
void orc_kv_tiers_init(orc_kv_tiers *t, const orc_tier_kind *kinds, int count);
void orc_kv_tiers_done(orc_kv_tiers *t);

/* The memory is gone: all blocks are lost, which counts as no eviction. */
void orc_kv_tiers_clear(orc_kv_tiers *t);

/* Whether a block (by the hash of its tokens and all before, workload/prompt.h) is in any tier. */
bool orc_kv_tiers_have(const orc_kv_tiers *t, uint64_t hash);

/* A block that is in no tier comes down from the GPU. */
void orc_kv_tiers_put(orc_kv_tiers *t, uint64_t hash);

/* The GPU has computed a block: its copy in a tier, where there is one, is dropped. */
void orc_kv_tiers_drop(orc_kv_tiers *t, uint64_t hash);

/* A block that is in a tier goes back to the GPU. Returns the tier, 0 .. count - 1. */
int orc_kv_tiers_take(orc_kv_tiers *t, uint64_t hash);

/*
** Seconds to bring blocks back, tier after tier: of each that has any, its latency once and its
** blocks at its bandwidth.
**   blocks   [count] how many from each
*/
double orc_kv_tiers_seconds(const orc_kv_tiers *t, const int64_t *blocks);

#endif
