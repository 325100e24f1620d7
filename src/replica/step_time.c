#include "replica/step_time.h"

#include "device/contended.h"

/* Seconds of the formed step on a stage, if it only decodes. */
static double decode_time(const orc_replica *r, int index)
{
  orc_pipe_stage *stage = &r->pipeline.stages[index];
  const orc_decode_set *d = &r->microbatch->decode;
  const int64_t window = orc_decode_set_window(d);
  const double time = orc_step_decode(orc_pipeline_prepared(stage, d->n), d->context, window);
  const orc_time ns = orc_time_of(time);
  orc_pipeline_decode(stage, &r->microbatch->worked[index],
                      &(orc_decode_span){ .n = d->n,
                                          .steps = 1,
                                          .context = d->context,
                                          .window = window,
                                          .time = ns < 1 ? 1 : ns });
  return time;
}

/* The same of any step. */
static double step_time(orc_pipe_stage *stage, const orc_step_shape *shape)
{
  const orc_step_time t = orc_step_evaluate(&stage->cost, shape);
  orc_pipeline_stepped(stage, &t);
  return t.total;
}

static orc_step_shape shape_of(const orc_replica *r)
{
  const orc_batch *b = &r->microbatch->batch;
  const orc_decode_set *d = &r->microbatch->decode;
  orc_step_shape shape = { .all_tokens = r->all_tokens };
  if (b->decodes) {
    shape.decode_seqs = d->n;
    shape.decode_context = d->context;
    shape.decode_window = orc_decode_set_window(d);
    shape.sampled = d->n;
  }
  for (int i = 0; i < b->chunk_count; i++) {
    const orc_chunk *c = &b->chunks[i];
    const bool last = c->past + c->tokens == orc_request_target(&r->requests->at[c->slot]);
    orc_step_shape_add_chunk(&shape, &r->cost.model, c->tokens, c->past, last);
  }
  return shape;
}

/* Seconds of the formed step on a stage, each layer of each device and each message by itself. */
static double detailed_time(orc_replica *r, orc_pipe_stage *stage, const orc_step_shape *shape)
{
  const orc_step_time t = orc_step_evaluate(&stage->cost, shape);
  orc_pipeline_stepped(stage, &t);
  const orc_layered_work w = orc_layered_work_of(&stage->cost, &t, shape);
  const uint64_t before = stage->layered.executed;
  const double time = orc_layered_run(&stage->layered, &w);
  r->engine->executed += stage->layered.executed - before;
  return time;
}

/* Each rank's message to its peer on the next stage. */
static double send_time(orc_replica *r, int stage)
{
  const double time = orc_pipeline_send_time(&r->pipeline, stage, r->microbatch->batch.tokens);
  if (!r->high) return time;
  orc_layered *d = &r->pipeline.stages[stage].layered;
  const uint64_t before = d->executed;
  const double last = orc_layered_send(d, time);
  r->engine->executed += d->executed - before;
  return last;
}

void orc_step_time_note(const orc_replica *r, const orc_log *log)
{
  const orc_step_shape shape = shape_of(r);
  const orc_step_time t = orc_step_evaluate(&r->cost, &shape);
  const orc_hardware *h = &r->cost.hardware;
  orc_step_note n = {
    .start = r->now,
    .end = r->microbatch->end,
    .number = r->usage.steps,
    .replica = r->index,
    .decodes = shape.decode_seqs,
    .prefill_tokens = shape.prefill_tokens,
    .prefill_seqs = shape.prefill_seqs,
    .flops = t.flops / r->pipeline.count,
    .bytes = t.bytes / r->pipeline.count,
  };
  if (n.end != ORC_NEVER) {
    const double seconds = (double)(n.end - n.start) * 1e-9;
    n.mfu = n.flops / (seconds * orc_hardware_flops(h, r->cost.layout.compute));
    n.mbu = n.bytes / (seconds * h->bandwidth);
  }
  log->step(log->self, &n);
}

/* Seconds before the formed step in which blocks go to or come from the host; claimed once. */
static double claim_moving(orc_replica *r)
{
  const double seconds = (double)r->moved * r->knobs.swap_block_seconds;
  r->moved = 0;
  return seconds;
}

/* Seconds in which blocks come back from lower tiers for the formed step; claimed once. */
static double claim_fetching(orc_replica *r)
{
  const double seconds = r->fetching;
  r->fetching = 0.0;
  return seconds;
}

/* The formed step for the devices; what its blocks cost is claimed. */
static orc_device_step step_of(orc_replica *r, const orc_step_shape *shape)
{
  return (orc_device_step){ .shape = *shape,
                            .moving = claim_moving(r),
                            .fetching = claim_fetching(r),
                            .layerwise = r->knobs.loading == ORC_ONLOAD_LAYERED };
}

/* The formed step passes a stage, which it is ready to enter at `at` (ns); returns its end. */
static orc_time pass(orc_replica *r, int stage, orc_time at, const orc_device_step *step)
{
  orc_pipe_stage *s = &r->pipeline.stages[stage];
  const double time = r->high ? detailed_time(r, s, &step->shape) : step_time(s, &step->shape);
  return orc_pipeline_pass(&r->pipeline, stage, at, time + orc_pipeline_blocks_time(s, step, time));
}

/* All of them pass a stage; nobody goes on before the last has. */
static orc_time pass_together(orc_replica *first, int count, int stage, orc_time at)
{
  for (int i = 0; i < count; i++)
    if (first[i].pipeline.stages[stage].free > at) at = first[i].pipeline.stages[stage].free;
  orc_time end = at;
  for (int i = 0; i < count; i++) {
    orc_replica *r = &first[i];
    if (r->microbatch->batch.tokens == 0) continue;
    const orc_time own = pass(r, stage, at, &r->microbatch->step);
    if (own > end) end = own;
  }
  return end;
}

orc_time orc_step_time_together(orc_replica *first, int count, int microbatch, orc_time now)
{
  for (int i = 0; i < count; i++) {
    orc_replica *r = &first[i];
    r->microbatch = &r->microbatches[microbatch];
    if (r->microbatch->batch.tokens == 0) continue;
    const orc_step_shape shape = shape_of(r);
    r->microbatch->step = step_of(r, &shape);
  }
  orc_time at = now;
  for (int stage = 0;; stage++) {
    at = pass_together(first, count, stage, at);
    if (stage == first->pipeline.count - 1) return at;
    double sending = 0.0;
    for (int i = 0; i < count; i++) {
      if (first[i].microbatch->batch.tokens == 0) continue;
      const double own = send_time(&first[i], stage);
      if (own > sending) sending = own;
    }
    at += orc_time_of(sending);
  }
}

orc_time orc_step_time_start(orc_replica *r)
{
  orc_pipeline *p = &r->pipeline;
  const bool decodes = r->microbatch->batch.chunk_count == 0 && !r->high;
  const orc_step_shape shape = decodes ? (orc_step_shape){ 0 } : shape_of(r);
  const orc_device_step step =
      step_of(r, &shape); /* its blocks go first, each stage's on its link */
  if (r->contended != NULL) {
    r->microbatch->begun = r->now;
    orc_contended_start(r->contended, r->contended_stage, r->microbatch->index, &step);
    return ORC_NEVER;
  }
  orc_time at = r->now;
  for (int i = 0;; i++) {
    if (decodes) {
      const double time = decode_time(r, i);
      const double more = orc_pipeline_blocks_time(&p->stages[i], &step, time);
      at = orc_pipeline_pass(p, i, at, time + more);
    } else {
      at = pass(r, i, at, &step);
    }
    if (i == p->count - 1) return at;
    at = orc_time_after(at, orc_time_of(send_time(r, i)));
  }
}
