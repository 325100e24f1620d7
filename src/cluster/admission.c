#include "cluster/admission.h"

#include "cluster/arrivals.h"
#include "cluster/dispatch.h"
#include "cluster/failure.h"
#include "cluster/kv_transfer.h"
#include "cluster/least.h"
#include "cluster/ledger.h"
#include "cluster/slice.h"
#include "cluster/window.h"
#include "replica/abort.h"
#include "replica/attribution.h"
#include "replica/loop.h"

static void deadline(orc_cluster *c, const orc_request *q, orc_slot slot, orc_time after)
{
  if (after == ORC_NEVER) return;
  const orc_time when = orc_time_after(q->in.time, after);
  orc_engine_at_key(&c->engine, when > c->engine.now ? when : c->engine.now, ORC_CLASS_TIMER,
                    q->number, ORC_EVENT_DEADLINE, slot);
}

/* A request that no replica has ends. */
static void end(orc_cluster *c, orc_slot slot, orc_status status)
{
  c->requests.at[slot].state = ORC_DONE;
  orc_ledger_end(c, slot, status, c->engine.now);
}

/* A request is there: it is admitted or rejected, and goes to a replica. */
static void enter(orc_cluster *c, const orc_arrival *a)
{
  orc_error e;
  orc_error_clear(&e);
  const orc_slot slot = orc_requests_add(&c->requests, a);
  orc_request *q = &c->requests.at[slot];
  bool yes = true;
  q->in.adapter = orc_adapter_mix_draw(&c->sources[a->source].adapters, c->seed, a, q->number);
  c->expected--;
  c->lifecycle.asked += (uint64_t)a->prompt;
  q->counted = a->time >= c->warm_up;
  q->replica = ORC_NO_REPLICA;
  if (c->host.tokens != NULL) c->host.tokens->arrived(c->host.tokens->self, q, slot);
  orc_attribution_arrived(c->host.attribution, q, slot, c->engine.now);
  orc_host_note(&c->host, q, a->time, ORC_CHANGE_ARRIVED, a->prompt, a->max_output);
  if (c->admission.admit != NULL && !c->admission.admit(c->admission.self, c, q, &yes, &e)) {
    orc_failure_about(c, "admitting", q, &e);
    return;
  }
  if (!yes) {
    end(c, slot, ORC_REJECTED);
    return;
  }
  deadline(c, q, slot, q->in.timeout);
  deadline(c, q, slot, q->in.cancel);
  orc_dispatch(c, slot);
}

static void arrive(orc_cluster *c, const orc_arrival *a)
{
  if (c->slice != NULL) orc_slice_pace(c);
  enter(c, a);
  orc_window_arrived(c, a->time);
}

static void on_arrival(void *self, uint32_t source)
{
  orc_cluster *c = self;
  const orc_arrival a = c->pending[source];
  if (!orc_arrivals_let_come(c)) return;
  if (c->left > 0) orc_arrivals_draw(c, source);
  arrive(c, &a);
}

static void on_follow(void *self, uint32_t index)
{
  orc_cluster *c = self;
  const orc_arrival a = orc_arrivals_take(c, index);
  if (orc_arrivals_let_come(c)) arrive(c, &a);
}

/* The client of a request is gone, wherever the request is. */
static void abort_request(orc_cluster *c, orc_slot slot, orc_status status)
{
  const orc_request *q = &c->requests.at[slot];
  if (q->state == ORC_MOVING) {
    orc_kv_transfer_abort(c, slot, status);
  } else if (q->replica != ORC_NO_REPLICA) {
    orc_replica *r = &c->replicas[q->replica];
    orc_loop_settle(r);
    orc_abort(r, slot, status);
    orc_least_note(c, r);
  } else {
    orc_dispatch_forget(c, slot);
    end(c, slot, status);
  }
}

/* The slot may hold another request by now; one whose deadline this is not is left alone. */
static void on_deadline(void *self, uint32_t slot)
{
  orc_cluster *c = self;
  const orc_request *q = &c->requests.at[slot];
  if (q->state == ORC_FREE || q->state == ORC_DONE) return;
  const orc_time now = c->engine.now;
  const bool cancelled =
      q->in.cancel != ORC_NEVER && orc_time_after(q->in.time, q->in.cancel) <= now;
  const bool late = q->in.timeout != ORC_NEVER && orc_time_after(q->in.time, q->in.timeout) <= now;
  if (cancelled || late) abort_request(c, slot, cancelled ? ORC_CANCELLED : ORC_TIMEOUT);
}

void orc_admission_cancel(orc_cluster *c, orc_slot slot, orc_time at)
{
  orc_request *q = &c->requests.at[slot];
  q->in.cancel = at > q->in.time ? at - q->in.time : 0;
  deadline(c, q, slot, q->in.cancel);
}

void orc_admission_start(orc_cluster *c)
{
  orc_engine_on(&c->engine, ORC_EVENT_ARRIVAL, on_arrival, c);
  orc_engine_on(&c->engine, ORC_EVENT_FOLLOW, on_follow, c);
  orc_engine_on(&c->engine, ORC_EVENT_DEADLINE, on_deadline, c);
}
