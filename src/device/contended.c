#include "device/contended.h"

#include <math.h>
#include <stdlib.h>

#include "cluster/cluster.h"
#include "replica/step_time.h"

static orc_pipe_stage *stage_of(const orc_contended_stage *s)
{
  return &s->replica->pipeline.stages[s->index];
}

static int ranks_of(const orc_contended_stage *s)
{
  return stage_of(s)->cost.layout.tensor_parallel_size;
}

static orc_contended *crowd_of(const orc_contended_stage *s)
{
  return &s->replica->cluster->contended;
}

void orc_contended_add(orc_contended *c, orc_replica *r)
{
  const int stages = r->pipeline.count;
  r->contended_stage = c->count;
  c->stages = orc_resize(c->stages, (size_t)c->count + (size_t)stages, sizeof *c->stages);
  for (int i = 0; i < stages; i++)
    c->stages[c->count++] =
        (orc_contended_stage){ .replica = r,
                               .index = i,
                               .microbatch = -1,
                               .planned = -1.0,
                               .sends = orc_alloc((size_t)r->microbatch_count, sizeof(int)) };
}

void orc_contended_done(orc_contended *c)
{
  for (int i = 0; i < c->count; i++) {
    free(c->stages[i].waiting);
    free(c->stages[i].sends);
    orc_itinerary_done(&c->stages[i].all_reduce);
  }
  free(c->stages);
  orc_net_free(c->net);
  *c = (orc_contended){ 0 };
}

static void leave(orc_contended_stage *s);

/* All devices begin the next part at the exact time; the clock is the nearest ns. */
static void compute(orc_contended_stage *s)
{
  const int layers = stage_of(s)->cost.stage.layers;
  if (s->part > 2 * layers) {
    leave(s);
    return;
  }
  double seconds = (s->part & 1) != 0 ? s->work.mlp : s->work.attention;
  if (s->part == 2 * layers) seconds = s->work.last;
  orc_engine *engine = s->replica->engine;
  ORC_ASSERT(seconds >= 0.0);
  const double ns = s->rest + seconds * 1e9, whole = floor(ns + 0.5);
  s->rest = ns - whole;
  const orc_time wait = whole > 0.0 ? whole < 0x1p63 ? (orc_time)whole : ORC_END : 0;
  orc_engine_at(engine, orc_time_after(engine->now, wait), ORC_CLASS_TRANSFER, ORC_EVENT_COMPUTED,
                (uint32_t)(s - crowd_of(s)->stages));
}

/* The all-reduce behind a part is over. */
static void reduced(void *self, uint64_t arg)
{
  (void)arg;
  orc_contended_stage *s = self;
  s->rest = orc_net_rest(crowd_of(s)->net);
  s->part++;
  compute(s);
}

/* Every layer's messages are alike, and those of most steps. */
static void plan(orc_contended_stage *s, double bytes)
{
  const orc_pipe_stage *stage = stage_of(s);
  const orc_way *way = orc_all_reduce_way(&stage->cost.reduce, bytes);
  orc_schedule schedule =
      orc_schedule_of(ORC_COLLECTIVE_ALL_REDUCE, way->algorithm, &way->fabric, bytes);
  orc_itinerary_fill(&s->all_reduce, orc_net_topology(crowd_of(s)->net), stage->devices, stage->hub,
                     orc_schedule_next, &schedule);
  s->planned = bytes;
}

static void all_reduce(orc_contended_stage *s)
{
  orc_net *net = crowd_of(s)->net;
  s->rounds = (orc_rounds){ .net = net, .itinerary = &s->all_reduce, .done = reduced, .ctx = s };
  orc_net_carry_rest(net, s->rest);
  orc_rounds_start(&s->rounds);
}

/* All devices of a stage compute alike, so they come to their ends together: an event of each. */
void orc_contended_computed(orc_contended *c, uint32_t subject)
{
  orc_contended_stage *s = &c->stages[subject];
  s->replica->engine->executed += (uint64_t)ranks_of(s) - 1;
  if (s->work.message > 0.0 && s->part < 2 * stage_of(s)->cost.stage.layers) {
    all_reduce(s);
    return;
  }
  s->part++;
  compute(s);
}

static void begin(orc_contended_stage *s, int microbatch, double rest)
{
  const orc_microbatch *at = &s->replica->microbatches[microbatch];
  const orc_step_cost *cost = &stage_of(s)->cost;
  const orc_step_time t = orc_step_evaluate(cost, &at->shape);
  orc_pipeline_stepped(stage_of(s), &t);
  s->microbatch = microbatch;
  s->part = 0;
  s->rest = rest;
  s->begun = s->replica->engine->now;
  s->work = orc_layered_work_of(cost, &t, &at->shape);
  ORC_ASSERT(s->work.exchange.layers == 0); /* who shares experts is in no contended (deploy.c) */
  s->work.last += at->moving + orc_step_time_fetching(s->replica, s->index, t.total, at->fetching);
  if (s->work.message > 0.0 && s->work.message != s->planned) plan(s, s->work.message);
  compute(s);
}

static void queue(orc_contended_stage *s, int microbatch)
{
  if (s->waiting_count == s->waiting_room) {
    s->waiting_room = s->waiting_room == 0 ? s->replica->microbatch_count : 2 * s->waiting_room;
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
    enter(s + 1, (int)microbatch, orc_net_rest(crowd_of(s)->net));
}

static void hand_on(orc_contended_stage *s, int microbatch)
{
  const orc_replica *r = s->replica;
  orc_net *net = crowd_of(s)->net;
  const orc_step_shape *shape = &r->microbatches[microbatch].shape;
  const double bytes =
      (double)(shape->decode_seqs + shape->prefill_tokens) * r->pipeline.token_bytes;
  const int ranks = ranks_of(s);
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
  orc_replica *r = s->replica;
  const int microbatch = s->microbatch;
  stage_of(s)->busy += r->engine->now - s->begun;
  stage_of(s)->free = r->engine->now;
  s->microbatch = -1;
  if (s->index + 1 < r->pipeline.count)
    hand_on(s, microbatch);
  else
    orc_replica_landed(r, microbatch);
  if (s->waiting_count == 0) return;
  const int next = s->waiting[0];
  s->waiting_count--;
  for (int i = 0; i < s->waiting_count; i++)
    s->waiting[i] = s->waiting[i + 1];
  begin(s, next, s->rest);
}

void orc_contended_start(orc_contended *c, orc_replica *r, int microbatch)
{
  enter(&c->stages[r->contended_stage], microbatch, 0.0);
}
