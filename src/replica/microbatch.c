#include "replica/microbatch.h"

#include <stdlib.h>

void orc_microbatch_open(orc_replica *r, int index)
{
  orc_microbatch *microbatch = &r->microbatches[index];
  const orc_model *m = &r->cost.model;
  const bool windowed = m->sliding_window > 0 && m->num_windowed_layers > 0;
  microbatch->index = (uint8_t)index;
  microbatch->batch.replica = r;
  orc_decode_set_init(&microbatch->decode, r->requests, r->knobs.block_size,
                      windowed ? m->sliding_window : 0);
  microbatch->worked = orc_alloc((size_t)r->pipeline.count, sizeof *microbatch->worked);
}

void orc_microbatch_close(orc_microbatch *microbatch)
{
  free(microbatch->batch.chunks);
  free(microbatch->worked);
  free(microbatch->joining);
  orc_decode_set_done(&microbatch->decode);
}

void orc_microbatch_join(orc_replica *r, orc_slot slot)
{
  orc_request *q = &r->requests->at[slot];
  orc_microbatch *best = r->microbatch;
  for (int i = 0; i < r->microbatch_count; i++)
    if (r->microbatches[i].decode.n + r->microbatches[i].joining_count <
        best->decode.n + best->joining_count)
      best = &r->microbatches[i];
  q->microbatch = best->index;
  if (!best->busy) {
    orc_decode_set_join(&best->decode, slot, q->last_token);
    return;
  }
  if (best->joining_count == best->joining_room) {
    best->joining_room = best->joining_room == 0 ? 16 : 2 * best->joining_room;
    best->joining = orc_resize(best->joining, (size_t)best->joining_room, sizeof *best->joining);
  }
  best->joining[best->joining_count++] = slot;
  q->steps_in_flight++;
}

void orc_microbatch_let_in(orc_replica *r)
{
  orc_microbatch *microbatch = r->microbatch;
  for (int i = 0; i < microbatch->joining_count; i++) {
    orc_request *q = &r->requests->at[microbatch->joining[i]];
    q->steps_in_flight--;
    orc_decode_set_join(&microbatch->decode, microbatch->joining[i], q->last_token);
  }
  microbatch->joining_count = 0;
}
