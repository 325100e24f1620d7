#include "replica/crash.h"

#include "replica/attribution.h"
#include "replica/block_table.h"
#include "replica/kv_onload.h"
#include "replica/running.h"
#include "replica/usage.h"
#include "replica/waiting.h"

static orc_request *at(const orc_replica *r, orc_slot slot)
{
  return &r->requests->at[slot];
}

/* The step of a microbatch never was: its chunks are not in flight, its end is not waited for. */
static void abandon(orc_replica *r, orc_microbatch *m)
{
  for (int i = 0; i < m->chunk_count; i++) {
    if (m->chunks[i].wasted) continue;
    at(r, m->chunks[i].slot)->ahead -= m->chunks[i].tokens;
    at(r, m->chunks[i].slot)->steps_in_flight--;
  }
  for (int i = 0; i < m->joining_count; i++)
    at(r, m->joining[i])->steps_in_flight--;
  m->chunk_count = m->joining_count = 0;
}

/* A running request is nowhere any more. Returns whether its client still waits. */
static bool expel(orc_replica *r, orc_slot slot)
{
  orc_request *q = at(r, slot);
  orc_running_halt(r, slot);
  orc_block_table_end(r, q);
  if (q->aborted == 0) return true;
  r->aborting--;
  q->state = ORC_DONE;
  orc_request_cut(q, r->engine->now, orc_replica_lands(r, r->engine->now));
  r->host->ended(r->host->self, slot, (orc_status)q->aborted, r->engine->now);
  return false;
}

static void expel_waiting(orc_replica *r, orc_slot slot)
{
  orc_request *q = at(r, slot);
  orc_waiting_leave(r, slot);
  orc_block_table_end(r, q);
  r->host_free += q->swapped;
  q->swapped = 0;
}

static void sort(const orc_replica *r, orc_slot *slots, uint32_t n)
{
  for (uint32_t i = 1; i < n; i++) {
    const orc_slot slot = slots[i];
    uint32_t j = i;
    for (; j > 0 && at(r, slots[j - 1])->number > at(r, slot)->number; j--)
      slots[j] = slots[j - 1];
    slots[j] = slot;
  }
}

void orc_crash_forget(orc_replica *r, orc_slot slot)
{
  orc_request *q = at(r, slot);
  if (q->computed > q->lost) q->lost = q->computed;
  orc_attribution_lost(r, slot, r->engine->now);
  orc_host_note(r->host, q, r->engine->now, ORC_CHANGE_LOST, 0, q->computed);
  r->host->left(r->host->self, slot);
  q->computed = 0;
  q->handed_over = false;
  q->key = (double)q->number;
  q->state = ORC_QUEUED;
  q->replica = ORC_NO_REPLICA;
}

uint32_t orc_crash_requests(orc_replica *r, orc_slot *out)
{
  const orc_time now = r->engine->now;
  uint32_t n = 0;
  orc_usage_cut_at(r, now);
  for (int i = 0; i < r->microbatch_count; i++)
    if (r->microbatches[i].busy) abandon(r, &r->microbatches[i]);
  while (r->first != ORC_NO_SLOT) {
    const orc_slot slot = r->first;
    if (expel(r, slot)) out[n++] = slot;
  }
  n += orc_kv_onload_give_up(r, out + n);
  while (r->queue.count > 0) {
    out[n++] = orc_queue_head(&r->queue);
    expel_waiting(r, out[n - 1]);
  }
  sort(r, out, n);
  for (uint32_t i = 0; i < n; i++)
    orc_request_cut(at(r, out[i]), now, orc_replica_lands(r, now));
  r->flights = r->ending_count = 0;
  for (uint32_t i = 0; i < n; i++)
    orc_crash_forget(r, out[i]);
  for (int i = 0; i < r->microbatch_count; i++) {
    orc_microbatch *m = &r->microbatches[i];
    m->tokens = 0;
    m->moves = (orc_microbatch_moves){ 0 };
    m->abandoned_steps += r->contended != NULL && m->busy && m->end == ORC_NEVER;
    m->decodes = m->decode.claimed = m->busy = false;
    r->pipeline.stages[i].free = now;
  }
  orc_block_table_clear(r);
  orc_loras_clear(&r->loras);
  r->kept = 0;
  r->paused = ORC_NO_SLOT;
  r->lost = 0;
  r->starved = 0;
  r->moves = (orc_microbatch_moves){ 0 };
  r->wake = ORC_NEVER;
  r->unchanged = false;
  return n;
}
