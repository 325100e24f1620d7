#include "bind/host/state.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "base/base.h"
#include "bind/core.h"
#include "bind/host/bundle.h"
#include "bind/host/heap.h"
#include "bind/policy/coroutines.h"

int luaopen_lpeg(lua_State *L);

void orc_state_preload(lua_State *L, const char *name)
{
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_insert(L, -2);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* Push those of Lua's own places that are whole paths, each with ";" before it: not the current folder. */
static void push_places(lua_State *L, const char *all)
{
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  while (*all != '\0') {
    const size_t n = strcspn(all, ";");
    if (*all == '/') {
      luaL_addchar(&b, ';');
      luaL_addlstring(&b, all, n);
    }
    all += n + (all[n] == ';');
  }
  luaL_pushresult(&b);
}

/*
** Our own modules go first, then those of the system, where this Lua was built to look for them. What the environment
** or the current folder says is not asked: a file there must not run in place of one of ours.
*/
static void set_path(lua_State *L, const char *home)
{
  lua_getglobal(L, "package");
  push_places(L, LUA_PATH_DEFAULT);
  lua_pushfstring(L, "%s/lua/?.lua;%s/lua/?/init.lua%s", home, home, lua_tostring(L, -1));
  lua_setfield(L, -3, "path");
  push_places(L, LUA_CPATH_DEFAULT);
  lua_pushstring(L, *lua_tostring(L, -1) == ';' ? lua_tostring(L, -1) + 1 : "");
  lua_setfield(L, -4, "cpath");
  lua_pop(L, 3);
}

/* An error that nothing catches: a bug of the program. */
static int on_panic(lua_State *L)
{
  const char *message = lua_tostring(L, -1);
  orc_panic(message != NULL ? message : "an error in Lua that nothing catches", __FILE__, __LINE__);
  return 0;
}

/* What a start allocates is still in use when it is over: the collector first looks after this much. */
enum { FIRST_LOOK_KIB = 8 << 10 };

/* [home] -> [] */
static int set_up(lua_State *L)
{
  const char *home = lua_touserdata(L, 1);
  lua_settop(L, 0);
  luaL_openlibs(L);
  lua_pushcfunction(L, luaopen_lpeg);
  orc_state_preload(L, "lpeg");
  lua_pushcfunction(L, luaopen_oracle_core);
  orc_state_preload(L, "oracle.core");
  orc_coroutines_open(L);
  set_path(L, home);
  orc_bundle_search(L, home);
  orc_state_preload(L, "oracle.bundle");
  return 0;
}

void orc_state_rest(lua_State *L)
{
  lua_gc(L, LUA_GCSTEP, -FIRST_LOOK_KIB); /* as if so much had been collected ahead */
}

lua_State *orc_state_in(orc_heap *heap, const char *home)
{
  union {
    const char *in;
    void *out;
  } folder = { .in = home }; /* it is only read */
  lua_State *L = heap != NULL ? lua_newstate(orc_heap_allocate, heap) : NULL;
  if (L == NULL) orc_exhausted(0, 0);
  lua_atpanic(L, on_panic);
  orc_state_rest(L);
  lua_pushcfunction(L, set_up);
  lua_pushlightuserdata(L, folder.out);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) orc_exhausted(0, 0);
  return L;
}

lua_State *orc_state_new(const char *home)
{
  return orc_state_in(orc_heap_new(), home);
}
