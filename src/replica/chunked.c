#include "replica/batch.h"

/*
** vLLM V1's order: running requests first, decodes and prompts begun, then the queue - unless
** a request was just preempted, which would only take the room back
** (vllm/v1/core/sched/scheduler.py, v0.11). A step in which nothing runs may admit all the same: it
** would be empty.
*/
static bool chunked(void *self, orc_batch *b, orc_error *e)
{
  (void)self;
  (void)e;
  const int budget = b->replica->knobs.max_num_batched_tokens;
  const int granted = orc_batch_go_on(b, budget);
  if (b->microbatch->preempted > 0 && b->microbatch->tokens > 0) return true;
  if (granted < budget) orc_batch_fill(b, budget - granted, ORC_FILL_PASS_OVER);
  return true;
}

const orc_batching orc_batching_chunked = { .name = "chunked", .step = chunked };
