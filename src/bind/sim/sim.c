/*
** sim.c - a simulation as Lua sees it: sim.new(spec) -> s; s:run([until]) -> finished, until in
** ns; s:result().
** `spec` is plain numbers: lua/oracle/plan/init.lua makes it and documents each field.
*/
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bind/core.h"
#include "bind/cost/cost.h"
#include "bind/cost/own_cost.h"
#include "bind/policy/batch.h"
#include "bind/policy/call_context.h"
#include "bind/policy/cluster.h"
#include "bind/policy/request.h"
#include "bind/policy/scaler.h"
#include "bind/policy/table.h"
#include "bind/sim/attribution.h"
#include "bind/sim/control.h"
#include "bind/sim/excerpt.h"
#include "bind/sim/inspect.h"
#include "bind/sim/result.h"
#include "bind/sim/schedule.h"
#include "bind/sim/spec_knobs.h"
#include "bind/sim/spec_network.h"
#include "bind/sim/spec_output.h"
#include "bind/sim/spec_pools.h"
#include "bind/sim/spec_workload.h"
#include "bind/sim/state.h"
#include "bind/sim/tokens.h"
#include "bind/sim/trace.h"
#include "cluster/cluster.h"
#include "cluster/control.h"
#include "cluster/snapshot.h"

enum {
  LIFE_ROOM = 1 << 20, /* changes of requests kept for who looks at a run: 32 MiB at most */
};

typedef orc_sim sim;

static orc_time time_or_never(double seconds)
{
  return isfinite(seconds) ? orc_time_of(seconds) : ORC_NEVER;
}

/* ---- the deployment ---- */

static orc_slo read_slo(lua_State *L, int index)
{
  orc_slo slo = { ORC_NEVER, ORC_NEVER, ORC_NEVER };
  if (lua_getfield(L, index, "slo") == LUA_TTABLE) {
    const int t = lua_gettop(L);
    slo.ttft = time_or_never(orc_bind_seconds_or_never(L, t, "slo", "ttft"));
    slo.tpot = time_or_never(orc_bind_seconds_or_never(L, t, "slo", "tpot"));
    slo.e2e = time_or_never(orc_bind_seconds_or_never(L, t, "slo", "e2e"));
  }
  lua_pop(L, 1);
  return slo;
}

static orc_outage read_outage(lua_State *L, int replicas)
{
  const int t = lua_gettop(L);
  const int64_t replica = orc_bind_integer(L, t, "failures.outages", "replica");
  if (replica < 0 || replica >= replicas)
    orc_bind_fail(L, "failures.outages: replica: 0 to %d expected", replicas - 1);
  return (orc_outage){
    .at = time_or_never(orc_bind_seconds_or_never(L, t, "failures.outages", "at")),
    .lasts = time_or_never(orc_bind_seconds_or_never(L, t, "failures.outages", "lasts")),
    .replica = (uint16_t)replica,
  };
}

/* spec.failures: { mtbf =, mttr =, outages = { { at =, lasts =, replica = }, ... } }, times in s.
 */
static void read_failures(lua_State *L, sim *s, orc_lifecycle_config *f)
{
  const int t = lua_gettop(L);
  f->mtbf = orc_bind_number_or(L, t, "failures", "mtbf", 0.0);
  f->mttr = orc_bind_seconds_or_never(L, t, "failures", "mttr");
  if (!(f->mtbf >= 0.0)) orc_bind_fail(L, "failures.mtbf: a time >= 0 expected");
  if (lua_getfield(L, t, "outages") == LUA_TTABLE) {
    f->outage_count = (int)lua_rawlen(L, -1);
    f->outages = s->outages = orc_alloc((size_t)f->outage_count, sizeof *s->outages);
    for (int i = 0; i < f->outage_count; i++) {
      lua_rawgeti(L, t + 1, i + 1);
      luaL_checktype(L, -1, LUA_TTABLE);
      s->outages[i] = read_outage(L, s->policies.replicas);
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

static orc_lifecycle_config read_fleet(lua_State *L, sim *s, int index)
{
  orc_lifecycle_config f = { 0 };
  if (lua_getfield(L, index, "failures") == LUA_TTABLE) read_failures(L, s, &f);
  lua_pop(L, 1);
  return f;
}

/* Pools change as their policies say. */
static void add_scalers(const sim *s, orc_bind_pools *pools)
{
  for (int i = 0; i < pools->count; i++)
    if (pools->at[i].scaling.most > 0)
      pools->at[i].scaling.autoscaler = orc_scaler_of(&s->policies.scalers[i]);
}

static void open_csv(lua_State *L, sim *s, int index)
{
  orc_error e = { 0 };
  if (lua_getfield(L, index, "csv") == LUA_TSTRING) {
    s->csv =
        orc_csv_open(lua_tostring(L, -1), (const char *const *)s->profiles, s->profile_count, &e);
    if (s->csv == NULL) orc_bind_raise(L, &e);
  }
  lua_pop(L, 1);
}

static void release(sim *s)
{
  if (s->cluster == NULL)
    for (int i = 0; i < s->source_count; i++) {
      s->sources[i].done(s->sources[i].self);
      orc_adapter_mix_done(&s->sources[i].adapters);
    }
  orc_cluster_free(s->cluster);
  orc_life_free(s->life);
  orc_bind_attribution_done(s);
  if (s->schedule != NULL) orc_step_trace_done(s->schedule);
  free(s->schedule);
  if (s->tokens != NULL) orc_token_trace_done(s->tokens);
  free(s->tokens);
  orc_policies_done(&s->policies);
  orc_synthetic_done(&s->drawing);
  if (s->csv != NULL) orc_csv_close(s->csv, NULL);
  orc_excerpt_free(s->excerpt);
  orc_bind_drop_trace(s);
  free(s->outages);
  for (int i = 0; i < s->profile_count; i++)
    free(s->profiles[i]);
  free(s->profiles);
  free(s->sources);
  *s = (sim){ .closed = true };
}

static int collect(lua_State *L)
{
  sim *s = luaL_checkudata(L, 1, ORC_BIND_SIM_TYPE);
  if (s->policies.L != NULL) s->policies.L = L;
  release(s);
  return 0;
}

/* A simulation of which nothing is made yet, on the stack, and behind it the table of what it keeps alive. */
static sim *push_sim(lua_State *L)
{
  sim *s = lua_newuserdatauv(L, sizeof *s, 2);
  *s = (sim){ 0 };
  luaL_setmetatable(L, ORC_BIND_SIM_TYPE);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1); /* policies and names live as long as the simulation, */
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, -3, 2); /* and so do cost models */
  return s;
}

/* sim.new(spec) -> s; raises what is wrong with the spec. The spec must not change afterwards. */
static int new (lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  orc_watchdog_heed(L);
  sim *s = push_sim(L);
  const int keep = lua_gettop(L);
  const uint64_t seed = (uint64_t)orc_bind_integer_or(L, 1, "spec", "seed", 0);
  const int top = keep - 1;
  orc_bind_pools pools = orc_bind_read_pools(L, 1, &s->policies, keep);
  s->duration = orc_bind_seconds_or_never(L, 1, "spec", "duration");
  s->brief = orc_bind_bool_or(L, 1, "spec", "brief", false);
  s->warm_up = orc_bind_number_or(L, 1, "spec", "warm_up", 0.0);
  orc_bind_read_step_cost(L, 1, &s->cost);
  orc_bind_read_sources(L, s, 1, seed);
  orc_policies_init(&s->policies, L, 1, (orc_policy_room){ pools.room, pools.count }, &s->watch);
  add_scalers(s, &pools);
  const orc_lifecycle_config lifecycle = read_fleet(L, s, 1);
  open_csv(L, s, 1);
  orc_bind_read_excerpt(L, s, 1);
  orc_bind_read_trace(L, s, 1);
  if (orc_bind_bool_or(L, 1, "spec", "life", false)) s->life = orc_life_new(LIFE_ROOM);
  orc_cluster_config config = {
    .pools = pools.at,
    .pool_count = pools.count,
    .layerwise = orc_bind_bool_or(L, 1, "spec", "layerwise", false),
    .batching = s->policies.batching,
    .router = s->policies.router,
    .admission = s->policies.admission,
    .eviction = s->policies.eviction,
    .lifecycle = lifecycle,
    .sources = s->sources,
    .source_count = s->source_count,
    .count = s->count,
    .profile_count = s->profile_count,
    .warm_up = orc_time_of(s->warm_up > 0.0 ? s->warm_up : 0.0),
    .slo = read_slo(L, 1),
    .seed = seed,
    .observed_together = s->brief && pools.count == 1,
    .runs = orc_bind_bool_or(L, 1, "spec", "runs", true),
    .request_overhead =
        s->cost.params.request_overhead + orc_bind_number_or(L, 1, "spec", "client_latency", 0.0),
    .stream_interval = s->cost.params.stream_interval,
    .token_overhead = orc_bind_number_or(L, 1, "spec", "client_token_seconds", 0.0),
    .csv = s->csv,
    .excerpt = s->excerpt,
    .life = s->life,
    .shapes = orc_bind_bool_or(L, 1, "spec", "shapes", false),
    .stop = &s->watch.pause,
    .hurry = &s->watch.hurry,
  };
  orc_bind_spec_network(L, 1, pools.room, &config);
  if (pools.decode && config.topology == NULL)
    orc_bind_fail(L, "pools: a network is needed to hand requests over");
  orc_bind_spec_output(L, s, 1, &config);
  orc_bind_spec_attribution(L, s, 1, &config);
  orc_bind_begin(s, L); /* the first request of each source is asked for, of scripts too */
  s->cluster = orc_cluster_new(&config);
  orc_bind_end(s);
  s->policies.of = s->cluster;
  lua_settop(L, top);
  return 1;
}

/* ---- running ---- */

/* Call the progress function at stack index 3, if there is one, with the fraction (or nil) and the
** simulated s. False: its error is on the stack. */
static bool show_progress(lua_State *L, const sim *s)
{
  if (!lua_isfunction(L, 3)) return true;
  const double f = orc_bind_sim_fraction(s);
  lua_pushvalue(L, 3);
  if (f >= 0.0)
    lua_pushnumber(L, f);
  else
    lua_pushnil(L);
  lua_pushnumber(L, (double)s->cluster->engine.now * 1e-9);
  return lua_pcall(L, 2, 0, 0) == LUA_OK;
}

/* Up to `until`, or to the end of the moment after which the function at stack index 4, where there is one, wants it:
** it is asked after every moment, and raises nothing. */
static bool go_on(lua_State *L, sim *s, orc_time until, orc_error *e)
{
  if (!lua_isfunction(L, 4)) return orc_cluster_run(s->cluster, until, e);
  for (;;) {
    lua_pushvalue(L, 4);
    lua_call(L, 0, 1);
    const bool met = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (met) return true;
    const orc_instant moment = orc_control_instant(s->cluster, until, e);
    if (moment != ORC_INSTANT_MOVED) return moment != ORC_INSTANT_FAILED;
    if (s->watch.pause) {
      s->cluster->interrupted = true;
      return true;
    }
  }
}

/*
** s:run([until [, progress [, predicate]]]) -> true: all is done, `until` (ns) is reached, or the predicate (asked
** after every moment) has said so; false: interrupted. Raises when the simulation failed; what it measured so far is
** still there.
*/
static int run(lua_State *L)
{
  sim *s = orc_bind_idle_sim(L);
  orc_time until = (orc_time)luaL_optinteger(L, 2, ORC_NEVER);
  if (until > orc_bind_sim_end(s)) until = orc_bind_sim_end(s);
  lua_settop(L, 4);
  orc_error e = { 0 };
  bool good = true, shown = true;
  orc_watchdog_heed(L);
  orc_bind_begin(s, L);
  if (orc_watchdog_interrupted()) s->watch.pause = 1; /* since the run before */
  while (shown) {
    good = go_on(L, s, until, &e);
    s->watch.pause = 0;
    if (!good || !s->cluster->interrupted || orc_watchdog_interrupted()) break;
    s->cluster->interrupted = false; /* only the tick: the user wants to see how far it is */
    shown = show_progress(L, s);
  }
  orc_bind_end(s);
  if (!shown) lua_error(L);
  if (!good && s->watch.cut) /* stopped by the user, within a call of a policy */
    s->failed = s->cluster->interrupted = good = true;
  if (!good) {
    orc_csv *csv = s->csv; /* the requests so far are kept, those under way too */
    s->csv = NULL;
    s->failed = true;
    if (csv != NULL) {
      orc_snapshot so_far = orc_snapshot_take(s->cluster, s->cluster->engine.now);
      orc_snapshot_records(&so_far, csv, NULL);
      orc_snapshot_done(&so_far);
      orc_csv_close(csv, NULL);
    }
    orc_bind_raise(L, &e);
  }
  lua_pushboolean(L, !s->cluster->interrupted);
  return 1;
}

/* s:result() -> raw results (see lua/oracle/result/summary.lua). Closes the simulation; once. */
static int result(lua_State *L)
{
  sim *s = orc_bind_idle_sim(L);
  s->closed = true;
  const orc_cluster *c = s->cluster;
  const bool whole = !c->interrupted && !s->failed;
  const orc_time end = isfinite(s->duration) && whole ? orc_time_of(s->duration)
                       : c->requests.live > 0         ? c->engine.now
                                                      : c->last_end;
  orc_bind_push_result(L, s, whole, end, s->csv);
  orc_error e = { 0 };
  orc_csv *csv = s->csv;
  s->csv = NULL;
  if (csv != NULL && !orc_csv_close(csv, &e)) orc_bind_raise(L, &e);
  orc_bind_put_trace(L, s, end);
  return 1;
}

/* sim.run(spec) -> raw results: a whole simulation at once, progress to spec.progress. */
static int run_whole(lua_State *L)
{
  lua_settop(L, 1);
  lua_pushcfunction(L, new);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1); /* [spec, s] */
  lua_pushcfunction(L, run);
  lua_pushvalue(L, 2);
  lua_pushnil(L);
  lua_getfield(L, 1, "progress");
  lua_call(L, 3, 0);
  lua_pushcfunction(L, result);
  lua_pushvalue(L, 2);
  lua_call(L, 1, 1);
  return 1;
}

int orc_bind_sim(lua_State *L)
{
  static const luaL_Reg methods[] = { { "run", run }, { "result", result }, { NULL, NULL } };
  static const luaL_Reg functions[] = {
    { "new", new },
    { "run", run_whole },
    { "knobs", orc_bind_knobs },
    { "guard", orc_watchdog_guard },
    { "watched", orc_watchdog_watched },
    { "pcall", orc_watchdog_pcall },
    { "hold", orc_watchdog_hold },
    { "random", orc_call_context_random },
    { "chance", orc_call_context_chance },
    { NULL, NULL },
  };
  orc_call_context_init(L);
  orc_bind_own_cost_open(L);
  orc_bind_cost_price_open(L);
  orc_policy_batch_open(L);
  orc_policy_request_open(L);
  orc_policy_cluster_open(L);
  luaL_newmetatable(L, ORC_BIND_SIM_TYPE); /* [mt] */
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, methods);
  orc_bind_control(L);
  orc_bind_inspect(L);
  orc_bind_schedule(L);
  orc_bind_tokens(L);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
