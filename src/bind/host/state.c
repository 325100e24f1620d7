#include "bind/host/state.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "bind/core.h"

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

/* A compiled file counts while it is no older than its source. */
static bool fresh(const char *compiled, const char *source)
{
  struct stat c, s;
  if (stat(source, &s) != 0 || stat(compiled, &c) != 0) return false;
  if (c.st_mtim.tv_sec != s.st_mtim.tv_sec) return c.st_mtim.tv_sec > s.st_mtim.tv_sec;
  return c.st_mtim.tv_nsec >= s.st_mtim.tv_nsec;
}

/* Push the chunk of a compiled file; false: of another Lua, or not to be read. */
static bool load_compiled(lua_State *L, const char *compiled)
{
  struct stat about;
  const int file = open(compiled, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  bool loaded = false;
  if (fstat(file, &about) == 0 && about.st_size > 0) {
    const size_t size = (size_t)about.st_size;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (bytes != MAP_FAILED) {
      loaded = luaL_loadbufferx(L, bytes, size, compiled, "b") == LUA_OK;
      munmap(bytes, size);
    }
  }
  close(file);
  return loaded;
}

/* A searcher of package.searchers: what `make build` compiled ahead of time. Upvalue 1: home. */
static int find_compiled(lua_State *L)
{
  static const char *const endings[] = { "", "/init" };
  const char *home = lua_tostring(L, lua_upvalueindex(1));
  const char *path = luaL_gsub(L, luaL_checkstring(L, 1), ".", "/");
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    const char *source = lua_pushfstring(L, "%s/lua/%s%s.lua", home, path, endings[i]);
    const char *compiled = lua_pushfstring(L, "%s/build/lua/%s%s.luac", home, path, endings[i]);
    if (!fresh(compiled, source)) continue;
    if (!load_compiled(L, compiled)) break; /* the source is there */
    lua_pushstring(L, source);
    return 2;
  }
  return 0;
}

/* [] -> []: asked after what is preloaded and before the sources */
static void search_compiled(lua_State *L, const char *home)
{
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushstring(L, home);
  lua_pushcclosure(L, find_compiled, 1);
  lua_rawseti(L, -2, 2);
  lua_pop(L, 2);
}

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
  set_path(L, home);
  search_compiled(L, home);
  return 0;
}

lua_State *orc_state_new(const char *home)
{
  union {
    const char *in;
    void *out;
  } folder = { .in = home }; /* it is only read */
  lua_State *L = luaL_newstate();
  if (L == NULL) orc_exhausted(0, 0);
  lua_pushcfunction(L, set_up);
  lua_pushlightuserdata(L, folder.out);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) orc_exhausted(0, 0);
  return L;
}
