#include "replica/credit.h"

#include <math.h>

#include "replica/preempt.h"
#include "replica/turns.h"

/* From the first question on they are kept. */
static orc_turns *turns(orc_replica *r)
{
  if (r->turns != NULL) return r->turns;
  r->turns = orc_turns_new(r->requests);
  for (uint64_t n = r->requests->oldest; n < r->requests->next_number; n++) {
    const orc_slot slot = orc_requests_find(r->requests, n);
    if (slot == ORC_NO_SLOT) continue;
    const orc_request *q = orc_replica_request(r, slot);
    if (q->known && q->replica == r->index) orc_turns_came(r->turns, slot);
  }
  for (uint32_t i = 0; i < r->queue.count; i++)
    orc_turns_join(r->turns, r->queue.at[i].slot);
  return r->turns;
}

static void raise_newcomers(const orc_replica *r)
{
  orc_turns *t = r->turns;
  if (!orc_turns_unraised(t)) return;
  const orc_slot first = orc_turns_next(t);
  double least = first != ORC_NO_SLOT ? orc_turns_lesser(t, first, INFINITY) : INFINITY;
  for (int i = 0; i < r->loads.count; i++)
    least = orc_turns_lesser(t, r->loads.at[i], least);
  for (orc_slot s = r->first; s != ORC_NO_SLOT; s = orc_replica_request(r, s)->next)
    least = orc_turns_lesser(t, s, least);
  orc_turns_raise(t, least);
}

void orc_credit_running(orc_replica *r, double weight)
{
  orc_turns *t = turns(r);
  orc_turns_weigh(t, weight);
  for (orc_slot s = r->first; s != ORC_NO_SLOT; s = orc_replica_request(r, s)->next)
    orc_turns_credit(t, s, orc_preempt_generated(r, orc_replica_request(r, s)));
  raise_newcomers(r);
}

double orc_credit_charge(orc_replica *r, uint32_t client, double amount)
{
  return orc_turns_charge(turns(r), client, amount);
}

orc_slot orc_credit_turn(orc_replica *r)
{
  orc_turns *t = turns(r);
  raise_newcomers(r);
  return orc_turns_next(t);
}
