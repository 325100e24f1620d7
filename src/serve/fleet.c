#include "serve/fleet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/cluster.h"
#include "serve/evict.h"

/* Ticks in which nothing happens at all, while requests wait for a replica, before the run gives
 * up. */
enum { PATIENCE = 1000 };

/* Keys of this file's events lie above those of deadlines, which are numbers of requests. */
static void later(orc_cluster *c, orc_time time, uint32_t kind, uint32_t subject)
{
  const uint64_t key = (uint64_t)1 << 55 | (uint64_t)kind << 48 | subject;
  orc_engine_at_key(&c->engine, time, ORC_CLASS_TIMER, key, kind, subject);
}

/* NEVER where the clock ends before. */
static orc_time after(const orc_cluster *c, orc_time delay)
{
  const orc_time time = orc_time_after(c->engine.now, delay);
  return time < ORC_END ? time : ORC_NEVER;
}

static void list_ready(orc_cluster *c)
{
  orc_fleet *f = &c->fleet;
  f->ready_count = 0;
  for (int i = 0; i < c->replica_count; i++)
    if (f->units[i].phase == ORC_PHASE_READY && c->replicas[i].role != ORC_ROLE_DECODE)
      f->ready[f->ready_count++] = (uint16_t)i;
  f->decode_count = 0;
  for (int i = 0; i < c->replica_count; i++)
    if (f->units[i].phase == ORC_PHASE_READY && c->replicas[i].role == ORC_ROLE_DECODE)
      f->ready[f->ready_count + f->decode_count++] = (uint16_t)i;
}

/* When this replica next fails by chance. */
static void draw_failure(orc_cluster *c, uint16_t index)
{
  orc_fleet *f = &c->fleet;
  if (!(f->is.mtbf > 0.0)) return;
  orc_fleet_unit *u = &f->units[index];
  u->until = after(c, orc_time_of(f->is.mtbf * orc_rng_exponential(&u->fate)));
  if (u->until < ORC_NEVER) later(c, u->until, ORC_EVENT_FAILURE, index);
}

/* Those who waited for a replica go to the ones there are. */
static void settle(orc_cluster *c)
{
  orc_fleet *f = &c->fleet;
  const uint32_t n = f->homeless_count;
  if (n == 0 || f->ready_count == 0) return;
  orc_slot *list = f->homeless;
  f->homeless = NULL;
  f->homeless_count = f->homeless_room = 0;
  for (uint32_t i = 0; i < n && c->failure.code == 0; i++)
    orc_cluster_dispatch(c, list[i]);
  free(list);
}

static void become_ready(orc_cluster *c, uint16_t index)
{
  c->fleet.units[index].phase = ORC_PHASE_READY;
  list_ready(c);
  draw_failure(c, index);
  settle(c);
}

static void on_ready(void *self, uint32_t index)
{
  orc_cluster *c = self;
  orc_fleet_unit *u = &c->fleet.units[index];
  const bool waits = u->phase == ORC_PHASE_STARTING || u->phase == ORC_PHASE_FAILED;
  if (!waits || u->until != c->engine.now) return;
  if (u->phase == ORC_PHASE_STARTING) c->fleet.starting--;
  become_ready(c, (uint16_t)index);
}

/* Nothing happened since the last look, and nothing will. */
static bool quiet(orc_cluster *c)
{
  orc_fleet *f = &c->fleet;
  uint64_t steps = 0;
  bool still = c->expected == 0 && f->starting == 0;
  for (int i = 0; i < c->replica_count; i++) {
    const orc_replica *r = &c->replicas[i];
    steps += r->usage.steps;
    still = still && r->wake == ORC_NEVER && f->units[i].phase != ORC_PHASE_FAILED;
    for (int l = 0; l < r->lane_count; l++)
      still = still && !r->lanes[l].busy;
  }
  still = still && steps == f->seen;
  f->seen = steps;
  f->dull = still ? f->dull + 1 : 0;
  return f->dull > (f->homeless_count > 0 ? PATIENCE : 0);
}

static void fail(orc_cluster *c, uint16_t index, orc_time lasts)
{
  orc_fleet *f = &c->fleet;
  orc_replica *r = &c->replicas[index];
  orc_fleet_unit *u = &f->units[index];
  const size_t room = (size_t)orc_replica_in_flight(r);
  orc_slot *slots = orc_alloc(room, sizeof *slots);
  f->failures++;
  u->phase = ORC_PHASE_FAILED;
  u->until = after(c, lasts);
  if (u->until < ORC_NEVER) later(c, u->until, ORC_EVENT_READY, index);
  list_ready(c);
  const uint32_t n = orc_replica_evict(r, slots);
  for (uint32_t i = 0; i < n && c->failure.code == 0; i++)
    orc_cluster_dispatch(c, slots[i]);
  free(slots);
}

static bool works(const orc_fleet *f, uint32_t index)
{
  return f->units[index].phase == ORC_PHASE_READY || f->units[index].phase == ORC_PHASE_DRAINING;
}

static void on_failure(void *self, uint32_t index)
{
  orc_cluster *c = self;
  const orc_fleet *f = &c->fleet;
  if (!works(f, index) || f->units[index].until != c->engine.now || quiet(c)) return;
  fail(c, (uint16_t)index, orc_time_of(f->is.mttr));
}

static void on_outage(void *self, uint32_t number)
{
  orc_cluster *c = self;
  const orc_outage *o = &c->fleet.outages[number];
  if (works(&c->fleet, o->replica)) fail(c, o->replica, o->lasts);
}

/* ---- scaling ---- */

static void switch_off(orc_fleet *f, int index, orc_time now)
{
  orc_fleet_unit *u = &f->units[index];
  u->phase = ORC_PHASE_OFF;
  u->rented += now - u->since;
}

/* One more: one that drains takes requests again at once, else a new one is started. */
static void add(orc_cluster *c)
{
  orc_fleet *f = &c->fleet;
  int found = -1;
  for (int i = 0; i < c->replica_count; i++) {
    if (f->units[i].phase == ORC_PHASE_DRAINING) {
      become_ready(c, (uint16_t)i);
      return;
    }
    if (found < 0 && f->units[i].phase == ORC_PHASE_OFF) found = i;
  }
  if (found < 0) return;
  orc_fleet_unit *u = &f->units[found];
  u->phase = ORC_PHASE_STARTING;
  u->since = c->engine.now;
  u->until = after(c, f->is.cold_start);
  f->starting++;
  later(c, u->until, ORC_EVENT_READY, (uint32_t)found);
}

/* One less: one that has not started yet, else the ready one with the fewest requests drains. */
static void take_away(orc_cluster *c)
{
  orc_fleet *f = &c->fleet;
  int found = -1;
  for (int i = c->replica_count - 1; i >= 0; i--) {
    if (f->units[i].phase == ORC_PHASE_STARTING) {
      f->starting--;
      switch_off(f, i, c->engine.now);
      return;
    }
    if (f->units[i].phase != ORC_PHASE_READY) continue;
    if (found < 0 ||
        orc_replica_in_flight(&c->replicas[i]) < orc_replica_in_flight(&c->replicas[found]))
      found = i;
  }
  if (found < 0) return;
  f->units[found].phase = ORC_PHASE_DRAINING;
  list_ready(c);
  orc_fleet_drained(c, (uint16_t)found, c->engine.now);
}

static int there(const orc_cluster *c)
{
  int n = 0;
  for (int i = 0; i < c->replica_count; i++) {
    const orc_phase phase = c->fleet.units[i].phase;
    n += phase == ORC_PHASE_READY || phase == ORC_PHASE_STARTING || phase == ORC_PHASE_FAILED;
  }
  return n;
}

static void on_tick(void *self, uint32_t subject)
{
  orc_cluster *c = self;
  orc_fleet *f = &c->fleet;
  orc_error e = { 0 };
  int wanted = 0;
  (void)subject;
  if (!f->is.autoscaler.scale(f->is.autoscaler.self, c, &wanted, &e)) {
    orc_fail(&c->failure, "at t=%.6f s, scaling: %s", (double)c->engine.now * 1e-9, e.msg);
    return;
  }
  if (wanted < f->is.least) wanted = f->is.least;
  if (wanted > f->is.most) wanted = f->is.most;
  const int n = there(c);
  for (int i = n; i < wanted; i++)
    add(c);
  for (int i = n; i > wanted; i--)
    take_away(c);
  if (!quiet(c)) later(c, after(c, f->is.interval), ORC_EVENT_SCALE, 0);
}

/* ---- from outside ---- */

void orc_fleet_init(orc_cluster *c, const orc_fleet_config *config, int first)
{
  orc_fleet *f = &c->fleet;
  const size_t n = (size_t)c->replica_count;
  *f = (orc_fleet){ .is = *config };
  f->units = orc_alloc(n, sizeof *f->units);
  f->ready = orc_alloc(n, sizeof *f->ready);
  f->outages = orc_alloc((size_t)config->outage_count, sizeof *f->outages);
  orc_engine_on(&c->engine, ORC_EVENT_READY, on_ready, c);
  orc_engine_on(&c->engine, ORC_EVENT_FAILURE, on_failure, c);
  orc_engine_on(&c->engine, ORC_EVENT_OUTAGE, on_outage, c);
  orc_engine_on(&c->engine, ORC_EVENT_SCALE, on_tick, c);
  for (int i = 0; i < c->replica_count; i++) {
    f->units[i].fate = orc_rng_stream(c->seed, ORC_FOR_FAILURES, (uint64_t)i);
    f->units[i].phase = i < first ? ORC_PHASE_READY : ORC_PHASE_OFF;
    if (i < first) draw_failure(c, (uint16_t)i);
  }
  list_ready(c);
  for (int i = 0; i < config->outage_count; i++) {
    f->outages[i] = config->outages[i];
    ORC_ASSERT(f->outages[i].replica < c->replica_count && f->outages[i].at >= 0);
    later(c, f->outages[i].at, ORC_EVENT_OUTAGE, (uint32_t)i);
  }
  if (config->autoscaler.scale != NULL) later(c, config->interval, ORC_EVENT_SCALE, 0);
}

void orc_fleet_done(orc_fleet *f)
{
  free(f->units);
  free(f->ready);
  free(f->outages);
  free(f->homeless);
  *f = (orc_fleet){ 0 };
}

void orc_fleet_hold(orc_cluster *c, orc_slot slot)
{
  orc_fleet *f = &c->fleet;
  if (f->homeless_count == f->homeless_room) {
    f->homeless_room = f->homeless_room == 0 ? 16 : 2 * f->homeless_room;
    f->homeless = orc_resize(f->homeless, f->homeless_room, sizeof *f->homeless);
  }
  c->requests.at[slot].replica = ORC_NO_REPLICA;
  f->homeless[f->homeless_count++] = slot;
}

void orc_fleet_release(orc_cluster *c, orc_slot slot)
{
  orc_fleet *f = &c->fleet;
  uint32_t kept = 0;
  for (uint32_t i = 0; i < f->homeless_count; i++)
    if (f->homeless[i] != slot) f->homeless[kept++] = f->homeless[i];
  f->homeless_count = kept;
}

void orc_fleet_drained(orc_cluster *c, uint16_t replica, orc_time now)
{
  orc_fleet *f = &c->fleet;
  if (f->units[replica].phase == ORC_PHASE_DRAINING &&
      orc_replica_in_flight(&c->replicas[replica]) == 0)
    switch_off(f, replica, now);
}

double orc_fleet_rented(const orc_fleet *f, int index, orc_time now)
{
  const orc_fleet_unit *u = &f->units[index];
  orc_time time = u->rented;
  if (u->phase != ORC_PHASE_OFF && now > u->since) time += now - u->since;
  return (double)time * 1e-9;
}
