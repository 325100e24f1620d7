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

_Noreturn void orc_bind_raise(lua_State *L, const orc_error *e)
{
  orc_bind_fail(L, "%s", e->msg);
}
