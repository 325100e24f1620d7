#include "cluster/ledger.h"

#include "cluster/arrivals.h"
#include "cluster/failure.h"
#include "cluster/phases.h"
#include "cluster/slice.h"
#include "replica/attribution.h"

/* What a client waits for tokens that are there: so many steps, each as long as those of the request
** took on average. */
static orc_time client_delay(const orc_cluster *c, const orc_request *q)
{
  if (c->stream_interval == 0.0 || q->generated < 2) return 0;
  const double gap = (double)(q->last_token - q->first_token) / (q->generated - 1);
  return (orc_time)(c->stream_interval * gap + 0.5);
}

orc_record orc_ledger_record(const orc_cluster *c, const orc_request *q, orc_status status,
                             orc_time now)
{
  const orc_kv *kv = &c->replicas[q->replica == ORC_NO_REPLICA ? 0 : q->replica].kv;
  const orc_time delay = status == ORC_SUCCESS ? client_delay(c, q) : 0;
  orc_time end = orc_time_after(now, delay);
  if (status == ORC_PENDING) end = -1;
  if (status == ORC_TIMEOUT) end = q->in.time + q->in.timeout;
  if (status == ORC_CANCELLED) end = q->in.time + q->in.cancel;
  return (orc_record){ .number = q->number,
                       .session = q->in.session,
                       .client = q->in.client,
                       .profile = q->in.profile,
                       .replica = q->replica,
                       .prompt = q->in.prompt,
                       .max_output = q->in.max_output,
                       .output = q->generated,
                       .cached = q->cached,
                       .prefilled = q->prefilled,
                       .recomputed = q->recomputed,
                       .cached_blocks = q->cached_blocks,
                       .prompt_blocks = (int32_t)orc_kv_blocks(kv, q->in.prompt),
                       .preemptions = q->preemptions,
                       .priority = q->in.priority,
                       .arrival = q->in.time,
                       .scheduled = q->scheduled,
                       .first_token = q->first_token + delay,
                       .completion = end,
                       .status = (uint8_t)status,
                       .prefix_event = q->prefix_event,
                       .follows = q->follows,
                       .streamed = q->in.streamed,
                       .counted = q->counted,
                       .before = q->before,
                       .window = c->warm_up };
}

static void put_row(orc_cluster *c, const orc_record *record)
{
  orc_slices *others = c->slice == NULL ? NULL : c->slice->of;
  if (others != NULL) pthread_mutex_lock(&others->csv_lock);
  orc_csv_put(c->csv, record);
  if (others != NULL) pthread_mutex_unlock(&others->csv_lock);
}

static void keep(orc_cluster *c, const orc_record *record)
{
  orc_metrics *of = record->replica == ORC_NO_REPLICA
                        ? c->without_replica
                        : c->replicas[record->replica].observed->metrics;
  orc_metrics_add(&of[record->profile], record, &c->slo);
  if (c->csv != NULL) put_row(c, record);
  if (c->excerpt != NULL) orc_excerpt_put(c->excerpt, record);
}

/* Its delays add up to what its record says. */
static void attribute(const orc_cluster *c, orc_slot slot, const orc_record *record)
{
  const orc_replica *r = record->replica == ORC_NO_REPLICA ? NULL : &c->replicas[record->replica];
  const orc_time delay = record->status == ORC_SUCCESS ? client_delay(c, &c->requests.at[slot]) : 0;
  orc_attribution_ended(c->host.attribution, r, slot, record, delay);
}

/* Clients that are rejected and send again at the same moment may be rejected again and again. */
enum { INSTANT_RETRIES_MOST = 10000000 };

static void count_retry(orc_cluster *c, orc_time now)
{
  if (c->instant_retry_time != now) c->instant_retries = 0;
  c->instant_retry_time = now;
  if (++c->instant_retries <= INSTANT_RETRIES_MOST + 64 * (uint64_t)c->requests.live) return;
  orc_error e;
  orc_fail(&e,
           "at t=%.6f s: requests that are turned away are asked again at the same moment, %llu "
           "times by now; give the clients `think`, or requests that can be served",
           (double)now * 1e-9, (unsigned long long)c->instant_retries);
  orc_failure(c, &e);
}

/* What its source learns of it. */
static orc_outcome outcome_of(const orc_request *q, const orc_record *record, orc_time now)
{
  const orc_time seen = record->status == ORC_SUCCESS ? record->completion : now;
  return (orc_outcome){ .in = &q->in,
                        .number = q->number,
                        .ended = seen,
                        .first_token = record->first_token,
                        .last_token = q->generated > 0 ? q->last_token + (seen - now) : -1,
                        .generated = q->generated,
                        .cached = q->cached,
                        .replica = q->replica,
                        .status = (orc_status)record->status };
}

static void note_end(const orc_cluster *c, const orc_request *q, const orc_record *record,
                     orc_time now)
{
  if (c->host.note == NULL) return;
  const orc_life_entry end = { .time = now,
                               .number = q->number,
                               .amount = q->generated,
                               .of = q->preemptions,
                               .replica = record->replica,
                               .what = ORC_CHANGE_ENDED,
                               .detail = record->status };
  c->host.note(c->host.self, &end);
}

/* The client may send another request. */
static void follow_up(orc_cluster *c, const orc_request *q, const orc_record *record, orc_time now)
{
  const orc_status status = (orc_status)record->status;
  const orc_source *s = &c->sources[q->in.source];
  orc_error e;
  orc_error_clear(&e);
  if (s->follow != NULL && (c->left > 0 || s->open)) {
    const orc_outcome of = outcome_of(q, record, now);
    orc_arrival next;
    if (s->follow(s->self, &of, &next, &e)) {
      if (status != ORC_SUCCESS && next.time <= now) count_retry(c, now);
      orc_arrivals_expect(c, q->in.source, q->routed_to, &next);
    } else if (e.code != 0) {
      orc_failure(c, &e);
    }
  }
  if (q->in.prompt_id != 0) orc_prompts_drop(s->prompts, q->in.prompt_id);
}

void orc_ledger_leave(orc_cluster *c, orc_request *q, orc_status status)
{
  orc_error e;
  orc_error_clear(&e);
  if (!q->known) return;
  q->known = false;
  orc_replica *r = &c->replicas[q->replica];
  if (r->turns != NULL) orc_turns_went(r->turns, q);
  if (c->batching.ended != NULL && !c->batching.ended(c->batching.self, q, status, &e))
    orc_failure_at(c, r, &e);
}

void orc_ledger_end(orc_cluster *c, orc_slot slot, orc_status status, orc_time now)
{
  orc_request *q = &c->requests.at[slot];
  const orc_record record = orc_ledger_record(c, q, status, now);
  if (c->host.attribution != NULL) attribute(c, slot, &record);
  if (c->latencies != NULL) orc_latencies_add(c->latencies, &record);
  keep(c, &record);
  if (c->host.tokens != NULL) c->host.tokens->ended(c->host.tokens->self, &record);
  orc_router_load_end(c->loads, q);
  note_end(c, q, &record, now);
  const orc_time seen = status == ORC_SUCCESS ? record.completion : now;
  if (seen > c->last_end) c->last_end = seen;
  if (c->slice != NULL && now > c->slice->ended) c->slice->ended = now;
  c->lifecycle.fruitless_failures = 0;
  if (q->replica != ORC_NO_REPLICA) {
    orc_phases_drained(c, q->replica, now);
    orc_ledger_leave(c, q, status);
  }
  follow_up(c, q, &record, now);
  orc_requests_drop(&c->requests, slot);
}
