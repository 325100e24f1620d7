#include "cluster/window.h"

#include <math.h>
#include <stdlib.h>

#include "cluster/phases.h"
#include "replica/usage.h"

static uint64_t waiting(const orc_cluster *c)
{
  uint64_t n = c->lifecycle.unrouted_count;
  for (int i = 0; i < c->replica_count; i++)
    n += c->replicas[i].queue.count;
  return n;
}

/* Tokens that requests in flight have by now were not generated in the window. */
static void mark_requests(orc_cluster *c)
{
  for (uint64_t n = c->requests.oldest; n < c->requests.next_number; n++) {
    const orc_slot slot = orc_requests_find(&c->requests, n);
    if (slot == ORC_NO_SLOT) continue;
    orc_request *q = &c->requests.at[slot];
    q->before = q->generated;
    if (q->state == ORC_DECODE)
      q->before =
          orc_decode_set_generated(&c->replicas[q->replica].microbatches[q->microbatch].decode, q);
  }
}

static void mark_replica(orc_cluster *c, int index, orc_window_mark *m)
{
  orc_replica *r = &c->replicas[index];
  const orc_time now = c->engine.now;
  const orc_usage_cut used = orc_usage_until(r, now);
  const size_t stages = (size_t)r->pipeline.count;
  *m = (orc_window_mark){ .busy = used.busy,
                          .block_time = used.block_time,
                          .rented = orc_phases_rented(&c->lifecycle, index, now),
                          .down = orc_phases_down(&c->lifecycle, index, now),
                          .evictions = r->kv.evictions,
                          .stages = orc_alloc(stages, sizeof *m->stages),
                          .joules = orc_alloc(stages, sizeof *m->joules),
                          .splits = orc_alloc(stages, sizeof *m->splits) };
  for (int i = 0; i < r->pipeline.count; i++) {
    m->stages[i] = orc_usage_stage_until(r, i, now);
    m->joules[i] = orc_usage_energy_of(r, i).joules;
    m->splits[i] = orc_usage_split_of(r, i);
    r->pipeline.stages[i].peak_watts = 0.0;
  }
  r->usage.peak_blocks = orc_kv_used(&r->kv);
}

static void on_window(void *self, uint32_t unused)
{
  orc_cluster *c = self;
  (void)unused;
  mark_requests(c);
  c->window.marks = orc_alloc((size_t)c->replica_count, sizeof *c->window.marks);
  for (int i = 0; i < c->replica_count; i++)
    mark_replica(c, i, &c->window.marks[i]);
}

void orc_window_start(orc_cluster *c)
{
  if (c->warm_up <= 0) return;
  orc_engine_on(&c->engine, ORC_EVENT_WINDOW, on_window, c);
  /* Before all else of that moment: requests that arrive then are counted. */
  orc_engine_at_key(&c->engine, c->warm_up, ORC_CLASS_TRANSFER, 0, ORC_EVENT_WINDOW, 0);
}

void orc_window_done(orc_cluster *c)
{
  for (int i = 0; c->window.marks != NULL && i < c->replica_count; i++) {
    free(c->window.marks[i].stages);
    free(c->window.marks[i].joules);
    free(c->window.marks[i].splits);
  }
  free(c->window.marks);
  c->window.marks = NULL;
}

/* Marks at powers of two: the one before the newest has a quarter to half of the arrivals, and looking
** costs next to nothing. */
void orc_window_arrived(orc_cluster *c, orc_time arrival)
{
  orc_window *w = &c->window;
  w->arrivals++;
  w->counted += arrival >= c->warm_up;
  w->last_arrival = arrival;
  if ((w->arrivals & (w->arrivals - 1)) == 0) {
    w->at_mark = w->at_next;
    w->waiting_at_mark = w->waiting_at_next;
    w->at_next = w->arrivals;
    w->waiting_at_next = waiting(c);
  }
  if (c->expected == 0 || c->left == 0) w->waiting_at_last = waiting(c);
}

const orc_window_mark *orc_window_mark_of(const orc_cluster *c, int replica)
{
  return c->window.marks == NULL ? NULL : &c->window.marks[replica];
}

/* A line that only wanders moves by about the square root of the number of arrivals; one that lacks
** capacity grows by a share of them. */
static bool grew(double by, double arrivals)
{
  return by > 2.0 * sqrt(arrivals) && by > 0.05 * arrivals;
}

orc_demand orc_window_demand(const orc_cluster *c, orc_time end)
{
  const orc_window *w = &c->window;
  const bool over = c->expected == 0; /* no more would have come */
  const orc_time last = over && w->last_arrival < end ? w->last_arrival : end;
  const double span = (double)(last - c->warm_up) * 1e-9;
  orc_demand d = { 0 };
  if (span <= 0.0 || w->counted == 0) return d;
  d.offered = (double)w->counted / span;
  const double line = (double)(over ? w->waiting_at_last : waiting(c));
  d.saturated = grew(line - (double)w->waiting_at_mark, (double)w->arrivals - (double)w->at_mark);
  return d;
}
