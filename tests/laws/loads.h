/*
** loads.h - for serve.c: a router that goes by the load of replicas, and what must hold of it.
*/
#ifndef ORC_TEST_LOADS_H
#define ORC_TEST_LOADS_H

#include "cluster/state.h"
#include "replica/content.h"

/* The place of the least load among `n` from `first` on. */
static int least_loaded(const orc_cluster *c, const orc_request *r, int first, int n)
{
  int best = first;
  int64_t least = INT64_MAX;
  for (int i = first; i < first + n; i++) {
    const orc_router_load *at = &c->loads[c->lifecycle.ready[i]];
    const int64_t cost =
        at->tokens / at->of->knobs.block_size + at->blocks + orc_router_load_fresh(at, r);
    if (cost >= least) continue;
    least = cost;
    best = i;
  }
  return best;
}

static bool route_by_load(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                          orc_error *e)
{
  volatile sig_atomic_t *stop = self;
  (void)e;
  if (stop != NULL) *stop = 1;
  *replica = least_loaded(c, r, 0, c->lifecycle.ready_count);
  if (c->lifecycle.decode_count > 0 && r->number % 3 == 1)
    *replica = least_loaded(c, r, c->lifecycle.ready_count, c->lifecycle.decode_count);
  return true;
}

static bool decode_by_load(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                           orc_error *e)
{
  (void)self;
  (void)e;
  *replica = least_loaded(c, r, c->lifecycle.ready_count, c->lifecycle.decode_count);
  return true;
}

/* Each load is that of the requests in flight that are counted there, and of no others. */
static bool loads_agree(const orc_cluster *c)
{
  bool good = true;
  for (int i = 0; i < c->replica_count; i++) {
    const orc_replica *r = &c->replicas[i];
    const orc_router_load *l = &c->loads[i];
    int64_t tokens = 0, alone = 0, shared = 0, held = 0;
    uint32_t named = 0;
    for (uint64_t n = c->requests.oldest; n < c->requests.next_number; n++) {
      const orc_slot slot = orc_requests_find(&c->requests, n);
      if (slot == ORC_NO_SLOT || c->requests.at[slot].load_replica != i + 1) continue;
      const orc_request *q = &c->requests.at[slot];
      const int64_t blocks = q->in.prompt / r->knobs.block_size;
      tokens += q->promised;
      if (orc_content_shared(r, q) == NULL)
        alone += blocks;
      else
        shared += blocks;
      good = good && (q->promised == 0 || q->state != ORC_DECODE) && q->state != ORC_DONE;
      good = good &&
             (blocks == 0 || orc_router_load_fresh(l, q) == 0 || orc_content_shared(r, q) == NULL);
    }
    for (uint32_t x = 0; x < l->prompts->prefix.count; x++) {
      const orc_prefix_extent *e = &l->prompts->prefix.at[x];
      if (e->kind != ORC_PREFIX_KNOWN) continue;
      held += (int64_t)e->blocks * e->holders;
      named += e->blocks;
      good = good && e->holders > 0;
    }
    good = good && tokens == l->tokens && held == shared && named == l->prompts->prefix.cached;
    good = good && l->blocks == alone + named;
  }
  return good;
}

#endif
