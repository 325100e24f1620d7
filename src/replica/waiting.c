#include "replica/waiting.h"

void orc_waiting_to_front(orc_replica *r, orc_request *q)
{
  if (r->policy->order == NULL) q->key = r->front -= 1.0;
}

bool orc_waiting_enqueue(orc_replica *r, orc_slot slot, orc_error *e)
{
  orc_request *q = orc_replica_request(r, slot);
  q->replica = r->index;
  if (orc_replica_never_fits(r, q)) {
    q->state = ORC_DONE;
    r->host->ended(r->host->self, slot, ORC_REJECTED, r->engine->now);
    return true;
  }
  if (r->policy->order != NULL && !r->policy->order(r->policy->self, q, &q->key, e)) return false;
  orc_queue_push(&r->queue, slot, q->key);
  r->unchanged = false;
  if (orc_replica_idle(r)) orc_replica_wake_at(r, r->engine->now);
  return true;
}

void orc_waiting_take_over(orc_replica *r, orc_slot slot)
{
  orc_request *q = orc_replica_request(r, slot);
  q->state = ORC_QUEUED;
  r->kept++;
  orc_queue_push(&r->queue, slot, q->key);
  orc_replica_disturb(r);
}
