#include "replica/replica.h"

#include <stdlib.h>

#include "cluster/cluster.h"
#include "replica/batch.h"
#include "replica/block_table.h"
#include "replica/decode_run.h"
#include "replica/kv_onload.h"
#include "replica/livelock.h"
#include "replica/microbatch.h"
#include "replica/step_time.h"

enum { POLL = 1024 };

static orc_request *at(const orc_replica *r, orc_slot slot)
{
  return &r->requests->at[slot];
}

void orc_replica_init(orc_replica *r, orc_cluster *c, uint16_t index, const orc_replica_kind *kind)
{
  const orc_engine_knobs *knobs = &kind->knobs;
  *r = (orc_replica){ .cluster = c,
                      .engine = &c->engine,
                      .requests = &c->requests,
                      .policy = &c->batching,
                      .index = index,
                      .knobs = *knobs,
                      .cost = *kind->cost,
                      .role = kind->role,
                      .first = ORC_NO_SLOT,
                      .last = ORC_NO_SLOT,
                      .wake = ORC_NEVER,
                      .runs = c->runs };
  orc_pipeline_init(&r->pipeline, kind->cost, kind->stages);
  r->host_free = knobs->swap_blocks;
  r->rng = orc_rng_stream(c->seed, ORC_FOR_POLICY, index);
  orc_kv_init(&r->kv, knobs->num_gpu_blocks, knobs->block_size);
  orc_prefix_init(&r->prefix, &r->kv);
  r->prefix.most = knobs->max_prefix_cache_blocks;
  r->prefix.by_block = knobs->recompute_block;
  if (knobs->tier_count > 0) {
    orc_kv_tiers_init(&r->tiers, knobs->tiers, knobs->tier_count);
    r->prefix.tiers = &r->tiers;
  }
  orc_queue_init(&r->queue, r->requests, 0);
  r->microbatch_count = r->pipeline.count;
  r->microbatches = orc_alloc((size_t)r->microbatch_count, sizeof *r->microbatches);
  for (int i = 0; i < r->microbatch_count; i++)
    orc_microbatch_open(r, i);
  r->microbatch = r->microbatches;
  r->stepwise = r->microbatch_count > 1;
  r->metrics = orc_alloc((size_t)c->profile_count, sizeof *r->metrics);
}

void orc_replica_done(orc_replica *r)
{
  for (int i = 0; i < r->cluster->profile_count; i++)
    orc_metrics_done(&r->metrics[i]);
  free(r->metrics);
  free(r->partial);
  for (int i = 0; i < r->microbatch_count; i++)
    orc_microbatch_close(&r->microbatches[i]);
  free(r->microbatches);
  orc_pipeline_done(&r->pipeline);
  orc_prefix_done(&r->prefix);
  orc_prefix_order_done(&r->prefix_order);
  orc_kv_tiers_done(&r->tiers);
  orc_router_load_done(&r->load);
  orc_kv_onloads_done(&r->loads);
  orc_queue_done(&r->queue);
  orc_hist_done(&r->usage.gaps);
}

/* A request's end: nobody holds it any more, its blocks are back. */
static void finish(orc_replica *r, orc_slot slot, orc_status status, orc_time now)
{
  orc_request *q = at(r, slot);
  orc_block_table_end(r, q);
  r->host_free += q->swapped;
  q->swapped = 0;
  q->state = ORC_DONE;
  r->unchanged = false;
  if (r->role == ORC_ROLE_DECODE) orc_kv_transfer_room(r->cluster, r->index, now);
  orc_cluster_finished(r->cluster, slot, status, now);
}

/* Whether a step could be formed now. */
static bool idle(const orc_replica *r)
{
  for (int i = 0; i < r->microbatch_count; i++)
    if (!r->microbatches[i].busy) return true;
  return false;
}

static void wake_at(orc_replica *r, orc_time time)
{
  if (time >= r->wake) return;
  r->wake = time;
  orc_engine_at_local(r->engine, time, ORC_CLASS_STEP, r->index, ORC_EVENT_WAKE, r->index);
}

void orc_replica_disturb(orc_replica *r)
{
  r->unchanged = false;
  if (idle(r) && orc_replica_in_flight(r) > 0) wake_at(r, r->engine->now);
}

/* Unchunked, all tokens must go into one step, those generated before a recomputation included. */
bool orc_replica_never_fits(const orc_replica *r, const orc_request *q)
{
  const int64_t tokens = (int64_t)q->in.prompt + q->in.max_output;
  return tokens > r->knobs.max_model_len || tokens > r->kv.total * r->kv.block_size ||
         (!r->knobs.enable_chunked_prefill && tokens > r->knobs.max_num_batched_tokens);
}

bool orc_replica_enqueue(orc_replica *r, orc_slot slot, orc_error *e)
{
  orc_request *q = at(r, slot);
  q->replica = r->index;
  if (orc_replica_never_fits(r, q)) {
    q->state = ORC_DONE;
    orc_cluster_finished(r->cluster, slot, ORC_REJECTED, r->engine->now);
    return true;
  }
  if (r->policy->order != NULL && !r->policy->order(r->policy->self, q, &q->key, e)) return false;
  orc_queue_push(&r->queue, slot, q->key);
  r->unchanged = false;
  if (idle(r)) wake_at(r, r->engine->now);
  return true;
}

void orc_replica_take_over(orc_replica *r, orc_slot slot)
{
  orc_request *q = at(r, slot);
  q->state = ORC_QUEUED;
  r->kept++;
  orc_queue_push(&r->queue, slot, q->key);
  orc_replica_disturb(r);
}

/* Take a running request out of everything but the pool. Between steps only. */
static void expel(orc_replica *r, orc_slot slot, orc_status status, orc_time now)
{
  orc_request *q = at(r, slot);
  if (q->state == ORC_DECODE)
    orc_decode_set_leave(&r->microbatches[q->microbatch].decode, slot);
  else if (q->partial)
    orc_replica_leave_partial(r, slot);
  orc_replica_unlink(r, slot);
  finish(r, slot, status, now);
}

void orc_replica_abort(orc_replica *r, orc_slot slot, orc_status status)
{
  orc_request *q = at(r, slot);
  if (q->state == ORC_MOVING) {
    orc_kv_transfer_abort(r->cluster, slot, status);
    return;
  }
  if (q->state == ORC_LOADING) { /* it ends when it gets there */
    if (q->aborted == 0) q->aborted = (uint8_t)status;
    return;
  }
  if (q->state != ORC_QUEUED && (q->steps_in_flight > 0 || r->microbatches[q->microbatch].busy)) {
    r->aborting += q->aborted == 0;
    q->aborted = (uint8_t)status;
    return;
  }
  if (q->state == ORC_QUEUED) {
    r->kept -= q->blocks > 0;
    orc_queue_remove(&r->queue, slot);
    finish(r, slot, status, r->engine->now);
  } else {
    expel(r, slot, status, r->engine->now);
  }
  if (idle(r)) wake_at(r, r->engine->now); /* what it held may be what others wait for */
}

/* Those whose client left during the step end as it is over, without its token. */
static void expel_aborted(orc_replica *r, orc_time now)
{
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT && r->aborting > 0;) {
    const orc_slot next = at(r, slot)->next;
    const orc_request *q = at(r, slot);
    /* Chunks that end at one moment do so in the order of their microbatches, not in their own. */
    const bool rests = q->state != ORC_DECODE || q->microbatch == r->microbatch->index;
    if (q->aborted != 0 && q->steps_in_flight == 0 && rests) {
      r->aborting--;
      expel(r, slot, (orc_status)at(r, slot)->aborted, now);
    }
    slot = next;
  }
}

/* A prompt is computed to its end: its next token is there. */
static void emit(orc_replica *r, orc_slot slot, orc_time now)
{
  orc_request *q = at(r, slot);
  if (q->aborted != 0) return; /* its client left before this token */
  q->generated++;
  r->lost = 0;
  orc_router_load_begun(r->cluster, q);
  if (q->first_token < 0) {
    q->first_token = now;
    r->usage.answered.firsts++;
    r->usage.answered.first_time += (double)(now - q->in.time);
    orc_cluster_note(r->cluster, q, now, ORC_CHANGE_TOKEN, 1, q->in.max_output);
  } else {
    orc_hist_add(&r->usage.gaps, now - q->last_token, q->counted);
  }
  q->last_token = now;
  if (q->generated < q->in.output) {
    if (r->role == ORC_ROLE_PREFILL) {
      orc_replica_unlink(r, slot);
      orc_kv_transfer_begin(r->cluster, r->index, slot, now);
    } else {
      orc_microbatch_join(r, slot);
    }
    return;
  }
  orc_replica_unlink(r, slot);
  finish(r, slot, ORC_SUCCESS, now);
}

static void apply_chunks(orc_replica *r, orc_time now)
{
  orc_batch *b = &r->microbatch->batch;
  for (int i = 0; i < b->chunk_count; i++) {
    const orc_slot slot = b->chunks[i].slot;
    orc_request *q = at(r, slot);
    q->computed += b->chunks[i].tokens;
    q->ahead -= b->chunks[i].tokens;
    q->prefilled += b->chunks[i].tokens;
    q->steps_in_flight--;
    orc_cluster_note(r->cluster, q, now, ORC_CHANGE_COMPUTED, b->chunks[i].tokens, q->computed);
    orc_block_table_filled(r, q);
    if (r->role == ORC_ROLE_PREFILL) orc_kv_transfer_stage(r->cluster, r->index, q, now);
    if (q->computed == orc_request_target(q)) emit(r, slot, now);
  }
  r->unchanged = false;
  b->chunk_count = 0;
}

/* The chunks of the step are under way: another microbatch may take up their prompts behind them. */
static void start_chunks(orc_replica *r)
{
  const orc_batch *b = &r->microbatch->batch;
  for (int i = 0; i < b->chunk_count; i++) {
    const orc_slot slot = b->chunks[i].slot;
    orc_request *q = at(r, slot);
    q->ahead += b->chunks[i].tokens;
    q->steps_in_flight++;
    q->entered = 0;
    q->microbatch = r->microbatch->index;
    const bool begun = q->computed + q->ahead < orc_request_target(q);
    if (begun && !q->partial) orc_replica_begin_partial(r, slot);
    if (!begun && q->partial) orc_replica_leave_partial(r, slot);
  }
}

/* Sequences that have all their tokens end. */
static void retire(orc_replica *r, orc_time now)
{
  orc_decode_set *d = &r->microbatch->decode;
  orc_slot slot;
  while ((slot = orc_decode_set_finished(d)) != ORC_NO_SLOT) {
    orc_decode_set_leave(d, slot);
    orc_replica_unlink(r, slot);
    finish(r, slot, ORC_SUCCESS, now);
  }
}

/* What the running step did, at its end: tokens come out, requests end. */
static void apply(orc_replica *r, orc_time now)
{
  orc_microbatch *microbatch = r->microbatch;
  microbatch->busy = false;
  r->now = now;
  if (microbatch->batch.decodes) {
    orc_decode_set_advance(&microbatch->decode, now, &r->usage.gaps);
    microbatch->batch.decodes = false;
    r->lost = 0;
  }
  if (microbatch->joining_count > 0) orc_microbatch_let_in(r);
  if (microbatch->batch.chunk_count > 0) apply_chunks(r, now);
  microbatch->batch.tokens = 0;
  if (r->aborting > 0) expel_aborted(r, now);
  retire(r, now);
}

/* Nothing waits, nothing is half done, or nothing changed since the policy saw it. */
static bool undisturbed(const orc_replica *r)
{
  if (r->microbatch->decode.n == 0 || r->policy->every_step) return false;
  if (r->moved > 0 || r->fetching > 0.0) return false;
  if (!r->unchanged && (r->queue.count > 0 || r->partial_count > 0)) return false;
  return r->runs || r->queue.count + (uint32_t)r->partial_count == 0;
}

/* Whatever runs does so in other microbatches. */
static bool nothing_here(const orc_replica *r)
{
  return r->microbatch->decode.n == 0 && r->queue.count == 0 && r->partial_count == 0;
}

/* Form the next step; *work tells whether there is one. */
static bool form(orc_replica *r, bool *work, orc_error *e)
{
  orc_batch *b = &r->microbatch->batch;
  *work = false;
  if (r->running == 0 && r->queue.count == 0) return true;
  if (r->microbatch_count > 1 && nothing_here(r)) return true;
  if (undisturbed(r) && orc_decode_set_need(&r->microbatch->decode) <= orc_kv_available(&r->kv)) {
    orc_batch_decode(b);
    *work = true;
    return true;
  }
  r->unchanged = true; /* whatever the verbs change clears it again */
  b->open = true;
  b->preempted = 0;
  r->usage.policy_calls++;
  const bool good = r->policy->step(r->policy->self, b, e);
  b->open = false;
  if (b->chunk_count > 0 || !b->decodes || r->microbatch_count > 1) r->unchanged = false;
  /* As decodes take cached blocks, a hit may become too short to count, and then its request, which
  ** would have held all of it, can begin with fewer blocks. */
  if (r->knobs.min_prefix_cache_length > 0) r->unchanged = false;
  *work = b->tokens > 0;
  r->empty = *work ? 0 : r->empty + 1;
  if (!*work && b->decodes) { /* all that decoded were sent back: nothing is under way */
    b->decodes = false;
    r->microbatch->decode.claimed = false;
  }
  return good && orc_livelock_check(r, e);
}

/* A step has started, whose end is known or left to the network: what it costs the replica. */
static void started(orc_replica *r)
{
  const orc_microbatch *microbatch = r->microbatch;
  r->microbatch->busy = true;
  if (r->cluster->log != NULL) orc_step_time_note(r, r->cluster->log);
  if (!r->contended) r->last_step = microbatch->end - r->now;
  r->last_tokens = microbatch->batch.tokens;
  if (microbatch->batch.chunk_count > 0) start_chunks(r);
  r->usage.steps++;
  const int64_t used = orc_kv_used(&r->kv);
  if (used > r->usage.peak_blocks) r->usage.peak_blocks = used;
  if (r->stepwise) return;
  const orc_time time = microbatch->end - r->now;
  r->usage.busy += time;
  r->usage.block_time += (unsigned __int128)used * (unsigned __int128)time;
}

static void start(orc_replica *r)
{
  r->microbatch->end = orc_step_time_start(r);
  started(r);
}

bool orc_replica_form(orc_replica *r, bool *work, orc_error *e)
{
  return form(r, work, e);
}

void orc_replica_started(orc_replica *r, orc_time end)
{
  r->microbatch->end = end;
  started(r);
}

void orc_replica_apply(orc_replica *r, orc_time now)
{
  orc_replica_count(r, now);
  apply(r, now);
}

static void await_end(const orc_replica *r)
{
  const uint32_t subject = (uint32_t)r->microbatch->index << 16 | r->index;
  orc_engine_at_local(r->engine, r->microbatch->end, ORC_CLASS_STEP, subject, ORC_EVENT_STEP_END,
                      subject);
}

void orc_replica_landed(void *self, int microbatch)
{
  orc_replica *r = self;
  if (r->microbatches[microbatch].abandoned_steps > 0) {
    r->microbatches[microbatch].abandoned_steps--;
    return;
  }
  r->microbatch = &r->microbatches[microbatch];
  r->microbatch->end = r->engine->now;
  r->last_step = r->microbatch->end - r->microbatch->begun;
  await_end(r);
}

/* Stepwise: each microbatch that is idle starts a step if there is one for it. */
static bool fill(orc_replica *r, orc_error *e)
{
  for (int i = 0; i < r->microbatch_count; i++) {
    r->microbatch = &r->microbatches[i];
    if (r->microbatch->busy) continue;
    bool work;
    if (!form(r, &work, e)) return false;
    if (!work) continue;
    start(r);
    if (!r->contended) await_end(r);
  }
  return true;
}

/* Strictly before it this replica is on its own. */
static orc_time horizon(const orc_replica *r)
{
  const orc_time event = orc_engine_horizon(r->engine);
  return event < r->wake ? event : r->wake;
}

/*
** Steps from `now` on. One that ends before anything else can happen is applied at once, and a run
** of decodes in one loop; one that does not is left to its event. Every POLL steps the loop returns
** to the engine, where an interruption is noticed. Ends when there is nothing to do or the next end
** is scheduled.
*/
static bool steps(orc_replica *r, orc_time now, orc_error *e)
{
  const orc_time limit = r->cluster->limit;
  int polled = 0;
  r->now = now;
  for (;;) {
    /* Others may still come at this very moment: they are in before the step forms. */
    if (orc_engine_comes_before_steps(r->engine, r->now)) {
      wake_at(r, r->now);
      return true;
    }
    if (r->lockstep != NULL) return orc_dp_group_step(r->lockstep, now, e);
    if (r->stepwise) return fill(r, e);
    if (r->runs && !r->high && polled < POLL && undisturbed(r)) {
      const int run = orc_decode_run(r, horizon(r), limit, POLL - polled);
      polled += run;
      if (run > 0 && orc_decode_set_finished(&r->microbatch->decode) != ORC_NO_SLOT) {
        retire(r, r->now);
        continue;
      }
    }
    bool work;
    if (!form(r, &work, e)) return false;
    if (!work) return true;
    start(r);
    const orc_time end =
        r->microbatch->end; /* forming it may have set something going that ends before */
    if (!r->runs || end >= horizon(r) || end > limit || end == ORC_END || ++polled > POLL) {
      await_end(r);
      return true;
    }
    apply(r, end);
  }
}

bool orc_replica_step_end(orc_replica *r, int microbatch, orc_error *e)
{
  r->microbatch = &r->microbatches[microbatch];
  const orc_time now = r->microbatch->end;
  if (r->lockstep != NULL)
    return !orc_dp_group_end(r->lockstep, microbatch) || steps(r, r->engine->now, e);
  if (!r->microbatch->busy || now != r->engine->now) return true;
  if (r->stepwise) orc_replica_count(r, now);
  apply(r, now);
  return steps(r, now, e);
}

bool orc_replica_wake(orc_replica *r, orc_error *e)
{
  if (r->engine->now >= r->wake) r->wake = ORC_NEVER;
  r->unchanged = false;
  if (r->stepwise) orc_replica_count(r, r->engine->now);
  return !idle(r) || steps(r, r->engine->now, e);
}
