/*
** stream.c - random streams of an environment, keyed by its seed and a name: env:random("arrivals").
** Draws of one stream move no other.
*/
#include "bind/des/des.h"

#include <math.h>
#include <string.h>

#include "base/dist.h"
#include "base/rng.h"

static const char stream_name[] = "oracle.des.stream";

static orc_rng *self(lua_State *L)
{
  return luaL_checkudata(L, 1, stream_name);
}

/* Argument `index`, finite and, where `positive`, above 0; raises otherwise. */
static double parameter(lua_State *L, int index, const char *what, bool positive)
{
  const double v = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : NAN;
  if (!isfinite(v) || (positive && v <= 0.0))
    orc_bind_misuse(L, "%s: a %snumber expected, got %s", what, positive ? "positive " : "finite ",
                    luaL_tolstring(L, index, NULL));
  return v;
}

static int push(lua_State *L, orc_dist_kind kind, double a, double b)
{
  const orc_dist d = { .kind = kind, .a = a, .b = b };
  lua_pushnumber(L, orc_dist_sample(&d, self(L), 0));
  return 1;
}

/* r:uniform() in [0, 1); r:uniform(low, high) in [low, high) */
static int uniform(lua_State *L)
{
  orc_rng *r = self(L);
  if (lua_isnone(L, 2)) {
    lua_pushnumber(L, orc_rng_uniform(r));
    return 1;
  }
  const double low = parameter(L, 2, "uniform: low", false);
  const double high = parameter(L, 3, "uniform: high", false);
  if (high < low) orc_bind_misuse(L, "uniform: low <= high expected, got %f and %f", low, high);
  return push(L, ORC_DIST_UNIFORM, low, high);
}

static int exponential(lua_State *L)
{
  return push(L, ORC_DIST_EXPONENTIAL, parameter(L, 2, "exponential: mean", true), 0.0);
}

static double spread(lua_State *L, const char *what)
{
  const double s = parameter(L, 3, what, false);
  if (s < 0.0) orc_bind_misuse(L, "%s: at least 0 expected, got %f", what, s);
  return s;
}

static int normal(lua_State *L)
{
  return push(L, ORC_DIST_NORMAL, parameter(L, 2, "normal: mean", false),
              spread(L, "normal: deviation"));
}

static int lognormal(lua_State *L)
{
  return push(L, ORC_DIST_LOGNORMAL, parameter(L, 2, "lognormal: mu", false),
              spread(L, "lognormal: sigma"));
}

static int gamma_(lua_State *L)
{
  return push(L, ORC_DIST_GAMMA, parameter(L, 2, "gamma: shape", true),
              parameter(L, 3, "gamma: scale", true));
}

static int weibull(lua_State *L)
{
  return push(L, ORC_DIST_WEIBULL, parameter(L, 2, "weibull: shape", true),
              parameter(L, 3, "weibull: scale", true));
}

static int pareto(lua_State *L)
{
  return push(L, ORC_DIST_PARETO, parameter(L, 2, "pareto: shape", true),
              parameter(L, 3, "pareto: scale", true));
}

/* r:integer(low, high), both included */
static int integer(lua_State *L)
{
  orc_rng *r = self(L);
  const lua_Integer low = luaL_checkinteger(L, 2), high = luaL_checkinteger(L, 3);
  if (high < low) orc_bind_misuse(L, "integer: low <= high expected");
  const uint64_t span = (uint64_t)high - (uint64_t)low + 1;
  const uint64_t draw = span == 0 ? orc_rng_next(r) : orc_rng_below(r, span);
  const uint64_t sum = (uint64_t)low + draw; /* wraps as two's complement does */
  lua_pushinteger(L, (lua_Integer)sum);
  return 1;
}

/* r:chance(p) -> true with probability p */
static int chance(lua_State *L)
{
  orc_rng *r = self(L);
  const double p = parameter(L, 2, "chance: probability", false);
  if (p < 0.0 || p > 1.0) orc_bind_misuse(L, "chance: a probability expected, got %f", p);
  lua_pushboolean(L, orc_rng_uniform(r) < p);
  return 1;
}

static double weight(lua_State *L, lua_Integer i)
{
  lua_rawgeti(L, 3, i);
  const double w = lua_tonumber(L, -1);
  lua_pop(L, 1);
  if (!(w >= 0.0 && w < HUGE_VAL)) orc_bind_misuse(L, "choice: weights of at least 0 expected");
  return w;
}

/* r:choice(list), r:choice(list, weights) -> one of its values */
static int choice(lua_State *L)
{
  orc_rng *r = self(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  const lua_Integer n = (lua_Integer)lua_rawlen(L, 2);
  if (n == 0) orc_bind_misuse(L, "choice: a list with at least one value expected");
  lua_Integer i = 1;
  if (lua_isnoneornil(L, 3)) {
    i += (lua_Integer)orc_rng_below(r, (uint64_t)n);
  } else {
    luaL_checktype(L, 3, LUA_TTABLE);
    double total = 0.0;
    for (lua_Integer k = 1; k <= n; k++)
      total += weight(L, k);
    if (!(total > 0.0)) orc_bind_misuse(L, "choice: a weight above 0 expected");
    double left = orc_rng_uniform(r) * total;
    lua_Integer last = 1;
    for (; i <= n; i++) {
      const double w = weight(L, i);
      if (w > 0.0) last = i;
      if (w > 0.0 && left < w) break;
      left -= w;
    }
    if (i > n) i = last; /* sums round */
  }
  lua_rawgeti(L, 2, i);
  return 1;
}

/* r:shuffle(list) -> the list, its values in random order (Fisher and Yates) */
static int shuffle(lua_State *L)
{
  orc_rng *r = self(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  for (lua_Unsigned i = lua_rawlen(L, 2); i > 1; i--) {
    const lua_Integer j = 1 + (lua_Integer)orc_rng_below(r, i);
    lua_rawgeti(L, 2, (lua_Integer)i);
    lua_rawgeti(L, 2, j);
    lua_rawseti(L, 2, (lua_Integer)i);
    lua_rawseti(L, 2, j);
  }
  lua_settop(L, 2);
  return 1;
}

static const luaL_Reg methods[] = {
  { "uniform", uniform }, { "exponential", exponential },
  { "normal", normal },   { "lognormal", lognormal },
  { "gamma", gamma_ },    { "weibull", weibull },
  { "pareto", pareto },   { "integer", integer },
  { "chance", chance },   { "choice", choice },
  { "shuffle", shuffle }, { NULL, NULL },
};

/* FNV-1a (Fowler, Noll, Vo): names to numbers. */
static uint64_t hash(const char *text, size_t length)
{
  uint64_t h = 0xcbf29ce484222325;
  for (size_t i = 0; i < length; i++)
    h = (h ^ (unsigned char)text[i]) * 0x100000001b3;
  return h;
}

/* env:random(name) -> the stream of that name, the same one each time */
int orc_lua_des_random(lua_State *L)
{
  const orc_lua_des *env = orc_lua_des_self(L);
  size_t length;
  if (lua_type(L, 2) != LUA_TSTRING)
    orc_bind_misuse(L, "env:random: the name of a stream expected, such as \"arrivals\"");
  const char *name = lua_tolstring(L, 2, &length);
  lua_settop(L, 2);
  lua_pushvalue(L, 2);
  if (lua_rawget(L, ORC_DES_HELD) != LUA_TNIL) return 1;
  orc_rng *r = lua_newuserdatauv(L, sizeof *r, 0);
  *r = orc_rng_stream(env->seed, ORC_FOR_DES, hash(name, length));
  if (luaL_newmetatable(L, stream_name)) {
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
  }
  lua_setmetatable(L, -2);
  lua_pushvalue(L, 2);
  lua_pushvalue(L, -2);
  lua_rawset(L, ORC_DES_HELD);
  return 1;
}
