#include "replica/decode_run.h"

#include "replica/group_table.h"

static const orc_time LATEST = ORC_END - 1; /* the end of a step */

/* Steps until something happens to a sequence (its last token, or a full window), at most `most`.
 */
static int steps_to_event(const orc_decode_set *d, int most)
{
  double event = d->finish.at[0].key;
  if (d->cross.count > 0 && d->cross.at[0].key < event) event = d->cross.at[0].key;
  const double left = event - (double)d->counter;
  return left < most ? (int)left : most;
}

/* Steps for which a prepared cost holds, at most `most`. */
static int steps_of_piece(const orc_decode_set *d, const orc_decode_cost *cost, int most)
{
  if (cost->until == INT64_MAX) return most;
  const int64_t steps = (cost->until - d->context + d->n - 1) / d->n;
  return steps < most ? (int)steps : most;
}

/* Sum of what grows by `each` a step over `steps` of them, from 0 on. No sequence joins or leaves,
** and no window fills, within a run. */
static int64_t growth(int64_t steps, int64_t each)
{
  return steps * (steps - 1) / 2 * each;
}

/* The steps of a run in the books of the replica and its stage. */
static void book(orc_replica *r, orc_microbatch *m, const orc_decode_span *run)
{
  orc_usage *u = &r->usage;
  orc_pipe_stage *stage = r->pipeline.stages;
  const int64_t used = orc_kv_used(&r->kv);
  u->busy += run->time;
  u->steps += (uint64_t)run->steps;
  if (used > u->peak_blocks) u->peak_blocks = used;
  stage->busy += run->time;
  stage->free = orc_replica_next_start(r) + run->time;
  orc_pipeline_decode(stage, &m->worked[0], run);
  if (r->shapes != NULL) orc_step_shapes_add_run(r->shapes, run, orc_replica_requests(r, m));
  r->last_tokens = (int32_t)run->n;
  r->lost = 0;
}
/* How far a run goes. */
typedef struct bounds {
  orc_time stop; /* no step ends later, */
  int along;     /* but for so many, where each is formed while the one before runs */
  int until;     /* steps in all, at most */
} bounds;

/*
** The last step of a run, of `time`, ends at `end`. Where it was formed while another ran, that one
** is over, unless it ends after the run's `stop`: then both are in flight, and what ended at
** `reached` is the last that is over.
*/
static void put_in_flight(orc_replica *r, int64_t n, orc_time stop, orc_time reached, orc_time end,
                          orc_time time)
{
  const orc_flight last = { .end = end, .tokens = (int32_t)n, .decodes = (int32_t)n };
  const orc_time before = end - time;
  if (before <= stop) {
    r->flight[0] = last;
    r->now = before;
    return;
  }
  if (before != r->flight[0].end) { /* it is of this run, too */
    r->flight[0] = last;
    r->flight[0].end = before;
    r->now = reached;
  }
  r->flight[1] = last;
  r->flights = 2;
}

/*
** The loop that a simulation spends most of its steps in: what it changes is kept in locals, since
** the compiler must take any store to memory for one to what it reads next; blocks are taken all
** together at the end, since no one else wants any; and the common `plain` costs, of a hard roofline
** and no window, get a loop of their own.
*/
static inline __attribute__((always_inline)) int
run(orc_replica *r, orc_microbatch *m, const orc_decode_cost *cost, bounds of, bool plain)
{
  orc_decode_set *d = &m->decode;
  const int64_t n = d->n, growing = d->cap > 0 ? d->growing : n;
  const uint32_t block_size = (uint32_t)d->block_size;
  int64_t context = d->context, window = orc_decode_set_window(d);
  uint32_t turn = d->turn;
  orc_hist_tally gaps = orc_hist_tally_begin(&r->observed->gaps, (uint64_t)d->counted);
  const int64_t available = orc_kv_available(&r->kv), used = orc_kv_used(&r->kv);
  int64_t opened = 0;
  unsigned __int128 block_time = 0;
  const orc_time begin = orc_replica_next_start(r);
  orc_time now = begin, reached = begin, stop = of.stop;
  orc_time token = d->peers[0].time, time = 0;
  int steps = 0;
  for (int most = of.until;;) {
    for (; steps < most; steps++) {
      const int64_t opens = opened + d->phase[turn];
      if (opens > available) break;
      const double seconds =
          plain ? orc_step_decode_plain(cost, context) : orc_step_decode(cost, context, window);
      orc_time next = orc_time_of(seconds);
      if (next < 1) next = 1;
      if (next > stop - now) break;
      opened = opens;
      time = next;
      now += time;
      block_time += (unsigned __int128)(used + opened) * (unsigned __int128)time;
      orc_hist_tally_add(&gaps, now - token);
      token = now;
      context += n;
      if (!plain) window += growing;
      if (++turn == block_size) turn = 0;
    }
    if (of.along == 0 || stop != of.stop || of.stop == LATEST) break;
    reached = now;
    stop = LATEST;
    most = begin > of.stop ? 1 : of.along;
    most = of.until - steps < most ? of.until : steps + most;
  }
  if (steps == 0) return 0;
  orc_hist_tally_end(&gaps, (uint64_t)steps, (uint64_t)(now - d->peers[0].time));
  orc_kv_take(&r->kv, opened);
  r->usage.block_time += block_time;
  book(r, m,
       &(orc_decode_span){ .n = n,
                           .steps = steps,
                           .context = steps * d->context + growth(steps, n),
                           .window = steps * orc_decode_set_window(d) + growth(steps, growing),
                           .time = now - begin });
  d->peers[0].time = now;
  d->context = context;
  if (d->cap > 0) d->window = window;
  d->counter += (uint64_t)steps;
  d->turn = turn;
  if (steps == of.until) orc_decode_set_cross(d);
  r->last_step = time;
  if (r->flights > 0)
    put_in_flight(r, n, of.stop, reached, now, time);
  else
    r->now = now;
  return steps;
}

/* The most steps of a run that starts now. */
static int longest(const orc_replica *r, const orc_microbatch *m, const orc_decode_cost *cost,
                   int most)
{
  const int until = steps_to_event(&m->decode, steps_of_piece(&m->decode, cost, most));
  return r->groups == NULL ? until : orc_group_table_quiet(r, m, until);
}

orc_time orc_decode_run_foreseen(const orc_replica *r, const orc_microbatch *m, int most)
{
  const orc_decode_set *d = &m->decode;
  if (d->peer_count != 1) return ORC_NEVER;
  const orc_decode_cost cost = *orc_pipeline_prepared(r->pipeline.stages, d->n, d->context);
  const int until = longest(r, m, &cost, most);
  const int64_t available = orc_kv_available(&r->kv), growing = d->cap > 0 ? d->growing : d->n;
  int64_t context = d->context, window = orc_decode_set_window(d), opened = 0;
  uint32_t turn = d->turn;
  orc_time start = ORC_NEVER, now = orc_replica_next_start(r);
  for (int steps = 0; steps < until; steps++) {
    opened += d->phase[turn];
    if (opened > available) break;
    orc_time next = orc_time_of(orc_step_decode(&cost, context, window));
    if (next < 1) next = 1;
    if (next >= ORC_END - now) break;
    start = now;
    now += next;
    context += d->n;
    window += growing;
    if (++turn == (uint32_t)d->block_size) turn = 0;
  }
  if (start == ORC_NEVER) return ORC_NEVER;
  return r->flights > 0 ? start : now;
}

int orc_decode_run(orc_replica *r, orc_microbatch *m, orc_time horizon, orc_time limit, int most,
                   int along)
{
  const orc_decode_set *d = &m->decode;
  if (d->peer_count != 1)
    return 0; /* gaps of different lengths: one ordinary step evens them out */
  bounds of = { .stop = limit < horizon ? limit : horizon - 1, .along = along };
  if (of.stop > LATEST) of.stop = LATEST;
  /* No step takes less than 1 ns. */
  if (along == 0 && orc_replica_next_start(r) >= of.stop) return 0;
  const orc_decode_cost cost = *orc_pipeline_prepared(r->pipeline.stages, d->n, d->context);
  of.until = longest(r, m, &cost, most);
  return d->cap == 0 && orc_step_is_plain(&cost) ? run(r, m, &cost, of, true)
                                                 : run(r, m, &cost, of, false);
}
