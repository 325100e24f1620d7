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

/* Sum of what grows by `each` a step over `steps` of them, from 0 on. Nobody joins or leaves, and
 * no window fills, within a run. */
static int64_t growth(int64_t steps, int64_t each)
{
  return steps * (steps - 1) / 2 * each;
}

/* The steps of a run in the books of the replica and its stage. */
static void book(orc_replica *r, const orc_decode_span *run)
{
  orc_usage *u = &r->usage;
  orc_pipe_stage *stage = r->pipeline.stages;
  const int64_t used = orc_kv_used(&r->kv);
  u->busy += run->time;
  u->steps += (uint64_t)run->steps;
  if (used > u->peak_blocks) u->peak_blocks = used;
  stage->busy += run->time;
  stage->free = r->now + run->time;
  orc_pipeline_decode(stage, &r->lane->worked[0], run);
  r->last_tokens = (int32_t)run->n;
  r->lost = 0;
}

int orc_run_decodes(orc_replica *r, orc_time horizon, orc_time limit, int most)
{
  orc_lane *lane = r->lane;
  orc_decode_set *d = &lane->decode;
  orc_usage *u = &r->usage;
  if (d->peer_count != 1)
    return 0; /* gaps of different lengths: one ordinary step evens them out */
  if (lane->prepared[0].n != d->n)
    lane->prepared[0] = orc_step_prepare_decode(&r->pipeline.stages[0].cost, d->n);
  const orc_decode_cost cost = lane->prepared[0];
  const orc_time stop = limit < horizon ? limit : horizon - 1; /* the latest end of a step */
  const int until = steps_to_event(d, most);
  uint64_t phase = d->counter % (uint64_t)d->block_size;
  orc_hist_tally gaps = orc_hist_tally_begin(&u->gaps, (uint64_t)d->counted);
  orc_time now = r->now, taken = now; /* taken: when blocks were last opened */
  orc_time last = r->last_step;
  const int64_t context = d->context, window = orc_decode_window(d), growing = d->growing;
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
  if (steps == 0) return 0;
  u->block_time += (unsigned __int128)orc_kv_used(&r->kv) * (unsigned __int128)(now - taken);
  d->counter += (uint64_t)steps;
  if (steps == until) orc_decode_cross(d);
  r->last_step = last;
  book(r, &(orc_decode_span){ .n = d->n,
                              .steps = steps,
                              .context = steps * context + growth(steps, d->n),
                              .window = steps * window + growth(steps, d->cap > 0 ? growing : d->n),
                              .time = now - r->now });
  r->now = now;
  return steps;
}
