#include "replica/crash.h"

#include "cluster/cluster.h"
#include "replica/block_table.h"
#include "replica/kv_onload.h"

static orc_request *at(const orc_replica *r, orc_slot slot)
{
  return &r->requests->at[slot];
}

/* The step of a microbatch never was: its chunks are not in flight, nobody waits for its end. */
static void abandon(orc_replica *r, orc_microbatch *microbatch)
{
  orc_batch *b = &microbatch->batch;
  for (int i = 0; i < b->chunk_count; i++) {
    at(r, b->chunks[i].slot)->ahead -= b->chunks[i].tokens;
    at(r, b->chunks[i].slot)->steps_in_flight--;
  }
  for (int i = 0; i < microbatch->joining_count; i++)
    at(r, microbatch->joining[i])->steps_in_flight--;
  b->chunk_count = microbatch->joining_count = 0;
}

/* A running request is nowhere any more. Returns whether its client still waits. */
static bool expel(orc_replica *r, orc_slot slot)
{
  orc_request *q = at(r, slot);
  if (q->state == ORC_DECODE) orc_decode_set_leave(&r->microbatches[q->microbatch].decode, slot);
  if (q->partial) orc_replica_leave_partial(r, slot);
  orc_replica_unlink(r, slot);
  orc_block_table_end(r, q);
  if (q->aborted == 0) return true;
  r->aborting--;
  q->state = ORC_DONE;
  orc_cluster_finished(r->cluster, slot, (orc_status)q->aborted, r->engine->now);
  return false;
}

static void expel_waiting(orc_replica *r, orc_slot slot)
{
  orc_request *q = at(r, slot);
  orc_queue_remove(&r->queue, slot);
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
  if (q->counted) r->usage.recomputed_tokens += (uint64_t)q->computed;
  orc_cluster_note(r->cluster, q, r->engine->now, ORC_CHANGE_LOST, 0, q->computed);
  orc_router_load_end(r->cluster, q);
  q->computed = q->lost = 0;
  q->state = ORC_QUEUED;
  q->replica = ORC_NO_REPLICA;
}

uint32_t orc_crash_requests(orc_replica *r, orc_slot *out)
{
  const orc_time now = r->engine->now;
  uint32_t n = 0;
  orc_replica_cut(r, now);
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
    orc_crash_forget(r, out[i]);
  for (int i = 0; i < r->microbatch_count; i++) {
    r->microbatches[i].batch.tokens = 0;
    r->microbatches[i].abandoned_steps +=
        r->contended && r->microbatches[i].busy && r->microbatches[i].end == ORC_NEVER;
    r->microbatches[i].batch.decodes = r->microbatches[i].decode.claimed = r->microbatches[i].busy =
        false;
    r->pipeline.stages[i].free = now;
  }
  orc_prefix_clear(&r->prefix);
  r->kept = 0;
  r->moved = r->lost = 0;
  r->fetching = 0.0;
  r->wake = ORC_NEVER;
  r->unchanged = false;
  return n;
}
