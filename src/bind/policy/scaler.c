#include "bind/policy/scaler.h"

#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>

#include "bind/policy/call.h"

static bool scale(void *self, const orc_cluster *c, int pool, int *wanted, orc_error *e)
{
  orc_lua_scaler *s = self;
  orc_lua_policies *p = s->of;
  lua_State *L = p->L;
  s->scope = (orc_cluster_scope){ .cluster = c, .pool = &c->pools[pool] };
  orc_policy_push(L, s->scale);
  void **cluster = orc_handles_push(L, &p->clusters, &s->scope);
  lua_rawgeti(L, LUA_REGISTRYINDEX, s->state);
  const int status = orc_policy_call(p, 2, 1, &s->rng);
  *cluster = NULL;
  if (status != LUA_OK) return orc_policy_refuse(L, status, s->scale, s->name, e);
  int number = 0;
  const double n = lua_tonumberx(L, -1, &number);
  lua_pop(L, 1);
  if (!number || n != n)
    return orc_policy_refuse_answer(L, s->scale, s->name, "scale returned no number of replicas",
                                    e);
  const double most = c->pools[pool].is.most;
  *wanted = (int)floor(fmin(fmax(n, 0.0), most) + 0.5);
  return true;
}

orc_autoscaler orc_scaler_of(orc_lua_scaler *s)
{
  if (s->scale == LUA_NOREF) return (orc_autoscaler){ 0 };
  return (orc_autoscaler){ .name = s->name, .self = s, .scale = scale };
}

/* Raises unless the value on top is an autoscaler, or none: before any memory is taken. */
static void check(lua_State *L)
{
  if (!lua_istable(L, -1)) return;
  if (lua_getfield(L, -1, "scale") != LUA_TFUNCTION)
    orc_bind_fail(L, "autoscaler.scale: missing, a function expected");
  lua_pop(L, 1);
}

/* The policy on top, or false. */
static void read(lua_State *L, orc_lua_scaler *s)
{
  s->scale = LUA_NOREF;
  s->params = LUA_NOREF;
  if (!lua_istable(L, -1)) return;
  s->name = orc_policy_name(L);
  s->scale = orc_policy_function(L, "autoscaler", "scale");
  lua_getfield(L, -1, "params");
  s->params = luaL_ref(L, LUA_REGISTRYINDEX);
}

static bool same(lua_State *L, int a, int b)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, a);
  lua_rawgeti(L, LUA_REGISTRYINDEX, b);
  const bool is_same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is_same;
}

/* A table of its own, with the params. */
static void remember(lua_State *L, orc_lua_scaler *s)
{
  s->state = orc_policy_memory(L);
  orc_policy_give_params(L, s->state, s->params);
}

void orc_scalers_give(lua_State *L, const orc_lua_scaler *s, int count)
{
  for (int i = 0; i < count; i++)
    orc_policy_give_params(L, s[i].state, s[i].params);
}

void orc_scalers_forget(lua_State *L, orc_lua_scaler *s, int count)
{
  for (int i = 0; i < count; i++)
    remember(L, &s[i]);
}

orc_lua_scaler *orc_scalers_read(orc_lua_policies *p, lua_State *L, int index, int count,
                                 const orc_lua_scaler *before)
{
  const uint64_t seed = (uint64_t)orc_bind_integer_or(L, index, "spec", "seed", 0);
  const bool told = lua_getfield(L, index, "autoscalers") == LUA_TTABLE;
  for (int i = 0; told && i < count; i++) {
    lua_rawgeti(L, -1, i + 1);
    check(L);
    lua_pop(L, 1);
  }
  orc_lua_scaler *s = orc_alloc((size_t)count, sizeof *s);
  for (int i = 0; i < count; i++) {
    if (told)
      lua_rawgeti(L, -1, i + 1);
    else
      lua_pushnil(L);
    if (before != NULL) s[i] = before[i];
    s[i].of = p;
    read(L, &s[i]);
    lua_pop(L, 1);
    if (before != NULL) {
      if (!same(L, s[i].params, before[i].params))
        orc_policy_give_params(L, s[i].state, s[i].params);
      continue;
    }
    /* Replicas number below 2^16, so no other draws come from these streams; 2 is eviction's. */
    const uint64_t stream = i == 0 ? 1 : (uint64_t)i + 2;
    s[i].rng = orc_rng_stream(seed, ORC_FOR_POLICY, ((uint64_t)1 << 32) + stream);
    remember(L, &s[i]);
  }
  lua_pop(L, 1);
  return s;
}

void orc_scalers_free(lua_State *L, orc_lua_scaler *s, int count, const orc_lua_scaler *other)
{
  for (int i = 0; i < count; i++) {
    luaL_unref(L, LUA_REGISTRYINDEX, s[i].scale);
    luaL_unref(L, LUA_REGISTRYINDEX, s[i].params);
    if (other == NULL || other[i].state != s[i].state) luaL_unref(L, LUA_REGISTRYINDEX, s[i].state);
  }
  free(s);
}
