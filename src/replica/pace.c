#include "replica/pace.h"

void orc_pace_begin(const orc_replica *r, orc_microbatch *m)
{
  const int64_t next = (int64_t)r->usage.steps + 1;
  m->prompts = false;
  m->prompts_wait = orc_pace_kept(r) && !r->short_of_room && m->decode.n > 0 &&
                    next - r->last_prompts < r->knobs.rules.prefill_interval;
}

void orc_pace_end(orc_replica *r, const orc_microbatch *m)
{
  if (!orc_pace_kept(r)) return;
  if (m->prompts) r->last_prompts = (int64_t)r->usage.steps + 1;
  if (m->preempted == 0 && !m->prompts_wait) r->short_of_room = r->queue.count > 0;
}
