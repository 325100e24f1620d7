#include "cluster/kv_transfer_table.h"

uint32_t orc_kv_transfer_table_take(orc_kv_transfers *h)
{
  if (h->free != ORC_NO_KV_TRANSFER) {
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

void orc_kv_transfer_table_recycle(orc_kv_transfers *h, uint32_t index)
{
  h->at[index].next = h->free;
  h->free = index;
}

static void count(orc_cluster *c, int to, int more)
{
  if (to < c->replica_count) c->replicas[to].inbound += more;
}

static void append(orc_kv_transfers *h, uint32_t index)
{
  const uint16_t to = h->at[index].to;
  h->at[index].next = ORC_NO_KV_TRANSFER;
  if (h->last[to] == ORC_NO_KV_TRANSFER)
    h->first[to] = index;
  else
    h->at[h->last[to]].next = index;
  h->last[to] = index;
}

void orc_kv_transfer_table_wait(orc_cluster *c, uint32_t index)
{
  append(&c->kv_transfers, index);
  count(c, c->kv_transfers.at[index].to, 1);
}

uint32_t orc_kv_transfer_table_next(orc_cluster *c, uint16_t to)
{
  orc_kv_transfers *h = &c->kv_transfers;
  const uint32_t index = h->first[to];
  h->first[to] = h->at[index].next;
  if (h->first[to] == ORC_NO_KV_TRANSFER) h->last[to] = ORC_NO_KV_TRANSFER;
  return index;
}

void orc_kv_transfer_table_leave(orc_cluster *c, uint32_t index)
{
  orc_kv_transfers *h = &c->kv_transfers;
  const uint16_t to = h->at[index].to;
  uint32_t list = h->first[to];
  h->first[to] = h->last[to] = ORC_NO_KV_TRANSFER;
  while (list != ORC_NO_KV_TRANSFER) {
    const uint32_t i = list;
    list = h->at[i].next;
    if (i != index) append(h, i);
  }
  count(c, to, -1);
}

uint32_t orc_kv_transfer_table_leave_all(orc_cluster *c, int to, uint32_t list)
{
  orc_kv_transfers *h = &c->kv_transfers;
  if (h->first[to] == ORC_NO_KV_TRANSFER) return list;
  for (uint32_t i = h->first[to]; i != ORC_NO_KV_TRANSFER; i = h->at[i].next)
    count(c, to, -1);
  h->at[h->last[to]].next = list;
  list = h->first[to];
  h->first[to] = h->last[to] = ORC_NO_KV_TRANSFER;
  return list;
}
