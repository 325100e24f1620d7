/* usage.c - the books of a replica: time at work, KV blocks over time, work done (replica.h). */
#include "replica/replica.h"

void orc_replica_count(orc_replica *r, orc_time now)
{
  bool busy = false;
  for (int i = 0; i < r->microbatch_count; i++)
    busy = busy || r->microbatches[i].busy;
  if (busy) {
    const orc_time time = now - r->counted;
    r->usage.busy += time;
    r->usage.block_time += (unsigned __int128)orc_kv_used(&r->kv) * (unsigned __int128)time;
  }
  r->counted = now;
}

orc_time orc_replica_busy(const orc_replica *r, orc_time now)
{
  if (!r->stepwise) {
    const orc_time beyond = r->microbatch->busy ? r->microbatch->end - now : 0;
    return r->usage.busy - (beyond > 0 ? beyond : 0);
  }
  bool busy = false;
  for (int i = 0; i < r->microbatch_count; i++)
    busy = busy || r->microbatches[i].busy;
  return r->usage.busy + (busy && now > r->counted ? now - r->counted : 0);
}

void orc_replica_cut(orc_replica *r, orc_time end)
{
  for (int i = 0; i < r->pipeline.count; i++) {
    orc_pipe_stage *s = &r->pipeline.stages[i];
    if (s->free > end) s->busy -= s->free - end < s->busy ? s->free - end : s->busy;
  }
  if (r->stepwise) {
    if (end > r->counted) orc_replica_count(r, end);
    return;
  }
  const orc_time beyond = r->microbatch->end - end;
  if (!r->microbatch->busy || beyond <= 0) return;
  r->usage.busy -= beyond;
  r->usage.block_time -= (unsigned __int128)orc_kv_used(&r->kv) * (unsigned __int128)beyond;
}

double orc_replica_roof(const orc_replica *r, int stage)
{
  orc_pipe_stage s = r->pipeline.stages[stage];
  for (int i = 0; i < r->microbatch_count; i++)
    orc_pipeline_decoded(&s, &r->microbatches[i].worked[stage]);
  return s.roof;
}
