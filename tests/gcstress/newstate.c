/*
** newstate.c - a collector that never rests, in the sanitized build (make SAN=1) alone, where $ORACLE_GC_STRESS is set: every
** state's collection goes a step on at each few bytes that are allocated and begins anew when it ends. An object that only C
** still holds is then freed while it is used, and AddressSanitizer says where.
*/
#include <lauxlib.h>
#include <stdlib.h>

lua_State *__real_luaL_newstate(void);
lua_State *__wrap_luaL_newstate(void);

lua_State *__wrap_luaL_newstate(void)
{
  enum { PAUSE = 4, STEP_MULTIPLE = 1000, STEP_SIZE = 1 }; /* %, %, log2 of bytes */
  lua_State *L = __real_luaL_newstate();
  if (L != NULL && getenv("ORACLE_GC_STRESS") != NULL)
    lua_gc(L, LUA_GCINC, PAUSE, STEP_MULTIPLE, STEP_SIZE);
  return L;
}
