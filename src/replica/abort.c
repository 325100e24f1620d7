#include "replica/abort.h"

#include "replica/finish.h"
#include "replica/waiting.h"

void orc_abort(orc_replica *r, orc_slot slot, orc_status status)
{
  orc_request *q = orc_replica_request(r, slot);
  ORC_ASSERT(q->state != ORC_MOVING);
  if (q->state == ORC_LOADING) { /* it ends when it gets there */
    if (q->aborted == 0) q->aborted = (uint8_t)status;
    return;
  }
  if (q->state != ORC_QUEUED && (q->steps_in_flight > 0 || r->microbatches[q->microbatch].busy)) {
    r->aborting += q->aborted == 0;
    q->aborted = (uint8_t)status;
    return;
  }
  if (q->state == ORC_QUEUED) {
    if (q->blocks > 0) orc_waiting_release(r, slot);
    orc_waiting_leave(r, slot);
    orc_finish(r, slot, status, r->engine->now);
  } else {
    orc_finish_running(r, slot, status, r->engine->now);
  }
  /* The blocks it held may be what others wait for. */
  if (orc_replica_idle(r)) orc_replica_wake_at(r, r->engine->now);
}

void orc_abort_after_step(orc_replica *r, const orc_microbatch *m, orc_time now)
{
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT && r->aborting > 0;) {
    const orc_request *q = orc_replica_request(r, slot);
    const orc_slot next = q->next;
    /* Chunks that end at one moment do so in the order of their microbatches, not in their own. */
    const bool rests = q->state != ORC_DECODE || q->microbatch == m->index;
    if (q->aborted != 0 && q->steps_in_flight == 0 && rests) {
      r->aborting--;
      orc_finish_running(r, slot, (orc_status)q->aborted, now);
    }
    slot = next;
  }
}
