#include "replica/batch.h"

#include "replica/attribution.h"
#include "replica/block_table.h"
#include "replica/content.h"
#include "replica/grant.h"
#include "replica/group_table.h"
#include "replica/in_order.h"
#include "replica/kv_onload.h"
#include "replica/prefix_stats.h"
#include "replica/running.h"
#include "replica/verify.h"
#include "replica/waiting.h"

static orc_request *at(const orc_replica *r, orc_slot slot)
{
  return &r->requests->at[slot];
}

/* Blocks for the next token of every decoding sequence, by groups, in order of admission; where they
** run short others give way. */
static void decode_by_groups(orc_replica *r, orc_microbatch *m)
{
  for (orc_slot slot = r->first, next; slot != ORC_NO_SLOT; slot = next) {
    orc_request *q = at(r, slot);
    next = q->next;
    while (q->state == ORC_DECODE && q->microbatch == m->index && !orc_group_table_rests(r, m, q)) {
      orc_group_table_go_on(r, q);
      if (orc_preempt_reclaim(r, m, orc_grant_blocks(r, q, 1), ORC_NO_SLOT)) {
        orc_group_table_grow(r, q, orc_group_table_computed(r, q) + 1, 1);
        break;
      }
      const orc_slot victim = orc_preempt_victim(r);
      if (victim == next) next = at(r, victim)->next;
      orc_preempt(r, m, victim, orc_preempt_forced(r));
    }
  }
}

/* The same where all blocks are alike. False: they wait for another microbatch. */
static bool decode_all(orc_replica *r, orc_microbatch *m)
{
  int64_t need = orc_decode_set_need(&m->decode);
  while (m->decode.n > 0 && !orc_preempt_reclaim(r, m, need, ORC_NO_SLOT)) {
    const orc_slot victim = orc_preempt_victim(r);
    if (orc_preempt_spares_last(r, m, victim)) return false;
    orc_preempt(r, m, victim, orc_preempt_forced(r));
    need = orc_decode_set_need(&m->decode);
  }
  return true;
}

/* Tokens with which the decoding sequences take part. */
static int decoded(const orc_replica *r, const orc_microbatch *m)
{
  int tokens = (int)m->decode.n;
  for (int64_t i = 0; orc_replica_verifies(r) && i < m->decode.n; i++)
    tokens += at(r, m->decode.members[i])->drafts;
  return tokens;
}

int orc_batch_decode(orc_batch *b)
{
  orc_replica *r = b->replica;
  orc_microbatch *m = b->microbatch;
  if (m->decodes) return decoded(r, m);
  if (orc_replica_verifies(r)) return orc_verify_all(r, m);
  if (r->groups == NULL && !decode_all(r, m)) return 0;
  if (r->groups != NULL && m->decode.n <= r->knobs.max_num_batched_tokens - m->tokens)
    decode_by_groups(r, m);
  if (m->decode.n == 0 || m->decode.n > r->knobs.max_num_batched_tokens - m->tokens) return 0;
  const bool taken = r->groups != NULL || orc_kv_take(&r->kv, orc_decode_set_need(&m->decode));
  ORC_ASSERT(taken);
  m->decode.claimed = true;
  m->decodes = true;
  m->tokens += (int32_t)m->decode.n;
  return (int)m->decode.n;
}

/* One begun prompt goes on; returns its tokens, 0 when it got none (it may have been preempted). */
static int32_t resume_one(orc_batch *b, orc_slot slot, int limit)
{
  orc_replica *r = b->replica;
  orc_request *q = at(r, slot);
  const int32_t tokens = orc_grant_tokens(r, b->microbatch, q, q->computed + q->ahead, limit);
  if (tokens == 0 || q->aborted != 0 || b->microbatch->prompts_wait) return 0;
  if (r->groups != NULL) orc_group_table_go_on(r, q);
  while (!orc_preempt_reclaim(r, b->microbatch, orc_grant_blocks(r, q, tokens), ORC_NO_SLOT)) {
    const orc_slot gone = orc_preempt_victim(r);
    if (gone == ORC_NO_SLOT || orc_preempt_should_wait(r, b->microbatch, gone)) return 0;
    orc_preempt(r, b->microbatch, gone, orc_preempt_forced(r));
    if (gone == slot) return 0;
  }
  orc_block_table_grow(r, q, orc_replica_slots(r, (int64_t)q->computed + q->ahead + tokens, 0),
                       tokens);
  b->microbatch->prompts = true;
  orc_microbatch_add(b->microbatch, slot, tokens, q->computed + q->ahead);
  orc_block_table_share(r, q, q->computed + q->ahead + tokens);
  return tokens;
}

int orc_batch_resume(orc_batch *b, int limit)
{
  orc_replica *r = b->replica;
  int granted = 0;
  for (int i = 0; i < r->partial_count && granted < limit;) {
    const orc_slot slot = r->partial[i];
    if (!orc_microbatch_has(b->microbatch, slot)) granted += resume_one(b, slot, limit - granted);
    /* A preemption may have shortened the list from its end, this entry included. */
    if (i < r->partial_count && r->partial[i] == slot) i++;
  }
  return granted;
}

/* Whether prefixes come back from lower tiers ahead of admission. */
static bool loads_ahead(const orc_replica *r)
{
  return r->knobs.kv_loading == ORC_ONLOAD_AHEAD && r->knobs.tier_count > 0;
}

/* Then a request that has one there and could be admitted sets out for it. Returns whether it did: it is
** in the queue no more. */
static bool sets_out(orc_batch *b, orc_slot slot)
{
  orc_replica *r = b->replica;
  if (slot == ORC_NO_SLOT || r->running >= r->knobs.max_num_seqs) return false;
  const orc_request *q = at(r, slot);
  for (;;) {
    const orc_prefix_match found = orc_block_table_find(r, q);
    if (found.lower + found.loading == 0) return false;
    if (found.filling > found.loading) return false; /* the next step knows more */
    const int64_t need = (int64_t)found.lower + found.idle;
    if (need > orc_kv_available(&r->kv)) {
      if (!orc_preempt_reclaim(r, b->microbatch, need, slot)) return false;
      continue; /* what was given up may have changed what is found */
    }
    orc_waiting_leave(r, slot);
    orc_kv_onload_begin(r, slot, &found);
    return true;
  }
}

/* Preempted requests whose tokens are on their way are passed over, and those whose adapter finds no
** slot. */
static void set_aside(orc_replica *r)
{
  orc_slot slot;
  while ((slot = orc_queue_head(&r->queue)) != ORC_NO_SLOT) {
    const bool in_flight = orc_request_in_flight(at(r, slot), r->now);
    if (!in_flight && orc_loras_admit(&r->loras, at(r, slot)->in.adapter)) break;
    if (r->aside_count == r->aside_room) {
      r->aside_room = r->aside_room == 0 ? 16 : 2 * r->aside_room;
      r->aside = orc_resize(r->aside, (size_t)r->aside_room, sizeof *r->aside);
    }
    r->aside[r->aside_count++] = slot;
    orc_waiting_leave(r, slot);
    if (in_flight) r->unchanged = false;
  }
}

/* They go back to where they stood. */
static void bring_back(orc_replica *r)
{
  while (r->aside_count > 0) {
    const orc_slot slot = r->aside[--r->aside_count];
    orc_waiting_join(r, slot);
  }
}

/* The head of the queue, when those before it that must load first have set out. */
static orc_slot head_of(orc_batch *b)
{
  orc_replica *r = b->replica;
  while (loads_ahead(r) && sets_out(b, orc_queue_head(&r->queue)))
    r->unchanged = false;
  return orc_queue_head(&r->queue);
}

/* Where nothing runs, nothing will make room for a request that must fit as a whole but others that
** wait with their blocks. */
static bool make_way(orc_batch *b, orc_slot slot, const orc_prefix_match *found)
{
  orc_replica *r = b->replica;
  return r->running == 0 && r->kept > 0 &&
         orc_preempt_reclaim(r, b->microbatch, orc_grant_whole(r, at(r, slot), found), slot);
}

/* Nothing is granted, because of that. */
static int refuse(orc_replica *r, orc_delay why)
{
  orc_attribution_refuse(r, why);
  return 0;
}

static int admit(orc_batch *b, orc_slot slot, int limit, bool reserve)
{
  orc_replica *r = b->replica;
  orc_microbatch *m = b->microbatch;
  if (slot == ORC_NO_SLOT) return 0;
  if (r->running >= r->knobs.max_num_seqs) return refuse(r, ORC_DELAY_SEATS);
  if (r->starved > 0) return refuse(r, ORC_DELAY_BLOCKS);
  if (orc_request_in_flight(at(r, slot), r->now)) return 0; /* its tokens on their way come first */
  if (m->tokens == 0 && m->preempted > 0 && r->flights > 0) return 0;
  if (!orc_loras_admit(&r->loras, at(r, slot)->in.adapter)) return 0;
  orc_request *q = at(r, slot);
  orc_prefix_match found;
  int32_t tokens;
  int64_t need;
  for (;;) { /* paused requests that make room change what is found */
    if (loads_ahead(r) && sets_out(b, slot)) return 0;
    found = orc_block_table_find(r, q);
    if (q->computed == 0 && q->blocks == 0) orc_prefix_stats_look(r, q, found.tokens);
    if (r->groups != NULL && q->computed == 0) q->junction = r->groups->found.junction;
    /* What decodes take from the cache makes a first chunk shorter, which may then fit. */
    if (found.idle + found.lower > 0 || (r->groups != NULL && found.blocks > 0))
      r->unchanged = false;
    if (found.lower + found.loading > 0 && r->knobs.kv_loading == ORC_ONLOAD_AHEAD) return 0;
    const int32_t there = q->computed + found.tokens;
    tokens = orc_grant_tokens(r, m, q, there, limit);
    if (tokens == 0) return refuse(r, m->prompts_wait ? ORC_DELAY_POLICY : ORC_DELAY_BUDGET);
    if (orc_grant_waits(r, q, &found)) {
      if (!make_way(b, slot, &found)) return refuse(r, ORC_DELAY_BLOCKS);
      continue;
    }
    need = reserve ? orc_grant_reserve(r, q, &found)
                   : orc_grant_room(r, q, &found, (int64_t)there + tokens);
    if (need <= orc_kv_available(&r->kv) - orc_grant_kept(r)) break;
    if (!orc_preempt_reclaim(r, b->microbatch, need, slot)) return refuse(r, ORC_DELAY_BLOCKS);
  }
  if (q->blocks > 0) orc_waiting_release(r, slot);
  q->handed_over = false;
  m->moves.fetching += orc_block_table_begin(r, q, &found);
  const bool all = reserve && r->groups == NULL;
  orc_block_table_grow(r, q, all ? orc_grant_longest(r, q) : (int64_t)q->computed + tokens, tokens);
  r->host_free += q->swapped;
  m->moves.swapped += q->swapped;
  q->swapped = 0;
  orc_waiting_leave(r, slot);
  q->state = ORC_PREFILL;
  m->prompts = m->prompts || q->computed < orc_request_target(q) - 1;
  if (q->scheduled < 0) q->scheduled = r->now;
  orc_running_add(r, slot);
  orc_host_note(r->host, q, r->now, ORC_CHANGE_ADMITTED, q->computed, orc_request_target(q));
  if (r->host->tokens != NULL) r->host->tokens->admitted(r->host->tokens->self, q);
  orc_microbatch_add(b->microbatch, slot, tokens, q->computed);
  orc_block_table_share(r, q, q->computed + tokens);
  return tokens;
}

/* Whether all that runs finds its blocks, in any order. */
static bool roomy(const orc_batch *b, int limit)
{
  const orc_replica *r = b->replica;
  const orc_microbatch *m = b->microbatch;
  const bool verifies = orc_replica_verifies(r);
  int64_t need = verifies ? orc_verify_need(r, m) : orc_decode_set_need(&m->decode);
  if (m->decode.n * (1 + r->knobs.speculation.tokens) > limit) return false;
  if (verifies && r->groups != NULL) return false;
  if (r->groups != NULL) /* in this order whatever it finds: what blocks hold depends on it */
    return r->partial_count == 0 && m->decode.n * r->groups->count <= orc_kv_available(&r->kv);
  for (int i = 0; i < r->partial_count; i++) {
    const orc_request *q = at(r, r->partial[i]);
    need += orc_grant_blocks(r, q, orc_grant_tokens(r, m, q, q->computed, limit));
  }
  return need <= orc_kv_available(&r->kv);
}

int orc_batch_go_on(orc_batch *b, int limit)
{
  orc_replica *r = b->replica;
  if (r->knobs.rules.serves_in_order && r->microbatch_count == 1 && b->microbatch->tokens == 0 &&
      !roomy(b, limit))
    return orc_in_order_serve(r, b->microbatch, limit);
  const int decodes = orc_batch_decode(b);
  return decodes < limit ? decodes + orc_batch_resume(b, limit - decodes) : decodes;
}

/* Whether a waiting request gets none of `limit` tokens though it lacks neither blocks nor a place.
 */
static bool too_long(const orc_batch *b, orc_slot slot, int limit)
{
  const orc_replica *r = b->replica;
  const orc_request *q = at(r, slot);
  if (r->knobs.enable_chunked_prefill || r->running >= r->knobs.max_num_seqs) return false;
  const orc_prefix_match found = orc_block_table_find(r, q);
  return orc_grant_tokens(r, b->microbatch, q, q->computed + found.tokens, limit) == 0;
}

/* The first `count` of the queue were passed over: they go to its front one after the other, which
** turns them round, where vLLM does so. */
static void put_back(orc_replica *r, uint32_t count)
{
  if (!r->knobs.rules.preempted_goes_first || r->policy->order != NULL) return;
  for (uint32_t i = 0; i < count; i++)
    orc_waiting_to_front(r, at(r, r->queue.at[i].slot));
  for (uint32_t i = 0; i < count; i++)
    r->queue.at[i].key = at(r, r->queue.at[i].slot)->key;
  orc_queue_sort(&r->queue);
}

/* The head was too long: requests behind it are admitted, in the order of the queue. */
static int pass_over(orc_batch *b, int limit, bool reserve)
{
  orc_queue *queue = &b->replica->queue;
  int granted = 0;
  uint32_t passed = 0;
  orc_queue_sort(queue);
  while (passed < queue->count && granted < limit) {
    const orc_slot slot = queue->at[passed].slot;
    if (too_long(b, slot, limit - granted)) {
      passed++;
      continue;
    }
    const int more = admit(b, slot, limit - granted, reserve);
    if (more == 0) break;
    granted += more;
    orc_queue_sort(queue);
  }
  put_back(b->replica, passed);
  return granted;
}

int orc_batch_fill(orc_batch *b, int limit, unsigned how)
{
  const bool reserve = (how & ORC_FILL_RESERVE) != 0;
  orc_replica *r = b->replica;
  int granted = 0, more = 1;
  for (; granted < limit && more > 0; granted += more) {
    if (r->flights > 0 || orc_replica_adapts(r)) set_aside(r);
    more = admit(b, head_of(b), limit - granted, reserve);
  }
  if (r->aside_count > 0) bring_back(r);
  if (r->knobs.rules.unfit_prompt_ends_the_step) return granted;
  if ((how & ORC_FILL_PASS_OVER) == 0 || granted >= limit || r->queue.count < 2) return granted;
  if (!too_long(b, orc_queue_head(&r->queue), limit - granted)) return granted;
  return granted + pass_over(b, limit - granted, reserve);
}

int orc_batch_admit(orc_batch *b, int limit)
{
  return admit(b, head_of(b), limit, false);
}

int orc_batch_head(orc_batch *b, int64_t *blocks)
{
  const orc_replica *r = b->replica;
  const orc_slot head = head_of(b);
  *blocks = 0;
  if (head == ORC_NO_SLOT) return 0;
  const orc_request *q = at(r, head);
  const orc_prefix_match found = orc_block_table_find(r, q);
  if (r->knobs.rules.radix_tree) orc_prefix_touch(&b->replica->prefix, found.last);
  *blocks = orc_grant_room(r, q, &found, orc_replica_slots(r, orc_request_target(q), 0));
  return orc_request_target(q) - q->computed - found.tokens;
}

int64_t orc_batch_room(const orc_batch *b)
{
  const orc_replica *r = b->replica;
  int64_t room = orc_kv_available(&r->kv);
  if (r->kept == 0) return room;
  const orc_slot head = orc_queue_head(&r->queue);
  for (orc_slot slot = r->paused; slot != ORC_NO_SLOT; slot = at(r, slot)->next)
    if (slot != head && orc_waiting_queued(r, slot)) room += at(r, slot)->blocks;
  return room;
}

/* The slot of a request of this replica in one of two states, or ORC_NO_SLOT. */
static orc_slot find(const orc_replica *r, uint64_t number, orc_state one, orc_state other)
{
  const orc_slot slot = orc_requests_find(r->requests, number);
  if (slot == ORC_NO_SLOT) return ORC_NO_SLOT;
  const orc_request *q = at(r, slot);
  return q->replica == r->index && (q->state == one || q->state == other) ? slot : ORC_NO_SLOT;
}

int orc_batch_admit_one(orc_batch *b, uint64_t number, int limit)
{
  return admit(b, find(b->replica, number, ORC_QUEUED, ORC_QUEUED), limit, false);
}

int orc_batch_admit_reserved(orc_batch *b, uint64_t number, int limit)
{
  orc_replica *r = b->replica;
  const orc_slot slot = number == ORC_HEAD ? head_of(b) : find(r, number, ORC_QUEUED, ORC_QUEUED);
  return admit(b, slot, limit, true);
}

int32_t orc_batch_cached(const orc_batch *b, uint64_t number)
{
  const orc_replica *r = b->replica;
  const orc_slot slot = find(r, number, ORC_QUEUED, ORC_QUEUED);
  if (slot == ORC_NO_SLOT) return 0;
  orc_block_table_touch(b->replica, at(r, slot));
  return orc_block_table_match(r, at(r, slot));
}

bool orc_batch_beginning(const orc_batch *b, uint64_t number, int32_t tokens, uint64_t *text)
{
  const orc_replica *r = b->replica;
  const orc_slot slot = find(r, number, ORC_QUEUED, ORC_QUEUED);
  if (slot == ORC_NO_SLOT || at(r, slot)->in.prompt < tokens) return false;
  const orc_prompt *c = orc_content_shared(r, at(r, slot));
  if (c == NULL) return false;
  *text = orc_prompt_hash(c, 0, 0, tokens);
  return true;
}

void orc_batch_make_room(orc_batch *b, int64_t blocks)
{
  orc_kv *kv = &b->replica->kv;
  if (blocks > orc_kv_available(kv)) blocks = orc_kv_available(kv);
  orc_kv_make_ready(kv, blocks);
}

int64_t orc_batch_owed(const orc_batch *b, int32_t clip)
{
  const orc_replica *r = b->replica;
  int64_t tokens = 0;
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT; slot = at(r, slot)->next) {
    const int32_t left = at(r, slot)->in.max_output - orc_preempt_generated(r, at(r, slot));
    tokens += left < clip ? left : clip;
  }
  return tokens;
}

double orc_batch_progress(const orc_batch *b, int32_t more)
{
  const orc_replica *r = b->replica;
  int64_t made = 0, longest = 0;
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT; slot = at(r, slot)->next) {
    made += orc_preempt_generated(r, at(r, slot)) + more;
    longest += at(r, slot)->in.max_output;
  }
  return (double)made / (double)(longest + 1); /* SGLang spares the division by 0 so */
}

int64_t orc_batch_need(const orc_batch *b)
{
  const int groups = b->replica->groups == NULL ? 1 : b->replica->groups->count;
  if (b->microbatch->decodes) return 0;
  if (orc_replica_verifies(b->replica)) return orc_verify_need(b->replica, b->microbatch);
  return orc_decode_set_need(&b->microbatch->decode) * groups;
}

int64_t orc_batch_head_reserve(orc_batch *b)
{
  const orc_replica *r = b->replica;
  const orc_slot head = head_of(b);
  if (head == ORC_NO_SLOT) return 0;
  const orc_request *q = at(r, head);
  const orc_prefix_match found = orc_block_table_find(r, q);
  return orc_grant_reserve(r, q, &found);
}

/* The request of this number, if it is here; else ORC_NO_SLOT. */
static orc_slot here(const orc_replica *r, uint64_t number)
{
  const orc_slot slot = orc_requests_find(r->requests, number);
  return slot != ORC_NO_SLOT && at(r, slot)->replica == r->index ? slot : ORC_NO_SLOT;
}

bool orc_batch_set_alarm(orc_batch *b, uint64_t number, int32_t tokens)
{
  const orc_slot slot = here(b->replica, number);
  if (slot == ORC_NO_SLOT) return false;
  at(b->replica, slot)->alarm = tokens;
  return true;
}

bool orc_batch_rekey(orc_batch *b, uint64_t number, double key)
{
  orc_replica *r = b->replica;
  const orc_slot slot = here(r, number);
  if (slot == ORC_NO_SLOT) return false;
  orc_request *q = at(r, slot);
  if (q->state == ORC_QUEUED) {
    orc_queue_remove(&r->queue, slot);
    orc_queue_push(&r->queue, slot, key);
  }
  q->key = key;
  r->unchanged = false;
  return true;
}

void orc_batch_walk(orc_batch *b)
{
  orc_replica *r = b->replica;
  orc_prefix_order *w = &r->prefix_order;
  const bool radix = r->knobs.rules.radix_tree;
  orc_prefix_order_clear(w);
  if (radix) orc_queue_sort(&r->queue);
  for (uint32_t i = 0; i < r->queue.count; i++) {
    const orc_request *q = at(r, r->queue.at[i].slot);
    const uint32_t last = orc_block_table_last(r, q);
    if (radix) orc_prefix_touch(&r->prefix, last);
    orc_prefix_order_add(w, radix ? i : q->number, r->queue.at[i].slot, last);
  }
  orc_prefix_order_sort(w, &r->prefix);
  orc_queue_arrange(&r->queue, w->order);
  if (w->count > 0) r->unchanged = false;
}

bool orc_batch_preempt(orc_batch *b, uint64_t number, orc_preempt_mode how)
{
  const orc_slot slot = find(b->replica, number, ORC_PREFILL, ORC_DECODE);
  if (slot == ORC_NO_SLOT || orc_preempt_barred(b->replica, slot)) return false;
  orc_preempt(b->replica, b->microbatch, slot, how);
  return true;
}

bool orc_batch_preempt_last(orc_batch *b, orc_preempt_mode how)
{
  const orc_slot slot = orc_preempt_victim(b->replica);
  if (slot == ORC_NO_SLOT) return false;
  orc_preempt(b->replica, b->microbatch, slot, how);
  return true;
}

void orc_batch_again(orc_batch *b)
{
  b->replica->unchanged = false;
}

void orc_batch_wake(orc_batch *b, orc_time time)
{
  orc_replica *r = b->replica;
  if (time <= r->now) time = r->now + 1;
  orc_replica_wake_at(r, time);
}
