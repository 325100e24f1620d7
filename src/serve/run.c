#include "serve/run.h"

/* Steps until something happens to a sequence (its last token, or a full window), at most `most`.
 */
static int steps_to_event(const orc_decode_set *d, int most)
{
  double event = d->finish.at[0].key;
  if (d->cross.count > 0 && d->cross.at[0].key < event) event = d->cross.at[0].key;
  const double left = event - (double)d->counter;
  return left < most ? (int)left : most;
}

int orc_run_decodes(orc_replica *r, orc_time horizon, orc_time limit, int most)
{
  orc_lane *lane = r->lane;
  orc_decode_set *d = &lane->decode;
  orc_usage *u = &r->usage;
  if (d->peer_count != 1)
    return 0; /* gaps of different lengths: one ordinary step evens them out */
  orc_pipe_stage *stage = r->pipeline.stages;
  if (lane->prepared[0].n != d->n) lane->prepared[0] = orc_step_prepare_decode(&stage->cost, d->n);
  const orc_decode_cost cost = lane->prepared[0];
  const orc_time stop = limit < horizon ? limit : horizon - 1; /* the latest end of a step */
  const int until = steps_to_event(d, most);
  uint64_t phase = d->counter % (uint64_t)d->block_size;
  orc_hist_tally gaps = orc_hist_tally_begin(&u->gaps, (uint64_t)d->counted);
  orc_time now = r->now, taken = now; /* taken: when blocks were last opened */
  orc_time last = r->last_step;
  const int64_t context = d->context, window = orc_decode_window(d);
  int steps = 0;
  for (; steps < until; steps++) {
    const int64_t need = d->phase[phase];
    if (need > orc_kv_available(&r->kv)) break;
    orc_time time = orc_time_of(orc_step_decode(&cost, d->context, orc_decode_window(d)));
    if (time < 1) time = 1;
    if (time > stop - now) break;
    if (need > 0) {
      u->block_time += (unsigned __int128)orc_kv_used(&r->kv) * (unsigned __int128)(now - taken);
      taken = now;
      orc_kv_take(&r->kv, need);
    }
    now += time;
    last = time;
    orc_hist_tally_add(&gaps, now - d->peers[0].time);
    d->peers[0].time = now;
    d->context += d->n;
    d->window += d->growing;
    if (++phase == (uint64_t)d->block_size) phase = 0;
  }
  orc_hist_tally_end(&gaps);
  const int64_t used = orc_kv_used(&r->kv);
  u->block_time += (unsigned __int128)used * (unsigned __int128)(now - taken);
  u->busy += now - r->now;
  stage->busy += now - r->now;
  stage->free = now;
  if (steps > 0) {
    /* Both grow by as much each step: nobody joins or leaves, and no window fills, within a run. */
    const int64_t n = steps, later = n * (n - 1) / 2, grows = d->cap > 0 ? d->growing : d->n;
    orc_pipeline_decode(stage, &lane->worked[0],
                        &(orc_decode_span){ .n = d->n,
                                            .steps = n,
                                            .context = n * context + later * d->n,
                                            .window = n * window + later * grows,
                                            .time = now - r->now });
  }
  u->steps += (uint64_t)steps;
  if (steps > 0 && used > u->peak_blocks) u->peak_blocks = used;
  d->counter += (uint64_t)steps;
  if (steps == until) orc_decode_cross(d);
  r->now = now;
  if (steps > 0) {
    r->last_step = last;
    r->last_tokens = (int32_t)d->n;
    r->lost = 0;
  }
  return steps;
}
