/*
** policies.h - for serve.c: policies of every kind, sensible ones and one that does random things.
*/
#ifndef ORC_TEST_POLICIES_H
#define ORC_TEST_POLICIES_H

#include <signal.h>

#include "base/rng.h"
#include "cluster/state.h"
#include "replica/batch.h"

static int pick(orc_rng *g, int low, int high)
{
  return low + (int)orc_rng_below(g, (uint64_t)(high - low + 1));
}

/* Decodes pause while prompts are computed. */
static bool prefill_first(void *self, orc_batch *b, orc_error *e)
{
  (void)self;
  (void)e;
  const int budget = b->replica->knobs.max_num_batched_tokens;
  int left = budget - orc_batch_resume(b, budget);
  int64_t blocks;
  while (left > 0 && orc_batch_head(b, &blocks) > 0) {
    /* A prompt that would have to give way again before its end must not push decodes aside. */
    if (blocks > orc_batch_room(b)) break;
    const int n = orc_batch_admit(b, left);
    if (n == 0) break;
    left -= n;
  }
  if (b->microbatch->tokens == 0) orc_batch_decode(b);
  return true;
}

/* Random verbs in random order; ends with vLLM's so that every step makes progress. */
static bool wild(void *self, orc_batch *b, orc_error *e)
{
  orc_rng *g = self;
  for (int i = pick(g, 0, 6); i > 0; i--) {
    const uint64_t number = orc_rng_below(g, b->replica->requests->next_number);
    switch (pick(g, 0, 8)) {
    case 0:
      orc_batch_decode(b);
      break;
    case 1:
      orc_batch_resume(b, pick(g, 1, 40));
      break;
    case 2:
      orc_batch_admit(b, pick(g, 1, 40));
      break;
    case 3:
      orc_batch_admit_one(b, number, pick(g, 1, 40));
      break;
    case 4:
      if (pick(g, 0, 7) == 0) orc_batch_preempt(b, number, ORC_PREEMPT_RECOMPUTE);
      break;
    case 5:
      orc_batch_admit_reserved(b, pick(g, 0, 1) == 0 ? ORC_HEAD : number, pick(g, 1, 40));
      break;
    case 6:
      if (pick(g, 0, 3) == 0)
        orc_batch_walk(b);
      else
        orc_batch_rekey(b, number, pick(g, 0, 9));
      break;
    case 7:
      if (pick(g, 0, 7) == 0) orc_batch_preempt(b, number, ORC_PREEMPT_SWAP);
      break;
    default:
      if (pick(g, 0, 7) == 0) orc_batch_preempt_last(b, (orc_preempt_mode)pick(g, 0, 2));
    }
  }
  return orc_batching_chunked.step(NULL, b, e);
}

/* Nobody is admitted without the blocks of its longest end, so nobody ever gives way. */
static bool no_evict(void *self, orc_batch *b, orc_error *e)
{
  (void)self;
  (void)e;
  int left = b->replica->knobs.max_num_batched_tokens - orc_batch_decode(b);
  if (left > 0) left -= orc_batch_resume(b, left);
  while (left > 0) {
    const int granted = orc_batch_admit_reserved(b, ORC_HEAD, left);
    if (granted == 0) break;
    left -= granted;
  }
  return true;
}

static bool shortest_first(void *self, const orc_request *r, double *key, orc_error *e)
{
  (void)self;
  (void)e;
  *key = r->in.prompt;
  return true;
}

static bool least(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                  orc_error *e)
{
  volatile sig_atomic_t *stop = self;
  (void)e;
  if (stop != NULL) *stop = 1;
  *replica = 0;
  for (int i = 1; i < c->lifecycle.ready_count; i++)
    if (orc_replica_in_flight(&c->replicas[c->lifecycle.ready[i]]) <
        orc_replica_in_flight(&c->replicas[c->lifecycle.ready[*replica]]))
      *replica = i;
  /* Some prompts are computed where they are decoded. */
  if (c->lifecycle.decode_count > 0 && r->number % 3 == 1)
    *replica = c->lifecycle.ready_count + (int)(r->number % (uint64_t)c->lifecycle.decode_count);
  return true;
}

/* Blocks of some requests are worth more than those of others. */
static bool by_number(void *self, const orc_request *r, int *grade, orc_error *e)
{
  (void)self;
  (void)e;
  *grade = (int)(r->number % ORC_PREFIX_GRADES);
  return true;
}

/* Turns away every seventh request. */
static bool picky(void *self, const orc_cluster *c, const orc_request *r, bool *yes, orc_error *e)
{
  (void)self;
  (void)c;
  (void)e;
  *yes = r->number % 7 != 3;
  return true;
}

/* As many groups as there are requests, a few at least. */
static bool follow_load(void *self, const orc_cluster *c, int pool, int *wanted, orc_error *e)
{
  (void)self;
  (void)e;
  *wanted = (int)(c->requests.live / (uint64_t)(4 + 3 * pool)) + 1;
  return true;
}

#endif
