/*
** lua.c - a Lua 5.4 interpreter with lpeg and oracle.core inside, so that tests written in Lua
** run the engine of the same build (a sanitized one too).
** usage: lua SCRIPT [ARG ...]
*/
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>

#include "bind/core.h"

int luaopen_lpeg(lua_State *L);

static void preload(lua_State *L, const char *name, lua_CFunction open)
{
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, open);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

static int traceback(lua_State *L)
{
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

static int run(lua_State *L, int argc, char **argv)
{
  lua_createtable(L, argc, 0);
  for (int i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - 1);
  }
  lua_setglobal(L, "arg");
  lua_pushcfunction(L, traceback);
  int status = luaL_loadfile(L, argv[1]);
  if (status == LUA_OK) {
    luaL_checkstack(L, argc, "too many arguments");
    for (int i = 2; i < argc; i++)
      lua_pushstring(L, argv[i]);
    status = lua_pcall(L, argc - 2, 0, 1);
  }
  if (status != LUA_OK) fprintf(stderr, "%s\n", lua_tostring(L, -1));
  return status == LUA_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
  if (argc < 2) {
    fprintf(stderr, "usage: %s SCRIPT [ARG ...]\n", argv[0]);
    return 2;
  }
  lua_State *L = luaL_newstate();
  if (L == NULL) return 1;
  luaL_openlibs(L);
  preload(L, "lpeg", luaopen_lpeg);
  preload(L, "oracle.core", luaopen_oracle_core);
  const int rc = run(L, argc, argv);
  lua_close(L);
  return rc;
}
