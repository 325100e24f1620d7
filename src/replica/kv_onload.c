#include "replica/kv_onload.h"

#include "replica/abort.h"
#include "replica/attribution.h"
#include "replica/block_table.h"
#include "replica/waiting.h"

void orc_kv_onload_begin(orc_replica *r, orc_slot slot, const orc_prefix_match *found)
{
  orc_kv_onloads *l = &r->loads;
  orc_request *q = &r->requests->at[slot];
  const double seconds = orc_block_table_load(r, q, found);
  q->state = ORC_LOADING;
  orc_attribution_sets_out(r, slot);
  if (l->count == l->room) {
    l->room = l->room == 0 ? 16 : 2 * l->room;
    l->at = orc_resize(l->at, (size_t)l->room, sizeof *l->at);
  }
  l->at[l->count++] = slot;
  l->free = orc_time_after(l->free > r->now ? l->free : r->now, orc_time_of(seconds));
  q->loaded = l->free;
  orc_engine_at(r->engine, q->loaded, ORC_CLASS_TRANSFER, ORC_EVENT_KV_ONLOADED, slot);
}

void orc_kv_onload_end(orc_replica *r, orc_slot slot)
{
  orc_request *q = orc_replica_request(r, slot);
  orc_kv_onloads *l = &r->loads;
  int kept = 0;
  for (int i = 0; i < l->count; i++)
    if (l->at[i] != slot) l->at[kept++] = l->at[i];
  l->count = kept;
  orc_block_table_filled(r, q);
  orc_attribution_apart(r->host->attribution, slot, q->loaded, ORC_DELAY_TIERS, ORC_BINDING_LINK);
  orc_waiting_take_over(r, slot);
  const orc_status aborted = (orc_status)q->aborted;
  q->aborted = 0;
  if (aborted != 0) orc_abort(r, slot, aborted);
}

uint32_t orc_kv_onload_give_up(orc_replica *r, orc_slot *out)
{
  orc_kv_onloads *l = &r->loads;
  const int n = l->count;
  uint32_t given = 0;
  l->count = 0;
  l->free = r->engine->now;
  for (int i = 0; i < n; i++) {
    orc_request *q = &r->requests->at[l->at[i]];
    orc_block_table_drop(r, q);
    if (q->aborted == 0) {
      out[given++] = l->at[i];
      continue;
    }
    q->state = ORC_DONE;
    r->host->ended(r->host->self, l->at[i], (orc_status)q->aborted, r->engine->now);
  }
  return given;
}
