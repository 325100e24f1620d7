#include "replica/microbatch.h"

#include <stdlib.h>

void orc_microbatch_init(orc_microbatch *m, int index, const orc_microbatch_plan *plan)
{
  *m = (orc_microbatch){ .index = (uint8_t)index };
  orc_decode_set_init(&m->decode, plan->requests, plan->block_size, plan->window);
  m->worked = orc_alloc((size_t)plan->stages, sizeof *m->worked);
}

void orc_microbatch_done(orc_microbatch *m)
{
  free(m->chunks);
  free(m->worked);
  free(m->joining);
  orc_decode_set_done(&m->decode);
}

void orc_microbatch_add(orc_microbatch *m, orc_slot slot, int32_t tokens, int32_t past)
{
  if (m->chunk_count == m->chunk_room) {
    m->chunk_room = m->chunk_room == 0 ? 8 : 2 * m->chunk_room;
    m->chunks = orc_resize(m->chunks, (size_t)m->chunk_room, sizeof *m->chunks);
  }
  m->chunks[m->chunk_count++] =
      (orc_microbatch_chunk){ .slot = slot, .tokens = tokens, .past = past };
  m->tokens += tokens;
}

bool orc_microbatch_has(const orc_microbatch *m, orc_slot slot)
{
  for (int i = 0; i < m->chunk_count; i++)
    if (m->chunks[i].slot == slot) return true;
  return false;
}

bool orc_microbatch_drop(orc_microbatch *m, orc_slot slot)
{
  for (int i = 0; i < m->chunk_count; i++) {
    if (m->chunks[i].slot != slot) continue;
    m->tokens -= m->chunks[i].tokens;
    for (int j = i + 1; j < m->chunk_count; j++)
      m->chunks[j - 1] = m->chunks[j];
    m->chunk_count--;
    return true;
  }
  return false;
}

void orc_microbatch_wait(orc_microbatch *m, orc_slot slot)
{
  if (m->joining_count == m->joining_room) {
    m->joining_room = m->joining_room == 0 ? 16 : 2 * m->joining_room;
    m->joining = orc_resize(m->joining, (size_t)m->joining_room, sizeof *m->joining);
  }
  m->joining[m->joining_count++] = slot;
  m->decode.requests->at[slot].steps_in_flight++;
}

void orc_microbatch_join(orc_microbatch *all, int count, int from, orc_slot slot)
{
  orc_microbatch *best = &all[from];
  for (int i = 0; i < count; i++)
    if (all[i].decode.n + all[i].joining_count < best->decode.n + best->joining_count)
      best = &all[i];
  orc_request *q = &best->decode.requests->at[slot];
  q->microbatch = best->index;
  if (!best->busy) {
    orc_decode_set_join(&best->decode, slot, q->last_token);
    return;
  }
  orc_microbatch_wait(best, slot);
}

void orc_microbatch_let_in(orc_microbatch *m)
{
  for (int i = 0; i < m->joining_count; i++) {
    orc_request *q = &m->decode.requests->at[m->joining[i]];
    q->steps_in_flight--;
    orc_decode_set_join(&m->decode, m->joining[i], q->last_token);
  }
  m->joining_count = 0;
}
