/*
** control.c - a paused simulation goes on, by a moment or to a time, and changes: other knobs,
** other policies. lua/oracle/live gives it its face. Times are whole nanoseconds here, so that a
** replay stops exactly where the first run did.
*/
#include "bind/sim/control.h"

#include <lauxlib.h>
#include <math.h>

#include "bind/policy/scaler.h"
#include "bind/policy/table.h"
#include "bind/sim/spec_knobs.h"
#include "bind/sim/state.h"
#include "bind/workload/generator.h"
#include "cluster/cluster.h"
#include "cluster/control.h"

/* ---- going on ---- */

/* The time at `index` or never, no later than the end of the simulation. */
static orc_time limit(lua_State *L, int index, const orc_sim *s)
{
  const orc_time until = (orc_time)luaL_optinteger(L, index, ORC_NEVER);
  return until < orc_bind_sim_end(s) ? until : orc_bind_sim_end(s);
}

/* What to do when the watch wants attention: true when the user does. Else progress is shown, by
** the function at stack index 4; its errors would be ours, so there are none. */
static bool attend(lua_State *L, orc_sim *s)
{
  s->watch.pause = 0;
  s->cluster->interrupted = false;
  if (orc_watchdog_interrupted()) return true;
  if (!lua_isfunction(L, 4)) return false;
  const double f = orc_bind_sim_fraction(s);
  lua_pushvalue(L, 4);
  if (f >= 0.0)
    lua_pushnumber(L, f);
  else
    lua_pushnil(L);
  lua_pushinteger(L, orc_control_now(s->cluster));
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_pop(L, 1);
  return false;
}

typedef enum outcome { REACHED, MET, INTERRUPTED, FAILED, RAISED } outcome;

static outcome go_on(lua_State *L, orc_sim *s, orc_time until, orc_error *e)
{
  for (;;) {
    if (!orc_cluster_run(s->cluster, until, e)) return FAILED;
    if (!s->cluster->interrupted) return REACHED;
    if (attend(L, s)) return orc_control_settle(s->cluster, e) ? INTERRUPTED : FAILED;
  }
}

/* Ask the function at stack index 3, with the hook of before: Ctrl-C must end it too. RAISED: its
** error is on the stack. */
static outcome ask(lua_State *L, orc_sim *s)
{
  orc_watchdog_hook_of_before(&s->watch);
  const int held = orc_watchdog_let_go();
  lua_pushvalue(L, 3);
  const int status = lua_pcall(L, 0, 1, 0);
  orc_watchdog_hold_again(held);
  lua_sethook(L, NULL, 0, 0);
  if (status != LUA_OK) return RAISED;
  const bool met = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return met ? MET : REACHED;
}

/* One moment after the other, until the predicate says so. */
static outcome go_on_asking(lua_State *L, orc_sim *s, orc_time until, orc_error *e)
{
  for (;;) {
    const outcome answer = ask(L, s);
    if (answer != REACHED) return answer;
    const orc_instant moment = orc_control_instant(s->cluster, until, e);
    if (moment == ORC_INSTANT_FAILED) return FAILED;
    if (moment != ORC_INSTANT_MOVED) return REACHED;
    if (s->watch.pause && attend(L, s)) return INTERRUPTED;
  }
}

/*
** s:advance([until [, predicate [, progress]]]) -> "reached" (the time, or the end), "met" (the
** predicate, a function asked after every moment with events) or "interrupted" (Ctrl-C; it can go
** on). Raises what went wrong in a policy, after which it cannot.
*/
static int advance(lua_State *L)
{
  static const char *const names[] = { "reached", "met", "interrupted" };
  orc_sim *s = orc_bind_idle_sim(L);
  const orc_time until = limit(L, 2, s);
  lua_settop(L, 4);
  orc_error e = { 0 };
  orc_bind_begin(s, L);
  if (orc_watchdog_interrupted()) s->watch.pause = 1; /* since it went on last */
  const outcome how = lua_isfunction(L, 3) ? go_on_asking(L, s, until, &e) : go_on(L, s, until, &e);
  orc_bind_end(s);
  if (how == RAISED) return lua_error(L);
  if (how == FAILED) {
    s->failed = true;
    if (s->watch.cut)
      orc_bind_fail(
          L, "%s within a call of a policy, so that it cannot go on; s:rewind(t) goes back", e.msg);
    orc_bind_raise(L, &e);
  }
  lua_pushstring(L, names[how]);
  return 1;
}

/* s:step() -> true when a step has ended; false: the end came first, or Ctrl-C */
static int step(lua_State *L)
{
  orc_sim *s = orc_bind_idle_sim(L);
  const uint64_t before = orc_control_steps(s->cluster);
  orc_error e = { 0 };
  orc_instant moment = ORC_INSTANT_MOVED;
  lua_settop(L, 4);
  lua_pushnil(L);
  lua_replace(L, 4); /* no progress to show */
  orc_bind_begin(s, L);
  while (moment == ORC_INSTANT_MOVED && orc_control_steps(s->cluster) == before) {
    moment = orc_control_instant(s->cluster, orc_bind_sim_end(s), &e);
    if (s->watch.pause && attend(L, s)) break;
  }
  orc_bind_end(s);
  if (moment == ORC_INSTANT_FAILED) {
    s->failed = true;
    orc_bind_raise(L, &e);
  }
  lua_pushboolean(L, orc_control_steps(s->cluster) > before);
  return 1;
}

/* ---- changing ---- */

/* s:retune(engine): the knobs in this table take effect, in all replicas; of those that can */
static int retune(lua_State *L)
{
  orc_sim *s = orc_bind_idle_sim(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  orc_engine_knobs k = { 0 };
  const uint64_t which = orc_bind_read_changes(L, 2, &k);
  orc_error e = { 0 };
  if (!orc_control_retune(s->cluster, &k, which, &e)) orc_bind_raise(L, &e);
  orc_policies_retune(&s->policies, 2);
  return 0;
}

/*
** s:swap(spec [, kind]): the policies of `spec` take over. kind, "batching", "router" ...: this one
** is another policy, whose tables start empty and, for batching, who gives requests in flight their
** places in the queue; without it all are new versions that go on from what they kept.
*/
static int swap(lua_State *L)
{
  static const char *const kinds[] = { "batching", "router", "admission", "autoscaler",
                                       "eviction", "none",   NULL };
  orc_sim *s = orc_bind_idle_sim(L);
  orc_cluster *c = s->cluster;
  luaL_checktype(L, 2, LUA_TTABLE);
  const int kind = luaL_checkoption(L, 3, "none", kinds); /* in the order of orc_policy_kind */
  const unsigned anew = kind < ORC_POLICY_KINDS ? 1U << kind : 0;
  orc_lua_policies old;
  orc_policies_swap(&s->policies, 2, anew, &old);
  orc_error e = { 0 };
  bool good = true;
  for (int i = 0; i < c->pool_count; i++)
    good =
        good && (old.scalers[i].scale == LUA_NOREF) == (s->policies.scalers[i].scale == LUA_NOREF);
  if (!good) orc_fail(&e, "autoscaler: it cannot come or go while it runs");
  orc_bind_begin(s, L);
  good = good && orc_control_rebatch(c, &s->policies.batching, kind == ORC_POLICY_BATCHING, &e);
  orc_bind_end(s);
  if (!good) {
    orc_policies_revert(&s->policies, &old);
    orc_bind_raise(L, &e);
  }
  orc_policies_keep(&s->policies, &old);
  orc_control_reroute(c, &s->policies.router);
  c->admission = s->policies.admission;
  c->eviction = s->policies.eviction;
  for (int i = 0; i < c->pool_count; i++)
    c->pools[i].is.autoscaler = orc_scaler_of(&s->policies.scalers[i]);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 1, 1); /* names live as long as the spec */
  return 0;
}

/* s:until([seconds]): when it ends; nil: when all requests have ended */
static int until(lua_State *L)
{
  orc_sim *s = orc_bind_idle_sim(L);
  const double duration = luaL_optnumber(L, 2, INFINITY);
  luaL_argcheck(L, duration >= (double)s->cluster->engine.now * 1e-9, 2, "a time to come expected");
  s->duration = duration;
  return 0;
}

static int replica_at(lua_State *L, int index, const orc_sim *s)
{
  const lua_Integer i = luaL_checkinteger(L, index);
  luaL_argcheck(L, i >= 0 && i < s->cluster->replica_count, index, "no such replica");
  return (int)i;
}

/* s:drain(i), s:restore(i), s:fail(i [, ns]) -> whether its phase allowed it (cluster/control.h) */
static int drain(lua_State *L)
{
  orc_sim *s = orc_bind_idle_sim(L);
  lua_pushboolean(L, orc_control_drain(s->cluster, replica_at(L, 2, s)));
  return 1;
}

/* Calls of policies, for requests that waited for a replica may get one. */
static int restore(lua_State *L)
{
  orc_sim *s = orc_bind_idle_sim(L);
  const int replica = replica_at(L, 2, s);
  orc_bind_begin(s, L);
  const bool done = orc_control_restore(s->cluster, replica);
  orc_bind_end(s);
  lua_pushboolean(L, done);
  return 1;
}

/* The same, for its requests get others. */
static int fail(lua_State *L)
{
  orc_sim *s = orc_bind_idle_sim(L);
  const int replica = replica_at(L, 2, s);
  const orc_time lasts = (orc_time)luaL_optinteger(L, 3, ORC_NEVER);
  luaL_argcheck(L, lasts >= 0, 3, "a time of at least 0 expected");
  orc_bind_begin(s, L);
  const bool done = orc_control_fail(s->cluster, replica, lasts);
  orc_bind_end(s);
  lua_pushboolean(L, done);
  return 1;
}

/*
** s:send(request) -> whether it comes; a request as answered returns one (bind/workload/rows.h), of the source that is
** open. s:close(): none is sent any more.
*/
static int send(lua_State *L)
{
  orc_sim *s = orc_bind_idle_sim(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  luaL_argcheck(L, s->is_open, 1, "a workload whose requests are sent expected");
  orc_arrival a;
  const bool comes = s->cluster->open && orc_script_send(L, &s->cluster->sources[s->open_source],
                                                         s->cluster->engine.now, &a);
  lua_pushboolean(L, comes && orc_control_send(s->cluster, s->open_source, &a));
  return 1;
}

/* s:clear_prefixes() -> how many replicas were idle, and have forgotten them */
static int clear_prefixes(lua_State *L)
{
  lua_pushinteger(L, orc_control_forget_prefixes(orc_bind_idle_sim(L)->cluster));
  return 1;
}

static int close(lua_State *L)
{
  orc_control_close(orc_bind_idle_sim(L)->cluster);
  return 0;
}

void orc_bind_control(lua_State *L)
{
  static const luaL_Reg methods[] = {
    { "advance", advance },
    { "step", step },
    { "retune", retune },
    { "swap", swap },
    { "until", until },
    { "drain", drain },
    { "restore", restore },
    { "fail", fail },
    { "send", send },
    { "close", close },
    { "clear_prefixes", clear_prefixes },
    { NULL, NULL },
  };
  luaL_setfuncs(L, methods, 0);
}
