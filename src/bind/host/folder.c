/* folder.c - what is in a folder: Lua's library cannot tell. */
#include <dirent.h>
#include <lauxlib.h>
#include <stdlib.h>

#include "bind/bind.h"

/* list(folder) -> the names of all that is in it, sorted by their bytes, but for "." and ".."; nil
   where it cannot be read */
static int list(lua_State *L)
{
  struct dirent **entries = NULL;
  const int n = scandir(luaL_checkstring(L, 1), &entries, NULL, NULL);
  if (n < 0) return 0;
  lua_createtable(L, n, 0);
  for (int i = 0, at = 0; i < n; i++) {
    const char *name = entries[i]->d_name;
    if (name[0] != '.' || (name[1] != '\0' && (name[1] != '.' || name[2] != '\0'))) {
      lua_pushstring(L, name);
      lua_rawseti(L, -2, ++at);
    }
    free(entries[i]);
  }
  free(entries);
  lua_getglobal(L, "table");
  lua_getfield(L, -1, "sort");
  lua_pushvalue(L, -3);
  lua_call(L, 1, 0);
  lua_pop(L, 1);
  return 1;
}

int orc_bind_list(lua_State *L)
{
  lua_pushcfunction(L, list);
  return 1;
}
