#include "replica/in_order.h"

#include "replica/attribution.h"
#include "replica/block_table.h"
#include "replica/grant.h"
#include "replica/group_table.h"
#include "replica/preempt.h"
#include "replica/verify.h"

/* Where the serving is. */
typedef struct turn {
  orc_replica *r;
  orc_microbatch *m;
  orc_slot slot; /* whose turn it is */
  orc_slot next; /* who follows */
  int left;      /* tokens */
  int passed;    /* of those that follow, who are passed over */
  int decodes;   /* served so far */
  int drafts;    /* that these verify */
} turn;

static orc_request *at(const turn *t, orc_slot slot)
{
  return &t->r->requests->at[slot];
}

static bool by_priority(const orc_replica *r)
{
  return r->policy->order != NULL;
}

/* What was granted to a victim in this step goes back to the budget, or stays in the step. */
static void take_back(turn *t, orc_slot victim, int32_t tokens, bool decoded)
{
  orc_request *q = at(t, victim);
  const bool keeps = t->r->knobs.rules.victim_keeps_its_tokens && q->swapped == 0;
  t->decodes -= decoded;
  t->drafts -= decoded ? tokens - 1 : 0;
  if (!keeps) {
    t->left += tokens;
    return;
  }
  orc_microbatch_add(t->m, victim, tokens, q->computed);
  t->m->chunks[t->m->chunk_count - 1].wasted = true;
  q->computed = tokens;
}

/* The tokens that a request has in the step being formed. */
static int32_t granted(const turn *t, const orc_request *q, orc_slot slot)
{
  const orc_microbatch *m = t->m;
  if (!q->served) return 0;
  if (q->state == ORC_DECODE) return orc_replica_verifies(t->r) ? 1 + q->drafts : 1;
  for (int i = 0; i < m->chunk_count; i++)
    if (m->chunks[i].slot == slot && !m->chunks[i].wasted) return m->chunks[i].tokens;
  return 0;
}

/* A request is preempted so that the one whose turn it is gets blocks. False: it was that one. */
static bool make_way(turn *t)
{
  orc_replica *r = t->r;
  orc_microbatch *m = t->m;
  const orc_slot victim = orc_preempt_victim(r);
  ORC_ASSERT(victim != ORC_NO_SLOT);
  orc_request *q = at(t, victim);
  const bool decodes = q->state == ORC_DECODE;
  const bool before = q->admitted < at(t, t->slot)->admitted;
  const int32_t tokens = granted(t, q, victim);
  if (victim == t->next) t->next = q->next;
  /* In the bug of 0.11 the place in the list stays though one before it has left. */
  if (before && r->knobs.rules.victim_keeps_its_tokens) t->passed++;
  m->decode.claimed = q->served;
  orc_preempt(r, m, victim, orc_preempt_forced(r));
  m->decode.claimed = false;
  q->served = false;
  if (tokens > 0) take_back(t, victim, tokens, decodes);
  return victim != t->slot;
}

/* Blocks that a running request lacks for `tokens` more; those it reads no more have gone back. */
static int64_t need_of(const turn *t, orc_request *q, int32_t tokens)
{
  if (t->r->groups != NULL) orc_group_table_go_on(t->r, q);
  if (q->state == ORC_DECODE && orc_replica_verifies(t->r))
    return orc_verify_lack(t->r, q, tokens - 1);
  if (t->r->groups == NULL && q->state == ORC_DECODE) return orc_decode_set_opens(&t->m->decode, q);
  return orc_grant_blocks(t->r, q, tokens);
}

/* It takes them. Those of one that decodes are counted in its set where all groups are alike. */
static void take(const turn *t, orc_request *q, int32_t tokens, int64_t need)
{
  orc_replica *r = t->r;
  if (q->state == ORC_DECODE && orc_replica_verifies(r)) {
    orc_verify_take(r, q, tokens - 1, need);
  } else if (r->groups != NULL) {
    orc_group_table_grow(r, q, orc_group_table_computed(r, q) + tokens, tokens);
  } else if (q->state == ORC_DECODE) {
    const bool taken = orc_kv_take(&r->kv, need);
    ORC_ASSERT(taken);
  } else {
    orc_block_table_grow(r, q, orc_replica_slots(r, (int64_t)q->computed + tokens, 0), tokens);
  }
}

/* The blocks for so many tokens of a request are there. False: it was preempted. */
static bool find_room(turn *t, orc_request *q, int32_t tokens)
{
  orc_replica *r = t->r;
  orc_microbatch *m = t->m;
  if (r->groups != NULL && q->state == ORC_DECODE && !orc_replica_verifies(r) &&
      orc_group_table_rests(r, m, q))
    return true;
  for (;;) {
    const int64_t need = need_of(t, q, tokens);
    if (orc_preempt_reclaim(r, m, need, ORC_NO_SLOT)) {
      take(t, q, tokens, need);
      return true;
    }
    if (!make_way(t)) return false;
  }
}

/* Whose turn it is. False: it gave way itself. */
static bool serve(turn *t)
{
  orc_replica *r = t->r;
  orc_microbatch *m = t->m;
  orc_request *q = at(t, t->slot);
  const bool decodes = q->state == ORC_DECODE;
  if (q->state == ORC_ENDING) return true;
  if (!decodes && (q->aborted != 0 || m->prompts_wait)) return true;
  const int32_t drafts = decodes && orc_replica_verifies(r) ? orc_verify_drafts(r, q, t->left) : 0;
  const int32_t tokens = decodes ? 1 + drafts : orc_grant_tokens(r, m, q, q->computed, t->left);
  if (tokens == 0) return true;
  if (!find_room(t, q, tokens)) return false;
  q->served = true;
  t->left -= tokens;
  if (decodes) {
    t->decodes++;
    t->drafts += drafts;
    return true;
  }
  m->prompts = true;
  orc_microbatch_add(m, t->slot, tokens, q->computed);
  orc_block_table_share(r, q, q->computed + tokens);
  return true;
}

/* A sequence that got nothing decodes again from the next step on. */
static void sit_out(orc_replica *r, orc_microbatch *m, orc_slot slot)
{
  orc_request *q = orc_replica_request(r, slot);
  orc_attribution_stops(r, slot);
  orc_decode_set_leave(&m->decode, slot);
  q->state = ORC_PREFILL;
  orc_microbatch_wait(m, slot);
}

/* Who was served takes part; the marks go. */
static void settle(turn *t)
{
  orc_replica *r = t->r;
  orc_microbatch *m = t->m;
  m->decode.claimed = false;
  for (orc_slot slot = r->first, next; slot != ORC_NO_SLOT; slot = next) {
    orc_request *q = at(t, slot);
    next = q->next;
    if (q->state == ORC_DECODE && !q->served && t->decodes > 0) sit_out(r, m, slot);
    q->served = false;
  }
  m->decodes = m->decode.claimed = t->decodes > 0;
  m->tokens += t->decodes + t->drafts;
}

static int serve_once(orc_replica *r, orc_microbatch *m, int limit)
{
  turn t = { .r = r, .m = m, .slot = r->first, .left = limit };
  for (; t.slot != ORC_NO_SLOT && t.left > 0; t.slot = t.next) {
    t.next = at(&t, t.slot)->next;
    const bool stays = serve(&t);
    if (!stays && (!by_priority(r) || r->knobs.rules.self_preempted_ends_the_step)) break;
    for (; t.passed > 0 && t.next != ORC_NO_SLOT; t.passed--)
      t.next = at(&t, t.next)->next;
    t.passed = 0;
  }
  settle(&t);
  return limit - t.left;
}

/* A step in which all that happened is that somebody gave way takes no time, and the next is made at
** once. */
int orc_in_order_serve(orc_replica *r, orc_microbatch *m, int limit)
{
  int granted;
  do {
    m->preempted = 0;
    granted = serve_once(r, m, limit);
  } while (granted == 0 && m->preempted > 0 && r->flights == 0);
  return granted;
}
