#include "replica/usage.h"

/* A stepwise replica, brought up to `end`. */
static orc_usage_cut counted(const orc_replica *r, orc_time end)
{
  orc_usage_cut u = { r->usage.busy, r->usage.block_time };
  if (end <= r->counted || !orc_replica_busy(r)) return u;
  const orc_time time = end - r->counted;
  u.busy += time;
  u.block_time += (unsigned __int128)orc_kv_used(&r->kv) * (unsigned __int128)time;
  return u;
}

void orc_usage_count(orc_replica *r, orc_time now)
{
  const orc_usage_cut u = counted(r, now);
  r->usage.busy = u.busy;
  r->usage.block_time = u.block_time;
  r->counted = now;
}

/* What the steps that have been counted take after `end`; 0: nothing. */
static orc_time after(const orc_replica *r, orc_time end)
{
  const orc_microbatch *m = r->microbatches;
  const orc_time last = r->flights > 0 ? r->flight[r->flights - 1].end : m->busy ? m->end : end;
  return last > end ? last - end : 0;
}

orc_time orc_usage_busy(const orc_replica *r, orc_time now)
{
  if (r->stepwise) return counted(r, now).busy;
  return r->usage.busy - after(r, now);
}

orc_usage_cut orc_usage_until(const orc_replica *r, orc_time end)
{
  if (r->stepwise) return counted(r, end);
  orc_usage_cut u = { r->usage.busy, r->usage.block_time };
  const orc_time beyond = after(r, end);
  u.busy -= beyond;
  u.block_time -= (unsigned __int128)orc_kv_used(&r->kv) * (unsigned __int128)beyond;
  return u;
}

orc_time orc_usage_stage_until(const orc_replica *r, int stage, orc_time end)
{
  const orc_pipe_stage *s = &r->pipeline.stages[stage];
  const orc_time beyond = s->free > end ? s->free - end : 0;
  return s->busy - (beyond < s->busy ? beyond : s->busy);
}

void orc_usage_cut_at(orc_replica *r, orc_time end)
{
  const orc_usage_cut u = orc_usage_until(r, end);
  for (int i = 0; i < r->pipeline.count; i++)
    r->pipeline.stages[i].busy = orc_usage_stage_until(r, i, end);
  r->usage.busy = u.busy;
  r->usage.block_time = u.block_time;
  if (r->stepwise && end > r->counted) r->counted = end;
}

orc_usage_energy orc_usage_energy_of(const orc_replica *r, int stage)
{
  orc_pipe_stage s = r->pipeline.stages[stage];
  for (int i = 0; i < r->microbatch_count; i++)
    orc_pipeline_decode_work(&s, &r->microbatches[i].worked[stage]);
  return (orc_usage_energy){ .joules = s.joules, .peak_watts = s.peak_watts };
}

orc_time_split orc_usage_split_of(const orc_replica *r, int stage)
{
  const orc_pipe_stage *s = &r->pipeline.stages[stage];
  orc_time_split split = orc_pipeline_split(s);
  for (int i = 0; i < r->microbatch_count; i++)
    orc_pipeline_split_decodes(s, &r->microbatches[i].worked[stage], &split);
  return split;
}
