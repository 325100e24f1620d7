#include "cluster/host.h"

#include "cluster/failure.h"
#include "cluster/kv_transfer.h"
#include "cluster/least.h"
#include "cluster/ledger.h"
#include "replica/kv_onload.h"
#include "replica/loop.h"

/* ---- what replicas ask ---- */

static void note(void *self, const orc_life_entry *entry)
{
  const orc_cluster *c = self;
  orc_life_note(c->life, entry);
  if (c->log != NULL) c->log->change(c->log->self, entry);
}

static void note_step(void *self, const orc_step_note *n)
{
  const orc_cluster *c = self;
  c->log->step(c->log->self, n);
}

static void note_stage(void *self, const orc_stage_note *n)
{
  const orc_cluster *c = self;
  c->log->stage(c->log->self, n);
}

static void note_part(void *self, const orc_step_part *p)
{
  const orc_cluster *c = self;
  c->log->part(c->log->self, p);
}

static const orc_prompt *prompt(void *self, const orc_request *q)
{
  const orc_cluster *c = self;
  return &c->sources[q->in.source].prompts->at[q->in.prompt_id];
}

static int grade(void *self, uint16_t replica, const orc_request *q)
{
  orc_cluster *c = self;
  int worth = 0;
  if (c->eviction.grade == NULL) return worth;
  orc_error e;
  orc_error_clear(&e);
  if (!c->eviction.grade(c->eviction.self, q, &worth, &e))
    orc_failure_at(c, &c->replicas[replica], &e);
  return worth;
}

static void prompt_computed(void *self, orc_request *q)
{
  const orc_cluster *c = self;
  orc_router_load_begun(c->loads, q);
}

static void ended(void *self, orc_slot slot, orc_status status, orc_time now)
{
  orc_ledger_end(self, slot, status, now);
}

static void left(void *self, orc_slot slot)
{
  orc_cluster *c = self;
  orc_ledger_leave(c, &c->requests.at[slot], ORC_PENDING);
}

static void chunk_computed(void *self, uint16_t replica, orc_request *q, orc_time now)
{
  orc_kv_transfer_stage(self, replica, q, now);
}

static void hand_over(void *self, uint16_t replica, orc_slot slot, orc_time now)
{
  orc_kv_transfer_begin(self, replica, slot, now);
}

static void room_freed(void *self, uint16_t replica, orc_time now)
{
  orc_kv_transfer_room(self, replica, now);
}

static bool step_together(void *self, uint16_t replica, orc_time now, orc_error *e)
{
  const orc_cluster *c = self;
  return orc_dp_group_step(c->dp_group_of[replica], now, e);
}

static bool end_together(void *self, uint16_t replica, int microbatch)
{
  const orc_cluster *c = self;
  return orc_dp_group_end(c->dp_group_of[replica], microbatch);
}

/* ---- events of replicas ---- */

static void on_step_end(void *self, uint32_t subject)
{
  orc_cluster *c = self;
  orc_error e;
  orc_error_clear(&e);
  orc_replica *r = &c->replicas[subject & 0xffff];
  if (!orc_loop_step_end(r, (int)(subject >> 16), &e)) orc_failure_at(c, r, &e);
  orc_least_note(c, r);
}

static void on_wake(void *self, uint32_t replica)
{
  orc_cluster *c = self;
  orc_error e;
  orc_error_clear(&e);
  orc_replica *r = &c->replicas[replica];
  if (!orc_loop_wake(r, &e)) orc_failure_at(c, r, &e);
  orc_least_note(c, r);
}

void orc_host_settle_all(const orc_cluster *c)
{
  for (int i = 0; c->sleeps && i < c->replica_count; i++)
    orc_loop_settle(&c->replicas[i]);
}

/* The load may have been given up, and the slot hold another request by now. */
static void on_loaded(void *self, uint32_t slot)
{
  orc_cluster *c = self;
  const orc_request *q = &c->requests.at[slot];
  if (q->state == ORC_LOADING && q->loaded == c->engine.now)
    orc_kv_onload_end(&c->replicas[q->replica], slot);
}

static void on_computed(void *self, uint32_t stage)
{
  orc_cluster *c = self;
  orc_contended_computed(&c->contended, stage);
}

void orc_host_start(orc_cluster *c)
{
  c->host = (orc_host){ .self = c,
                        .limit = ORC_NEVER,
                        .note = c->life != NULL || c->log != NULL ? note : NULL,
                        .note_step = c->log != NULL ? note_step : NULL,
                        .note_stage = c->log != NULL && c->log->stage != NULL ? note_stage : NULL,
                        .note_part = c->log != NULL && c->log->part != NULL ? note_part : NULL,
                        .prompt = prompt,
                        .grade = grade,
                        .prompt_computed = prompt_computed,
                        .ended = ended,
                        .left = left,
                        .chunk_computed = chunk_computed,
                        .hand_over = hand_over,
                        .room_freed = room_freed,
                        .step_together = step_together,
                        .end_together = end_together };
  orc_engine_on(&c->engine, ORC_EVENT_STEP_END, on_step_end, c);
  orc_engine_on(&c->engine, ORC_EVENT_WAKE, on_wake, c);
  orc_engine_on(&c->engine, ORC_EVENT_KV_ONLOADED, on_loaded, c);
  orc_engine_on(&c->engine, ORC_EVENT_COMPUTED, on_computed, c);
}
