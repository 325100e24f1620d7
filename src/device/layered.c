#include "device/layered.h"

#include <stdlib.h>

enum { SPARE = 8 }; /* so often the room that is needed: the queue seldom moves to its front */

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

/* What has no messages is time of the parts it follows. */
static void fold_collectives(orc_layered_work *w, const orc_step_cost *c, const orc_step_time *t)
{
  const double layers = c->stage.layers;
  if (orc_step_reduces_by_calibration(c)) {
    w->attention += 0.5 * t->collective / layers;
    w->mlp += 0.5 * t->collective / layers;
    w->message = 0.0;
  }
  if (w->exchange.measured > 0.0) return;
  w->mlp += t->exchange / layers;
  w->exchange = (orc_exchange){ .layers = 0 };
}

orc_layered_work orc_layered_work_of(const orc_step_cost *c, const orc_step_time *t,
                                     const orc_step_shape *shape)
{
  const int64_t own = orc_step_shape_tokens(shape);
  const double tokens = (double)own;
  const double all = (double)(shape->all_tokens > own ? shape->all_tokens : own);
  const double layers = c->stage.layers;
  if (c->params.kind == ORC_COST_CONSTANT || (c->own != NULL && c->own->whole))
    return (orc_layered_work){ .attention = 0.5 * t->total / layers,
                               .mlp = 0.5 * t->total / layers };
  const double products = t->gemm * attention_share(&c->ops);
  const double floors = layers * c->params.layer_overhead + c->calibrated.floors;
  const double half = 0.5 * (t->other + floors);
  const double message = tokens * c->model.hidden_size * orc_dtype_bytes(c->layout.activations);
  const bool calibrated = c->params.kind == ORC_COST_CALIBRATED;
  const bool folded = calibrated && orc_step_reduces_by_calibration(c); /* with all collectives */
  const double queries = (double)(shape->decode_seqs + shape->verified_tokens);
  const double shared =
      folded ? 0.0
             : orc_context_decode_time(&c->context, queries) +
                   orc_context_prefill_time(&c->context, (double)shape->prefill_past);
  orc_layered_work w = {
    .attention = (products + t->attention + shared + half) / layers,
    .mlp = (t->gemm - products + half) / layers,
    .last = t->lm_head + t->overhead - floors,
    .message = c->reduce.ranks > 1 ? message : 0.0,
    .exchange = orc_step_exchange(c, tokens, all),
  };
  if (calibrated) fold_collectives(&w, c, t);
  return w;
}

void orc_layered_init(orc_layered *d, const orc_step_cost *stage)
{
  *d = (orc_layered){
    .ranks = stage->layout.tensor_parallel_size,
    .layers = stage->stage.layers,
    .reduce = &stage->reduce,
  };
  orc_messages_init(&d->all_reduce);
  orc_messages_init(&d->exchange);
}

void orc_layered_done(orc_layered *d)
{
  orc_messages_done(&d->all_reduce);
  orc_messages_done(&d->exchange);
  free(d->devices);
  free(d->events);
  *d = (orc_layered){ 0 };
}

/* Messages for this step, and room for all that can be under way. Most replicas never come here. */
static void prepare(orc_layered *d, const orc_layered_work *w)
{
  if (d->devices == NULL) d->devices = orc_alloc((size_t)d->ranks, sizeof *d->devices);
  if (w->message > 0.0) orc_messages_reduce(&d->all_reduce, d->reduce, w->message);
  if (w->exchange.layers > 0) orc_messages_exchange(&d->exchange, &w->exchange, d->ranks);
  int most = d->ranks;
  if (d->all_reduce.most > most) most = d->all_reduce.most;
  if (d->exchange.most > most) most = d->exchange.most;
  if (SPARE * most <= d->room) return;
  d->room = SPARE * most;
  d->events = orc_resize(d->events, (size_t)d->room, sizeof *d->events);
}

/* Events that are to come at one time go in the order in which they were put. */
static inline void put(orc_layered *d, double time, uint32_t from, uint32_t to)
{
  if (d->head == d->tail) d->head = d->tail = 0;
  if (d->tail == d->room) { /* what is before head is free: no more are under way */
    for (int i = d->head; i < d->tail; i++)
      d->events[i - d->head] = d->events[i];
    d->tail -= d->head;
    d->head = 0;
  }
  int i = d->tail++;
  for (; i > d->head && d->events[i - 1].time > time; i--)
    d->events[i] = d->events[i - 1];
  d->events[i] = (orc_layered_event){ .time = time, .from = from, .to = to };
}

static inline void compute(orc_layered *d, const orc_layered_work *w, uint32_t i, double now)
{
  orc_device *v = &d->devices[i];
  if (v->part > 2 * d->layers) return;
  double time = (v->part & 1) != 0 ? w->mlp : w->attention;
  if (v->part == 2 * d->layers) time = w->last;
  v->computed = false;
  put(d, now + time, i, i);
}

static inline bool reduces(const orc_layered *d, const orc_layered_work *w, int part)
{
  return w->message > 0.0 && part < 2 * d->layers;
}

/* ---- round by round ---- */

static inline bool exchanges(const orc_layered *d, const orc_layered_work *w, int part)
{
  return (part & 1) != 0 && part / 2 >= d->layers - w->exchange.layers;
}

/* Whether all devices wait for each other after the part. */
static inline bool in_rounds(const orc_layered *d, const orc_layered_work *w, int part)
{
  return exchanges(d, w, part) || (reduces(d, w, part) && !d->all_reduce.ring);
}

static inline void proceed(orc_layered *d, const orc_layered_work *w, uint32_t i, double now);

/* The messages of a phase after a part; NULL: there are none, or there is no such phase. */
static const orc_messages *messages_of(const orc_layered *d, const orc_layered_work *w, int part)
{
  if (d->phase < w->exchange.times) return exchanges(d, w, part) ? &d->exchange : NULL;
  return reduces(d, w, part) && !d->all_reduce.ring ? &d->all_reduce : NULL;
}

/* All messages of a round have come in, or all devices have computed: what comes next. */
static void advance(orc_layered *d, const orc_layered_work *w, double now)
{
  const int part = d->devices[0].part;
  for (; d->phase <= w->exchange.times; d->phase++, d->round = 0) {
    const orc_messages *m = messages_of(d, w, part);
    while (m != NULL && d->round < m->rounds) {
      const int begin = m->first[d->round], end = m->first[d->round + 1];
      d->round++;
      for (int i = begin; i < end; i++)
        put(d, now + m->all[i].takes, m->all[i].from, m->all[i].to);
      d->pending = end - begin;
      if (d->pending > 0) return;
    }
  }
  d->phase = d->ready = 0;
  for (int i = 0; i < d->ranks; i++) {
    if (!d->all_reduce.ring) d->devices[i].round = d->all_reduce.rounds; /* it is over */
    d->devices[i].landed = d->devices[i].received = d->devices[i].round;
  }
  for (int i = 0; i < d->ranks; i++)
    proceed(d, w, (uint32_t)i, now);
}

/* ---- device by device ---- */

/* Device i does whatever it can do at `now`: send its next message, or go on to the next part. */
static inline __attribute__((always_inline)) void proceed(orc_layered *d, const orc_layered_work *w,
                                                          uint32_t i, double now)
{
  orc_device *v = &d->devices[i];
  if (!v->computed || v->landed < v->round || v->received < v->round) return;
  if (reduces(d, w, v->part) && v->round < d->all_reduce.rounds) {
    const orc_message *m = &d->all_reduce.all[v->round++ * d->ranks + (int)i];
    put(d, now + m->takes, i, m->to);
    return;
  }
  v->received -= v->round;
  v->round = v->landed = 0;
  v->part++;
  compute(d, w, i, now);
}

double orc_layered_run(orc_layered *d, const orc_layered_work *w)
{
  prepare(d, w);
  double now = 0.0;
  uint64_t executed = 0;
  for (int i = 0; i < d->ranks; i++) {
    d->devices[i] = (orc_device){ .part = 0 };
    compute(d, w, (uint32_t)i, now);
  }
  while (d->head < d->tail) {
    const orc_layered_event e = d->events[d->head++];
    now = e.time;
    executed++;
    if (e.from != e.to && d->pending == 0) {
      d->devices[e.from].landed++;
      d->devices[e.to].received++;
      proceed(d, w, e.to, now);
      proceed(d, w, e.from, now);
    } else if (e.from == e.to) {
      d->devices[e.from].computed = true;
      if (!in_rounds(d, w, d->devices[e.from].part))
        proceed(d, w, e.from, now);
      else if (++d->ready == d->ranks)
        advance(d, w, now);
    } else if (--d->pending == 0) {
      advance(d, w, now);
    }
  }
  d->executed += executed;
  return now;
}

double orc_layered_send(orc_layered *d, double time)
{
  double now = 0.0;
  for (int i = 0; i < d->ranks; i++)
    put(d, time, (uint32_t)i, (uint32_t)i);
  for (; d->head < d->tail; d->executed++)
    now = d->events[d->head++].time;
  return now;
}
