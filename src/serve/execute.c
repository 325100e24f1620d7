#include "serve/execute.h"

/* Seconds of the formed step on a stage, if it only decodes. */
static double decode_time(const orc_replica *r, int stage)
{
  orc_lane *lane = r->lane;
  const orc_decode_set *d = &lane->decode;
  if (lane->prepared[0].n != d->n)
    for (int i = r->pipeline.count - 1; i >= 0; i--)
      lane->prepared[i] = orc_step_prepare_decode(&r->pipeline.stages[i].cost, d->n);
  return orc_step_decode(&lane->prepared[stage], d->context, orc_decode_window(d));
}

static orc_step_shape shape_of(const orc_replica *r)
{
  const orc_batch *b = &r->lane->batch;
  const orc_decode_set *d = &r->lane->decode;
  orc_step_shape shape = { 0 };
  if (b->decodes) {
    shape.decode_seqs = d->n;
    shape.decode_context = d->context;
    shape.decode_window = orc_decode_window(d);
    shape.sampled = d->n;
  }
  for (int i = 0; i < b->chunk_count; i++) {
    const orc_chunk *c = &b->chunks[i];
    const bool last = c->past + c->tokens == orc_request_target(&r->requests->at[c->slot]);
    orc_step_shape_add_chunk(&shape, &r->cost.model, c->tokens, c->past, last);
  }
  return shape;
}

orc_time orc_execute_start(orc_replica *r)
{
  orc_pipeline *p = &r->pipeline;
  const bool decodes = r->lane->batch.chunk_count == 0;
  const orc_step_shape shape = decodes ? (orc_step_shape){ 0 } : shape_of(r);
  orc_time at = r->now;
  for (int i = 0;; i++) {
    const double time =
        decodes ? decode_time(r, i) : orc_step_evaluate(&p->stages[i].cost, &shape).total;
    at = orc_pipeline_pass(p, i, at, time);
    if (i == p->count - 1) return at;
    at += orc_time_of(orc_pipeline_send_time(p, i, r->lane->batch.tokens));
  }
}
