#include "device/pipeline.h"

#include <math.h>
#include <stdlib.h>

/* What n decoding sequences work, without the context they read. */
static orc_step_time beside_context(const orc_step_cost *c, int64_t n)
{
  const orc_step_shape shape = { .decode_seqs = n, .sampled = n };
  return orc_step_roofline(c, &shape);
}

orc_pipe_cost *orc_pipe_costs_new(const orc_step_cost *cost, const orc_step_cost *stages)
{
  const int count = cost->layout.pipeline_parallel_size;
  orc_pipe_cost *costs = orc_alloc((size_t)count, sizeof *costs);
  for (int i = 0; i < count; i++) {
    orc_pipe_cost *of = &costs[i];
    of->cost = count == 1 ? *cost : orc_step_cost_stage(stages != NULL ? &stages[i] : cost, i);
    of->prepared = orc_alloc(ORC_PREPARED, sizeof *of->prepared);
    const orc_step_time one = beside_context(&of->cost, 1), two = beside_context(&of->cost, 2);
    of->token_flops = two.flops - one.flops;
    of->token_bytes = two.bytes - one.bytes;
    of->step_bytes = one.bytes - of->token_bytes;
  }
  return costs;
}

void orc_pipe_costs_free(orc_pipe_cost *costs)
{
  const int count = costs == NULL ? 0 : costs->cost.layout.pipeline_parallel_size;
  for (int i = 0; i < count; i++)
    free(costs[i].prepared);
  free(costs);
}

void orc_pipeline_init(orc_pipeline *p, orc_pipe_cost *costs)
{
  const orc_step_cost *first = &costs->cost;
  const int count = first->layout.pipeline_parallel_size;
  const orc_link *link = orc_hardware_peer_link(&first->hardware);
  *p = (orc_pipeline){
    .stages = orc_alloc((size_t)count, sizeof *p->stages),
    .count = count,
    .token_bytes = first->model.hidden_size * orc_dtype_bytes(first->layout.activations),
  };
  for (int i = 0; i < count; i++) {
    orc_pipe_stage *s = &p->stages[i];
    *s = (orc_pipe_stage){
      .of = &costs[i],
      .cost = &costs[i].cost,
      .next = { .ranks = 2, .latency = link->latency, .bandwidth = link->bandwidth },
      .hub = -1,
    };
    orc_layered_init(&s->layered, s->cost);
  }
}

void orc_pipeline_done(orc_pipeline *p)
{
  for (int i = 0; i < p->count; i++) {
    orc_layered_done(&p->stages[i].layered);
    free(p->stages[i].decoded);
  }
  free(p->stages);
  *p = (orc_pipeline){ 0 };
}

double orc_pipeline_blocks_time(const orc_pipe_stage *s, const orc_device_step *step,
                                double compute)
{
  const double seconds = step->fetching;
  if (!step->layerwise || seconds == 0.0) return step->moving + seconds;
  const double layers = s->cost->stage.layers;
  return step->moving + (fmax(seconds + compute / layers, compute + seconds / layers) - compute);
}

double orc_pipeline_send_time(const orc_pipeline *p, int index, int64_t tokens)
{
  const orc_group *g = &p->stages[index].next;
  return orc_group_message(g, (double)tokens * p->token_bytes);
}

void orc_pipeline_worked(orc_pipe_stage *s, double flops, double bytes, double seconds)
{
  const orc_hardware *h = &s->cost->hardware;
  s->flops += flops;
  s->bytes += bytes;
  if (!(seconds > 0.0)) return;
  const double compute = flops / (orc_hardware_flops(h, s->cost->layout.compute) * seconds);
  const double memory = bytes / (h->bandwidth * seconds);
  const bool constant = s->cost->params.kind == ORC_COST_CONSTANT;
  const double watts = constant ? h->tdp_watts : orc_hardware_watts(h, memory, compute);
  s->joules += (watts - h->idle_watts) * seconds;
  s->peak_watts = fmax(s->peak_watts, watts);
}

void orc_pipeline_decode_work(orc_pipe_stage *s, const orc_decode_span *span)
{
  if (span->steps == 0) return;
  const orc_ops *o = &s->cost->ops;
  const double n = (double)span->n, steps = (double)span->steps;
  double flops = n * s->of->token_flops, bytes = s->of->step_bytes + n * s->of->token_bytes;
  if (s->cost->model.num_experts > 0) {
    const orc_step_time t = beside_context(s->cost, span->n);
    flops = t.flops;
    bytes = t.bytes;
  }
  const double context = (double)span->context, window = (double)span->window;
  orc_pipeline_worked(
      s, steps * flops + context * o->full.context_flops + window * o->windowed.context_flops,
      steps * bytes + context * o->full.kv_bytes + window * o->windowed.kv_bytes,
      1e-9 * (double)span->time);
}

/* The items of the steps of a span; of attention, what does not go by context. */
static orc_step_time items_of(const orc_step_cost *c, const orc_decode_span *span)
{
  const orc_step_shape shape = { .decode_seqs = span->n,
                                 .decode_context = span->context / span->steps,
                                 .decode_window = span->window / span->steps,
                                 .sampled = span->n };
  return c->own == NULL ? beside_context(c, span->n) : orc_step_evaluate(c, &shape);
}

/* Attention is what the items beside it leave of the time; where a model of someone's own has none,
** that is overhead. */
void orc_pipeline_split_decodes(const orc_pipe_stage *s, const orc_decode_span *span,
                                orc_time_split *into)
{
  if (span->steps == 0) return;
  const double steps = (double)span->steps;
  orc_step_time t = items_of(s->cost, span);
  const bool attends = t.attention > 0.0;
  double rest = 1e-9 * (double)span->time / steps - (t.total - t.attention);
  if (rest < 0.0) rest = 0.0;
  t.attention = attends ? rest : 0.0;
  if (!attends) t.overhead += rest;
  if (s->cost->own == NULL)
    t.compute += rest * orc_step_decode_compute(s->cost, span->n, (double)span->context / steps,
                                                (double)span->window / steps);
  orc_time_split_add(into, &t, steps);
}

orc_time_split orc_pipeline_split(const orc_pipe_stage *s)
{
  orc_time_split sum = s->split;
  for (int i = 0; i < s->decoded_room; i++)
    orc_pipeline_split_decodes(s, &s->decoded[i], &sum);
  return sum;
}

enum { DECODED = 8 };

/* Room for steps of n sequences; what is there moves to its place. */
static void widen(orc_pipe_stage *s, int64_t n)
{
  int room = s->decoded_room == 0 ? DECODED : s->decoded_room;
  while (room <= n && room < ORC_PREPARED)
    room *= 2;
  if (room == s->decoded_room) return;
  orc_decode_span *wider = orc_alloc((size_t)room, sizeof *wider);
  for (int i = 0; i < s->decoded_room; i++)
    wider[s->decoded[i].n % room] = s->decoded[i];
  free(s->decoded);
  s->decoded = wider;
  s->decoded_room = room;
}

/* Their time is split once for each n, when a result asks, or when another n takes the place. */
static void keep(orc_pipe_stage *s, const orc_decode_span *span)
{
  if (span->n >= s->decoded_room && s->decoded_room < ORC_PREPARED) widen(s, span->n);
  orc_decode_span *kept = &s->decoded[span->n % s->decoded_room];
  if (kept->n != span->n) {
    orc_pipeline_split_decodes(s, kept, &s->split);
    *kept = (orc_decode_span){ .n = span->n };
  }
  kept->steps += span->steps;
  kept->context += span->context;
  kept->window += span->window;
  kept->time = orc_time_after(kept->time, span->time);
}

void orc_pipeline_decoded(orc_pipe_stage *s, const orc_decode_span *span)
{
  if (span->steps == 0) return;
  orc_pipeline_decode_work(s, span);
  keep(s, span);
}
