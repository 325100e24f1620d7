/*
** lua_target.h - a fuzz target written in Lua: a function of one text that must not raise.
*/
#ifndef TESTS_FUZZ_LUA_TARGET_H
#define TESTS_FUZZ_LUA_TARGET_H

#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bind/args.h"

int luaopen_lpeg(lua_State *L);

/* A state whose only value on the stack is the function that `chunk` returns; ends the program
** when there is none. $ORACLE_HOME or the current folder holds lua/ and models/. */
static lua_State *target_open(const char *chunk)
{
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_lpeg);
  lua_setfield(L, -2, "lpeg");
  lua_pushcfunction(L, luaopen_oracle_core);
  lua_setfield(L, -2, "oracle.core");
  lua_pop(L, 1);
  const char *home = getenv("ORACLE_HOME");
  lua_pushstring(L, home != NULL ? home : ".");
  lua_setglobal(L, "home");
  if (luaL_loadstring(L, "package.path = home .. '/lua/?.lua;' .. home .. '/lua/?/init.lua;' .. "
                         "package.path") != LUA_OK ||
      lua_pcall(L, 0, 0, 0) != LUA_OK || luaL_loadstring(L, chunk) != LUA_OK ||
      lua_pcall(L, 0, 1, 0) != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    exit(1);
  }
  return L;
}

/* Call it; what it raises is a defect and stops the run. */
static void target_call(lua_State *L, const uint8_t *text, size_t size)
{
  lua_pushvalue(L, 1);
  lua_pushlstring(L, (const char *)text, size);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    fprintf(stderr, "raised: %s\n", lua_tostring(L, -1));
    abort();
  }
}

#endif
