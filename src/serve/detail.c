#include "serve/detail.h"

#include <stdlib.h>

/* Share of the matrix products' weights that belongs to attention. */
static double attention_share(const orc_ops *ops)
{
  double attention = 0.0, all = 0.0;
  for (int i = 0; i < ops->count; i++) {
    const orc_op *op = &ops->gemm[i];
    all += op->weights;
    if (op->part == ORC_PART_QKV || op->part == ORC_PART_OUTPUT) attention += op->weights;
  }
  return all > 0.0 ? attention / all : 0.0;
}

orc_detail_work orc_detail_work_of(const orc_step_cost *c, const orc_step_time *t, int64_t tokens)
{
  const double layers = c->stage.layers;
  if (c->params.kind == ORC_COST_CONSTANT)
    return (orc_detail_work){ .attention = 0.5 * t->total / layers,
                              .mlp = 0.5 * t->total / layers };
  const double products = t->gemm * attention_share(&c->ops);
  const double half = 0.5 * (t->other + layers * c->params.layer_overhead);
  const double message =
      (double)tokens * c->model.hidden_size * orc_dtype_bytes(c->layout.activations);
  return (orc_detail_work){
    .attention = (products + t->attention + half) / layers,
    .mlp = (t->gemm - products + half + t->exchange) / layers,
    .last = t->lm_head + t->overhead - layers * c->params.layer_overhead,
    .message = c->group.ranks > 1 ? message : 0.0,
  };
}

void orc_detail_init(orc_detail *d, const orc_step_cost *stage)
{
  const int ranks = stage->layout.tensor_parallel_size;
  *d = (orc_detail){
    .ranks = ranks,
    .layers = stage->stage.layers,
    .group = stage->group,
    .rounds = 2 * (ranks - 1),
    .planned = -1.0,
  };
}

/* Room for what runs at this level only: most replicas never do. */
static void furnish(orc_detail *d)
{
  const size_t ranks = (size_t)d->ranks, messages = (size_t)d->rounds * ranks;
  d->to = orc_alloc(messages + 1, sizeof *d->to);
  d->takes = orc_alloc(messages + 1, sizeof *d->takes);
  d->devices = orc_alloc(ranks, sizeof *d->devices);
  d->events = orc_alloc(ranks, sizeof *d->events);
}

void orc_detail_done(orc_detail *d)
{
  free(d->to);
  free(d->takes);
  free(d->devices);
  free(d->events);
  *d = (orc_detail){ 0 };
}

/* The schedule of an all-reduce, by sender: every layer's is alike, and so are those of most steps.
 */
static void plan(orc_detail *d, double bytes)
{
  const orc_fabric fabric = { .near = d->group };
  orc_schedule s = orc_schedule_of(ORC_COLLECTIVE_ALL_REDUCE, ORC_ALGORITHM_RING, &fabric, bytes);
  orc_transfer t;
  int n = 0;
  for (; orc_schedule_next(&s, &t); n++) {
    const int at = t.round * d->ranks + t.from;
    ORC_ASSERT(t.round < d->rounds); /* a ring: each sends one message a round */
    d->to[at] = (uint32_t)t.to;
    d->takes[at] = d->group.latency + t.bytes / d->group.bandwidth;
  }
  ORC_ASSERT(n == d->rounds * d->ranks);
  d->planned = bytes;
}

/* Events that are to come at one time go in the order in which they were put. */
static inline void put(orc_detail *d, double time, int from, uint32_t to)
{
  if (d->head == d->tail) d->head = d->tail = 0;
  if (d->tail == d->ranks) { /* the room before head is free: no device has two events */
    for (int i = d->head; i < d->tail; i++)
      d->events[i - d->head] = d->events[i];
    d->tail -= d->head;
    d->head = 0;
  }
  int i = d->tail++;
  for (; i > d->head && d->events[i - 1].time > time; i--)
    d->events[i] = d->events[i - 1];
  d->events[i] = (orc_detail_event){ .time = time, .from = (uint32_t)from, .to = to };
}

static inline void compute(orc_detail *d, const orc_detail_work *w, int i, double now)
{
  orc_device *v = &d->devices[i];
  if (v->part > 2 * d->layers) return;
  double time = (v->part & 1) != 0 ? w->mlp : w->attention;
  if (v->part == 2 * d->layers) time = w->last;
  v->computed = false;
  put(d, now + time, i, (uint32_t)i);
}

/* Device i does whatever it can do at `now`: send its next message, or go on to the next part. */
static inline void proceed(orc_detail *d, const orc_detail_work *w, int i, double now)
{
  orc_device *v = &d->devices[i];
  if (!v->computed || v->landed < v->round || v->received < v->round) return;
  const bool exchanges = w->message > 0.0 && v->part < 2 * d->layers;
  if (exchanges && v->round < d->rounds) {
    const int at = v->round++ * d->ranks + i;
    put(d, now + d->takes[at], i, d->to[at]);
    return;
  }
  v->received -= v->round;
  v->round = v->landed = 0;
  v->part++;
  compute(d, w, i, now);
}

double orc_detail_run(orc_detail *d, const orc_detail_work *w)
{
  if (d->devices == NULL) furnish(d);
  if (w->message > 0.0 && w->message != d->planned) plan(d, w->message);
  double now = 0.0;
  uint64_t executed = 0;
  for (int i = 0; i < d->ranks; i++) {
    d->devices[i] = (orc_device){ .part = 0 };
    compute(d, w, i, now);
  }
  while (d->head < d->tail) {
    const orc_detail_event e = d->events[d->head++];
    now = e.time;
    executed++;
    if (e.from == e.to) {
      d->devices[e.from].computed = true;
    } else {
      d->devices[e.from].landed++;
      d->devices[e.to].received++;
      proceed(d, w, (int)e.to, now);
    }
    proceed(d, w, (int)e.from, now);
  }
  d->executed += executed;
  return now;
}

double orc_detail_send(orc_detail *d, double time)
{
  double now = 0.0;
  for (int i = 0; i < d->ranks; i++)
    put(d, time, i, (uint32_t)i);
  for (; d->head < d->tail; d->executed++)
    now = d->events[d->head++].time;
  return now;
}
