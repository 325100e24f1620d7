/*
** lines.c - which lines of lua/ ran, in the builds that count (make COV=1, REACH=1) alone. The linker puts these functions
** in front of Lua's: every state the program makes, workers' too, has a hook that marks lines; the program's own hook is
** called from it.
**
** Where $ORACLE_LUA_COVERAGE names a folder, each source has a file in it, lua/oracle/init.lua in "lua.oracle.init.lua": a
** byte for each line, 1 where it ran. The files are mapped and shared, so processes add to each other's and how one ends does
** not matter. tools/lua_lines.lua reads them.
*/
#define _GNU_SOURCE
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

lua_State *__real_luaL_newstate(void);
void __real_lua_sethook(lua_State *L, lua_Hook hook, int mask, int count);
lua_Hook __real_lua_gethook(lua_State *L);
int __real_lua_gethookmask(lua_State *L);
_Noreturn void __real__exit(int status);
_Noreturn void __real__Exit(int status);
void __gcov_dump(void);

lua_State *__wrap_luaL_newstate(void);
lua_State *__real_lua_newstate(lua_Alloc allocate, void *self);
lua_State *__wrap_lua_newstate(lua_Alloc allocate, void *self);
void __wrap_lua_sethook(lua_State *L, lua_Hook hook, int mask, int count);
lua_Hook __wrap_lua_gethook(lua_State *L);
int __wrap_lua_gethookmask(lua_State *L);
_Noreturn void __wrap__exit(int status);
_Noreturn void __wrap__Exit(int status);

enum { SOURCES = 1024, LINES = 4096 };

/* A source as this thread knows it: Lua says where its name is, and another may be there after it. */
typedef struct source {
  const char *name;
  char kept[128];
  unsigned char *ran; /* NULL: not of lua/ */
} source;

static _Thread_local source known[SOURCES];

/* The program's own hook: Lua gives each state and coroutine room for one pointer. */
static lua_Hook *own_hook(lua_State *L)
{
  return (lua_Hook *)lua_getextraspace(L);
}

/* The bytes of one source of lua/; NULL where it is of none. */
static unsigned char *map(const char *name)
{
  const char *folder = getenv("ORACLE_LUA_COVERAGE");
  const char *in = strstr(name, "lua/oracle/");
  if (folder == NULL || *name != '@' || in == NULL) return NULL;
  char path[PATH_MAX];
  const int n = snprintf(path, sizeof path, "%s/", folder);
  if (n < 0 || (size_t)n + strlen(in) >= sizeof path) return NULL;
  for (size_t i = 0; i <= strlen(in); i++)
    path[(size_t)n + i] = in[i] == '/' ? '.' : in[i];
  const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return NULL;
  void *bytes = MAP_FAILED;
  if (ftruncate(file, LINES) == 0)
    bytes = mmap(NULL, LINES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return bytes == MAP_FAILED ? NULL : bytes;
}

static source *find(const char *name)
{
  source *s = &known[((size_t)name >> 4) % SOURCES];
  if (s->name == name && strncmp(s->kept, name, sizeof s->kept - 1) == 0) return s;
  if (s->ran != NULL) munmap(s->ran, LINES);
  s->name = name;
  s->kept[0] = '\0';
  strncat(s->kept, name, sizeof s->kept - 1);
  s->ran = map(name);
  return s;
}

static void mark(lua_State *L, lua_Debug *ar)
{
  if (ar->event == LUA_HOOKLINE) {
    lua_getinfo(L, "S", ar);
    const source *s = find(ar->source);
    if (s->ran != NULL && ar->currentline >= 0 && ar->currentline < LINES)
      s->ran[ar->currentline] = 1;
    return;
  }
  const lua_Hook own = *own_hook(L);
  if (own != NULL) own(L, ar);
}

/* A new state, whose lines count. */
static lua_State *counted(lua_State *L)
{
  if (L == NULL) return NULL;
  *own_hook(L) = NULL;
  if (getenv("ORACLE_LUA_COVERAGE") != NULL) __real_lua_sethook(L, mark, LUA_MASKLINE, 0);
  return L;
}

lua_State *__wrap_luaL_newstate(void)
{
  return counted(__real_luaL_newstate());
}

lua_State *__wrap_lua_newstate(lua_Alloc allocate, void *self)
{
  return counted(__real_lua_newstate(allocate, self));
}

void __wrap_lua_sethook(lua_State *L, lua_Hook hook, int mask, int count)
{
  if (getenv("ORACLE_LUA_COVERAGE") == NULL) {
    __real_lua_sethook(L, hook, mask, count);
    return;
  }
  *own_hook(L) = mask == 0 ? NULL : hook;
  __real_lua_sethook(L, mark, mask | LUA_MASKLINE, count);
}

lua_Hook __wrap_lua_gethook(lua_State *L)
{
  return getenv("ORACLE_LUA_COVERAGE") == NULL ? __real_lua_gethook(L) : *own_hook(L);
}

int __wrap_lua_gethookmask(lua_State *L)
{
  const int mask = __real_lua_gethookmask(L);
  return getenv("ORACLE_LUA_COVERAGE") == NULL ? mask : mask & ~LUA_MASKLINE;
}

/* A program that ends at once has counted C lines too. */
_Noreturn void __wrap__exit(int status)
{
  __gcov_dump();
  __real__exit(status);
}

_Noreturn void __wrap__Exit(int status)
{
  __gcov_dump();
  __real__Exit(status);
}
