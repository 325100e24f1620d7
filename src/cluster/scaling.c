#include "cluster/scaling.h"

#include "cluster/lifecycle.h"
#include "cluster/phases.h"

static orc_phase phase_of(const orc_cluster *c, int first)
{
  return c->lifecycle.units[first].phase;
}

/* One more: one that drains takes requests again at once, else a new one is started. */
static void add(orc_cluster *c, orc_pool *pool)
{
  int found = -1;
  for (int i = pool->first; i < pool->first + pool->count; i += pool->group) {
    if (phase_of(c, i) == ORC_PHASE_DRAINING) {
      orc_lifecycle_open(c, i);
      return;
    }
    if (found < 0 && phase_of(c, i) == ORC_PHASE_OFF) found = i;
  }
  if (found < 0) return;
  pool->starting++;
  orc_lifecycle_start(c, found, orc_lifecycle_after(c, pool->is.cold_start));
}

/* One less: one that has not started yet, else the ready one with the fewest requests drains. */
static void take_away(orc_cluster *c, orc_pool *pool)
{
  int found = -1;
  for (int i = pool->first + pool->count - pool->group; i >= pool->first; i -= pool->group) {
    if (phase_of(c, i) == ORC_PHASE_STARTING) {
      pool->starting--;
      orc_phases_switch_off(c, i, c->engine.now);
      return;
    }
    if (phase_of(c, i) != ORC_PHASE_READY) continue;
    if (found < 0 || orc_phases_load(c, i) < orc_phases_load(c, found)) found = i;
  }
  if (found >= 0) orc_phases_drain(c, found);
}

static void ask_again(orc_cluster *c, uint32_t pool)
{
  orc_lifecycle_later(c, orc_lifecycle_after(c, c->pools[pool].is.interval), ORC_EVENT_SCALE, pool);
}

static void on_tick(void *self, uint32_t index)
{
  orc_cluster *c = self;
  orc_pool *pool = &c->pools[index];
  const orc_autoscaler *scaler = &pool->is.autoscaler;
  orc_error e = { 0 };
  int wanted = 0;
  if (!scaler->scale(scaler->self, c, (int)index, &wanted, &e)) {
    orc_fail(&c->failure, "at t=%.6f s, scaling: %s", (double)c->engine.now * 1e-9, e.msg);
    return;
  }
  if (wanted < pool->is.least) wanted = pool->is.least;
  if (wanted > pool->is.most) wanted = pool->is.most;
  const int n = orc_phases_units(c, pool, ORC_PHASE_READY, ORC_PHASE_STARTING) +
                orc_phases_units(c, pool, ORC_PHASE_FAILED, ORC_PHASE_FAILED);
  for (int i = n; i < wanted; i++)
    add(c, pool);
  for (int i = n; i > wanted; i--)
    take_away(c, pool);
  if (!orc_lifecycle_quiet(c)) ask_again(c, index);
}

void orc_scaling_start(orc_cluster *c)
{
  orc_engine_on(&c->engine, ORC_EVENT_SCALE, on_tick, c);
  for (int i = 0; i < c->pool_count; i++)
    if (c->pools[i].is.autoscaler.scale != NULL) ask_again(c, (uint32_t)i);
}
