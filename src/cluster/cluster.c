#include "cluster/cluster.h"

#include <stdio.h>
#include <stdlib.h>

#include "cluster/deploy.h"
#include "cluster/sampler.h"
#include "cluster/scaling.h"
#include "replica/block_table.h"
#include "replica/kv_onload.h"

static void fail_with(orc_cluster *c, const orc_error *e)
{
  if (c->failure.code == 0) c->failure = *e;
  if (c->failure.code == 0) c->failure.code = 1;
}

/* Where a policy failed: the message gains the time, the replica and its step. */
static void fail_at(orc_cluster *c, const orc_replica *r, const orc_error *e)
{
  orc_error where;
  orc_fail(&where, "at t=%.6f s, replica %u, step %llu: %s", (double)r->now * 1e-9, r->index,
           (unsigned long long)r->usage.steps, e->msg);
  fail_with(c, &where);
}

static orc_record record_of(const orc_cluster *c, const orc_request *q, orc_status status,
                            orc_time now)
{
  const orc_replica *r = &c->replicas[q->replica == ORC_NO_REPLICA ? 0 : q->replica];
  orc_time end = now;
  if (status == ORC_PENDING) end = -1;
  if (status == ORC_TIMEOUT) end = q->in.time + q->in.timeout;
  if (status == ORC_CANCELLED) end = q->in.time + q->in.cancel;
  return (orc_record){ .number = q->number,
                       .session = q->in.session,
                       .client = q->in.client,
                       .profile = q->in.profile,
                       .replica = r->index,
                       .prompt = q->in.prompt,
                       .max_output = q->in.max_output,
                       .output = q->generated,
                       .cached = q->cached,
                       .prefilled = q->prefilled,
                       .cached_blocks = q->cached_blocks,
                       .prompt_blocks = (int32_t)orc_kv_blocks(&r->kv, q->in.prompt),
                       .preemptions = q->preemptions,
                       .priority = q->in.priority,
                       .arrival = q->in.time,
                       .scheduled = q->scheduled,
                       .first_token = q->first_token,
                       .completion = end,
                       .status = (uint8_t)status,
                       .prefix_event = q->prefix_event,
                       .follows = q->follows,
                       .streamed = q->in.streamed,
                       .counted = q->counted };
}

static void keep(orc_cluster *c, const orc_record *record)
{
  const int replica = record->replica < c->replica_count ? record->replica : 0;
  orc_metrics *m = &c->replicas[replica].metrics[record->profile];
  orc_metrics_add(m, record, &c->slo);
  if (c->csv != NULL) orc_csv_put(c->csv, record);
}

/* When a request sent at its time is there; one does not overtake another on the clients' link. */
static orc_time reaches(const orc_cluster *c, const orc_arrival *a)
{
  const double ns = c->token_overhead * a->prompt + 0.5;
  const orc_time way = orc_time_after(c->overhead, ns < 0x1p63 ? (orc_time)ns : ORC_END);
  const orc_time t = orc_time_after(a->time, way);
  return t > c->engine.now ? t : c->engine.now;
}

/* An arrival that follows an answer waits for its time. */
static void expect(orc_cluster *c, uint32_t source, uint16_t from, const orc_arrival *a)
{
  if (c->future_free_count == 0) {
    const uint32_t room = c->future_room == 0 ? 64 : 2 * c->future_room;
    c->future = orc_resize(c->future, room, sizeof *c->future);
    c->future_free = orc_resize(c->future_free, room, sizeof *c->future_free);
    for (uint32_t i = room; i > c->future_room; i--)
      c->future_free[c->future_free_count++] = i - 1;
    c->future_room = room;
  }
  const uint32_t index = c->future_free[--c->future_free_count];
  c->future[index] = *a;
  c->future[index].source = source;
  c->future[index].last_replica = a->turn > 1 ? from : ORC_NO_REPLICA;
  c->expected++;
  orc_engine_at(&c->engine, reaches(c, a), ORC_CLASS_ARRIVAL, ORC_EVENT_FOLLOW, index);
}

int orc_cluster_grade(const orc_replica *r, const orc_request *q)
{
  orc_cluster *c = r->cluster;
  orc_error e;
  orc_error_clear(&e);
  int grade = 0;
  if (c->eviction.grade != NULL && !c->eviction.grade(c->eviction.self, q, &grade, &e))
    fail_at(c, r, &e);
  return grade;
}

/* Who is turned away and asks again at the same moment may be told the same again and again. */
enum { INSTANT_RETRIES_MOST = 10000000 };

static void count_echo(orc_cluster *c, orc_time now)
{
  if (c->instant_retry_time != now) c->instant_retries = 0;
  c->instant_retry_time = now;
  if (++c->instant_retries <= INSTANT_RETRIES_MOST + 64 * (uint64_t)c->requests.live) return;
  orc_error e;
  orc_fail(&e,
           "at t=%.6f s: requests that are turned away are asked again at the same moment, %llu "
           "times by now; give the clients `think`, or requests that can be served",
           (double)now * 1e-9, (unsigned long long)c->instant_retries);
  fail_with(c, &e);
}

/* What its source learns of it. */
static orc_outcome outcome_of(const orc_request *q, orc_status status, orc_time now)
{
  return (orc_outcome){ .in = &q->in,
                        .number = q->number,
                        .ended = now,
                        .first_token = q->first_token,
                        .last_token = q->generated > 0 ? q->last_token : -1,
                        .generated = q->generated,
                        .cached = q->cached,
                        .replica = q->replica,
                        .status = status };
}

void orc_cluster_finished(orc_cluster *c, orc_slot slot, orc_status status, orc_time now)
{
  orc_request *q = &c->requests.at[slot];
  const orc_record record = record_of(c, q, status, now);
  keep(c, &record);
  orc_router_load_end(c, q);
  const orc_life_entry end = { .time = now,
                               .number = q->number,
                               .amount = q->generated,
                               .of = q->preemptions,
                               .replica = record.replica,
                               .what = ORC_CHANGE_ENDED,
                               .detail = (uint8_t)status };
  orc_life_note(c->life, &end);
  if (c->log != NULL) c->log->change(c->log->self, &end);
  if (now > c->last_end) c->last_end = now;
  orc_lifecycle_ended(&c->lifecycle);
  orc_error e;
  orc_error_clear(&e);
  if (q->replica != ORC_NO_REPLICA) orc_lifecycle_drained(c, q->replica, now);
  if (c->batching.ended != NULL && q->replica != ORC_NO_REPLICA &&
      !c->batching.ended(c->batching.self, q, status, &e))
    fail_at(c, &c->replicas[q->replica], &e);
  const orc_source *s = &c->sources[q->in.source];
  orc_arrival next;
  const orc_outcome of = outcome_of(q, status, now);
  orc_error_clear(&e);
  if (s->follow != NULL && c->left > 0 && s->follow(s->self, &of, &next, &e)) {
    if (status != ORC_SUCCESS && next.time <= now) count_echo(c, now);
    expect(c, q->in.source, q->routed_to, &next);
  } else if (e.code != 0) {
    fail_with(c, &e);
  }
  if (q->in.prompt_id != 0) orc_prompts_drop(s->prompts, q->in.prompt_id);
  orc_requests_drop(&c->requests, slot);
}

/* Draw a source's next arrival and wait for its time. */
static void draw(orc_cluster *c, uint32_t source)
{
  orc_error e;
  orc_error_clear(&e);
  orc_arrival *a = &c->pending[source];
  const orc_source *s = &c->sources[source];
  if (!s->next(s->self, a, &e)) {
    if (e.code != 0) fail_with(c, &e);
    return;
  }
  a->source = source;
  a->last_replica = ORC_NO_REPLICA;
  c->expected++;
  orc_engine_at_key(&c->engine, reaches(c, a), ORC_CLASS_ARRIVAL, source, ORC_EVENT_ARRIVAL,
                    source);
}

static void deadline(orc_cluster *c, const orc_request *q, orc_slot slot, orc_time after)
{
  if (after == ORC_NEVER) return;
  const orc_time when = orc_time_after(q->in.time, after);
  orc_engine_at_key(&c->engine, when > c->engine.now ? when : c->engine.now, ORC_CLASS_TIMER,
                    q->number, ORC_EVENT_DEADLINE, slot);
}

void orc_cluster_fail_about(orc_cluster *c, const char *doing, const orc_request *q,
                            const orc_error *e)
{
  orc_error where;
  orc_fail(&where, "at t=%.6f s, %s request %llu: %s", (double)c->engine.now * 1e-9, doing,
           (unsigned long long)q->number + 1, e->msg);
  fail_with(c, &where);
}

int orc_cluster_home(const orc_cluster *c)
{
  if (c->asked == ORC_NO_SLOT) return -1;
  const uint16_t home = c->requests.at[c->asked].in.last_replica;
  if (home == ORC_NO_REPLICA) return -1;
  for (int i = 0; i < c->lifecycle.ready_count; i++)
    if (c->lifecycle.ready[i] == home) return i;
  return -1;
}

void orc_cluster_dispatch(orc_cluster *c, orc_slot slot)
{
  orc_error e;
  orc_error_clear(&e);
  orc_request *q = &c->requests.at[slot];
  const int ready = c->lifecycle.ready_count;
  int choice = 0;
  if (ready == 0) {
    orc_lifecycle_hold(c, slot);
    return;
  }
  c->asked = slot;
  const int choices = ready + c->lifecycle.decode_count;
  const bool routed =
      c->router.route == NULL || choices == 1 || c->router.route(c->router.self, c, q, &choice, &e);
  c->asked = ORC_NO_SLOT;
  if (!routed) {
    orc_cluster_fail_about(c, "routing", q, &e);
    return;
  }
  ORC_ASSERT(choice >= 0 && choice < choices);
  orc_replica *r = &c->replicas[c->lifecycle.ready[choice]];
  q->replica = q->routed_to = r->index;
  if (c->router.tracks)
    orc_router_load_add(r, q, orc_request_target(q) - orc_block_table_match(r, q));
  if (!orc_replica_enqueue(r, slot, &e)) fail_at(c, r, &e);
}

/* A request is there: it is admitted or rejected, and goes to a replica. */
static void arrive(orc_cluster *c, const orc_arrival *a)
{
  orc_error e;
  orc_error_clear(&e);
  const orc_slot slot = orc_requests_add(&c->requests, a);
  orc_request *q = &c->requests.at[slot];
  bool yes = true;
  c->expected--;
  c->lifecycle.asked += (uint64_t)a->prompt;
  q->counted = a->time >= c->warm_up;
  q->replica = ORC_NO_REPLICA;
  orc_cluster_note(c, q, a->time, ORC_CHANGE_ARRIVED, a->prompt, a->max_output);
  c->asked = slot;
  const bool judged =
      c->admission.admit == NULL || c->admission.admit(c->admission.self, c, q, &yes, &e);
  c->asked = ORC_NO_SLOT;
  if (!judged) {
    orc_cluster_fail_about(c, "admitting", q, &e);
    return;
  }
  if (!yes) {
    q->state = ORC_DONE;
    orc_cluster_finished(c, slot, ORC_REJECTED, c->engine.now);
    return;
  }
  deadline(c, q, slot, a->timeout);
  deadline(c, q, slot, a->cancel);
  orc_cluster_dispatch(c, slot);
}

/* Whether one more may come; the last one leaves nothing to be expected behind it. */
static bool let_come(orc_cluster *c)
{
  if (c->left == 0) return false;
  if (--c->left == 0) c->expected = 1;
  return true;
}

static void on_arrival(void *self, uint32_t source)
{
  orc_cluster *c = self;
  const orc_arrival a = c->pending[source];
  if (!let_come(c)) return;
  if (c->left > 0) draw(c, source);
  arrive(c, &a);
}

static void on_follow(void *self, uint32_t index)
{
  orc_cluster *c = self;
  const orc_arrival a = c->future[index];
  c->future_free[c->future_free_count++] = index;
  if (let_come(c)) arrive(c, &a);
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
  if (!cancelled && !late) return;
  const orc_status status = cancelled ? ORC_CANCELLED : ORC_TIMEOUT;
  if (q->replica != ORC_NO_REPLICA) {
    orc_replica_abort(&c->replicas[q->replica], slot, status);
    return;
  }
  orc_lifecycle_release(c, slot);
  c->requests.at[slot].state = ORC_DONE;
  orc_cluster_finished(c, slot, status, now);
}

static void on_step_end(void *self, uint32_t subject)
{
  orc_cluster *c = self;
  orc_error e;
  orc_error_clear(&e);
  orc_replica *r = &c->replicas[subject & 0xffff];
  if (!orc_replica_step_end(r, (int)(subject >> 16), &e)) fail_at(c, r, &e);
}

static void on_wake(void *self, uint32_t replica)
{
  orc_cluster *c = self;
  orc_error e;
  orc_error_clear(&e);
  if (!orc_replica_wake(&c->replicas[replica], &e)) fail_at(c, &c->replicas[replica], &e);
}

static void on_loaded(void *self, uint32_t slot)
{
  orc_kv_onload_end(self, slot);
}

static void on_computed(void *self, uint32_t stage)
{
  orc_cluster *c = self;
  orc_contended_computed(&c->contended, stage);
}

orc_cluster *orc_cluster_new(const orc_cluster_config *config)
{
  orc_cluster *c = orc_alloc(1, sizeof *c);
  ORC_ASSERT(config->profile_count >= 1 && config->source_count >= 1);
  orc_requests_init(&c->requests);
  c->batching = config->batching;
  c->router = config->router;
  c->admission = config->admission;
  c->eviction = config->eviction;
  c->source_count = config->source_count;
  c->asked = ORC_NO_SLOT;
  c->left = config->count > 0 ? (uint64_t)config->count : UINT64_MAX;
  c->profile_count = config->profile_count;
  c->warm_up = config->warm_up;
  c->slo = config->slo;
  c->overhead = orc_time_of(config->request_overhead);
  c->token_overhead = config->token_overhead * 1e9;
  c->log = config->log;
  c->runs = config->runs && config->log == NULL;
  c->lod = config->lod;
  c->seed = config->seed;
  c->routing = orc_rng_stream(config->seed, ORC_FOR_ROUTING, 0);
  c->csv = config->csv;
  c->life = config->life;
  c->stop = config->stop;
  c->limit = ORC_NEVER;
  orc_engine_on(&c->engine, ORC_EVENT_STEP_END, on_step_end, c);
  orc_engine_on(&c->engine, ORC_EVENT_WAKE, on_wake, c);
  orc_engine_on(&c->engine, ORC_EVENT_ARRIVAL, on_arrival, c);
  orc_engine_on(&c->engine, ORC_EVENT_FOLLOW, on_follow, c);
  orc_engine_on(&c->engine, ORC_EVENT_DEADLINE, on_deadline, c);
  orc_engine_on(&c->engine, ORC_EVENT_COMPUTED, on_computed, c);
  orc_engine_on(&c->engine, ORC_EVENT_KV_ONLOADED, on_loaded, c);
  orc_deploy(c, config);
  orc_scaling_start(c);
  c->sources = orc_alloc((size_t)c->source_count, sizeof *c->sources);
  c->pending = orc_alloc((size_t)c->source_count, sizeof *c->pending);
  for (int i = 0; i < c->source_count; i++) {
    c->sources[i] = config->sources[i];
    /* An answer may bring a request to any replica, so none may pass another's end. */
    if (c->sources[i].follow != NULL) c->engine.coupled = true;
  }
  for (int i = 0; i < c->source_count; i++)
    draw(c, (uint32_t)i);
  if (config->sample_interval > 0) orc_sampler_start(c, config->sample_interval);
  return c;
}

void orc_cluster_free(orc_cluster *c)
{
  if (c == NULL) return;
  for (int i = 0; i < c->replica_count; i++)
    orc_replica_done(&c->replicas[i]);
  for (int i = 0; i < c->source_count; i++)
    if (c->sources[i].done != NULL) c->sources[i].done(c->sources[i].self);
  orc_contended_done(&c->contended);
  orc_net_free(c->net);
  orc_kv_transfers_done(&c->kv_transfers);
  for (int i = 0; i < c->dp_group_count; i++)
    orc_dp_group_done(&c->dp_groups[i]);
  free(c->dp_groups);
  free(c->pools);
  orc_placement_done(&c->placement);
  orc_engine_done(&c->engine);
  free(c->devices);
  orc_requests_done(&c->requests);
  orc_series_free(c->series);
  orc_lifecycle_done(&c->lifecycle);
  free(c->replicas);
  free(c->sources);
  free(c->pending);
  free(c->future);
  free(c->future_free);
  free(c);
}

/* The number that people see of the oldest request of a replica. */
static unsigned long long oldest(const orc_replica *r)
{
  uint64_t least = UINT64_MAX;
  for (uint32_t i = 0; i < r->queue.count; i++)
    if (r->queue.at[i].number < least) least = r->queue.at[i].number;
  for (orc_slot slot = r->first; slot != ORC_NO_SLOT; slot = r->requests->at[slot].next)
    if (r->requests->at[slot].number < least) least = r->requests->at[slot].number;
  return (unsigned long long)least + 1;
}

/* Requests are left and nothing will ever happen: a policy made no progress. */
static bool stalled(const orc_cluster *c, orc_error *e)
{
  for (int i = 0; i < c->replica_count; i++) {
    const orc_replica *r = &c->replicas[i];
    if (orc_replica_in_flight(r) == 0) continue;
    return orc_fail(
        e,
        "at t=%.6f s, replica %d, step %llu: batching policy \"%s\"%s makes no progress: it "
        "formed an empty step with %u waiting, %d running and %lld of %lld KV blocks free; the "
        "oldest "
        "is request %llu",
        (double)c->engine.now * 1e-9, i, (unsigned long long)r->usage.steps, c->batching.name,
        orc_batching_place(&c->batching), r->queue.count, r->running,
        (long long)orc_kv_available(&r->kv), (long long)r->kv.total, oldest(r));
  }
  const uint64_t stranded = orc_kv_transfer_stranded(c);
  if (stranded > 0)
    return orc_fail(e, "at t=%.6f s: %llu requests wait and no replica is there to decode them",
                    (double)c->engine.now * 1e-9, (unsigned long long)stranded);
  if (c->kv_transfers.moving > 0)
    return orc_fail(e,
                    "at t=%.6f s: %llu requests wait for room to be decoded in, and none is left",
                    (double)c->engine.now * 1e-9, (unsigned long long)c->kv_transfers.moving);
  if (c->lifecycle.unrouted_count > 0)
    return orc_fail(e, "at t=%.6f s: %u requests wait and no replica is there to serve them",
                    (double)c->engine.now * 1e-9, c->lifecycle.unrouted_count);
  return true;
}

/* What comes next lies beyond the clock, so its time is not known. */
static bool outlasted(const orc_cluster *c, orc_error *e)
{
  return orc_fail(e,
                  "at t=%.6f s: what happens next comes later than 292 years after the beginning, "
                  "where the clock ends; smaller times or faster hardware expected",
                  (double)c->engine.now * 1e-9);
}

bool orc_cluster_run(orc_cluster *c, orc_time until, orc_error *e)
{
  c->limit = until;
  while (c->failure.code == 0) {
    if (c->stop != NULL && *c->stop != 0) {
      c->interrupted = true;
      return true;
    }
    if (c->requests.live == 0 && c->expected == 0)
      return true; /* what is pending concerns nobody */
    const orc_time next = orc_engine_next(&c->engine);
    if (next == ORC_NEVER) return stalled(c, e);
    if (next > until) {
      c->engine.now = until;
      return true;
    }
    if (next == ORC_END) return outlasted(c, e);
    orc_engine_step(&c->engine);
  }
  if (e != NULL) *e = c->failure;
  return false;
}

void orc_cluster_close(orc_cluster *c)
{
  for (uint64_t n = c->requests.oldest; n < c->requests.next_number; n++) {
    const orc_slot slot = orc_requests_find(&c->requests, n);
    if (slot == ORC_NO_SLOT) continue;
    orc_request *q = &c->requests.at[slot];
    orc_record record = record_of(c, q, ORC_PENDING, c->engine.now);
    if (q->state == ORC_DECODE)
      record.output =
          orc_decode_set_generated(&c->replicas[q->replica].microbatches[q->microbatch].decode, q);
    keep(c, &record);
  }
}
