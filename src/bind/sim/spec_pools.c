#include "bind/sim/spec_pools.h"

#include <lauxlib.h>
#include <math.h>

#include "bind/cost/cost.h"
#include "bind/cost/own_cost.h"
#include "bind/sim/spec_knobs.h"
#include "bind/sim/spec_workload.h"

void orc_bind_read_step_cost(lua_State *L, int index, orc_step_cost *cost)
{
  orc_model model;
  orc_hardware hardware;
  orc_layout layout;
  orc_cost_params params;
  orc_error e = { 0 };
  lua_getfield(L, index, "model");
  orc_bind_read_model(L, lua_gettop(L), &model);
  lua_getfield(L, index, "hardware");
  orc_bind_read_hardware(L, lua_gettop(L), &hardware);
  lua_getfield(L, index, "layout");
  orc_bind_read_layout(L, lua_gettop(L), &model, &layout);
  lua_getfield(L, index, "cost");
  orc_bind_read_cost_params(L, lua_gettop(L), &params);
  lua_pop(L, 4);
  if (!orc_step_cost_init(cost, &model, &hardware, &layout, &params, &e)) orc_bind_raise(L, &e);
}

/* own_cost of the table at `index`, which `keep` then holds; NULL without one. */
static const orc_own_cost *read_own(lua_State *L, int index, orc_lua_policies *policies, int keep)
{
  const orc_own_cost *own = NULL;
  if (lua_getfield(L, index, "own_cost") == LUA_TTABLE) {
    own = orc_bind_own_cost(L, -1, policies);
    luaL_ref(L, keep);
  }
  lua_pop(L, 1);
  return own;
}

/* Each stage's own hardware, and parameters where `stage_costs` tells them: the whole model's cost on
** it, in a userdata that stays on the stack. */
static const orc_step_cost *read_stages(lua_State *L, int index, const orc_step_cost *cost)
{
  if (lua_getfield(L, index, "stages") != LUA_TTABLE) {
    lua_pop(L, 1);
    return NULL;
  }
  const int list = lua_gettop(L), count = cost->layout.pipeline_parallel_size;
  lua_getfield(L, index, "stage_costs");
  const int costs = lua_gettop(L);
  if ((int)lua_rawlen(L, list) != count)
    orc_bind_fail(L, "stages: one per pipeline stage (%d) expected", count);
  orc_step_cost *out = lua_newuserdatauv(L, (size_t)count * sizeof *out, 0);
  for (int i = 0; i < count; i++) {
    orc_hardware hardware;
    orc_cost_params params = cost->params;
    orc_error e = { 0 };
    if (lua_istable(L, costs)) {
      lua_rawgeti(L, costs, i + 1);
      orc_bind_read_cost_params(L, lua_gettop(L), &params);
      lua_pop(L, 1);
    }
    lua_rawgeti(L, list, i + 1);
    orc_bind_read_hardware(L, lua_gettop(L), &hardware);
    if (!orc_step_cost_init(&out[i], &cost->model, &hardware, &cost->layout, &params, &e))
      orc_bind_raise(L, &e);
    out[i].own = cost->own;
    lua_pop(L, 1);
  }
  return out;
}

/*
** draft = { passes =, joined =, overhead =, model =, hardware =, layout =, cost = } of the table at
** `index`: what proposes draft tokens, in a userdata that stays on the stack; NULL without it. Without
** passes no model is read.
*/
static const orc_draft_cost *read_draft(lua_State *L, int index)
{
  if (lua_getfield(L, index, "draft") != LUA_TTABLE) {
    lua_pop(L, 1);
    return NULL;
  }
  const int t = lua_gettop(L);
  orc_draft_cost *d = lua_newuserdatauv(L, sizeof *d, 0);
  const int64_t passes = orc_bind_integer_or(L, t, "draft", "passes", 0);
  *d = (orc_draft_cost){ .passes = (int)passes,
                         .joined = orc_bind_number_or(L, t, "draft", "joined", 0.0),
                         .overhead = orc_bind_number_or(L, t, "draft", "overhead", 0.0) };
  if (passes < 0 || passes > ORC_DRAFTS_MOST || !(d->joined >= 0.0) || !isfinite(d->joined) ||
      !(d->overhead >= 0.0) || !isfinite(d->overhead))
    orc_bind_fail(L, "draft: 0 to %d passes, and what takes at least 0, expected", ORC_DRAFTS_MOST);
  if (passes > 0) orc_bind_read_step_cost(L, t, &d->cost);
  return d;
}

static orc_role read_role(lua_State *L, int index)
{
  static const char *const names[] = { "all", "prefill", "decode", NULL };
  lua_getfield(L, index, "role");
  const orc_role role = (orc_role)luaL_checkoption(L, -1, "all", names);
  lua_pop(L, 1);
  return role;
}

static orc_time time_or_never(double seconds)
{
  return isfinite(seconds) ? orc_time_of(seconds) : ORC_NEVER;
}

/* scaling = { interval = s, cold_start = s, least =, most = groups } of the table at `index`; all
 * zeroes without it. Who is asked comes later. */
static orc_scaling read_scaling(lua_State *L, int index)
{
  orc_scaling is = { 0 };
  if (lua_getfield(L, index, "scaling") == LUA_TTABLE) {
    const int t = lua_gettop(L);
    const double interval = orc_bind_number(L, t, "scaling", "interval");
    if (!(interval > 0.0)) orc_bind_fail(L, "autoscaling.interval: a time > 0 expected");
    is.interval = orc_time_of(interval) > 0 ? orc_time_of(interval) : 1;
    is.cold_start = time_or_never(orc_bind_seconds_or_never(L, t, "scaling", "cold_start"));
    const int64_t least = orc_bind_integer_or(L, t, "scaling", "least", 1);
    const int64_t most = orc_bind_integer(L, t, "scaling", "most");
    if (least < 0 || most < least || most < 1 || most > ORC_REPLICAS_MOST)
      orc_bind_fail(L, "autoscaling.max: min to %d replicas expected", ORC_REPLICAS_MOST);
    is.least = (int)least;
    is.most = (int)most;
  }
  lua_pop(L, 1);
  return is;
}

/* The pool that the table at `index` tells; what it points at stays on the stack. */
static orc_pool_config read_pool(lua_State *L, int index, orc_lua_policies *policies, int keep)
{
  const int64_t replicas = orc_bind_integer_or(L, index, "pool", "replicas", 1);
  const int64_t group = orc_bind_integer_or(L, index, "pool", "group", 1);
  if (replicas < 0 || replicas > ORC_REPLICAS_MOST)
    orc_bind_fail(L, "replicas: 1 to %d expected", ORC_REPLICAS_MOST);
  if (group < 1 || replicas % group != 0)
    orc_bind_fail(L, "group: %d does not divide the %d replicas", (int)group, (int)replicas);
  orc_pool_config p = { .replicas = (int)replicas,
                        .room = (int)replicas,
                        .group = (int)group,
                        .lockstep = orc_bind_bool_or(L, index, "pool", "lockstep", false),
                        .scaling = read_scaling(L, index) };
  const int64_t most = p.scaling.most * group;
  if (most > ORC_REPLICAS_MOST)
    orc_bind_fail(L, "autoscaling.max: at most %d replicas expected", ORC_REPLICAS_MOST);
  if (most > p.room) p.room = (int)most;
  if (p.room < 1) orc_bind_fail(L, "replicas: 1 to %d expected", ORC_REPLICAS_MOST);
  orc_step_cost *cost = lua_newuserdatauv(L, sizeof *cost, 0);
  orc_bind_read_step_cost(L, index, cost);
  cost->own = read_own(L, index, policies, keep);
  p.kind = (orc_replica_kind){ .knobs = orc_bind_read_knobs(L, index),
                               .cost = cost,
                               .draft = read_draft(L, index),
                               .role = read_role(L, index) };
  p.stages = read_stages(L, index, cost);
  if (p.kind.knobs.group_count > 0 && p.kind.role != ORC_ROLE_ALL)
    orc_bind_fail(L, "kv_groups: blocks of several kinds of layers are not handed over");
  return p;
}

orc_bind_pools orc_bind_read_pools(lua_State *L, int index, orc_lua_policies *policies, int keep)
{
  const bool told = lua_getfield(L, index, "pools") == LUA_TTABLE;
  const int list = lua_gettop(L), count = told ? (int)lua_rawlen(L, list) : 1;
  luaL_checkstack(L, 8 + 6 * count, "too many pools");
  orc_bind_pools p = { .count = count };
  p.at = lua_newuserdatauv(L, (size_t)count * sizeof *p.at, 0);
  for (int i = 0; i < count; i++) {
    if (told) lua_rawgeti(L, list, i + 1);
    p.at[i] = read_pool(L, told ? lua_gettop(L) : index, policies, keep);
    p.decode = p.decode || p.at[i].kind.role == ORC_ROLE_DECODE;
    if (p.at[i].room > ORC_REPLICAS_MOST - p.room)
      orc_bind_fail(L, "replicas: at most %d expected in all", ORC_REPLICAS_MOST);
    p.room += p.at[i].room;
  }
  if (p.room < 1) orc_bind_fail(L, "replicas: 1 to %d expected", ORC_REPLICAS_MOST);
  return p;
}

void orc_bind_put_kv_transfers(lua_State *L, const orc_cluster *c)
{
  const orc_kv_transfers *h = &c->kv_transfers;
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, (lua_Integer)h->moved);
  lua_setfield(L, -2, "count");
  lua_pushinteger(L, (lua_Integer)h->lost);
  lua_setfield(L, -2, "lost");
  lua_pushnumber(L, h->bytes);
  lua_setfield(L, -2, "bytes");
  lua_pushnumber(L, (double)h->time * 1e-9);
  lua_setfield(L, -2, "seconds");
  lua_setfield(L, -2, "kv_transfers");
}
