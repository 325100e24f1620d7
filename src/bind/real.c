#include <lauxlib.h>
#include <lualib.h>

#include "base/real.h"
#include "bind/core.h"

/* math.exp(x) */
static int exp_of_lua(lua_State *L)
{
  lua_pushnumber(L, orc_real_exp(luaL_checknumber(L, 1)));
  return 1;
}

/* math.log(x [, base]). Base 10 is the C library's, in which powers of 10 have whole logarithms. */
static int log_of_lua(lua_State *L)
{
  const lua_Number x = luaL_checknumber(L, 1), base = luaL_optnumber(L, 2, 0.0);
  if (lua_isnoneornil(L, 2)) {
    lua_pushnumber(L, orc_real_log(x));
  } else if (base == 2.0) {
    lua_pushnumber(L, orc_real_log2(x));
  } else if (base == 10.0) {
    lua_settop(L, 2);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 2, 1);
  } else {
    lua_pushnumber(L, orc_real_log(x) / orc_real_log(base));
  }
  return 1;
}

/* exp2(x) -> 2 to the x */
static int exp2_of_lua(lua_State *L)
{
  lua_pushnumber(L, orc_real_exp2(luaL_checknumber(L, 1)));
  return 1;
}

int orc_bind_exp2(lua_State *L)
{
  lua_pushcfunction(L, exp2_of_lua);
  return 1;
}

void orc_bind_real(lua_State *L)
{
  lua_getglobal(L, LUA_MATHLIBNAME);
  lua_pushcfunction(L, exp_of_lua);
  lua_setfield(L, -2, "exp");
  lua_getfield(L, -1, "log");
  lua_pushcclosure(L, log_of_lua, 1);
  lua_setfield(L, -2, "log");
  lua_pop(L, 1);
}
