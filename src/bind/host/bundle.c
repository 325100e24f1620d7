#include "bind/host/bundle.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
** The file: a head, a row for each module in order of their names, then names and chunks. Where anything is stands in
** bytes from the beginning; the byte order is the machine's, as it is in the chunks.
*/
typedef struct head {
  char magic[8];
  uint32_t size; /* of the whole file: one that was cut short is none */
  uint32_t count;
} head;

typedef struct row {
  uint32_t name; /* such as "oracle/text/units", and a zero */
  uint32_t chunk;
  uint32_t length;
} row;

static const char MAGIC[] = "orcLua1\n";

typedef struct bundle {
  bool asked;  /* it is opened when a module is first wanted */
  char *bytes; /* mapped; NULL: there is none */
  size_t size;
  struct timespec made;
  lua_Integer opened, taken, missed;
} bundle;

static const row *rows(const bundle *b)
{
  return (const row *)(const void *)(b->bytes + sizeof(head));
}

static bool is_whole(const char *bytes, size_t size)
{
  head h;
  if (size < sizeof h) return false;
  memcpy(&h, bytes, sizeof h);
  return memcmp(h.magic, MAGIC, sizeof h.magic) == 0 && h.size == size &&
         h.count <= (size - sizeof h) / sizeof(row) && bytes[size - 1] == '\0';
}

static void open_bundle(bundle *b, const char *path)
{
  struct stat about;
  b->asked = true;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return;
  b->opened++;
  if (fstat(file, &about) == 0 && about.st_size > 0) {
    const size_t size = (size_t)about.st_size;
    void *bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
    if (bytes != MAP_FAILED && is_whole(bytes, size)) {
      b->bytes = bytes;
      b->size = size;
      b->made = about.st_mtim;
    } else if (bytes != MAP_FAILED) {
      munmap(bytes, size);
    }
  }
  close(file);
}

static int close_bundle(lua_State *L)
{
  bundle *b = lua_touserdata(L, 1);
  if (b->bytes != NULL) munmap(b->bytes, b->size);
  *b = (bundle){ 0 };
  return 0;
}

/* The row of a module; NULL: none has that name. */
static const row *find(const bundle *b, const char *name)
{
  head h;
  if (b->bytes == NULL) return NULL;
  memcpy(&h, b->bytes, sizeof h);
  const row *all = rows(b);
  uint32_t from = 0, to = h.count;
  while (from < to) {
    const uint32_t middle = from + (to - from) / 2;
    const row *r = &all[middle];
    if (r->name >= b->size || r->chunk > b->size || r->length > b->size - r->chunk) return NULL;
    const int order = strcmp(name, b->bytes + r->name);
    if (order == 0) return r;
    if (order < 0)
      to = middle;
    else
      from = middle + 1;
  }
  return NULL;
}

/* A source that was edited since counts at once; one that is gone is no module. */
static bool is_fresh(const bundle *b, const char *source)
{
  struct stat s;
  if (stat(source, &s) != 0) return false;
  if (b->made.tv_sec != s.st_mtim.tv_sec) return b->made.tv_sec > s.st_mtim.tv_sec;
  return b->made.tv_nsec >= s.st_mtim.tv_nsec;
}

/* A searcher of package.searchers. Upvalues: the bundle, home. */
static int search(lua_State *L)
{
  static const char *const endings[] = { "", "/init" };
  bundle *b = lua_touserdata(L, lua_upvalueindex(1));
  const char *home = lua_tostring(L, lua_upvalueindex(2));
  if (!b->asked) open_bundle(b, lua_pushfstring(L, "%s/build/lua/bundle", home));
  const char *path = luaL_gsub(L, luaL_checkstring(L, 1), ".", "/");
  for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
    const char *name = lua_pushfstring(L, "%s%s", path, endings[i]);
    const row *r = find(b, name);
    if (r == NULL) continue;
    const char *source = lua_pushfstring(L, "%s/lua/%s.lua", home, name);
    if (!is_fresh(b, source)) continue;
    /* of another Lua: the source is there */
    if (luaL_loadbufferx(L, b->bytes + r->chunk, r->length, source, "b") != LUA_OK) break;
    lua_pushstring(L, source);
    b->taken++;
    return 2;
  }
  if (strncmp(path, "oracle/", 7) == 0) b->missed++;
  return 0;
}

/* What oracle.bundle is: the counts as they stand when it is first required. Upvalue: the bundle. */
static int count(lua_State *L)
{
  const bundle *b = lua_touserdata(L, lua_upvalueindex(1));
  lua_createtable(L, 0, 3);
  lua_pushinteger(L, b->opened);
  lua_setfield(L, -2, "opened");
  lua_pushinteger(L, b->taken);
  lua_setfield(L, -2, "taken");
  lua_pushinteger(L, b->missed);
  lua_setfield(L, -2, "missed");
  return 1;
}

void orc_bundle_search(lua_State *L, const char *home)
{
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  bundle *b = lua_newuserdatauv(L, sizeof *b, 0);
  *b = (bundle){ 0 };
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, close_bundle);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_pushcclosure(L, count, 1);
  lua_insert(L, -4);
  lua_pushstring(L, home);
  lua_pushcclosure(L, search, 2);
  lua_rawseti(L, -2, 2);
  lua_pop(L, 2);
}

void orc_bundle_close(lua_State *L)
{
  lua_pushcfunction(L, close_bundle);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  lua_rawgeti(L, -1, 2);
  lua_getupvalue(L, -1, 1);
  lua_replace(L, -4);
  lua_pop(L, 2);
  lua_call(L, 1, 0);
}
