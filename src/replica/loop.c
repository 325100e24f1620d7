#include "replica/loop.h"

#include <stdlib.h>

#include "replica/abort.h"
#include "replica/attribution.h"
#include "replica/batch.h"
#include "replica/block_table.h"
#include "replica/decode_run.h"
#include "replica/finish.h"
#include "replica/livelock.h"
#include "replica/pace.h"
#include "replica/prefix_stats.h"
#include "replica/running.h"
#include "replica/step_time.h"
#include "replica/usage.h"
#include "replica/verify.h"
#include "replica/waiting.h"

enum {
  POLL = 1024,
  ASLEEP =
      POLL -
      2 /* steps of a run that is put off: settled, it needs two more at most to be where it would be */
};

static orc_request *at(const orc_replica *r, orc_slot slot)
{
  return orc_replica_request(r, slot);
}

/* ---- what a step did, at its end ---- */

/*
** A running request has all its tokens at `time`. Where requests are served in order they end in it,
** when all of the step are known. Of one that was not foreseen to end a token more is scheduled by
** now; it is for nothing, and the step before has the last token.
*/
static void complete(orc_replica *r, orc_slot slot, orc_time time)
{
  if (!r->knobs.rules.serves_in_order && !orc_replica_ahead(r)) {
    orc_running_remove(r, slot);
    orc_finish(r, slot, ORC_SUCCESS, time);
    return;
  }
  orc_request *q = at(r, slot);
  if (orc_replica_ahead(r)) q->state = ORC_ENDING;
  if (q->generated > q->in.output) {
    q->generated--;
    q->computed--;
    time = q->last_token = r->flights > 1 ? r->flight[0].end : r->now;
  }
  orc_waiting_for_end(r, slot, time);
}

/* A prompt is computed to its end: its next token is there. */
static void emit(orc_replica *r, const orc_microbatch *m, orc_slot slot, orc_time now)
{
  orc_request *q = at(r, slot);
  if (q->aborted != 0) return; /* its client left before this token */
  q->generated++;
  q->together = 0;
  if (orc_replica_verifies(r)) orc_verify_foresee(r, q, q->generated - 1);
  r->lost = 0;
  r->host->prompt_computed(r->host->self, q);
  if (r->delays != NULL) orc_attribution_answers(r, slot, q->first_token < 0);
  if (q->first_token < 0) {
    q->first_token = now;
    r->usage.answered.firsts++;
    r->usage.answered.first_time += (double)(now - q->in.time);
    orc_host_note(r->host, q, now, ORC_CHANGE_TOKEN, 1, q->in.max_output);
  } else {
    orc_hist_add(&r->observed->gaps, now - q->last_token, q->counted);
  }
  q->last_token = now;
  if (r->host->tokens != NULL) r->host->tokens->token(r->host->tokens->self, q, now);
  if (q->generated == orc_request_scheduled(q)) {
    complete(r, slot, now);
  } else if (r->role == ORC_ROLE_PREFILL) {
    orc_running_remove(r, slot);
    if (r->policy->order == NULL) q->key = (double)q->number;
    r->host->hand_over(r->host->self, r->index, slot, now);
  } else {
    orc_microbatch_join(r->microbatches, r->microbatch_count, m->index, slot);
    if (r->delays != NULL && q->state == ORC_DECODE) orc_attribution_decodes(r, slot);
  }
}

/* `tokens` of a request are computed: those it had before once more. The one that ends an answer so
** far would have been a decode's. */
static void count_chunk(orc_replica *r, orc_request *q, int32_t tokens)
{
  const int32_t before = q->computed, end = before + tokens;
  const int32_t fresh = q->generated > 0 && end == orc_request_target(q);
  const int32_t again = (end - fresh < q->lost ? end - fresh : q->lost) - before;
  q->computed = end;
  q->prefilled += tokens - fresh;
  if (again <= 0) return;
  q->recomputed += again;
  if (q->counted) r->usage.recomputed_tokens += (uint64_t)again;
}

static void apply_chunks(orc_replica *r, orc_microbatch *m, orc_time now)
{
  for (int i = 0; i < m->chunk_count; i++) {
    if (m->chunks[i].wasted) continue;
    const orc_slot slot = m->chunks[i].slot;
    const int32_t tokens = m->chunks[i].tokens;
    orc_request *q = at(r, slot);
    if (r->delays != NULL) orc_attribution_chunk(r, m, &m->chunks[i], now);
    count_chunk(r, q, tokens);
    q->ahead -= tokens;
    q->steps_in_flight--;
    q->chunk_end = now;
    orc_host_note(r->host, q, now, ORC_CHANGE_COMPUTED, tokens, q->computed);
    orc_block_table_filled(r, q);
    if (r->role == ORC_ROLE_PREFILL) r->host->chunk_computed(r->host->self, r->index, q, now);
    if (q->computed == orc_request_target(q)) emit(r, m, slot, now);
  }
  r->unchanged = false;
  m->chunk_count = 0;
}

static int by_admission(const void *a, const void *b)
{
  const orc_ending *x = a, *y = b;
  if (x->time != y->time) return x->time < y->time ? -1 : 1;
  return x->admitted < y->admitted ? -1 : x->admitted > y->admitted;
}

/* A request whose last token came at `now`; it may have been preempted meanwhile, or be gone. */
static void end_one(orc_replica *r, const orc_ending *e, orc_time now)
{
  orc_request *q = at(r, e->slot);
  if (q->number != e->number || q->state == ORC_DONE || q->state == ORC_FREE) return;
  if (q->state == ORC_QUEUED) {
    if (q->blocks > 0) orc_waiting_release(r, e->slot);
    orc_waiting_leave(r, e->slot);
  } else
    orc_running_remove(r, e->slot);
  orc_finish(r, e->slot, ORC_SUCCESS, now);
}

/* Requests whose last token has come end in order of admission. */
static void end_in_order(orc_replica *r, orc_time now)
{
  int n = 0;
  if (r->ending_count > 1)
    qsort(r->ending, (size_t)r->ending_count, sizeof *r->ending, by_admission);
  for (; n < r->ending_count && r->ending[n].time <= now; n++)
    end_one(r, &r->ending[n], now);
  for (int i = n; i < r->ending_count; i++)
    r->ending[i - n] = r->ending[i];
  r->ending_count -= n;
}

/* Sequences that have all their tokens end. */
static void retire(orc_replica *r, orc_microbatch *m, orc_time now)
{
  orc_slot slot;
  while ((slot = orc_decode_set_finished(&m->decode)) != ORC_NO_SLOT) {
    orc_decode_set_leave(&m->decode, slot);
    r->unchanged =
        false; /* its token of each step is others' from now on, also while its last one is in flight */
    if (r->delays != NULL) orc_attribution_stops(r, slot);
    complete(r, slot, now);
  }
}

/* What a step that ends at `now` does to its requests. */
static void carry_out(orc_replica *r, orc_microbatch *m, orc_time now)
{
  if (r->delays != NULL) orc_attribution_ends(r, m, now);
  if (m->decodes) {
    if (orc_replica_verifies(r))
      orc_verify_advance(r, m, now);
    else
      orc_decode_set_advance(&m->decode, now, &r->observed->gaps);
    m->decodes = false;
    r->lost = 0;
    if (r->host->tokens != NULL)
      r->host->tokens->decoded(r->host->tokens->self, r->index, m->index, now);
  }
  if (m->joining_count > 0) orc_microbatch_let_in(m);
  if (m->chunk_count > 0) apply_chunks(r, m, now);
  m->tokens = 0;
}

/* Tokens come out, requests end. */
static void apply(orc_replica *r, orc_microbatch *m, orc_time now)
{
  m->busy = false;
  r->now = now;
  carry_out(r, m, now);
  if (r->aborting > 0) orc_abort_after_step(r, m, now);
  retire(r, m, now);
  if (r->ending_count > 0) end_in_order(r, now);
}

void orc_loop_apply(orc_replica *r, orc_microbatch *m, orc_time now)
{
  orc_usage_count(r, now);
  apply(r, m, now);
}

/* ---- forming a step ---- */

/* Nothing waits, nothing is half done, or nothing changed since the policy saw it. */
static bool undisturbed(const orc_replica *r, const orc_microbatch *m)
{
  if (m->decode.n == 0 || r->policy->every_step || orc_pace_kept(r)) return false;
  if (r->moves.swapped > 0 || r->moves.fetching > 0.0) return false;
  if (!r->unchanged && (r->queue.count > 0 || r->partial_count > 0)) return false;
  return r->runs || r->queue.count + (uint32_t)r->partial_count == 0;
}

/* All that runs does so in other microbatches. */
static bool nothing_here(const orc_replica *r, const orc_microbatch *m)
{
  return m->decode.n == 0 && r->queue.count == 0 && r->partial_count == 0;
}

/* Call the policy; blocks that moved for a step that was not to be move before the next one. */
static bool ask_policy(orc_replica *r, orc_microbatch *m, bool *work, orc_error *e)
{
  orc_batch b = { .replica = r, .microbatch = m };
  m->preempted = 0;
  if (r->groups != NULL) orc_kv_groups_begin_step(r->groups);
  m->moves = r->moves;
  r->moves = (orc_microbatch_moves){ 0 };
  orc_pace_begin(r, m);
  r->usage.policy_calls++;
  orc_prefix_stats_step(r);
  r->kv.defers = r->knobs.rules.radix_tree;
  const bool good = r->policy->step(r->policy->self, &b, e);
  orc_kv_settle(&r->kv);
  orc_pace_end(r, m);
  *work = m->tokens > 0;
  if (*work) return good;
  r->moves = m->moves;
  m->moves = (orc_microbatch_moves){ 0 };
  return good;
}

/* Whether the sequences that decode find the blocks for their next tokens, and give none back that
** somebody waits for. */
static bool blocks_suffice(const orc_replica *r, const orc_microbatch *m)
{
  if (orc_replica_verifies(r))
    return r->groups == NULL && orc_verify_fits(r, m, r->knobs.max_num_batched_tokens);
  if (r->groups == NULL) return orc_decode_set_need(&m->decode) <= orc_kv_available(&r->kv);
  return r->queue.count == 0 && m->decode.n * r->groups->count <= orc_kv_available(&r->kv);
}

bool orc_loop_form(orc_replica *r, orc_microbatch *m, bool *work, orc_error *e)
{
  *work = false;
  if (r->starved == m->index + 1) r->starved = 0;
  if (r->running == 0 && r->queue.count == 0) return true;
  if (r->microbatch_count > 1 && nothing_here(r, m)) return true;
  if (undisturbed(r, m) && blocks_suffice(r, m)) {
    orc_batch_decode(&(orc_batch){ .replica = r, .microbatch = m });
    if (r->delays != NULL) orc_attribution_formed(r, m);
    *work = true;
    return true;
  }
  r->unchanged = true; /* whatever the verbs change clears it again */
  if (r->delays != NULL) orc_attribution_forms(r);
  const bool good = ask_policy(r, m, work, e);
  if (r->delays != NULL) orc_attribution_formed(r, m);
  if (m->chunk_count > 0 || !m->decodes || r->microbatch_count > 1) r->unchanged = false;
  /* Fewer drafts, as near the end of the context, leave more of the budget. */
  if (orc_replica_verifies(r)) r->unchanged = false;
  /* As decodes take cached blocks, a hit may become too short to count, and then its request, which
  ** would have held all of it, can begin with fewer blocks; and what goes down to a lower tier can be
  ** loaded from there. */
  if (r->knobs.min_prefix_cache_length > 0 || r->tiers.count > 0) r->unchanged = false;
  r->empty = *work ? 0 : r->empty + 1;
  if (!*work && m->decodes) /* all that decoded were sent back: nothing is under way */
    m->decodes = m->decode.claimed = false;
  return good && orc_livelock_check(r, e);
}

/* ---- a step starts ---- */

/* The chunks of the step are under way: another microbatch may go on behind them. */
static void start_chunks(orc_replica *r, const orc_microbatch *m)
{
  for (int i = 0; i < m->chunk_count; i++) {
    if (m->chunks[i].wasted) continue;
    const orc_slot slot = m->chunks[i].slot;
    orc_request *q = at(r, slot);
    q->ahead += m->chunks[i].tokens;
    q->steps_in_flight++;
    q->entered = 0;
    q->microbatch = m->index;
    const bool begun = q->computed + q->ahead < orc_request_target(q);
    if (begun && !q->partial) orc_running_begin(r, slot);
    if (!begun && q->partial) orc_running_leave(r, slot);
  }
}

/* A step has started, whose end is known or left to the network: what it costs the replica. */
void orc_loop_started(orc_replica *r, orc_microbatch *m, orc_time end)
{
  const orc_time time = end - orc_replica_next_start(r);
  m->end = end;
  m->busy = true;
  if (r->host->note_step != NULL) orc_step_time_note(r, m);
  if (r->delays != NULL) orc_attribution_begins(r, m, orc_replica_next_start(r));
  if (r->shapes != NULL) {
    const orc_step_shape shape = orc_step_time_shape(r, m);
    orc_step_shapes_add(r->shapes, &shape, orc_replica_requests(r, m), 1e-9 * (double)time);
  }
  if (r->contended == NULL) r->last_step = time;
  r->last_tokens = m->tokens;
  if (m->chunk_count > 0) start_chunks(r, m);
  r->usage.steps++;
  const int64_t used = orc_kv_used(&r->kv);
  if (used > r->usage.peak_blocks) r->usage.peak_blocks = used;
  if (r->stepwise) return;
  r->usage.busy += time;
  r->usage.block_time += (unsigned __int128)used * (unsigned __int128)time;
}

static void start(orc_replica *r, orc_microbatch *m)
{
  orc_loop_started(r, m, orc_step_time_start(r, m));
}

static void await_end(const orc_replica *r, const orc_microbatch *m)
{
  const uint32_t subject = (uint32_t)m->index << 16 | r->index;
  orc_engine_at_local(r->engine, m->end, ORC_CLASS_STEP, subject, ORC_EVENT_STEP_END, subject);
}

void orc_loop_landed(void *self, int microbatch)
{
  orc_replica *r = self;
  orc_microbatch *m = &r->microbatches[microbatch];
  if (m->abandoned_steps > 0) {
    m->abandoned_steps--;
    return;
  }
  m->end = r->engine->now;
  r->last_step = m->end - m->begun;
  await_end(r, m);
}

/* ---- one step after the other ---- */

/* Stepwise: each microbatch that is idle starts a step if there is one for it. */
static bool fill(orc_replica *r, orc_error *e)
{
  for (int i = 0; i < r->microbatch_count; i++) {
    orc_microbatch *m = &r->microbatches[i];
    bool work;
    if (m->busy) continue;
    if (!orc_loop_form(r, m, &work, e)) return false;
    if (!work) continue;
    start(r, m);
    if (r->contended == NULL) await_end(r, m);
  }
  return true;
}

/* Strictly before it this replica is on its own. */
static orc_time horizon(const orc_replica *r)
{
  const orc_time outside = r->settles != ORC_NEVER ? r->settles : orc_engine_horizon(r->engine);
  return outside < r->wake ? outside : r->wake;
}

/* Someone wants the run to pause. A replica that is settled goes on to where the others are. */
static bool stopped(const orc_replica *r)
{
  return r->host->stop != NULL && *r->host->stop != 0 && r->settles == ORC_NEVER;
}

/* Whether a run that passes the horizon can be put off. */
static bool may_sleep(const orc_replica *r)
{
  return r->sleeps && r->settles == ORC_NEVER && r->wake == ORC_NEVER && r->host->limit >= 0;
}

/* Put a run off that passes the horizon, until it is over: false where there is none. */
static bool fall_asleep(orc_replica *r, orc_microbatch *m)
{
  if (!may_sleep(r)) return false;
  const orc_time over = orc_decode_run_foreseen(r, m, ASLEEP);
  if (over == ORC_NEVER || over <= r->engine->now || over < horizon(r)) return false;
  r->asleep = m->end = over;
  m->busy = true;
  await_end(r, m);
  return true;
}

/*
** Steps of the only microbatch, from r->now on. One that ends before anything else can happen is
** applied at once, and a run of decodes in one loop; one that does not is left to its event. Every
** POLL steps the loop returns to the engine, where an interruption is noticed. Ends when there is
** nothing to do or the next end is scheduled.
*/
static bool advance(orc_replica *r, orc_error *e)
{
  orc_microbatch *m = r->microbatches;
  const orc_time limit = r->host->limit;
  for (int polled = 0;;) {
    /* Others may still come at this very moment: they are in before the step forms. */
    if (r->settles == ORC_NEVER && orc_engine_comes_before_steps(r->engine, r->now)) {
      orc_replica_wake_at(r, r->now);
      return true;
    }
    if (r->runs && !r->high && !orc_replica_steps_differ(r) && polled < POLL && undisturbed(r, m)) {
      const int run = orc_decode_run(r, m, horizon(r), limit, POLL - polled, false);
      polled += run;
      if (run > 0) orc_engine_note_step(r->engine, r->now, r->index);
      if (run > 0 && orc_decode_set_finished(&m->decode) != ORC_NO_SLOT) {
        retire(r, m, r->now);
        if (r->ending_count > 0) end_in_order(r, r->now);
        continue;
      }
      if (undisturbed(r, m) && fall_asleep(r, m)) return true;
    }
    bool work;
    if (!orc_loop_form(r, m, &work, e)) return false;
    if (!work) return true;
    start(r, m);
    const orc_time end = m->end; /* forming it may have set something going that ends before */
    if (!r->runs || end >= horizon(r) || end > limit || end == ORC_END || ++polled > POLL ||
        stopped(r)) {
      await_end(r, m);
      return true;
    }
    orc_engine_note_step(r->engine, end, r->index);
    apply(r, m, end);
  }
}

/* ---- two steps in flight ---- */

/*
** What a step in flight does is carried out when it is formed, with the times at which it will have
** happened, so that the next one can be formed; requests end, and clients leave, when it is over.
** A view of a run that stands still within it sees its tokens already.
*/
static void foresee(orc_replica *r, orc_microbatch *m)
{
  const orc_time end = r->flight[r->flights - 1].end;
  carry_out(r, m, end);
  retire(r, m, end);
}

static void take_off(orc_replica *r, orc_microbatch *m)
{
  start(r, m);
  r->flight[r->flights++] = orc_flight_of(m);
  m->busy = false;
  foresee(r, m);
}

/* The first step in flight is over. */
static void land(orc_replica *r, orc_microbatch *m)
{
  m->busy = false;
  r->now = r->flight[0].end;
  orc_engine_note_step(r->engine, r->now, r->index);
  r->flight[0] = r->flight[1];
  r->flights--;
  if (r->aborting > 0) orc_abort_after_step(r, m, r->now);
  if (orc_replica_verifies(r)) orc_verify_end(r, m);
  if (r->ending_count > 0) end_in_order(r, r->now);
}

/* What is formed while the only step in flight runs may be the first of a run. */
static bool runs_ahead(const orc_replica *r, const orc_microbatch *m)
{
  return r->runs && !r->high && !orc_replica_steps_differ(r) && r->flights == 1 &&
         r->aborting == 0 && undisturbed(r, m);
}

/*
** A run of decodes, each formed while the one before runs, with the two that are in flight at the
** horizon: returns how many. Where somebody ends with the step in flight it is of one, for what
** follows that end may be an arrival.
*/
static int run_ahead(orc_replica *r, orc_microbatch *m, int most)
{
  if (most <= 0 || !runs_ahead(r, m)) return 0;
  const bool ends = r->ending_count > 0;
  const int run =
      orc_decode_run(r, m, horizon(r), r->host->limit, ends ? 1 : most, !may_sleep(r) || ends);
  if (run == 0) return 0;
  if (r->now >= r->engine->now) orc_engine_note_step(r->engine, r->now, r->index);
  retire(r, m, r->flight[r->flights - 1].end);
  if (r->ending_count > 0) end_in_order(r, r->now);
  return run;
}

/* As advance, two steps at a time: the next is formed when the one before the running one is over.
 */
static bool advance_ahead(orc_replica *r, orc_error *e)
{
  orc_microbatch *m = r->microbatches;
  m->busy = false;
  for (int polled = 0;;) {
    bool work = false;
    if (r->settles == ORC_NEVER && orc_engine_comes_before_steps(r->engine, r->now)) {
      orc_replica_wake_at(r, r->now);
      return true;
    }
    const int run = run_ahead(r, m, POLL - polled);
    polled += run;
    if (run > 0 && r->flights < 2) continue;
    if (r->sleeps && r->ending_count == 0 && runs_ahead(r, m) && fall_asleep(r, m)) return true;
    if (r->flights < 2 && !orc_loop_form(r, m, &work, e)) return false;
    if (work) take_off(r, m);
    if (r->flights == 0) return true;
    if (work && r->flights < 2) continue;
    /* A step that computes for no request ends in its event: the simulation may be over before. */
    const bool for_none = r->running == 0 && r->queue.count == 0;
    if (!r->runs || for_none || r->flight[0].end >= horizon(r) ||
        r->flight[0].end > r->host->limit || ++polled > POLL || stopped(r)) {
      m->busy = true;
      m->end = r->flight[0].end;
      await_end(r, m);
      return true;
    }
    land(r, m);
  }
}

/* Steps from `now` on, as this replica takes them. */
static bool go_on(orc_replica *r, orc_time now, orc_error *e)
{
  r->now = now;
  if (orc_replica_ahead(r)) return advance_ahead(r, e);
  if (!r->lockstep && !r->stepwise) return advance(r, e);
  if (orc_engine_comes_before_steps(r->engine, now)) {
    orc_replica_wake_at(r, now);
    return true;
  }
  return r->lockstep ? r->host->step_together(r->host->self, r->index, now, e) : fill(r, e);
}

static bool go_on_awake(orc_replica *r, orc_error *e)
{
  r->asleep = ORC_NEVER;
  r->microbatches[0].busy = false;
  return go_on(r, r->now, e);
}

void orc_loop_settle(orc_replica *r)
{
  if (r->asleep == ORC_NEVER) return;
  orc_error e;
  orc_error_clear(&e);
  /* What happens now may have come of another's step that ends now; ours goes before that or after. */
  r->settles = r->engine->now + orc_engine_is_past(r->engine, r->index);
  const bool good = go_on_awake(r, &e);
  ORC_ASSERT(good);
  r->settles = ORC_NEVER;
}

bool orc_loop_keeps_cache(const orc_replica *r)
{
  if (r->asleep == ORC_NEVER) return true;
  const int64_t each = POLL / r->knobs.block_size + 2; /* blocks a sequence opens at most */
  return r->running * each <= r->kv.free - r->kv.queued;
}

bool orc_loop_step_end(orc_replica *r, int microbatch, orc_error *e)
{
  orc_microbatch *m = &r->microbatches[microbatch];
  const orc_time now = r->engine->now;
  if (r->lockstep)
    return !r->host->end_together(r->host->self, r->index, microbatch) || go_on(r, now, e);
  if (!m->busy || m->end != now) return true;
  if (r->asleep == now) return go_on_awake(r, e);
  if (r->stepwise) orc_usage_count(r, now);
  if (orc_replica_ahead(r))
    land(r, m);
  else
    apply(r, m, now);
  return go_on(r, now, e);
}

bool orc_loop_wake(orc_replica *r, orc_error *e)
{
  if (r->engine->now >= r->wake) r->wake = ORC_NEVER;
  r->unchanged = false;
  if (r->stepwise) orc_usage_count(r, r->engine->now);
  return !orc_replica_idle(r) || go_on(r, r->engine->now, e);
}
