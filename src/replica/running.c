#include "replica/running.h"

#include "replica/attribution.h"

void orc_running_add(orc_replica *r, orc_slot slot)
{
  orc_request *q = orc_replica_request(r, slot);
  q->admitted = r->admissions++;
  q->prev = r->last;
  q->next = ORC_NO_SLOT;
  if (r->last != ORC_NO_SLOT)
    orc_replica_request(r, r->last)->next = slot;
  else
    r->first = slot;
  r->last = slot;
  r->running++;
  orc_loras_begin(&r->loras, q->in.adapter);
}

void orc_running_remove(orc_replica *r, orc_slot slot)
{
  orc_request *q = orc_replica_request(r, slot);
  if (q->prev != ORC_NO_SLOT)
    orc_replica_request(r, q->prev)->next = q->next;
  else
    r->first = q->next;
  if (q->next != ORC_NO_SLOT)
    orc_replica_request(r, q->next)->prev = q->prev;
  else
    r->last = q->prev;
  r->running--;
  orc_loras_end(&r->loras, q->in.adapter);
}

void orc_running_begin(orc_replica *r, orc_slot slot)
{
  if (r->partial_count == r->partial_room) {
    r->partial_room = r->partial_room == 0 ? 16 : 2 * r->partial_room;
    r->partial = orc_resize(r->partial, (size_t)r->partial_room, sizeof *r->partial);
  }
  r->partial[r->partial_count++] = slot;
  orc_replica_request(r, slot)->partial = true;
}

void orc_running_leave(orc_replica *r, orc_slot slot)
{
  int kept = 0;
  orc_replica_request(r, slot)->partial = false;
  for (int i = 0; i < r->partial_count; i++)
    if (r->partial[i] != slot) r->partial[kept++] = r->partial[i];
  r->partial_count = kept;
}

void orc_running_halt(orc_replica *r, orc_slot slot)
{
  const orc_request *q = orc_replica_request(r, slot);
  orc_attribution_stops(r, slot);
  if (q->state == ORC_DECODE)
    orc_decode_set_leave(&r->microbatches[q->microbatch].decode, slot);
  else if (q->partial)
    orc_running_leave(r, slot);
  orc_running_remove(r, slot);
}
