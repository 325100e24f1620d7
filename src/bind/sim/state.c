#include "bind/sim/state.h"

#include <lauxlib.h>
#include <math.h>

static orc_sim *self(lua_State *L)
{
  return luaL_checkudata(L, 1, ORC_BIND_SIM_TYPE);
}

orc_sim *orc_bind_open_sim(lua_State *L)
{
  orc_sim *s = self(L);
  if (s->closed) orc_bind_fail(L, "this simulation is over");
  return s;
}

orc_sim *orc_bind_idle_sim(lua_State *L)
{
  orc_sim *s = orc_bind_open_sim(L);
  if (s->running)
    orc_bind_fail(L, "it is running: what it asks may look at it, not move or change it");
  s->policies.L = L; /* the coroutine that made it may be gone */
  return s;
}

void orc_bind_begin(orc_sim *s, lua_State *L)
{
  s->running = true;
  orc_watchdog_begin(&s->watch, L);
}

void orc_bind_end(orc_sim *s)
{
  orc_watchdog_end(&s->watch);
  s->running = false;
}

double orc_bind_sim_fraction(const orc_sim *s)
{
  const orc_cluster *c = s->cluster;
  if (isfinite(s->duration)) return (double)c->engine.now * 1e-9 / s->duration;
  if (s->expected > 0)
    return (double)(c->requests.next_number - c->requests.live) / (double)s->expected;
  return -1.0;
}

orc_time orc_bind_sim_end(const orc_sim *s)
{
  return isfinite(s->duration) ? orc_time_of(s->duration) : ORC_NEVER;
}
