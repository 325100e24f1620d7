#include "replica/step_time.h"

#include "device/contended.h"
#include "replica/verify.h"

/* Seconds of the formed step on a stage, if it only decodes. */
static double decode_time(orc_replica *r, orc_microbatch *m, int index)
{
  orc_pipe_stage *stage = &r->pipeline.stages[index];
  const orc_decode_set *d = &m->decode;
  const int64_t window = orc_decode_set_window(d);
  const double time =
      orc_step_decode(orc_pipeline_prepared(stage, d->n, d->context), d->context, window);
  const orc_time ns = orc_time_of(time);
  orc_pipeline_decode(stage, &m->worked[index],
                      &(orc_decode_span){ .n = d->n,
                                          .steps = 1,
                                          .context = d->context,
                                          .window = window,
                                          .time = ns < 1 ? 1 : ns });
  return time;
}

/* Seconds of any step on a stage. */
static double whole_time(orc_pipe_stage *stage, const orc_step_shape *shape)
{
  const orc_step_time t = orc_step_evaluate(stage->cost, shape);
  orc_pipeline_stepped(stage, &t);
  return t.total;
}

/* Tokens of the formed step with an adapter, and how many of these there are. */
static void add_adapted(const orc_replica *r, const orc_microbatch *m, orc_step_shape *shape)
{
  for (orc_slot slot = r->first; m->decodes && slot != ORC_NO_SLOT;) {
    const orc_request *q = orc_replica_request(r, slot);
    slot = q->next;
    if (q->in.adapter > 0 && q->state == ORC_DECODE && q->microbatch == m->index)
      shape->adapted_tokens += 1 + q->drafts;
  }
  for (int i = 0; i < m->chunk_count; i++)
    if (orc_replica_request(r, m->chunks[i].slot)->in.adapter > 0)
      shape->adapted_tokens += m->chunks[i].tokens;
  shape->adapters = shape->adapted_tokens > 0 ? r->loras.in_step : 0;
}

/* The adapters of the formed step come to the GPU. */
static void bring_adapters(orc_replica *r, orc_microbatch *m)
{
  double seconds = 0.0;
  if (!orc_replica_adapts(r)) return;
  orc_loras_begin_step(&r->loras);
  for (orc_slot slot = r->first; m->decodes && slot != ORC_NO_SLOT;) {
    const orc_request *q = orc_replica_request(r, slot);
    slot = q->next;
    if (q->in.adapter > 0 && q->state == ORC_DECODE && q->microbatch == m->index)
      seconds += orc_loras_use(&r->loras, q->in.adapter);
  }
  for (int i = 0; i < m->chunk_count; i++) {
    const orc_request *q = orc_replica_request(r, m->chunks[i].slot);
    if (q->in.adapter > 0) seconds += orc_loras_use(&r->loras, q->in.adapter);
  }
  m->moves.adapters = seconds;
}

orc_step_shape orc_step_time_shape(const orc_replica *r, const orc_microbatch *m)
{
  const orc_decode_set *d = &m->decode;
  orc_step_shape shape = { .all_tokens = m->all_tokens };
  if (m->decodes && orc_replica_verifies(r)) {
    orc_verify_shape(r, m, &shape);
  } else if (m->decodes) {
    shape.decode_seqs = d->n;
    shape.decode_context = d->context;
    shape.decode_window = orc_decode_set_window(d);
    shape.sampled = d->n;
  }
  if (orc_replica_adapts(r)) add_adapted(r, m, &shape);
  for (int i = 0; i < m->chunk_count; i++) {
    const orc_microbatch_chunk *c = &m->chunks[i];
    const bool last = c->past + c->tokens == orc_request_target(orc_replica_request(r, c->slot));
    orc_step_shape_add_chunk(&shape, &r->cost->model, c->tokens, c->past, last);
  }
  return shape;
}

/* Seconds of the formed step on a stage, each layer of each device and each message by itself. */
static double detailed_time(orc_replica *r, orc_pipe_stage *stage, const orc_step_shape *shape)
{
  const orc_step_time t = orc_step_evaluate(stage->cost, shape);
  orc_pipeline_stepped(stage, &t);
  const orc_layered_work w = orc_layered_work_of(stage->cost, &t, shape);
  const uint64_t before = stage->layered.executed;
  const double time = orc_layered_run(&stage->layered, &w);
  stage->split.collective += time - t.total; /* its messages by themselves, not by formula */
  r->engine->executed += stage->layered.executed - before;
  return time;
}

/* Each rank's message to its peer on the next stage. */
static double send_time(orc_replica *r, const orc_microbatch *m, int stage)
{
  const double time = orc_pipeline_send_time(&r->pipeline, stage, m->tokens);
  r->pipeline.stages[stage].split.transfer += time;
  if (!r->high) return time;
  orc_layered *d = &r->pipeline.stages[stage].layered;
  const uint64_t before = d->executed;
  const double last = orc_layered_send(d, time);
  r->engine->executed += d->executed - before;
  return last;
}

static void note_part(const orc_replica *r, orc_slot slot, int32_t tokens, bool decodes)
{
  const orc_request *q = orc_replica_request(r, slot);
  r->host->note_part(r->host->self, &(orc_step_part){ .number = q->number,
                                                      .client = q->in.client,
                                                      .turn = q->in.turn,
                                                      .tokens = tokens,
                                                      .decodes = decodes });
}

/* Its prompts, then who decodes in it. */
static void note_parts(const orc_replica *r, const orc_microbatch *m)
{
  for (int i = 0; i < m->chunk_count; i++)
    note_part(r, m->chunks[i].slot, m->chunks[i].tokens, false);
  for (orc_slot slot = r->first; m->decodes && slot != ORC_NO_SLOT;) {
    const orc_request *q = orc_replica_request(r, slot);
    if (q->state == ORC_DECODE && q->microbatch == m->index)
      note_part(r, slot, 1 + q->drafts, true);
    slot = q->next;
  }
}

static void note_stage(const orc_replica *r, int microbatch, int stage)
{
  const orc_pipe_stage *s = &r->pipeline.stages[stage];
  r->host->note_stage(r->host->self, &(orc_stage_note){ .start = s->begun,
                                                        .end = s->free,
                                                        .replica = r->index,
                                                        .microbatch = (uint16_t)microbatch,
                                                        .stage = (uint16_t)stage,
                                                        .ranks = (uint16_t)(orc_replica_devices(r) /
                                                                            r->pipeline.count) });
}

void orc_step_time_passed(void *replica, int microbatch, int stage)
{
  note_stage(replica, microbatch, stage);
}

void orc_step_time_note(const orc_replica *r, const orc_microbatch *m)
{
  const orc_step_shape shape = orc_step_time_shape(r, m);
  const orc_step_time t = orc_step_roofline(r->cost, &shape);
  const orc_hardware *h = &r->cost->hardware;
  orc_step_note n = {
    .formed = r->now,
    .start = orc_replica_next_start(r),
    .end = m->end,
    .used = orc_kv_used(&r->kv),
    .number = r->usage.steps,
    .replica = r->index,
    .microbatch = (uint16_t)m->index,
    .waiting = r->queue.count,
    .running = r->running,
    .decodes = shape.decode_seqs,
    .prefill_tokens = shape.prefill_tokens,
    .prefill_seqs = shape.prefill_seqs,
    .flops = t.flops / r->pipeline.count,
    .bytes = t.bytes / r->pipeline.count,
  };
  if (n.end != ORC_NEVER) {
    const double seconds = (double)(n.end - n.start) * 1e-9;
    n.mfu = n.flops / (seconds * orc_hardware_flops(h, r->cost->layout.compute));
    n.mbu = n.bytes / (seconds * h->bandwidth);
  }
  r->host->note_step(r->host->self, &n);
  for (int i = 0; r->host->note_stage != NULL && r->contended == NULL && i < r->pipeline.count; i++)
    note_stage(r, m->index, i);
  if (r->host->note_part != NULL) note_parts(r, m);
}

/* s in which drafts are proposed after a step, and the work of it. */
static double drafting(orc_replica *r, const orc_step_shape *shape)
{
  if (!orc_replica_verifies(r)) return 0.0;
  const orc_step_time t = orc_draft_time(r->draft, shape);
  orc_pipeline_stepped(&r->pipeline.stages[r->pipeline.count - 1], &t);
  return t.total;
}

/* The formed step for the devices; the moves of its blocks are claimed once. */
static orc_device_step step_of(orc_replica *r, orc_microbatch *m, const orc_step_shape *shape)
{
  const orc_microbatch_moves moves = m->moves;
  m->moves = (orc_microbatch_moves){ 0 };
  return (orc_device_step){ .shape = *shape,
                            .moving = (double)moves.swapped * r->knobs.swap_block_seconds +
                                      moves.adapters,
                            .fetching = moves.fetching,
                            .drafting = drafting(r, shape),
                            .layerwise = r->knobs.kv_loading == ORC_ONLOAD_LAYERED };
}

/* The formed step passes a stage, which it is ready to enter at `at` (ns); returns its end. */
static orc_time pass(orc_replica *r, int stage, orc_time at, const orc_device_step *step)
{
  orc_pipe_stage *s = &r->pipeline.stages[stage];
  const double time = r->high ? detailed_time(r, s, &step->shape) : whole_time(s, &step->shape);
  const double drafts = stage == r->pipeline.count - 1 ? step->drafting : 0.0;
  const double moves = orc_pipeline_blocks_time(s, step, time);
  s->split.transfer += moves;
  const double more = moves + drafts;
  return orc_pipeline_pass(&r->pipeline, stage, at, time + more);
}

/* All replicas pass a stage; none goes on before the last has. */
static orc_time pass_together(orc_replica *first, int count, int microbatch, int stage, orc_time at)
{
  for (int i = 0; i < count; i++)
    if (first[i].pipeline.stages[stage].free > at) at = first[i].pipeline.stages[stage].free;
  orc_time end = at;
  for (int i = 0; i < count; i++) {
    const orc_microbatch *m = &first[i].microbatches[microbatch];
    if (m->tokens == 0) continue;
    const orc_time own = pass(&first[i], stage, at, &m->step);
    if (own > end) end = own;
  }
  return end;
}

orc_time orc_step_time_together(orc_replica *first, int count, int microbatch, orc_time now)
{
  for (int i = 0; i < count; i++) {
    orc_microbatch *m = &first[i].microbatches[microbatch];
    if (m->tokens == 0) continue;
    bring_adapters(&first[i], m);
    const orc_step_shape shape = orc_step_time_shape(&first[i], m);
    m->step = step_of(&first[i], m, &shape);
  }
  orc_time at = now;
  for (int stage = 0;; stage++) {
    at = pass_together(first, count, microbatch, stage, at);
    if (stage == first->pipeline.count - 1) return at;
    double sending = 0.0;
    for (int i = 0; i < count; i++) {
      const orc_microbatch *m = &first[i].microbatches[microbatch];
      if (m->tokens == 0) continue;
      const double own = send_time(&first[i], m, stage);
      if (own > sending) sending = own;
    }
    at += orc_time_of(sending);
  }
}

/* Start a step that only decodes: most steps are, and most of these move no blocks. */
static orc_time start_decodes(orc_replica *r, orc_microbatch *m)
{
  const bool moves = m->moves.swapped > 0 || m->moves.fetching > 0.0;
  orc_device_step step;
  if (moves) step = step_of(r, m, &(orc_step_shape){ 0 });
  if (r->delays != NULL) {
    m->step = moves ? step : (orc_device_step){ .moving = 0.0 };
    m->step.shape = orc_step_time_shape(r, m);
  }
  orc_pipeline *p = &r->pipeline;
  orc_time at = r->now;
  for (int i = 0;; i++) {
    const double time = decode_time(r, m, i);
    const double more = moves ? orc_pipeline_blocks_time(&p->stages[i], &step, time) : 0.0;
    at = orc_pipeline_pass(p, i, at, time + more);
    p->stages[i].split.transfer += more;
    if (i == p->count - 1) return at;
    at = orc_time_after(at, orc_time_of(send_time(r, m, i)));
  }
}

orc_time orc_step_time_start(orc_replica *r, orc_microbatch *m)
{
  if (m->chunk_count == 0 && !r->high && !orc_replica_steps_differ(r)) return start_decodes(r, m);
  bring_adapters(r, m);
  const orc_step_shape shape = orc_step_time_shape(r, m);
  const orc_device_step step = step_of(r, m, &shape);
  if (r->delays != NULL) m->step = step;
  if (r->contended != NULL) {
    m->begun = r->now;
    orc_contended_start(r->contended, r->contended_stage, m->index, &step);
    return ORC_NEVER;
  }
  orc_time at = r->now;
  for (int i = 0;; i++) { /* its blocks go first, each stage's share on its own link */
    at = pass(r, i, at, &step);
    if (i == r->pipeline.count - 1) return at;
    at = orc_time_after(at, orc_time_of(send_time(r, m, i)));
  }
}
