#include "serve/transit.h"

uint32_t orc_transit_take(orc_handovers *h)
{
  if (h->free != ORC_NO_TRANSIT) {
    const uint32_t i = h->free;
    h->free = h->at[i].next;
    return i;
  }
  if (h->count == h->room) {
    h->room = h->room == 0 ? 64 : 2 * h->room;
    h->at = orc_resize(h->at, h->room, sizeof *h->at);
  }
  return h->count++;
}

void orc_transit_recycle(orc_handovers *h, uint32_t index)
{
  h->at[index].next = h->free;
  h->free = index;
}

static void count(orc_cluster *c, int to, int more)
{
  if (to < c->replica_count) c->replicas[to].inbound += more;
}

static void append(orc_handovers *h, uint32_t index)
{
  const uint16_t to = h->at[index].to;
  h->at[index].next = ORC_NO_TRANSIT;
  if (h->last[to] == ORC_NO_TRANSIT)
    h->first[to] = index;
  else
    h->at[h->last[to]].next = index;
  h->last[to] = index;
}

void orc_transit_wait(orc_cluster *c, uint32_t index)
{
  append(&c->handovers, index);
  count(c, c->handovers.at[index].to, 1);
}

uint32_t orc_transit_next(orc_cluster *c, uint16_t to)
{
  orc_handovers *h = &c->handovers;
  const uint32_t index = h->first[to];
  h->first[to] = h->at[index].next;
  if (h->first[to] == ORC_NO_TRANSIT) h->last[to] = ORC_NO_TRANSIT;
  return index;
}

void orc_transit_leave(orc_cluster *c, uint32_t index)
{
  orc_handovers *h = &c->handovers;
  const uint16_t to = h->at[index].to;
  uint32_t list = h->first[to];
  h->first[to] = h->last[to] = ORC_NO_TRANSIT;
  while (list != ORC_NO_TRANSIT) {
    const uint32_t i = list;
    list = h->at[i].next;
    if (i != index) append(h, i);
  }
  count(c, to, -1);
}

uint32_t orc_transit_leave_all(orc_cluster *c, int to, uint32_t list)
{
  orc_handovers *h = &c->handovers;
  if (h->first[to] == ORC_NO_TRANSIT) return list;
  for (uint32_t i = h->first[to]; i != ORC_NO_TRANSIT; i = h->at[i].next)
    count(c, to, -1);
  h->at[h->last[to]].next = list;
  list = h->first[to];
  h->first[to] = h->last[to] = ORC_NO_TRANSIT;
  return list;
}
