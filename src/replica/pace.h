/*
** pace.h - steps with prompts kept apart, so that decodes have steps of their own: vLLM's
** prefill_schedule_interval (0.33, vllm/v1/core/sched/scheduler.py:780-791,1614-1616).
*/
#ifndef ORC_REPLICA_PACE_H
#define ORC_REPLICA_PACE_H

#include "replica/server.h"

/* The replica keeps such a pace: every step counts. */
static inline bool orc_pace_kept(const orc_replica *r)
{
  return r->knobs.rules.prefill_interval > 1;
}

/* Before the step of `m` is formed: whether prompts wait in it. They do while some request decodes,
** until the interval has passed since the last step with prompts; not when requests were left waiting. */
void orc_pace_begin(const orc_replica *r, orc_microbatch *m);

/* It is formed. */
void orc_pace_end(orc_replica *r, const orc_microbatch *m);

#endif
