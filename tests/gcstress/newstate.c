/*
** newstate.c - a collector that never rests, in the sanitized build (make SAN=1) alone, where $ORACLE_GC_STRESS is set: every
** state's collection goes a step on at each few bytes that are allocated and begins anew when it ends. An object that only C
** still holds is then freed while it is used, and AddressSanitizer says where. The program's wish that the collector wait
** (src/bind/host/state.c) is not heard. luaL_newstate calls lua_newstate, too.
*/
#include <lauxlib.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

lua_State *__real_lua_newstate(lua_Alloc allocate, void *self);
lua_State *__wrap_lua_newstate(lua_Alloc allocate, void *self);
int __real_lua_gc(lua_State *L, int what, ...);
int __wrap_lua_gc(lua_State *L, int what, ...);

static bool stressed(void)
{
  return getenv("ORACLE_GC_STRESS") != NULL;
}

lua_State *__wrap_lua_newstate(lua_Alloc allocate, void *self)
{
  enum { PAUSE = 4, STEP_MULTIPLE = 1000, STEP_SIZE = 1 }; /* %, %, log2 of bytes */
  lua_State *L = __real_lua_newstate(allocate, self);
  if (L != NULL && stressed()) __real_lua_gc(L, LUA_GCINC, PAUSE, STEP_MULTIPLE, STEP_SIZE);
  return L;
}

/* How many numbers follow `what`. */
static int numbers(int what)
{
  switch (what) {
  case LUA_GCINC:
    return 3;
  case LUA_GCGEN:
    return 2;
  case LUA_GCSTEP:
  case LUA_GCSETPAUSE:
  case LUA_GCSETSTEPMUL:
    return 1;
  default:
    return 0;
  }
}

int __wrap_lua_gc(lua_State *L, int what, ...)
{
  va_list list;
  int n[3] = { 0 };
  va_start(list, what);
  for (int i = 0; i < numbers(what); i++)
    n[i] = va_arg(list, int);
  va_end(list);
  const bool rests = (what == LUA_GCSTEP && n[0] < 0) || what == LUA_GCINC || what == LUA_GCGEN;
  return stressed() && rests ? 0 : __real_lua_gc(L, what, n[0], n[1], n[2]);
}
