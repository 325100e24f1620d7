#include "bind/error.h"

#include <lauxlib.h>
#include <stdarg.h>

_Noreturn void orc_bind_fail(lua_State *L, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_error(L);
  orc_panic("lua_error returned", __FILE__, __LINE__);
}

_Noreturn void orc_bind_misuse(lua_State *L, const char *format, ...)
{
  va_list args;
  luaL_where(L, 1);
  va_start(args, format);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_concat(L, 2);
  lua_error(L);
  orc_panic("lua_error returned", __FILE__, __LINE__);
}

static int to_text(lua_State *L)
{
  luaL_tolstring(L, 1, NULL);
  return 1;
}

const char *orc_bind_said(lua_State *L)
{
  if (lua_type(L, -1) != LUA_TSTRING) {
    lua_pushcfunction(L, to_text);
    lua_insert(L, -2);
    if (lua_pcall(L, 1, 1, 0) != LUA_OK && lua_type(L, -1) != LUA_TSTRING)
      return "an error without a text";
  }
  return lua_tostring(L, -1);
}

_Noreturn void orc_bind_raise(lua_State *L, const orc_error *e)
{
  orc_bind_fail(L, "%s", e->msg);
}
