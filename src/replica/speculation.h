/*
** speculation.h - speculative decoding as it is told: how many draft tokens a sequence verifies in a
** step, and the chances that they hold. What proposes them is priced by cost/draft.h.
*/
#ifndef ORC_REPLICA_SPECULATION_H
#define ORC_REPLICA_SPECULATION_H

#include "base/base.h"

enum { ORC_DRAFTS_MOST = 64 };

typedef struct orc_speculation {
  int32_t tokens;    /* drafts that a decoding sequence verifies in a step; 0: it does not */
  int32_t lookahead; /* tokens beyond those of a step that blocks are held for
                            (vLLM v1/core/sched/scheduler.py, num_lookahead_tokens) */
  bool
      drops_last_block; /* of what the prefix cache finds, since the drafter needs what the model makes
                            of it (vLLM v1/core/single_type_kv_cache_manager.py, use_eagle) */
  double acceptance[ORC_DRAFTS_MOST]; /* chance of each draft to hold, those before it holding */
} orc_speculation;

/*
** How many of `drafts` drafts hold that follow the `generated`-th token of a request: those before the
** first that does not. The same seed, request and place give the same, whatever came between.
*/
int32_t orc_speculation_accepted(const orc_speculation *s, uint64_t seed, uint64_t request,
                                 int32_t generated, int32_t drafts);

#endif
