#include "replica/verify.h"

#include "replica/attribution.h"
#include "replica/grant.h"
#include "replica/group_table.h"
#include "replica/preempt.h"
#include "replica/waiting.h"

static orc_request *at(const orc_replica *r, orc_slot slot)
{
  return &r->requests->at[slot];
}

static bool decodes_here(const orc_request *q, const orc_microbatch *m)
{
  return q->state == ORC_DECODE && q->microbatch == m->index;
}

int32_t orc_verify_drafts(const orc_replica *r, const orc_request *q, int64_t left)
{
  const int64_t room = (int64_t)r->knobs.max_model_len - 2 - q->computed;
  int64_t most = r->knobs.speculation.tokens;
  if (most > room) most = room;
  if (most > left - 1) most = left - 1;
  return most > 0 ? (int32_t)most : 0;
}

/* Of a step in flight, drafts that will not hold count as computed until it is over. */
static int64_t slots(const orc_replica *r, const orc_request *q, int32_t drafts)
{
  const int64_t unknown = r->flights > 0 && q->last_token > r->now ? q->rejected : 0;
  return orc_replica_slots(r, q->computed + 1, unknown + drafts);
}

int64_t orc_verify_lack(const orc_replica *r, const orc_request *q, int32_t drafts)
{
  const int64_t tokens = slots(r, q, drafts);
  if (r->groups != NULL) return orc_group_table_lack(r, q, tokens);
  const int64_t lack = orc_kv_blocks(&r->kv, tokens) - q->blocks;
  return lack > 0 ? lack : 0;
}

void orc_verify_take(orc_replica *r, orc_request *q, int32_t drafts, int64_t lack)
{
  q->drafts = drafts;
  if (r->groups != NULL) {
    orc_group_table_grow(r, q, slots(r, q, drafts), 1);
    return;
  }
  const bool taken = orc_kv_take(&r->kv, lack);
  ORC_ASSERT(taken);
  q->blocks += (int32_t)lack;
}

int64_t orc_verify_need(const orc_replica *r, const orc_microbatch *m)
{
  const orc_decode_set *d = &m->decode;
  int64_t need = 0;
  for (int64_t i = 0; i < d->n; i++) {
    const orc_request *q = at(r, d->members[i]);
    need += orc_verify_lack(r, q, orc_verify_drafts(r, q, INT32_MAX));
  }
  return need;
}

bool orc_verify_fits(const orc_replica *r, const orc_microbatch *m, int64_t limit)
{
  return m->decode.n * (1 + r->knobs.speculation.tokens) <= limit &&
         orc_verify_need(r, m) <= orc_kv_available(&r->kv);
}

/* The blocks of one sequence are there; others may have been preempted for it. False: it was, or waits. */
static bool find_room(orc_replica *r, orc_microbatch *m, orc_slot slot, orc_slot *next,
                      int32_t drafts)
{
  orc_request *q = at(r, slot);
  while (decodes_here(q, m)) {
    if (r->groups != NULL) orc_group_table_go_on(r, q);
    const int64_t lack = orc_verify_lack(r, q, drafts);
    if (orc_preempt_reclaim(r, m, lack, ORC_NO_SLOT)) {
      orc_verify_take(r, q, drafts, lack);
      return true;
    }
    const orc_slot victim = orc_preempt_victim(r);
    if (victim == ORC_NO_SLOT) return false;
    if (orc_preempt_spares_last(r, m, victim)) return false;
    if (victim == *next) *next = at(r, victim)->next;
    orc_preempt(r, m, victim, orc_preempt_forced(r));
  }
  return false;
}

int32_t orc_verify_all(orc_replica *r, orc_microbatch *m)
{
  const int64_t budget = r->knobs.max_num_batched_tokens - m->tokens;
  int64_t spare = budget - m->decode.n;
  if (m->decode.n == 0 || spare < 0) return 0;
  for (orc_slot slot = r->first, next; slot != ORC_NO_SLOT; slot = next) {
    const orc_request *q = at(r, slot);
    next = q->next;
    if (!decodes_here(q, m)) continue;
    const int32_t drafts = orc_verify_drafts(r, q, spare + 1);
    if (find_room(r, m, slot, &next, drafts)) spare -= drafts;
  }
  if (m->decode.n == 0 || r->starved == m->index + 1) return 0;
  int32_t tokens = 0;
  for (int64_t i = 0; i < m->decode.n; i++)
    tokens += 1 + at(r, m->decode.members[i])->drafts;
  m->decode.claimed = m->decodes = true;
  m->tokens += tokens;
  return tokens;
}

void orc_verify_foresee(const orc_replica *r, orc_request *q, int32_t before)
{
  if (orc_replica_ahead(r) && q->generated == q->in.output)
    q->extra = before + 1 < q->in.max_output;
}

void orc_verify_end(orc_replica *r, orc_microbatch *m)
{
  orc_decode_set *d = &m->decode;
  for (int64_t i = d->n; i-- > 0;) {
    const orc_slot slot = d->members[i];
    orc_request *q = at(r, slot);
    if (q->generated < q->in.output || q->last_token > r->now) continue;
    orc_attribution_stops(r, slot);
    orc_decode_set_leave(d, slot);
    q->state = ORC_ENDING;
    orc_waiting_for_end(r, slot, q->last_token);
  }
}

/* What the drafts of a sequence came to; of one that is over already, nothing. */
static int32_t outcome(orc_replica *r, const orc_request *q)
{
  if (q->generated >= q->in.output) return 1;
  const int32_t accepted =
      orc_speculation_accepted(&r->knobs.speculation, r->seed, q->number, q->generated, q->drafts);
  orc_drafting *books = &r->usage.drafting;
  books->drafts += q->drafts > 0;
  books->draft_tokens += (uint64_t)q->drafts;
  for (int32_t i = 0; i < accepted; i++)
    books->accepted[i]++;
  const int32_t left = q->in.output - q->generated;
  return 1 + accepted < left ? 1 + accepted : left;
}

static void advance_one(orc_replica *r, orc_decode_set *d, orc_slot slot, orc_time now)
{
  orc_request *q = at(r, slot);
  const int32_t before = q->generated, tokens = outcome(r, q);
  orc_hist_add(&r->observed->gaps, now - q->last_token, q->counted);
  r->usage.answered.together += (uint64_t)(tokens - 1);
  q->generated += tokens;
  q->computed += tokens;
  q->rejected = 1 + q->drafts - tokens;
  if (before < q->in.output) q->together = tokens - 1;
  q->joined = d->counter;
  q->last_token = now;
  orc_decode_set_moved(d, q, tokens);
  orc_verify_foresee(r, q, before);
  if (q->generated >= orc_request_scheduled(q)) orc_decode_set_finish(d, slot);
}

void orc_verify_advance(orc_replica *r, orc_microbatch *m, orc_time now)
{
  orc_decode_set *d = &m->decode;
  d->claimed = false;
  d->counter++;
  for (int64_t i = 0; i < d->n; i++)
    advance_one(r, d, d->members[i], now);
}

void orc_verify_shape(const orc_replica *r, const orc_microbatch *m, orc_step_shape *shape)
{
  for (int64_t i = 0; i < m->decode.n; i++) {
    const orc_request *q = at(r, m->decode.members[i]);
    orc_step_shape_add_verified(shape, &r->cost->model, q->computed, q->drafts);
  }
}
