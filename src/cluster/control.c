#include "cluster/control.h"

#include <stdlib.h>

#include "cluster/arrivals.h"
#include "cluster/cluster.h"
#include "cluster/least.h"
#include "cluster/lifecycle.h"
#include "cluster/phases.h"
#include "replica/block_table.h"

bool orc_control_over(const orc_cluster *c)
{
  return c->requests.live == 0 && c->expected == 0;
}

orc_time orc_control_now(const orc_cluster *c)
{
  return orc_control_over(c) && c->last_end > c->engine.now ? c->last_end : c->engine.now;
}

uint64_t orc_control_steps_of(const orc_replica *r)
{
  uint64_t running = 0;
  for (int i = 0; i < r->microbatch_count; i++)
    running += r->microbatches[i].busy;
  return r->usage.steps - running;
}

uint64_t orc_control_steps(const orc_cluster *c)
{
  uint64_t steps = 0;
  for (int i = 0; i < c->replica_count; i++)
    steps += orc_control_steps_of(&c->replicas[i]);
  return steps;
}

/* Not stopped by c->stop. */
static bool run_through(orc_cluster *c, orc_time until, orc_error *e)
{
  const volatile sig_atomic_t *stop = c->stop;
  c->stop = NULL;
  c->interrupted = false;
  const bool good = orc_cluster_run(c, until, e);
  c->stop = stop;
  return good;
}

orc_instant orc_control_instant(orc_cluster *c, orc_time until, orc_error *e)
{
  if (orc_control_over(c)) return ORC_INSTANT_OVER;
  const orc_time next = orc_engine_next(&c->engine);
  const bool idles = next == ORC_NEVER && orc_cluster_idles(c, until);
  if (next > until && (next != ORC_NEVER || idles)) {
    c->engine.now = until;
    return ORC_INSTANT_LATER;
  }
  /* No step ends before the clock's beginning, so each one becomes an event. */
  c->host.limit = -1;
  orc_least_forget(c);
  while (c->failure.code == 0 && !orc_control_over(c) && next != ORC_NEVER &&
         orc_engine_next(&c->engine) == next)
    orc_cluster_step(c);
  if (next != ORC_NEVER && c->failure.code == 0) return ORC_INSTANT_MOVED;
  /* Failed before, failed now, or stuck: the whole loop knows what to say. */
  return run_through(c, c->engine.now, e) ? ORC_INSTANT_OVER : ORC_INSTANT_FAILED;
}

bool orc_control_catch_up(orc_cluster *c, orc_time time, orc_error *e)
{
  const bool interrupted = c->interrupted;
  const bool good = run_through(c, time, e);
  while (good && c->failure.code == 0 && orc_engine_next(&c->engine) <= time)
    orc_cluster_step(c);
  c->interrupted = interrupted;
  return good && c->failure.code == 0;
}

bool orc_control_settle(orc_cluster *c, orc_error *e)
{
  orc_time time = c->engine.now;
  for (int i = 0; i < c->replica_count; i++)
    if (c->replicas[i].now > time) time = c->replicas[i].now;
  return run_through(c, time, e);
}

/* Look at the queue again: what the policy left alone may be possible now. */
static void disturb(orc_cluster *c)
{
  for (int i = 0; i < c->replica_count; i++)
    orc_replica_disturb(&c->replicas[i]);
}

/* The knobs of a replica with those that change. */
static orc_engine_knobs changed(const orc_replica *r, const orc_engine_knobs *to, uint64_t which)
{
  int count;
  const orc_knob *rows = orc_knobs(&count);
  orc_engine_knobs k = r->knobs;
  for (int i = 0; i < count; i++)
    if ((which >> i & 1) != 0) orc_knob_copy(&k, to, &rows[i]);
  return k;
}

/* Whether a replica can go on with them: a budget below what runs would never let it decode. */
static bool fits(const orc_replica *r, const orc_engine_knobs *k, orc_error *e)
{
  const int replica = r->index, tokens = k->max_num_batched_tokens;
  if (tokens < k->max_num_seqs)
    return orc_fail(e, "replica %d: max_num_batched_tokens (%d) must be at least max_num_seqs (%d)",
                    replica, tokens, k->max_num_seqs);
  if (tokens < r->running)
    return orc_fail(e,
                    "replica %d: max_num_batched_tokens (%d) must be at least the %d requests that "
                    "run there now",
                    replica, tokens, r->running);
  if (!k->enable_chunked_prefill && tokens < k->max_model_len)
    return orc_fail(e,
                    "replica %d: without chunked prefill max_num_batched_tokens (%d) must be at "
                    "least max_model_len (%d)",
                    replica, tokens, k->max_model_len);
  return true;
}

bool orc_control_retune(orc_cluster *c, const orc_engine_knobs *to, uint64_t which, orc_error *e)
{
  for (int i = 0; i < c->replica_count; i++) {
    const orc_engine_knobs k = changed(&c->replicas[i], to, which);
    if (!fits(&c->replicas[i], &k, e)) return false;
  }
  for (int i = 0; i < c->replica_count; i++)
    c->replicas[i].knobs = changed(&c->replicas[i], to, which);
  disturb(c);
  return true;
}

/* Waiting requests change place, running ones remember theirs in case they are preempted; the policy has said nothing of
** any yet. */
static void rekey(orc_cluster *c, const double *keys)
{
  for (uint64_t n = c->requests.oldest; n < c->requests.next_number; n++) {
    const orc_slot slot = orc_requests_find(&c->requests, n);
    if (slot == ORC_NO_SLOT) continue;
    orc_request *q = &c->requests.at[slot];
    q->key = keys[n - c->requests.oldest];
    q->alarm = 0;
    if (q->state != ORC_QUEUED || q->replica == ORC_NO_REPLICA) continue;
    orc_queue *queue = &c->replicas[q->replica].queue;
    orc_queue_remove(queue, slot);
    orc_queue_push(queue, slot, q->key);
  }
}

/* The places of all requests in flight, by number from the oldest, as if they arrived now. */
static bool place(orc_cluster *c, const orc_batching *batching, double *keys, orc_error *e)
{
  for (uint64_t n = c->requests.oldest; n < c->requests.next_number; n++) {
    double *key = &keys[n - c->requests.oldest];
    *key = (double)n;
    const orc_slot slot = orc_requests_find(&c->requests, n);
    if (slot == ORC_NO_SLOT || batching->order == NULL) continue;
    const orc_request *q = &c->requests.at[slot];
    if (q->replica == ORC_NO_REPLICA || !q->known) continue; /* it has its place when it comes */
    if (!batching->order(batching->self, q, key, e)) return false;
  }
  return true;
}

/* Counters of clients are another policy's, or begin anew. */
static void forget_turns(orc_cluster *c)
{
  for (int i = 0; i < c->replica_count; i++) {
    orc_turns_free(c->replicas[i].turns);
    c->replicas[i].turns = NULL;
  }
}

bool orc_control_rebatch(orc_cluster *c, const orc_batching *batching, bool anew, orc_error *e)
{
  const uint64_t count = c->requests.next_number - c->requests.oldest;
  double *keys = orc_alloc(count > 0 ? (size_t)count : 1, sizeof *keys);
  const bool good = !anew || place(c, batching, keys, e);
  if (good) {
    c->batching = *batching;
    if (anew) {
      rekey(c, keys);
      forget_turns(c);
    }
    disturb(c);
  }
  free(keys);
  return good;
}

void orc_control_reroute(orc_cluster *c, const orc_router *router)
{
  c->router = *router;
  if (router->tracks) orc_router_load_catch_up(c->loads, &c->requests);
}

static orc_phase phase_of(const orc_cluster *c, int replica)
{
  return c->lifecycle.units[replica].phase;
}

bool orc_control_drain(orc_cluster *c, int replica)
{
  if (phase_of(c, replica) != ORC_PHASE_READY) return false;
  orc_phases_drain(c, orc_phases_first(c, replica));
  return true;
}

bool orc_control_restore(orc_cluster *c, int replica)
{
  const int first = orc_phases_first(c, replica);
  orc_pool *pool = &c->pools[c->replicas[replica].pool];
  switch (phase_of(c, replica)) {
  case ORC_PHASE_DRAINING:
    orc_lifecycle_open(c, first);
    return true;
  case ORC_PHASE_OFF:
    pool->starting++;
    orc_lifecycle_start(c, first, orc_lifecycle_after(c, pool->is.cold_start));
    return true;
  default:
    return false;
  }
}

bool orc_control_fail(orc_cluster *c, int replica, orc_time lasts)
{
  const orc_phase phase = phase_of(c, replica);
  if (phase != ORC_PHASE_READY && phase != ORC_PHASE_DRAINING) return false;
  orc_lifecycle_fail(c, orc_phases_first(c, replica), lasts);
  return true;
}

bool orc_control_send(orc_cluster *c, uint32_t source, const orc_arrival *a)
{
  ORC_ASSERT(c->sources[source].open);
  if (!c->open) return false;
  orc_arrivals_expect(c, source, ORC_NO_REPLICA, a);
  return true;
}

void orc_control_close(orc_cluster *c)
{
  if (c->open) c->expected--;
  c->open = false;
}

int orc_control_forget_prefixes(orc_cluster *c)
{
  int idle = 0;
  for (int i = 0; i < c->replica_count; i++) {
    orc_replica *r = &c->replicas[i];
    if (orc_replica_in_flight(r) > 0 || r->inbound > 0 || r->outbound > 0 || orc_replica_busy(r))
      continue;
    orc_block_table_clear(r);
    idle++;
  }
  return idle;
}
