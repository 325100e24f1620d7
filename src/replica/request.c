#include "replica/request.h"

#include <stdlib.h>

void orc_requests_init(orc_requests *p)
{
  *p = (orc_requests){ .free = ORC_NO_SLOT };
}

void orc_requests_done(orc_requests *p)
{
  free(p->at);
  free(p->window);
  orc_requests_init(p);
}

/* Twice the window: every number in it moves to its new place. */
static void widen(orc_requests *p)
{
  const uint64_t room = p->window_room == 0 ? 64 : 2 * p->window_room;
  orc_slot *wider = orc_alloc(room, sizeof *wider);
  for (uint64_t n = p->oldest; n < p->next_number; n++)
    wider[n & (room - 1)] = p->window[n & (p->window_room - 1)];
  free(p->window);
  p->window = wider;
  p->window_room = room;
}

orc_slot orc_requests_add(orc_requests *p, const orc_arrival *in)
{
  orc_slot slot = p->free;
  if (slot != ORC_NO_SLOT) {
    p->free = p->at[slot].next;
  } else {
    if (p->count == p->room) {
      p->room = orc_more_room(p->room, 64);
      p->at = orc_resize(p->at, p->room, sizeof *p->at);
    }
    slot = p->count++;
  }
  if (p->next_number - p->oldest == p->window_room) widen(p);
  const uint64_t number = p->next_number++;
  p->window[number & (p->window_room - 1)] = slot;
  p->live++;
  p->at[slot] = (orc_request){ .in = *in,
                               .number = number,
                               .key = (double)number,
                               .scheduled = -1,
                               .first_token = -1,
                               .last_token = -1,
                               .prev = ORC_NO_SLOT,
                               .next = ORC_NO_SLOT,
                               .chain = { ORC_NO_BLOCK, ORC_NO_BLOCK },
                               .load_end = ORC_NO_BLOCK,
                               .table = ORC_NO_TABLE,
                               .state = ORC_QUEUED };
  return slot;
}

void orc_requests_drop(orc_requests *p, orc_slot slot)
{
  orc_request *r = &p->at[slot];
  ORC_ASSERT(r->state == ORC_DONE);
  r->state = ORC_FREE;
  r->next = p->free;
  p->free = slot;
  p->live--;
  const uint64_t mask = p->window_room - 1;
  p->window[r->number & mask] = ORC_NO_SLOT;
  while (p->oldest < p->next_number && p->window[p->oldest & mask] == ORC_NO_SLOT)
    p->oldest++;
}

orc_slot orc_requests_find(const orc_requests *p, uint64_t number)
{
  if (number < p->oldest || number >= p->next_number) return ORC_NO_SLOT;
  return p->window[number & (p->window_room - 1)];
}
