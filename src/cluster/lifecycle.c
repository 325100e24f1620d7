#include "cluster/lifecycle.h"

#include <stdio.h>
#include <stdlib.h>

#include "cluster/dispatch.h"
#include "cluster/kv_transfer.h"
#include "cluster/phases.h"
#include "replica/crash.h"

/* Looks in a row at which nothing happens at all, while requests wait for a replica, before the run
 * gives up. */
enum { PATIENCE = 1000 };

/* Failures per replica in a row that all lost requests and let none end, before the run gives up:
 * they come faster than anything can be computed. */
enum { FRUITLESS_FAILURES_MOST = 10000 };

/* Keys of the lifecycle's events lie above those of deadlines, which are numbers of requests. */
void orc_lifecycle_later(orc_cluster *c, orc_time time, uint32_t kind, uint32_t subject)
{
  if (time == ORC_NEVER) return;
  const uint64_t key = (uint64_t)1 << 55 | (uint64_t)kind << 48 | subject;
  orc_engine_at_key(&c->engine, time, ORC_CLASS_TIMER, key, kind, subject);
}

orc_time orc_lifecycle_after(const orc_cluster *c, orc_time delay)
{
  const orc_time time = orc_time_after(c->engine.now, delay);
  return time < ORC_END ? time : ORC_NEVER;
}

/* When this replica next fails by chance. */
static void draw_failure(orc_cluster *c, int index)
{
  orc_lifecycle *f = &c->lifecycle;
  if (!(f->mtbf > 0.0)) return;
  orc_unit *u = &f->units[index];
  u->until = orc_lifecycle_after(c, orc_time_of(f->mtbf * orc_rng_exponential(&u->fate)));
  orc_lifecycle_later(c, u->until, ORC_EVENT_FAILURE, (uint32_t)index);
}

void orc_lifecycle_open(orc_cluster *c, int first)
{
  orc_lifecycle *f = &c->lifecycle;
  const bool recovers = f->units[first].phase == ORC_PHASE_FAILED;
  orc_unit_log_note(&f->log, c->engine.now, (uint16_t)first,
                    recovers ? ORC_UNIT_RECOVERED : ORC_UNIT_READY);
  for (int i = first; recovers && i < orc_phases_end(c, first); i++)
    f->units[i].down += c->engine.now - f->units[i].failed;
  orc_phases_set(c, first, ORC_PHASE_READY);
  for (int i = first; i < orc_phases_end(c, first); i++)
    draw_failure(c, i);
  orc_dispatch_unrouted(c);
  if (c->replicas[first].role == ORC_ROLE_DECODE) orc_kv_transfer_again(c);
}

static void on_ready(void *self, uint32_t first)
{
  orc_cluster *c = self;
  const orc_unit *u = &c->lifecycle.units[first];
  const bool waits = u->phase == ORC_PHASE_STARTING || u->phase == ORC_PHASE_FAILED;
  if (!waits || u->until != c->engine.now) return;
  if (u->phase == ORC_PHASE_STARTING) c->pools[c->replicas[first].pool].starting--;
  orc_lifecycle_open(c, (int)first);
}

void orc_lifecycle_start(orc_cluster *c, int first, orc_time ready)
{
  for (int i = first; i < orc_phases_end(c, first); i++) {
    orc_unit *u = &c->lifecycle.units[i];
    u->phase = ORC_PHASE_STARTING;
    u->since = c->engine.now;
    u->until = ready;
  }
  orc_unit_log_note(&c->lifecycle.log, c->engine.now, (uint16_t)first, ORC_UNIT_STARTING);
  orc_lifecycle_later(c, ready, ORC_EVENT_READY, (uint32_t)first);
}

/* A KV cache on the network will come in, and requests that wait for a replica may get one. */
static bool at_work(const orc_cluster *c)
{
  const orc_lifecycle *f = &c->lifecycle;
  bool works = c->expected > 0 || c->kv_transfers.flying > 0;
  for (int i = 0; i < c->pool_count; i++)
    works = works || c->pools[i].starting > 0;
  for (int i = 0; i < c->replica_count; i++) {
    const orc_replica *r = &c->replicas[i];
    works = works || r->wake != ORC_NEVER;
    works = works || (f->units[i].phase == ORC_PHASE_FAILED && f->units[i].until != ORC_NEVER);
    for (int l = 0; l < r->microbatch_count; l++)
      works = works || r->microbatches[l].busy;
  }
  return works;
}

bool orc_lifecycle_quiet(orc_cluster *c)
{
  orc_lifecycle *f = &c->lifecycle;
  uint64_t steps = 0;
  for (int i = 0; i < c->replica_count; i++)
    steps += c->replicas[i].usage.steps;
  const bool still = !at_work(c) && steps == f->seen;
  f->seen = steps;
  f->idle_checks = still ? f->idle_checks + 1 : 0;
  return f->idle_checks > (f->unrouted_count > 0 || c->kv_transfers.moving > 0 ? PATIENCE : 0);
}

/* ---- failures ---- */

/* In order of arrival: each part of the list is, so most places are found at once. */
static void sort(const orc_cluster *c, orc_slot *slots, uint32_t n)
{
  for (uint32_t i = 1; i < n; i++) {
    const orc_slot slot = slots[i];
    uint32_t j = i;
    for (; j > 0 && c->requests.at[slots[j - 1]].number > c->requests.at[slot].number; j--)
      slots[j] = slots[j - 1];
    slots[j] = slot;
  }
}

/* `lost` requests have lost what was computed for them. */
static void count_loss(orc_cluster *c, uint32_t lost)
{
  orc_lifecycle *f = &c->lifecycle;
  if (lost > 0) f->fruitless_failures++;
  if (f->fruitless_failures < (uint64_t)FRUITLESS_FAILURES_MOST * (uint64_t)c->replica_count ||
      c->failure.code != 0)
    return;
  char which[64] = "they";
  if (f->mtbf > 0.0) snprintf(which, sizeof which, "failures.mtbf (%g s)", f->mtbf);
  orc_fail(&c->failure,
           "at t=%.6f s: %llu failures in a row lost requests and none ended between them; "
           "%s leave%s no time to serve one: a longer time expected",
           (double)c->engine.now * 1e-9, (unsigned long long)f->fruitless_failures, which,
           f->mtbf > 0.0 ? "s" : "");
}

void orc_lifecycle_fail(orc_cluster *c, int first, orc_time lasts)
{
  orc_lifecycle *f = &c->lifecycle;
  const int end = orc_phases_end(c, first);
  const orc_time until = orc_lifecycle_after(c, lasts);
  size_t room = 0;
  f->failures++;
  orc_unit_log_note(&f->log, c->engine.now, (uint16_t)first, ORC_UNIT_FAILED);
  for (int i = first; i < end; i++) {
    f->units[i].phase = ORC_PHASE_FAILED;
    f->units[i].failed = c->engine.now;
    f->units[i].until = until;
    room += (size_t)(orc_replica_in_flight(&c->replicas[i]) + c->replicas[i].outbound);
  }
  orc_lifecycle_later(c, until, ORC_EVENT_READY, (uint32_t)first);
  orc_phases_list(c);
  orc_slot *slots = orc_alloc(room, sizeof *slots);
  uint32_t n = 0;
  for (int i = first; i < end; i++) {
    n += orc_kv_transfer_lose(c, (uint16_t)i, slots + n);
    n += orc_crash_requests(&c->replicas[i], slots + n);
  }
  if (c->dp_group_of[first] != NULL) orc_dp_group_abandon(c->dp_group_of[first]);
  for (uint32_t i = 0; i < n; i++)
    orc_router_load_end(c->loads, &c->requests.at[slots[i]]);
  count_loss(c, n);
  sort(c, slots, n);
  for (uint32_t i = 0; i < n && c->failure.code == 0; i++)
    orc_dispatch(c, slots[i]);
  free(slots);
}

static bool works(const orc_lifecycle *f, uint32_t index)
{
  return f->units[index].phase == ORC_PHASE_READY || f->units[index].phase == ORC_PHASE_DRAINING;
}

static void on_failure(void *self, uint32_t index)
{
  orc_cluster *c = self;
  const orc_lifecycle *f = &c->lifecycle;
  if (!works(f, index) || f->units[index].until != c->engine.now || orc_lifecycle_quiet(c)) return;
  orc_lifecycle_fail(c, orc_phases_first(c, (int)index), orc_time_of(f->mttr));
}

static void on_outage(void *self, uint32_t number)
{
  orc_cluster *c = self;
  const orc_outage *o = &c->lifecycle.outages[number];
  if (works(&c->lifecycle, o->replica))
    orc_lifecycle_fail(c, orc_phases_first(c, o->replica), o->lasts);
}

/* ---- from outside ---- */

void orc_lifecycle_init(orc_cluster *c, const orc_lifecycle_config *config, const int *starts)
{
  orc_lifecycle *f = &c->lifecycle;
  const size_t n = (size_t)c->replica_count;
  *f = (orc_lifecycle){ .mtbf = config->mtbf, .mttr = config->mttr };
  f->units = orc_alloc(n, sizeof *f->units);
  f->ready = orc_alloc(n, sizeof *f->ready);
  f->outages = orc_alloc((size_t)config->outage_count, sizeof *f->outages);
  orc_engine_on(&c->engine, ORC_EVENT_READY, on_ready, c);
  orc_engine_on(&c->engine, ORC_EVENT_FAILURE, on_failure, c);
  orc_engine_on(&c->engine, ORC_EVENT_OUTAGE, on_outage, c);
  for (int i = 0; i < c->replica_count; i++) {
    const orc_pool *p = &c->pools[c->replicas[i].pool];
    const bool ready = i - p->first < starts[p - c->pools];
    f->units[i].fate = orc_rng_stream(c->seed, ORC_FOR_FAILURES, (uint64_t)i);
    f->units[i].phase = ready ? ORC_PHASE_READY : ORC_PHASE_OFF;
    if (ready) draw_failure(c, i);
  }
  orc_phases_list(c);
  for (int i = 0; i < config->outage_count; i++) {
    f->outages[i] = config->outages[i];
    ORC_ASSERT(f->outages[i].replica < c->replica_count && f->outages[i].at >= 0);
    orc_lifecycle_later(c, f->outages[i].at, ORC_EVENT_OUTAGE, (uint32_t)i);
  }
}

void orc_lifecycle_done(orc_lifecycle *f)
{
  free(f->units);
  free(f->ready);
  free(f->outages);
  free(f->unrouted);
  orc_unit_log_done(&f->log);
  *f = (orc_lifecycle){ 0 };
}
