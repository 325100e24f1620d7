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

/* How far a run goes, and what its steps have in common. */
typedef struct course {
  orc_time stop;    /* no step ends later; or, `ahead`, only one begins later */
  int until;        /* steps, at most */
  uint64_t counted; /* sequences whose gaps enter the metrics */
  int64_t n, growing, used, available;
  const int64_t *phase;
  uint32_t block_size;
} course;

/* How far it is, and its books. */
typedef struct under_way {
  int64_t context, window, opened;
  uint32_t turn;
  int steps;
  orc_time now, time, before; /* the end of the last step, what it took, and the one before */
  unsigned __int128 block_time;
} under_way;

/*
** The loop that a simulation spends most of its steps in: of costs of a hard roofline and no window,
** and of gaps between tokens that are steps. None is shorter than the one before, so that gaps come
** in order and are counted by places. What changes is kept in few locals, since the compiler must
** take any store to memory for one to what it reads next.
*/
static inline __attribute__((always_inline)) void
go_plain(under_way *w, const course *c, const orc_decode_cost *cost, orc_hist *gaps, bool ahead)
{
  const orc_decode_cost d = *cost;
  const double n = (double)c->n;
  const int64_t total = c->used + c->available;
  int64_t available = c->available;
  double context = (double)w->context;
  uint32_t turn = w->turn;
  unsigned __int128 block_time = 0, squares = 0;
  orc_time left = c->stop - w->now, time = 0, beyond = 0, counts = 0;
  int steps = 0, since = 0;
  for (bool last = false; steps < c->until && !last; steps++) {
    const int64_t rest = available - c->phase[turn];
    if (rest < 0) break;
    const orc_time next = orc_time_of_some(orc_step_decode_plain(&d, context));
    if (ahead)
      last = left < 0;
    else if (next > left)
      break;
    available = rest;
    time = next;
    left -= time;
    block_time += (unsigned __int128)(uint64_t)(total - available) * (uint64_t)time;
    squares += (unsigned __int128)(uint64_t)time * (uint64_t)time;
    if (time >= beyond) {
      if (c->counted > 0 && steps > 0)
        orc_hist_count(gaps, counts, c->counted * (uint64_t)(steps - since));
      since = steps;
      counts = time;
      beyond = orc_hist_beyond(gaps, time);
    }
    context += n;
    if (++turn == c->block_size) turn = 0;
  }
  if (steps == 0) return;
  const orc_time first = orc_time_of_some(orc_step_decode_plain(&d, (double)w->context));
  const uint64_t sum = (uint64_t)(c->stop - left - w->now);
  w->steps = steps;
  w->now = c->stop - left;
  w->time = time;
  w->context += steps * c->n;
  w->before = orc_time_of_some(orc_step_decode_plain(&d, (double)(w->context - 2 * c->n)));
  w->window = w->context;
  w->opened = c->available - available;
  w->turn = turn;
  w->block_time = block_time;
  if (c->counted == 0) return;
  orc_hist_count(gaps, counts, c->counted * (uint64_t)(steps - since));
  orc_hist_add_up(gaps, &(orc_hist_moments){ .weight = c->counted * (uint64_t)steps,
                                             .min = first,
                                             .max = time,
                                             .sum = (unsigned __int128)sum * c->counted,
                                             .squares = squares * c->counted });
}

/* The same of any costs and gaps; the newest tokens came at `token`. */
static inline __attribute__((always_inline)) void go(under_way *w, const course *c,
                                                     const orc_decode_cost *cost, orc_hist *gaps,
                                                     orc_time token, bool ahead)
{
  for (bool last = false; w->steps < c->until && !last; w->steps++) {
    const int64_t opened = w->opened + c->phase[w->turn];
    if (opened > c->available) break;
    orc_time time = orc_time_of(orc_step_decode(cost, w->context, w->window));
    if (time < 1) time = 1;
    if (time > (ahead ? LATEST : c->stop) - w->now) break;
    last = ahead && w->now > c->stop;
    w->opened = opened;
    w->before = w->time;
    w->time = time;
    w->now += time;
    w->block_time += (unsigned __int128)(c->used + opened) * (unsigned __int128)time;
    orc_hist_add(gaps, w->now - token, c->counted);
    token = w->now;
    w->context += c->n;
    w->window += c->growing;
    if (++w->turn == c->block_size) w->turn = 0;
  }
}

/*
** The last step of a run has been formed while another ran. That one is over, unless it ends after
** the run's `stop`: then both are in flight, and the one before them is over.
*/
static void put_in_flight(orc_replica *r, const course *c, const under_way *w)
{
  const orc_flight last = { .end = w->now, .tokens = (int32_t)c->n, .decodes = (int32_t)c->n };
  const orc_time begun = w->now - w->time;
  if (begun <= c->stop) {
    r->flight[0] = last;
    r->now = begun;
    return;
  }
  if (w->steps > 1) {
    r->flight[0] = last;
    r->flight[0].end = begun;
    r->now = begun - w->before;
  }
  r->flight[1] = last;
  r->flights = 2;
}

/* What a run did is done: blocks are taken all together, since no one else wanted any. */
static void settle(orc_replica *r, orc_microbatch *m, const course *c, const under_way *w)
{
  orc_decode_set *d = &m->decode;
  const int64_t n = c->n, steps = w->steps;
  orc_kv_take(&r->kv, w->opened);
  r->usage.block_time += w->block_time;
  book(r, m,
       &(orc_decode_span){ .n = n,
                           .steps = steps,
                           .context = steps * d->context + growth(steps, n),
                           .window = steps * orc_decode_set_window(d) + growth(steps, c->growing),
                           .time = w->now - orc_replica_next_start(r) });
  d->peers[0].time = w->now;
  d->context = w->context;
  if (d->cap > 0) d->window = w->window;
  d->counter += (uint64_t)steps;
  d->turn = w->turn;
  if (steps == c->until) orc_decode_set_cross(d);
  r->last_step = w->time;
  if (r->flights > 0)
    put_in_flight(r, c, w);
  else
    r->now = w->now;
}

/* Whether the steps of a run are such that go_plain takes them. */
static bool is_plain(const orc_decode_cost *cost, const orc_decode_set *d, int until,
                     orc_time begin)
{
  return d->cap == 0 && d->peers[0].time == begin && begin < LATEST / 2 &&
         orc_step_is_plain(cost) && cost->flops_rate >= 0.0 && cost->bytes_rate >= 0.0 &&
         orc_step_decode_plain(cost, (double)d->context) * 1e9 >= 1.0 &&
         orc_step_decode_plain(cost, (double)(d->context + until * d->n)) * 1e9 < 0x1p51;
}

/* The most steps of a run that starts now. */
static int longest(const orc_replica *r, const orc_microbatch *m, const orc_decode_cost *cost,
                   int most)
{
  const int until = steps_to_event(&m->decode, steps_of_piece(&m->decode, cost, most));
  return r->groups == NULL ? until : orc_group_table_quiet(r, m, until);
}

/* Whether all sequences find the blocks of `steps` more tokens each. */
static bool roomy(const orc_replica *r, const orc_decode_set *d, int steps)
{
  return (steps / d->block_size + 1) * d->n <= orc_kv_available(&r->kv);
}

orc_time orc_decode_run_foreseen(const orc_replica *r, const orc_microbatch *m, int most)
{
  const orc_decode_set *d = &m->decode;
  if (d->peer_count != 1) return ORC_NEVER;
  const orc_decode_cost cost = *orc_pipeline_prepared(r->pipeline.stages, d->n, d->context);
  const int until = longest(r, m, &cost, most);
  orc_time now = orc_replica_next_start(r), time = 0;
  if (is_plain(&cost, d, until, now) && roomy(r, d, until)) {
    for (int i = 0; i < until; i++, now += time)
      time = orc_time_of_some(orc_step_decode_plain(&cost, (double)(d->context + i * d->n)));
  } else {
    const int64_t available = orc_kv_available(&r->kv), growing = d->cap > 0 ? d->growing : d->n;
    int64_t context = d->context, window = orc_decode_set_window(d), opened = 0;
    uint32_t turn = d->turn;
    for (int i = 0; i < until; i++) {
      opened += d->phase[turn];
      if (opened > available) break;
      orc_time next = orc_time_of(orc_step_decode(&cost, context, window));
      if (next < 1) next = 1;
      if (next >= ORC_END - now) break;
      time = next;
      now += time;
      context += d->n;
      window += growing;
      if (++turn == (uint32_t)d->block_size) turn = 0;
    }
  }
  if (time == 0) return ORC_NEVER;
  return r->flights > 0 ? now - time : now;
}

int orc_decode_run(orc_replica *r, orc_microbatch *m, orc_time horizon, orc_time limit, int most,
                   bool along)
{
  const orc_decode_set *d = &m->decode;
  if (d->peer_count != 1)
    return 0; /* gaps of different lengths: one ordinary step evens them out */
  course c = { .stop = limit < horizon ? limit : horizon - 1,
               .counted = (uint64_t)d->counted,
               .n = d->n,
               .growing = d->cap > 0 ? d->growing : d->n,
               .used = orc_kv_used(&r->kv),
               .available = orc_kv_available(&r->kv),
               .phase = d->phase,
               .block_size = (uint32_t)d->block_size };
  under_way w = { .context = d->context,
                  .window = orc_decode_set_window(d),
                  .turn = d->turn,
                  .now = orc_replica_next_start(r) };
  if (c.stop > LATEST) c.stop = LATEST;
  if (!along && w.now >= c.stop) return 0; /* no step takes less than 1 ns */
  const orc_decode_cost *cost = orc_pipeline_prepared(r->pipeline.stages, d->n, d->context);
  c.until = longest(r, m, cost, most);
  orc_hist *gaps = &r->observed->gaps;
  if (is_plain(cost, d, c.until, w.now)) {
    if (along)
      go_plain(&w, &c, cost, gaps, true);
    else
      go_plain(&w, &c, cost, gaps, false);
  } else {
    const orc_decode_cost own = *cost;
    if (along)
      go(&w, &c, &own, gaps, d->peers[0].time, true);
    else
      go(&w, &c, &own, gaps, d->peers[0].time, false);
  }
  if (w.steps > 0) settle(r, m, &c, &w);
  return w.steps;
}
