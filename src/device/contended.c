#include "device/contended.h"

#include <math.h>
#include <stdlib.h>

static orc_pipe_stage *stage_of(const orc_contended_stage *s)
{
  return &s->in->of.pipeline->stages[s->index];
}

static int ranks_of(const orc_contended_stage *s)
{
  return stage_of(s)->cost->layout.tensor_parallel_size;
}

static orc_net *net_of(const orc_contended_stage *s)
{
  return s->in->among->net;
}

static orc_engine *engine_of(const orc_contended_stage *s)
{
  return s->in->among->engine;
}

void orc_contended_init(orc_contended *c, orc_engine *engine, orc_net *net, uint32_t event)
{
  *c = (orc_contended){ .engine = engine, .net = net, .event = event };
}

int orc_contended_add(orc_contended *c, const orc_contended_user *user)
{
  const int first = c->count, stages = user->pipeline->count;
  const size_t microbatches = (size_t)user->microbatches;
  orc_contended_pipeline *in = orc_alloc(1, sizeof *in);
  *in = (orc_contended_pipeline){
    .among = c, .of = *user, .steps = orc_alloc(microbatches, sizeof *in->steps), .first = first
  };
  c->stages = orc_resize(c->stages, (size_t)c->count + (size_t)stages, sizeof *c->stages);
  for (int i = 0; i < stages; i++)
    c->stages[c->count++] = (orc_contended_stage){ .in = in,
                                                   .index = i,
                                                   .microbatch = -1,
                                                   .planned = -1.0,
                                                   .sends = orc_alloc(microbatches, sizeof(int)) };
  return first;
}

static void pipeline_done(orc_contended_pipeline *in)
{
  free(in->steps);
  free(in);
}

void orc_contended_done(orc_contended *c)
{
  for (int i = 0; i < c->count; i++) {
    free(c->stages[i].waiting);
    free(c->stages[i].sends);
    orc_itinerary_done(&c->stages[i].all_reduce);
    if (c->stages[i].index == 0) pipeline_done(c->stages[i].in);
  }
  free(c->stages);
  *c = (orc_contended){ 0 };
}

static void leave(orc_contended_stage *s);

/* All devices begin the next part at the exact time; the clock is the nearest ns. */
static void compute(orc_contended_stage *s)
{
  const int layers = stage_of(s)->cost->stage.layers;
  if (s->part > 2 * layers) {
    leave(s);
    return;
  }
  double seconds = (s->part & 1) != 0 ? s->work.mlp : s->work.attention;
  if (s->part == 2 * layers)
    seconds = s->work.last;
  else if (s->work.message > 0.0)
    seconds += s->barrier;
  orc_engine *engine = engine_of(s);
  ORC_ASSERT(seconds >= 0.0);
  const double ns = s->rest + seconds * 1e9, whole = floor(ns + 0.5);
  s->rest = ns - whole;
  const orc_time wait = whole > 0.0 ? whole < 0x1p63 ? (orc_time)whole : ORC_END : 0;
  orc_engine_at(engine, orc_time_after(engine->now, wait), ORC_CLASS_TRANSFER, s->in->among->event,
                (uint32_t)s->in->first + (uint32_t)s->index);
}

/* The all-reduce behind a part is over. */
static void reduced(void *self, uint64_t arg)
{
  (void)arg;
  orc_contended_stage *s = self;
  s->rest = orc_net_rest(net_of(s));
  s->part++;
  compute(s);
}

/* A message of each rank for the next, at once. */
typedef struct neighbours {
  int ranks, from;
  double bytes;
} neighbours;

static bool next_neighbour(void *plan, orc_transfer *t)
{
  neighbours *n = plan;
  if (n->from == n->ranks) return false;
  *t = (orc_transfer){ .from = n->from, .to = (n->from + 1) % n->ranks, .bytes = n->bytes };
  n->from++;
  return true;
}

/*
** Of a measured kernel it is known how long it takes and how much of that grows with bytes. That
** much flows between neighbours, where it meets what others send; the rest is a wait before. On
** idle links both take as long as was measured.
*/
static void plan_measured(orc_contended_stage *s, const orc_all_reduce *r, double bytes)
{
  const orc_group *g = &r->ways[0].fabric.near;
  const double time = orc_all_reduce_time(r, bytes);
  const double flow = fmin(orc_regimes_flow(&r->measured, bytes), fmax(0.0, time - g->latency));
  neighbours messages = { .ranks = r->ranks, .bytes = flow * g->bandwidth };
  s->barrier = fmax(0.0, time - g->latency - flow);
  orc_itinerary_fill(&s->all_reduce, orc_net_topology(net_of(s)), stage_of(s)->devices,
                     stage_of(s)->hub, next_neighbour, &messages);
}

/* Every layer's messages are alike, and those of most steps. */
static void plan(orc_contended_stage *s, double bytes)
{
  const orc_pipe_stage *stage = stage_of(s);
  s->planned = bytes;
  if (stage->cost->reduce.measured.count > 0) {
    plan_measured(s, &stage->cost->reduce, bytes);
    return;
  }
  const orc_way *way = orc_all_reduce_way(&stage->cost->reduce, bytes);
  orc_schedule schedule =
      orc_schedule_of(ORC_COLLECTIVE_ALL_REDUCE, way->algorithm, &way->fabric, bytes);
  orc_itinerary_fill(&s->all_reduce, orc_net_topology(net_of(s)), stage->devices, stage->hub,
                     orc_schedule_next, &schedule);
}

static void all_reduce(orc_contended_stage *s)
{
  orc_net *net = net_of(s);
  s->rounds = (orc_rounds){ .net = net, .itinerary = &s->all_reduce, .done = reduced, .ctx = s };
  orc_net_carry_rest(net, s->rest);
  orc_rounds_start(&s->rounds);
}

/* All devices of a stage compute alike, so they come to their ends together: an event of each. */
void orc_contended_computed(orc_contended *c, uint32_t subject)
{
  orc_contended_stage *s = &c->stages[subject];
  c->engine->executed += (uint64_t)ranks_of(s) - 1;
  if (s->work.message > 0.0 && s->part < 2 * stage_of(s)->cost->stage.layers) {
    all_reduce(s);
    return;
  }
  s->part++;
  compute(s);
}

static void begin(orc_contended_stage *s, int microbatch, double rest)
{
  const orc_device_step *step = &s->in->steps[microbatch];
  const orc_step_cost *cost = stage_of(s)->cost;
  const orc_step_time t = orc_step_evaluate(cost, &step->shape);
  orc_pipeline_stepped(stage_of(s), &t);
  s->microbatch = microbatch;
  s->part = 0;
  s->rest = rest;
  s->begun = engine_of(s)->now;
  s->work = orc_layered_work_of(cost, &t, &step->shape);
  /* Replicas that share experts contend for no link (deploy.c). */
  ORC_ASSERT(s->work.exchange.layers == 0);
  const double moves = orc_pipeline_blocks_time(stage_of(s), step, t.total);
  stage_of(s)->split.transfer += moves;
  s->work.last += moves;
  s->priced = t.total + moves;
  if (s->index + 1 == s->in->of.pipeline->count) {
    s->work.last += step->drafting;
    s->priced += step->drafting;
  }
  if (s->work.message > 0.0 && s->work.message != s->planned) plan(s, s->work.message);
  compute(s);
}

static void queue(orc_contended_stage *s, int microbatch)
{
  if (s->waiting_count == s->waiting_room) {
    s->waiting_room = s->waiting_room == 0 ? s->in->of.microbatches : 2 * s->waiting_room;
    s->waiting = orc_resize(s->waiting, (size_t)s->waiting_room, sizeof *s->waiting);
  }
  s->waiting[s->waiting_count++] = microbatch;
}

static void enter(orc_contended_stage *s, int microbatch, double rest)
{
  if (s->microbatch < 0)
    begin(s, microbatch, rest);
  else
    queue(s, microbatch);
}

/* One rank's activations have come in on the next stage. */
static void handed_on(void *self, uint64_t microbatch)
{
  orc_contended_stage *s = self;
  if (--s->sends[microbatch] % ranks_of(s) == 0)
    enter(s + 1, (int)microbatch, orc_net_rest(net_of(s)));
}

static void hand_on(orc_contended_stage *s, int microbatch)
{
  orc_net *net = net_of(s);
  const orc_step_shape *shape = &s->in->steps[microbatch].shape;
  const double bytes = (double)orc_step_shape_tokens(shape) * s->in->of.pipeline->token_bytes;
  const int ranks = ranks_of(s);
  stage_of(s)->split.transfer +=
      orc_pipeline_send_time(s->in->of.pipeline, s->index, orc_step_shape_tokens(shape));
  const int *from = stage_of(s)->devices, *to = stage_of(s + 1)->devices;
  s->sends[microbatch] += ranks; /* those of a failed replica's lost step may still be under way */
  orc_net_carry_rest(net, s->rest);
  for (int i = 0; i < ranks; i++)
    orc_net_send(net, orc_topology_route(orc_net_topology(net), from[i], to[i], NULL), bytes,
                 handed_on, s, (uint64_t)microbatch);
}

/* The present step has passed the stage: it goes on, and the next one comes. */
static void leave(orc_contended_stage *s)
{
  const orc_contended_user *user = &s->in->of;
  const orc_time now = engine_of(s)->now;
  const int microbatch = s->microbatch;
  stage_of(s)->busy += now - s->begun;
  stage_of(s)->begun = s->begun;
  /* What it took longer than its operations were priced, it waited for messages. */
  stage_of(s)->split.collective += 1e-9 * (double)(now - s->begun) - s->priced;
  stage_of(s)->free = now;
  s->microbatch = -1;
  if (user->passed != NULL) user->passed(user->self, microbatch, s->index);
  if (s->index + 1 < user->pipeline->count)
    hand_on(s, microbatch);
  else
    user->landed(user->self, microbatch);
  if (s->waiting_count == 0) return;
  const int next = s->waiting[0];
  s->waiting_count--;
  for (int i = 0; i < s->waiting_count; i++)
    s->waiting[i] = s->waiting[i + 1];
  begin(s, next, s->rest);
}

void orc_contended_start(orc_contended *c, int first, int microbatch, const orc_device_step *step)
{
  orc_contended_stage *s = &c->stages[first];
  s->in->steps[microbatch] = *step;
  enter(s, microbatch, 0.0);
}
