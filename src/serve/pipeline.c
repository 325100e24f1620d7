#include "serve/pipeline.h"

#include <stdlib.h>

void orc_pipeline_init(orc_pipeline *p, const orc_step_cost *cost, const orc_step_cost *stages)
{
  const int count = cost->layout.pipeline_parallel_size;
  const orc_link *link = orc_hardware_peer_link(&cost->hardware);
  *p = (orc_pipeline){
    .stages = orc_alloc((size_t)count, sizeof *p->stages),
    .count = count,
    .token_bytes = cost->model.hidden_size * orc_dtype_bytes(cost->layout.activations),
  };
  for (int i = 0; i < count; i++)
    p->stages[i] = (orc_pipe_stage){
      .cost = count == 1 ? *cost : orc_step_cost_stage(stages != NULL ? &stages[i] : cost, i),
      .next = { .ranks = 2, .latency = link->latency, .bandwidth = link->bandwidth },
    };
  for (int i = 0; i < count; i++)
    orc_detail_init(&p->stages[i].detail, &p->stages[i].cost);
}

void orc_pipeline_done(orc_pipeline *p)
{
  for (int i = 0; i < p->count; i++)
    orc_detail_done(&p->stages[i].detail);
  free(p->stages);
  *p = (orc_pipeline){ 0 };
}

double orc_pipeline_send_time(const orc_pipeline *p, int index, int64_t tokens)
{
  const orc_group *g = &p->stages[index].next;
  return g->latency + (double)tokens * p->token_bytes / g->bandwidth;
}

void orc_pipeline_worked(orc_pipe_stage *s, double flops, double bytes, double seconds)
{
  const orc_hardware *h = &s->cost.hardware;
  const double compute = flops / orc_hardware_flops(h, s->cost.layout.compute);
  const double memory = bytes / h->bandwidth;
  s->flops += flops;
  s->bytes += bytes;
  if (s->cost.params.kind == ORC_COST_CONSTANT)
    s->roof += seconds;
  else
    s->roof += compute > memory ? compute : memory;
}

void orc_pipeline_decoded(orc_pipe_stage *s, const orc_decode_span *span)
{
  if (span->steps == 0) return;
  const orc_step_shape shape = { .decode_seqs = span->n, .sampled = span->n };
  const orc_step_time t = orc_step_evaluate(&s->cost, &shape); /* without context */
  const orc_ops *o = &s->cost.ops;
  const double steps = (double)span->steps;
  const double context = (double)span->context, window = (double)span->window;
  orc_pipeline_worked(
      s, steps * t.flops + context * o->full.context_flops + window * o->windowed.context_flops,
      steps * t.bytes + context * o->full.kv_bytes + window * o->windowed.kv_bytes,
      1e-9 * (double)span->time);
}
