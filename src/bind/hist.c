/* hist.c - distributions of results, as Lua sees them: read-only, in the unit they were filled in.
 */
#include <lauxlib.h>
#include <math.h>

#include "bind/core.h"
#include "bind/hist.h"

static const char type_name[] = "oracle.hist";

orc_hist *orc_bind_new_hist(lua_State *L)
{
  orc_hist *h = lua_newuserdatauv(L, sizeof *h, 0);
  *h = (orc_hist){ 0 };
  luaL_setmetatable(L, type_name);
  return h;
}

static orc_hist *self(lua_State *L)
{
  return luaL_checkudata(L, 1, type_name);
}

static int count(lua_State *L)
{
  lua_pushinteger(L, (lua_Integer)self(L)->count);
  return 1;
}

static int mean(lua_State *L)
{
  lua_pushnumber(L, orc_hist_mean(self(L)));
  return 1;
}

static int std(lua_State *L)
{
  lua_pushnumber(L, orc_hist_std(self(L)));
  return 1;
}

static int least(lua_State *L)
{
  lua_pushnumber(L, (double)self(L)->min);
  return 1;
}

static int most(lua_State *L)
{
  lua_pushnumber(L, (double)self(L)->max);
  return 1;
}

/* h:plus(other): a new histogram of the values of both. */
static int plus(lua_State *L)
{
  const orc_hist *a = self(L);
  const orc_hist *b = luaL_checkudata(L, 2, type_name);
  orc_hist *sum = orc_bind_new_hist(L);
  orc_hist_merge(sum, a);
  orc_hist_merge(sum, b);
  return 1;
}

static int quantile(lua_State *L)
{
  orc_hist *h = self(L);
  const double q = luaL_checknumber(L, 2);
  luaL_argcheck(L, q >= 0.0 && q <= 1.0, 2, "a share from 0 to 1 expected");
  lua_pushnumber(L, orc_hist_quantile(h, q));
  return 1;
}

/* h:count_to(value) -> how many values are no greater. */
static int count_to(lua_State *L)
{
  const orc_hist *h = self(L);
  const double value = luaL_checknumber(L, 2);
  luaL_argcheck(L, !isnan(value), 2, "a number expected");
  const bool all = value >= 0x1p62, none = value < 0.0;
  const uint64_t n = all ? h->count : none ? 0 : orc_hist_count_to(h, (int64_t)value);
  lua_pushinteger(L, (lua_Integer)n);
  return 1;
}

static int collect(lua_State *L)
{
  orc_hist_done(self(L));
  return 0;
}

int orc_bind_hist(lua_State *L)
{
  static const luaL_Reg methods[] = {
    { "count", count }, { "mean", mean },         { "std", std },
    { "min", least },   { "max", most },          { "quantile", quantile },
    { "plus", plus },   { "count_to", count_to }, { NULL, NULL },
  };
  luaL_newmetatable(L, type_name); /* [mt] */
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  lua_newtable(L);
  return 1;
}
