/*
** measure.c - what processes measure: a level (a quantity over time: its averages are by time) and a
** tally (single observations: waits, sizes).
*/
#include "bind/des/des.h"

#include <math.h>
#include <string.h>

static const char level_name[] = "oracle.des.level", tally_name[] = "oracle.des.tally";

/* ---- levels ---- */

static orc_lua_level *level_self(lua_State *L)
{
  orc_lua_level *l = luaL_checkudata(L, 1, level_name);
  if (l->env->closed) orc_bind_misuse(L, "this environment has been collected");
  return l;
}

static void advance(orc_lua_level *l)
{
  const orc_time now = orc_des_now(&l->env->des);
  const double span = (double)(now - l->since) / 1e9;
  l->area += l->value * span;
  l->squares += l->value * l->value * span;
  l->since = now;
}

static double number(lua_State *L, int index)
{
  const double v = luaL_checknumber(L, index);
  if (!isfinite(v)) orc_bind_misuse(L, "a finite number expected, got %f", v);
  return v;
}

void orc_lua_des_put(orc_lua_level *l, double value)
{
  advance(l);
  l->value = value;
  if (value < l->least) l->least = value;
  if (value > l->most) l->most = value;
}

static int put(lua_State *L, orc_lua_level *l, double value)
{
  orc_lua_des_put(l, value);
  lua_settop(L, 1);
  return 1;
}

static int level_set(lua_State *L)
{
  orc_lua_level *l = level_self(L);
  return put(L, l, number(L, 2));
}

static int level_add(lua_State *L)
{
  orc_lua_level *l = level_self(L);
  return put(L, l, l->value + number(L, 2));
}

void orc_lua_des_reset_level(orc_lua_level *l)
{
  l->begin = l->since = orc_des_now(&l->env->des);
  l->area = l->squares = 0.0;
  l->least = l->most = l->value;
}

/* level:reset(): averages begin anew, as at the end of a warm-up */
static int level_reset(lua_State *L)
{
  orc_lua_des_reset_level(level_self(L));
  lua_settop(L, 1);
  return 1;
}

static double level_field(orc_lua_level *l, const char *key)
{
  advance(l);
  const double span = (double)(l->since - l->begin) / 1e9;
  const double mean = span > 0.0 ? l->area / span : l->value;
  if (strcmp(key, "value") == 0) return l->value;
  if (strcmp(key, "min") == 0) return l->least;
  if (strcmp(key, "max") == 0) return l->most;
  if (strcmp(key, "mean") == 0) return mean;
  if (strcmp(key, "area") == 0) return l->area;
  if (strcmp(key, "time") == 0) return span;
  if (strcmp(key, "std") != 0) return NAN;
  return span > 0.0 ? sqrt(fmax(0.0, l->squares / span - mean * mean)) : 0.0;
}

/* [object, key], upvalue 1: methods. Whether a method was pushed. */
static bool push_method(lua_State *L)
{
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  return lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL;
}

static int push_field(lua_State *L, double v, const char *kind)
{
  if (isnan(v)) orc_bind_misuse(L, "a %s has no \"%s\"", kind, luaL_tolstring(L, 2, NULL));
  lua_pushnumber(L, v);
  return 1;
}

static int level_index(lua_State *L)
{
  orc_lua_level *l = level_self(L);
  if (push_method(L)) return 1;
  return push_field(L, lua_type(L, 2) == LUA_TSTRING ? level_field(l, lua_tostring(L, 2)) : NAN,
                    "level");
}

static void make(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction index,
                 lua_CFunction collect)
{
  if (luaL_newmetatable(L, name)) {
    lua_newtable(L);
    luaL_setfuncs(L, methods, 0);
    lua_pushcclosure(L, index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    if (collect != NULL) {
      lua_pushcfunction(L, collect);
      lua_setfield(L, -2, "__gc");
    }
  }
  lua_setmetatable(L, -2);
}

orc_lua_level *orc_lua_des_new_level(lua_State *L, int index, double value)
{
  static const luaL_Reg methods[] = {
    { "set", level_set }, { "add", level_add }, { "reset", level_reset }, { NULL, NULL }
  };
  const orc_lua_des *env = lua_touserdata(L, index);
  lua_pushvalue(L, index);
  orc_lua_level *l = lua_newuserdatauv(L, sizeof *l, 1);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, 1); /* the environment stays as long as the level */
  const orc_time now = orc_des_now(&env->des);
  *l = (orc_lua_level){
    .env = env, .begin = now, .since = now, .value = value, .least = value, .most = value
  };
  make(L, level_name, methods, level_index, NULL);
  return l;
}

/* env:level(value) -> a level that has `value`, 0 unless given, from now on */
int orc_lua_des_level(lua_State *L)
{
  orc_lua_des_self(L);
  orc_lua_des_new_level(L, 1, lua_isnoneornil(L, 2) ? 0.0 : number(L, 2));
  return 1;
}

/* ---- tallies ---- */

/* Values are kept in billionths, so that times in seconds are whole nanoseconds. */
static orc_hist *tally_self(lua_State *L)
{
  return luaL_checkudata(L, 1, tally_name);
}

/* tally:add(value, times) */
static int tally_add(lua_State *L)
{
  orc_hist *h = tally_self(L);
  const double v = luaL_checknumber(L, 2);
  const lua_Integer times = luaL_optinteger(L, 3, 1);
  if (!(v >= 0.0 && v < 1e9))
    orc_bind_misuse(L, "tally:add: a value from 0 to 1e9 expected, got %f", v);
  if (times < 0) orc_bind_misuse(L, "tally:add: a count of at least 0 expected");
  orc_hist_add(h, orc_time_of(v), (uint64_t)times);
  lua_settop(L, 1);
  return 1;
}

static int tally_quantile(lua_State *L)
{
  orc_hist *h = tally_self(L);
  const double q = luaL_checknumber(L, 2);
  if (!(q >= 0.0 && q <= 1.0)) orc_bind_misuse(L, "tally:quantile: a share from 0 to 1 expected");
  lua_pushnumber(L, orc_hist_quantile(h, q) / 1e9);
  return 1;
}

static int tally_reset(lua_State *L)
{
  orc_hist_done(tally_self(L));
  lua_settop(L, 1);
  return 1;
}

static int tally_index(lua_State *L)
{
  const orc_hist *h = tally_self(L);
  if (push_method(L)) return 1;
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(key, "count") == 0) {
    lua_pushinteger(L, (lua_Integer)h->count);
    return 1;
  }
  double v = NAN;
  if (strcmp(key, "mean") == 0) v = orc_hist_mean(h) / 1e9;
  if (strcmp(key, "std") == 0) v = orc_hist_std(h) / 1e9;
  if (strcmp(key, "min") == 0) v = (double)h->min / 1e9;
  if (strcmp(key, "max") == 0) v = (double)h->max / 1e9;
  if (strcmp(key, "total") == 0) v = (double)h->sum / 1e9;
  return push_field(L, v, "tally");
}

static int tally_collect(lua_State *L)
{
  orc_hist_done(tally_self(L));
  return 0;
}

orc_hist *orc_lua_des_new_tally(lua_State *L)
{
  static const luaL_Reg methods[] = {
    { "add", tally_add }, { "quantile", tally_quantile }, { "reset", tally_reset }, { NULL, NULL }
  };
  orc_hist *h = lua_newuserdatauv(L, sizeof *h, 0);
  *h = (orc_hist){ 0 };
  make(L, tally_name, methods, tally_index, tally_collect);
  return h;
}

/* env:tally() */
int orc_lua_des_tally(lua_State *L)
{
  orc_lua_des_self(L);
  orc_lua_des_new_tally(L);
  return 1;
}
