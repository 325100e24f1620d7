/*
** rules.h - what the scheduler and the KV cache manager of an engine's version do where engines
** differ. All false and 0: SGLang's and what the literature describes. For vLLM, paths are below
** vllm/v1 of the wheels of 0.11.0 and 0.33.0.
*/
#ifndef ORC_REPLICA_RULES_H
#define ORC_REPLICA_RULES_H

#include "base/base.h"

typedef struct orc_rules {
  /* Blocks equal to known ones are kept as long as they are held, and their content after that
  ** (core/block_pool.py, BlockHashToBlockMap); else there is one of each (a radix tree). */
  bool keeps_equal_blocks;

  /* The cache is a radix tree: blocks that entered together are evicted together, the prompts that
  ** are looked up count as used, and room is made when a step is formed, for all of it (SGLang 0.5.23
  ** mem_cache/unified_radix_cache.py:997-1052, unified_cache/unified_tree_core.py:905-1034). Else
  ** blocks go one by one from the end, as they are needed. */
  bool radix_tree;

  /* An answer reaches to the memory and the context at most, the last tokens of both spared
  ** (SGLang 0.5.23 managers/scheduler.py:2693-2735, mem_cache/allocator/base.py:88-105); else a
  ** request that may not fit is refused. */
  bool caps_answers;

  /* Every full block is known by its content, whether its prompt has an identity or not: a preempted
  ** request finds its own, and full blocks that are given back wait for their turn to be lost
  ** (core/kv_cache_manager.py, allocate_slots). */
  bool knows_all_blocks;

  /* Blocks are taken in the order in which they were given back, with or without content
  ** (0.11 core/block_pool.py:272,338); else those without content first (0.33 :816-847). */
  bool one_free_queue;

  /* A preempted request stands before all others; else where its key puts it
  ** (core/sched/scheduler.py, waiting.prepend_request). */
  bool preempted_goes_first;

  /* Running requests are served one by one in order of admission, and one that lacks blocks takes
  ** them from others then (core/sched/scheduler.py, Scheduler.schedule); else all decodes first. */
  bool serves_in_order;

  /* A request is admitted when all that is known of it fits, prompt and answer
  ** (0.33 core/sched/scheduler.py:1449); else when its first chunk does. */
  bool whole_sequence_must_fit;

  /* A request that is alone is not cut by long_prefill_token_threshold (0.33 :754-763). */
  bool lone_request_without_threshold;

  /* Chunking off, a prompt that does not fit the step ends it (0.33 :1335-1344); else it is passed
  ** over, and those passed over are turned round (0.11 :434,541). */
  bool unfit_prompt_ends_the_step;

  /* A bug of 0.11 (:262-281): what a preempted request was given in the same step stays in it. */
  bool victim_keeps_its_tokens;

  /* By priorities, a request that preempts itself ends the step for those behind it
  ** (0.11 :283-292). */
  bool self_preempted_ends_the_step;

  /* Two steps are in flight: the next one is formed when the running one starts, with the tokens on
  ** their way taken for granted (0.33 engine/core.py:708-797, core/sched/async_scheduler.py). */
  bool schedules_ahead;

  /* Of sequences of which layers keep a part, what a replay of the prompt reads is cached, and what
  ** was seen to be shared (0.33 config/cache.py:275); else every full block. */
  bool caches_boundaries;

  /* Layers that attend in chunks never let go the last block that is cached
  ** (0.11 core/single_type_kv_cache_manager.py:500-507). */
  bool keeps_last_known_block;

  /* The counters of the prefix cache count every look at it (0.11 core/kv_cache_manager.py:185-189);
  ** else admissions, those of preempted requests apart (0.33 core/sched/scheduler.py:1509). */
  bool counts_every_look;

  double watermark;         /* share of the KV blocks that admission leaves free while others run */
  int32_t prefill_interval; /* steps from one with prompts to the next while others decode; 0 and 1:
                               any (0.33 :780-791) */
} orc_rules;

#endif
