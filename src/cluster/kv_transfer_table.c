#include "cluster/kv_transfer_table.h"

#include <stdlib.h>

void orc_kv_transfer_table_init(orc_kv_transfers *h, int replicas)
{
  *h = (orc_kv_transfers){ .free = ORC_NO_KV_TRANSFER };
  h->first = orc_alloc((size_t)replicas + 1, sizeof *h->first);
  h->last = orc_alloc((size_t)replicas + 1, sizeof *h->last);
  for (int i = 0; i <= replicas; i++)
    h->first[i] = h->last[i] = ORC_NO_KV_TRANSFER;
}

void orc_kv_transfer_table_done(orc_kv_transfers *h)
{
  for (int i = 0; i < h->reshard_count; i++)
    orc_kv_reshard_done(&h->reshards[i]);
  free(h->reshards);
  free(h->paces);
  free(h->at);
  free(h->first);
  free(h->last);
  *h = (orc_kv_transfers){ 0 };
}

uint32_t orc_kv_transfer_table_take(orc_kv_transfers *h)
{
  if (h->free != ORC_NO_KV_TRANSFER) {
    const uint32_t i = h->free;
    h->free = h->at[i].next;
    return i;
  }
  if (h->count == h->room) {
    h->room = orc_more_room(h->room, 64);
    h->at = orc_resize(h->at, h->room, sizeof *h->at);
  }
  return h->count++;
}

void orc_kv_transfer_table_recycle(orc_kv_transfers *h, uint32_t index)
{
  h->at[index].next = h->free;
  h->free = index;
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

void orc_kv_transfer_table_wait(orc_kv_transfers *h, uint32_t index)
{
  append(h, index);
}

uint32_t orc_kv_transfer_table_next(orc_kv_transfers *h, uint16_t to)
{
  const uint32_t index = h->first[to];
  h->first[to] = h->at[index].next;
  if (h->first[to] == ORC_NO_KV_TRANSFER) h->last[to] = ORC_NO_KV_TRANSFER;
  return index;
}

void orc_kv_transfer_table_leave(orc_kv_transfers *h, uint32_t index)
{
  const uint16_t to = h->at[index].to;
  uint32_t list = h->first[to];
  h->first[to] = h->last[to] = ORC_NO_KV_TRANSFER;
  while (list != ORC_NO_KV_TRANSFER) {
    const uint32_t i = list;
    list = h->at[i].next;
    if (i != index) append(h, i);
  }
}

uint32_t orc_kv_transfer_table_leave_all(orc_kv_transfers *h, int to, uint32_t list, int *count)
{
  *count = 0;
  if (h->first[to] == ORC_NO_KV_TRANSFER) return list;
  for (uint32_t i = h->first[to]; i != ORC_NO_KV_TRANSFER; i = h->at[i].next)
    ++*count;
  h->at[h->last[to]].next = list;
  list = h->first[to];
  h->first[to] = h->last[to] = ORC_NO_KV_TRANSFER;
  return list;
}
