#include "bind/workload/chance.h"

#include <lauxlib.h>
#include <math.h>

#include "base/real.h"
#include "bind/error.h"
#include "bind/policy/call_context.h"

static orc_rng *stream(lua_State *L)
{
  const orc_call_context *a = lua_touserdata(L, lua_upvalueindex(1));
  if (a->rng == NULL)
    orc_bind_misuse(L, "chance is only to be had inside the call it was given to");
  return a->rng;
}

/* An argument above 0, or from 0 on. */
static double positive(lua_State *L, int index, bool zero)
{
  const double v = luaL_checknumber(L, index);
  luaL_argcheck(L, isfinite(v) && (zero ? v >= 0.0 : v > 0.0), index,
                zero ? "a number of at least 0 expected" : "a number above 0 expected");
  return v;
}

static int random(lua_State *L)
{
  return orc_call_context_draw(L, stream(L), 2);
}

/* A draw of a law with two parameters, or one and 0. */
typedef double law(orc_rng *r, double a, double b);

/* One draw, pushed; or, where a list and a number n stand at `index`, n draws into its entries from 1 on. Returns how many
** values were pushed. */
static int draw(lua_State *L, law *of, double a, double b, int index)
{
  orc_rng *r = stream(L);
  if (lua_isnoneornil(L, index)) {
    lua_pushnumber(L, of(r, a, b));
    return 1;
  }
  luaL_checktype(L, index, LUA_TTABLE);
  const lua_Integer n = luaL_checkinteger(L, index + 1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_pushnumber(L, of(r, a, b));
    lua_rawseti(L, index, i);
  }
  return 0;
}

static double uniform_law(orc_rng *r, double low, double high)
{
  return low + (high - low) * orc_rng_uniform(r);
}

static int uniform(lua_State *L)
{
  return draw(L, uniform_law, luaL_checknumber(L, 2), luaL_checknumber(L, 3), 4);
}

static double exponential_law(orc_rng *r, double mean, double unused)
{
  (void)unused;
  return mean * orc_rng_exponential(r);
}

static int exponential(lua_State *L)
{
  return draw(L, exponential_law, positive(L, 2, false), 0.0, 3);
}

static double normal_law(orc_rng *r, double mean, double deviation)
{
  return mean + deviation * orc_rng_normal(r);
}

static int normal(lua_State *L)
{
  return draw(L, normal_law, luaL_checknumber(L, 2), positive(L, 3, true), 4);
}

static double lognormal_law(orc_rng *r, double median, double sigma)
{
  return median * orc_real_exp(sigma * orc_rng_normal(r));
}

static int lognormal(lua_State *L)
{
  return draw(L, lognormal_law, positive(L, 2, false), positive(L, 3, true), 4);
}

static double gamma_law(orc_rng *r, double mean, double shape)
{
  return mean * orc_rng_gamma(r, shape) / shape;
}

static int gamma_of(lua_State *L)
{
  const double mean = positive(L, 2, false), cv = positive(L, 3, false);
  luaL_argcheck(L, cv >= 1e-3 && cv <= 1e3, 3, "a cv from 0.001 to 1000 expected");
  return draw(L, gamma_law, mean, 1.0 / (cv * cv), 4);
}

/* The sum of the weights at index 3, one for each of `n`. */
static double weights(lua_State *L, lua_Integer n)
{
  double total = 0.0;
  luaL_checktype(L, 3, LUA_TTABLE);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, 3, i);
    const double w = lua_tonumber(L, -1);
    luaL_argcheck(L, lua_isnumber(L, -1) && w >= 0.0 && isfinite(w), 3,
                  "a weight of at least 0 for each entry expected");
    total += w;
    lua_pop(L, 1);
  }
  luaL_argcheck(L, total > 0.0, 3, "a weight above 0 expected");
  return total;
}

static int choose(lua_State *L)
{
  luaL_checktype(L, 2, LUA_TTABLE);
  const lua_Integer n = (lua_Integer)lua_rawlen(L, 2);
  luaL_argcheck(L, n >= 1, 2, "a list with at least one entry expected");
  lua_Integer i = 1;
  if (lua_isnoneornil(L, 3)) {
    i += (lua_Integer)orc_rng_below(stream(L), (uint64_t)n);
  } else {
    double left = weights(L, n) * orc_rng_uniform(stream(L));
    for (; i < n; i++) {
      lua_rawgeti(L, 3, i);
      left -= lua_tonumber(L, -1);
      lua_pop(L, 1);
      if (left < 0.0) break;
    }
  }
  lua_rawgeti(L, 2, i);
  return 1;
}

void orc_bind_chance(lua_State *L)
{
  static const luaL_Reg methods[] = { { "random", random },           { "uniform", uniform },
                                      { "exponential", exponential }, { "normal", normal },
                                      { "lognormal", lognormal },     { "gamma", gamma_of },
                                      { "choose", choose },           { NULL, NULL } };
  lua_createtable(L, 0, 8);
  lua_createtable(L, 0, 1);
  lua_createtable(L, 0, 8);
  orc_call_context_push(L);
  luaL_setfuncs(L, methods, 1);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
}
