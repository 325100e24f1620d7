#include "bind/policy/coroutines.h"

#include <lauxlib.h>
#include <lualib.h>

#include "bind/policy/watchdog.h"

/* Go on with `co`, with the `args` values on top. Returns how many results are there in their place; -1: an error is. */
static int go_on(lua_State *L, lua_State *co, int args)
{
  int results;
  if (!lua_checkstack(co, args)) {
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  lua_xmove(L, co, args);
  lua_State *before = orc_watchdog_follow(co);
  const int status = lua_resume(co, L, args, &results);
  if (before != NULL) orc_watchdog_follow(before);
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_xmove(co, L, 1);
    return -1;
  }
  if (!lua_checkstack(L, results + 1)) {
    lua_pop(co, results);
    lua_pushliteral(L, "too many results to resume");
    return -1;
  }
  lua_xmove(co, L, results);
  return results;
}

static int resume(lua_State *L)
{
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co != NULL, 1, "coroutine");
  const int results = go_on(L, co, lua_gettop(L) - 1);
  lua_pushboolean(L, results >= 0);
  const int pushed = results >= 0 ? results + 1 : 2;
  lua_insert(L, -pushed);
  return pushed;
}

/* Upvalue: the coroutine. An error ends it, and is told with its place, as Lua's own does. */
static int wrapped(lua_State *L)
{
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  const int results = go_on(L, co, lua_gettop(L));
  if (results >= 0) return results;
  const int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_resetthread(co);
    lua_xmove(co, L, 1);
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

/* A wish to stop is to reach what is made (orc_watchdog_mind_now). */
static lua_State *make(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TFUNCTION);
  orc_watchdog_mind_now(L);
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  return co;
}

static int create(lua_State *L)
{
  make(L);
  return 1;
}

static int wrap(lua_State *L)
{
  make(L);
  lua_pushcclosure(L, wrapped, 1);
  return 1;
}

void orc_coroutines_open(lua_State *L)
{
  static const luaL_Reg functions[] = {
    { "create", create }, { "resume", resume }, { "wrap", wrap }, { NULL, NULL }
  };
  lua_getglobal(L, LUA_COLIBNAME);
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
}
