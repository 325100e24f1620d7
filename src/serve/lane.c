#include "serve/lane.h"

#include <stdlib.h>

void orc_lane_open(orc_replica *r, int index)
{
  orc_lane *lane = &r->lanes[index];
  const orc_model *m = &r->cost.model;
  const bool windowed = m->sliding_window > 0 && m->num_windowed_layers > 0;
  lane->index = (uint8_t)index;
  lane->batch.replica = r;
  orc_decode_init(&lane->decode, r->requests, r->knobs.block_size,
                  windowed ? m->sliding_window : 0);
  lane->worked = orc_alloc((size_t)r->pipeline.count, sizeof *lane->worked);
}

void orc_lane_close(orc_lane *lane)
{
  free(lane->batch.chunks);
  free(lane->worked);
  free(lane->joining);
  orc_decode_done(&lane->decode);
}

void orc_lane_join(orc_replica *r, orc_slot slot)
{
  orc_request *q = &r->requests->at[slot];
  orc_lane *best = r->lane;
  for (int i = 0; i < r->lane_count; i++)
    if (r->lanes[i].decode.n + r->lanes[i].joining_count < best->decode.n + best->joining_count)
      best = &r->lanes[i];
  q->lane = best->index;
  if (!best->busy) {
    orc_decode_join(&best->decode, slot, q->last_token);
    return;
  }
  if (best->joining_count == best->joining_room) {
    best->joining_room = best->joining_room == 0 ? 16 : 2 * best->joining_room;
    best->joining = orc_resize(best->joining, (size_t)best->joining_room, sizeof *best->joining);
  }
  best->joining[best->joining_count++] = slot;
  q->flights++;
}

void orc_lane_let_in(orc_replica *r)
{
  orc_lane *lane = r->lane;
  for (int i = 0; i < lane->joining_count; i++) {
    orc_request *q = &r->requests->at[lane->joining[i]];
    q->flights--;
    orc_decode_join(&lane->decode, lane->joining[i], q->last_token);
  }
  lane->joining_count = 0;
}
