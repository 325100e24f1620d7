#include "bind/state.h"

#include <lauxlib.h>
#include <lualib.h>

#include "bind/bind.h"

int luaopen_lpeg(lua_State *L);

void orc_state_preload(lua_State *L, const char *name)
{
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_insert(L, -2);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* Our own modules go first, then those Lua finds on this system. */
static void set_path(lua_State *L, const char *home)
{
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "path");
  lua_pushfstring(L, "%s/lua/?.lua;%s/lua/?/init.lua;%s", home, home, lua_tostring(L, -1));
  lua_setfield(L, -3, "path");
  lua_pop(L, 2);
}

lua_State *orc_state_new(const char *home)
{
  lua_State *L = luaL_newstate();
  if (L == NULL) orc_panic("out of memory", __FILE__, __LINE__);
  luaL_openlibs(L);
  lua_pushcfunction(L, luaopen_lpeg);
  orc_state_preload(L, "lpeg");
  lua_pushcfunction(L, luaopen_oracle_core);
  orc_state_preload(L, "oracle.core");
  set_path(L, home);
  return L;
}
