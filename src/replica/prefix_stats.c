#include "replica/prefix_stats.h"

static void add(orc_replica *r, const orc_request *q, uint64_t times, int32_t hits)
{
  orc_prefix_counters *c = &r->usage.prefix;
  const uint64_t queries = times * (uint64_t)orc_request_target(q);
  const bool preempted = q->preemptions > 0;
  if (preempted) {
    c->preempted_queries += queries;
    c->preempted_hits += times * (uint64_t)hits;
  }
  if (preempted && !r->knobs.rules.counts_every_look) return;
  c->queries += queries;
  c->hits += times * (uint64_t)hits;
}

void orc_prefix_stats_look(orc_replica *r, const orc_request *q, int32_t hits)
{
  if (!r->knobs.rules.counts_every_look || !r->knobs.enable_prefix_caching) return;
  add(r, q, 1, hits);
  r->looked_up.in_vain = true;
  r->looked_up.number = q->number;
  r->looked_up.hits = hits;
}

void orc_prefix_stats_admit(orc_replica *r, const orc_request *q, int32_t hits)
{
  r->looked_up.in_vain = false;
  if (r->knobs.rules.counts_every_look || !r->knobs.enable_prefix_caching) return;
  add(r, q, 1, hits);
}

void orc_prefix_stats_step(orc_replica *r)
{
  if (!r->knobs.rules.counts_every_look) return;
  const orc_look look = r->looked_up;
  const uint64_t steps = r->usage.steps - look.steps;
  const orc_slot slot =
      look.in_vain && steps > 1 ? orc_requests_find(r->requests, look.number) : ORC_NO_SLOT;
  if (slot != ORC_NO_SLOT) add(r, orc_replica_request(r, slot), steps - 1, look.hits);
  r->looked_up = (orc_look){ .steps = r->usage.steps };
}
