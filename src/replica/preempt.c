#include "replica/preempt.h"

#include <math.h>

#include "replica/attribution.h"
#include "replica/block_table.h"
#include "replica/running.h"
#include "replica/waiting.h"

static orc_request *at(const orc_replica *r, orc_slot slot)
{
  return &r->requests->at[slot];
}

/* A request stops running: out of the step being formed, the decode set and the running list. */
static void halt(orc_replica *r, orc_microbatch *m, orc_slot slot)
{
  orc_request *q = at(r, slot);
  const bool decodes = q->state == ORC_DECODE;
  ORC_ASSERT(decodes || q->state == ORC_PREFILL || q->state == ORC_ENDING);
  if (!decodes && orc_microbatch_has(m, slot)) {
    orc_block_table_withdraw(r, q);
    orc_microbatch_drop(m, slot);
  }
  orc_running_halt(r, slot);
  r->unchanged = false;
  if (!decodes || !m->decodes || q->microbatch != m->index) return;
  m->tokens -= 1 + q->drafts;
  /* The last sequence gone, none takes part, and what was claimed is given back. */
  if (m->decode.n == 0) m->decodes = m->decode.claimed = false;
}

/* What was computed for a request is lost. */
static void forget(orc_replica *r, orc_request *q)
{
  orc_block_table_know(r, q);
  orc_block_table_end(r, q);
  if (q->computed > q->lost) q->lost = q->computed;
  r->lost += q->computed;
  q->computed = 0;
}

/*
** A request's blocks move to host memory. Where that is full it is forgotten instead; and where there
** is nothing in them yet: none of it is computed, or it was about to build on blocks that the step being
** formed fills.
*/
static void swap_out(orc_replica *r, orc_microbatch *m, orc_request *q)
{
  if (q->computed == 0 || q->blocks > r->host_free || orc_block_table_filling(r, q)) {
    forget(r, q);
    return;
  }
  q->swapped = q->blocks;
  orc_block_table_end(r, q);
  r->host_free -= q->swapped;
  m->moves.swapped += q->swapped;
  r->usage.swapped_blocks += (uint64_t)q->swapped;
}

static void count(orc_replica *r, orc_slot slot, int32_t computed)
{
  orc_request *q = at(r, slot);
  orc_attribution_preempted(r, slot);
  orc_host_note(r->host, q, r->now, ORC_CHANGE_PREEMPTED, q->computed, computed);
  q->preemptions++;
  r->usage.preemptions++;
  r->usage.counted_preemptions += q->counted;
}

/* A paused request makes room in the way the engine is set to. One whose KV came from elsewhere has
** not run here yet: that it gives it up is its preemption. */
static void evacuate(orc_replica *r, orc_microbatch *m, orc_slot slot)
{
  orc_request *q = at(r, slot);
  const int32_t computed = q->computed;
  if (r->knobs.swap)
    swap_out(r, m, q);
  else
    forget(r, q);
  if (q->handed_over) count(r, slot, computed);
  q->handed_over = false;
}

orc_preempt_mode orc_preempt_forced(const orc_replica *r)
{
  return r->knobs.swap ? ORC_PREEMPT_SWAP : ORC_PREEMPT_RECOMPUTE;
}

/* Of the paused requests in the queue but `spared` the one that is admitted last; ORC_NO_SLOT: none. */
static orc_slot last_paused(const orc_replica *r, orc_slot spared)
{
  orc_slot last = ORC_NO_SLOT;
  for (orc_slot slot = r->paused; slot != ORC_NO_SLOT; slot = at(r, slot)->next) {
    if (slot == spared || !orc_waiting_queued(r, slot)) continue;
    const orc_request *q = at(r, slot), *l = last == ORC_NO_SLOT ? NULL : at(r, last);
    if (l == NULL || q->key > l->key || (q->key == l->key && q->number > l->number)) last = slot;
  }
  return last;
}

bool orc_preempt_reclaim(orc_replica *r, orc_microbatch *m, int64_t need, orc_slot spared)
{
  if (need <= orc_kv_available(&r->kv)) return true;
  while (need > orc_kv_available(&r->kv)) {
    const orc_slot slot = last_paused(r, spared);
    if (slot == ORC_NO_SLOT) return false;
    evacuate(r, m, slot);
    orc_waiting_release(r, slot);
    r->unchanged = false; /* what is left over of its blocks may do for another */
  }
  return true;
}

void orc_preempt(orc_replica *r, orc_microbatch *m, orc_slot slot, orc_preempt_mode how)
{
  orc_request *q = at(r, slot);
  halt(r, m, slot);
  const int32_t computed = q->computed;
  if (how == ORC_PREEMPT_RECOMPUTE) forget(r, q);
  if (how == ORC_PREEMPT_SWAP) swap_out(r, m, q);
  if (q->blocks > 0) orc_waiting_hold(r, slot);
  count(r, slot, computed);
  m->preempted++;
  /* Its last token is on its way: it ends in the queue. */
  if (q->extra > 0 && q->state == ORC_DECODE && q->generated >= q->in.output)
    orc_waiting_for_end(r, slot, q->last_token);
  q->state = ORC_QUEUED;
  if (r->knobs.rules.preempted_goes_first) orc_waiting_to_front(r, q);
  orc_waiting_join(r, slot);
}

bool orc_preempt_barred(const orc_replica *r, orc_slot slot)
{
  const orc_request *q = at(r, slot);
  return q->steps_in_flight > 0 || q->aborted != 0 ||
         (q->state == ORC_DECODE && r->microbatches[q->microbatch].busy) ||
         (q->entered > 0 && r->prefix.merges && orc_block_table_counted_on(r, q));
}

static bool goes_before(const orc_replica *r, orc_slot one, orc_slot other)
{
  const orc_request *a = at(r, one), *b = at(r, other);
  if (r->policy->victim == ORC_VICTIM_KEY)
    return a->key != b->key ? a->key > b->key : a->number > b->number;
  const int32_t made[] = { orc_preempt_generated(r, a), orc_preempt_generated(r, b) };
  if (made[0] != made[1]) return made[0] < made[1];
  return a->in.prompt != b->in.prompt ? a->in.prompt > b->in.prompt : a->number > b->number;
}

/* Of those that run, or of them that can be preempted now. */
static orc_slot first_to_go(const orc_replica *r, bool any)
{
  orc_slot best = ORC_NO_SLOT;
  for (orc_slot slot = r->last; slot != ORC_NO_SLOT; slot = at(r, slot)->prev) {
    if (!any && orc_preempt_barred(r, slot)) continue;
    if (best == ORC_NO_SLOT || goes_before(r, slot, best)) best = slot;
    if (r->policy->victim == ORC_VICTIM_LAST) break;
  }
  return best;
}

/* What the microbatch lacks may come when a step of another is over: it waits for that. */
static bool waits(orc_replica *r, const orc_microbatch *m)
{
  for (int i = 0; i < r->microbatch_count; i++)
    if (i != m->index && r->microbatches[i].busy) {
      r->starved = m->index + 1;
      return true;
    }
  return false;
}

bool orc_preempt_should_wait(orc_replica *r, const orc_microbatch *m, orc_slot victim)
{
  return r->microbatch_count > 1 && first_to_go(r, true) != victim && waits(r, m);
}

bool orc_preempt_spares_last(orc_replica *r, const orc_microbatch *m, orc_slot victim)
{
  const orc_request *q = at(r, victim);
  return m->decode.n == 1 && q->state == ORC_DECODE && q->microbatch == m->index && waits(r, m);
}

orc_slot orc_preempt_victim(const orc_replica *r)
{
  return first_to_go(r, false);
}

bool orc_preempt_outranked(orc_replica *r)
{
  double most = -INFINITY;
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT; slot = at(r, slot)->next)
    most = fmax(most, at(r, slot)->key);
  if (r->queue.count == 0 || r->queue.at[0].key >= most) return false;
  uint32_t aside = 0;
  double first = orc_queue_lay_aside(&r->queue)->key;
  bool any = false, over = false;
  for (orc_slot slot = r->last; slot != ORC_NO_SLOT; slot = at(r, slot)->prev) {
    orc_request *q = at(r, slot);
    q->outranked = !over && q->key > first;
    if (!q->outranked) continue;
    any = true;
    aside++;
    over = r->queue.count == 0 || r->queue.at[0].key >= most;
    if (!over) first = orc_queue_lay_aside(&r->queue)->key;
  }
  orc_queue_put_back(&r->queue, over ? aside : aside + 1);
  return any;
}
