/* folder.c - what is in a folder, and making one: Lua's library does neither. */
#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/base.h"
#include "bind/core.h"

/* list(folder) -> the names of all that is in it, sorted by their bytes, but for "." and ".."; nil
   and "folder: why" where it cannot be read */
static int list(lua_State *L)
{
  struct dirent **entries = NULL;
  const char *path = luaL_checkstring(L, 1);
  const int n = scandir(path, &entries, NULL, NULL);
  if (n < 0) return luaL_fileresult(L, 0, path);
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

/* make_folder(path) -> true, with the folders above it that are missing; or nil and the system's
   reason */
static int make_folder(lua_State *L)
{
  luaL_Buffer b;
  size_t n;
  const char *path = luaL_checklstring(L, 1, &n);
  char *at = luaL_buffinitsize(L, &b, n + 1);
  memcpy(at, path, n + 1);
  int made = 0;
  for (size_t i = 1; i <= n; i++) {
    if (path[i] != '/' && path[i] != '\0') continue;
    at[i] = '\0';
    made = mkdir(at, 0777);
    if (made != 0 && errno != EEXIST) return luaL_fileresult(L, 0, at);
    at[i] = path[i];
  }
  struct stat s;
  if (made != 0 && stat(path, &s) == 0 && !S_ISDIR(s.st_mode)) {
    errno = ENOTDIR;
    return luaL_fileresult(L, 0, path);
  }
  lua_pushboolean(L, true);
  return 1;
}

int orc_bind_make_folder(lua_State *L)
{
  lua_pushcfunction(L, make_folder);
  return 1;
}
