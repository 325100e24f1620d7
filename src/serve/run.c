#include "serve/run.h"

int orc_run_decodes(orc_replica *r, orc_time horizon, orc_time limit, int most)
{
  orc_decode_set *d = &r->decode;
  orc_usage *u = &r->usage;
  if (d->peer_count != 1)
    return 0; /* gaps of different lengths: one ordinary step evens them out */
  if (r->prepared.n != d->n) r->prepared = orc_step_prepare_decode(&r->cost, d->n);
  const orc_decode_cost cost = r->prepared;
  const uint64_t counted = (uint64_t)d->counted;
  /* The counter at which something happens to a sequence: its end, or its window is full. */
  double event = d->finish.at[0].key;
  if (d->cross.count > 0 && d->cross.at[0].key < event) event = d->cross.at[0].key;
  const int until = event - (double)d->counter < most ? (int)(event - (double)d->counter) : most;
  uint64_t phase = d->counter % (uint64_t)d->block_size;
  int64_t used = orc_kv_used(&r->kv);
  orc_time now = r->now;
  int steps = 0;
  for (; steps < until; steps++) {
    const int64_t need = d->phase[phase];
    if (need > orc_kv_available(&r->kv)) break;
    orc_time time = orc_time_of(orc_step_decode(&cost, d->context, orc_decode_window(d)));
    if (time < 1) time = 1;
    const orc_time end = now + time;
    if (end >= horizon || end > limit) break;
    if (need > 0) {
      orc_kv_take(&r->kv, need);
      used += need;
    }
    u->busy += time;
    u->block_time += (unsigned __int128)used * (unsigned __int128)time;
    orc_hist_add(&u->gaps, end - d->peers[0].time, counted);
    d->peers[0].time = end;
    d->context += d->n;
    d->window += d->growing;
    if (++phase == (uint64_t)d->block_size) phase = 0;
    now = end;
  }
  d->counter += (uint64_t)steps;
  u->steps += (uint64_t)steps;
  if (steps > 0 && used > u->peak_blocks) u->peak_blocks = used;
  if (steps == until) orc_decode_cross(d);
  r->now = now;
  return steps;
}
