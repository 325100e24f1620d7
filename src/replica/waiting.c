#include "replica/waiting.h"

#include "replica/attribution.h"

void orc_waiting_to_front(orc_replica *r, orc_request *q)
{
  if (r->policy->order == NULL) q->key = r->front -= 1.0;
}

void orc_waiting_hold(orc_replica *r, orc_slot slot)
{
  orc_request *q = orc_replica_request(r, slot);
  r->kept++;
  q->prev = ORC_NO_SLOT;
  q->next = r->paused;
  if (r->paused != ORC_NO_SLOT) orc_replica_request(r, r->paused)->prev = slot;
  r->paused = slot;
}

void orc_waiting_release(orc_replica *r, orc_slot slot)
{
  const orc_request *q = orc_replica_request(r, slot);
  r->kept--;
  if (q->prev != ORC_NO_SLOT)
    orc_replica_request(r, q->prev)->next = q->next;
  else
    r->paused = q->next;
  if (q->next != ORC_NO_SLOT) orc_replica_request(r, q->next)->prev = q->prev;
}

void orc_waiting_join(orc_replica *r, orc_slot slot)
{
  orc_queue_push(&r->queue, slot, orc_replica_request(r, slot)->key);
  if (r->turns != NULL) orc_turns_join(r->turns, slot);
}

void orc_waiting_leave(orc_replica *r, orc_slot slot)
{
  orc_queue_remove(&r->queue, slot);
  if (r->turns != NULL) orc_turns_leave(r->turns, slot);
}

bool orc_waiting_queued(const orc_replica *r, orc_slot slot)
{
  const uint32_t place = orc_replica_request(r, slot)->place[0];
  return place < r->queue.count && r->queue.at[place].slot == slot;
}

void orc_waiting_for_end(orc_replica *r, orc_slot slot, orc_time time)
{
  const orc_request *q = orc_replica_request(r, slot);
  if (r->ending_count == r->ending_room) {
    r->ending_room = r->ending_room == 0 ? 4 : 2 * r->ending_room;
    r->ending = orc_resize(r->ending, (size_t)r->ending_room, sizeof *r->ending);
  }
  r->ending[r->ending_count++] =
      (orc_ending){ .time = time, .admitted = q->admitted, .number = q->number, .slot = slot };
}

/* The longest answer that is taken for possible. */
static void cap_answer(const orc_replica *r, orc_request *q)
{
  const int64_t page = r->kv.block_size, prompt = q->in.prompt;
  const int64_t room = (r->kv.total - orc_kv_blocks(&r->kv, prompt) - 1) * page - 1;
  const int64_t context = (int64_t)r->knobs.max_model_len - prompt - 2;
  const int64_t most = room < context ? room : context;
  if (most < 1 || most >= q->in.max_output) return;
  q->in.max_output = (int32_t)most;
  if (q->in.output > most) q->in.output = (int32_t)most;
}

bool orc_waiting_place(const orc_replica *r, orc_request *q, orc_error *e)
{
  q->known = true;
  q->alarm = 0;
  if (r->turns != NULL) orc_turns_came(r->turns, (orc_slot)(q - r->requests->at));
  return r->policy->order == NULL || r->policy->order(r->policy->self, q, &q->key, e);
}

bool orc_waiting_enqueue(orc_replica *r, orc_slot slot, orc_error *e)
{
  orc_request *q = orc_replica_request(r, slot);
  q->replica = r->index;
  if (r->knobs.rules.caps_answers) cap_answer(r, q);
  q->extra = orc_replica_ahead(r) && !orc_replica_verifies(r) && q->in.stops &&
             q->in.output < q->in.max_output;
  if (orc_replica_never_fits(r, q)) {
    q->state = ORC_DONE;
    r->host->ended(r->host->self, slot, ORC_REJECTED, r->engine->now);
    return true;
  }
  orc_attribution_waits(r, slot, r->engine->now);
  if (!orc_waiting_place(r, q, e)) return false;
  orc_waiting_join(r, slot);
  r->unchanged = false;
  if (orc_replica_idle(r)) orc_replica_wake_at(r, r->engine->now);
  return true;
}

void orc_waiting_take_over(orc_replica *r, orc_slot slot)
{
  orc_request *q = orc_replica_request(r, slot);
  q->state = ORC_QUEUED;
  orc_attribution_waits(r, slot, r->engine->now);
  orc_waiting_hold(r, slot);
  orc_waiting_join(r, slot);
  orc_replica_disturb(r);
}
