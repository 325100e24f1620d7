/* running.c - the lists of a replica's running requests: by admission, and prompts begun
 * (replica.h). */
#include "replica/replica.h"

static orc_request *at(const orc_replica *r, orc_slot slot)
{
  return &r->requests->at[slot];
}

void orc_replica_link(orc_replica *r, orc_slot slot)
{
  orc_request *q = at(r, slot);
  q->prev = r->last;
  q->next = ORC_NO_SLOT;
  if (r->last != ORC_NO_SLOT)
    at(r, r->last)->next = slot;
  else
    r->first = slot;
  r->last = slot;
  r->running++;
}

void orc_replica_unlink(orc_replica *r, orc_slot slot)
{
  orc_request *q = at(r, slot);
  if (q->prev != ORC_NO_SLOT)
    at(r, q->prev)->next = q->next;
  else
    r->first = q->next;
  if (q->next != ORC_NO_SLOT)
    at(r, q->next)->prev = q->prev;
  else
    r->last = q->prev;
  r->running--;
}

void orc_replica_begin_partial(orc_replica *r, orc_slot slot)
{
  if (r->partial_count == r->partial_room) {
    r->partial_room = r->partial_room == 0 ? 16 : 2 * r->partial_room;
    r->partial = orc_resize(r->partial, (size_t)r->partial_room, sizeof *r->partial);
  }
  r->partial[r->partial_count++] = slot;
  at(r, slot)->partial = true;
}

void orc_replica_leave_partial(orc_replica *r, orc_slot slot)
{
  int kept = 0;
  at(r, slot)->partial = false;
  for (int i = 0; i < r->partial_count; i++)
    if (r->partial[i] != slot) r->partial[kept++] = r->partial[i];
  r->partial_count = kept;
}
