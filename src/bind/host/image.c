#define _GNU_SOURCE
#include "bind/host/image.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <lualib.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bind/error.h"
#include "bind/host/bundle.h"
#include "bind/host/heap.h"
#include "bind/host/state.h"

/*
** Where images lie: far above what a program that is no PIE has for itself, far below what the system gives to mmap.
** Addresses within the program stand in the image as they are, so it is linked with -no-pie; those of anything else do
** not stand in it (leads_out).
*/
static void *const PLACE = (void *)0x800000000;
enum { MOST = 64 << 20 };

static const char MAGIC[] = "orcImg1\n";

/* What a file was; of another one it is another. */
typedef struct stamp {
  int64_t size, s, ns;
} stamp;

typedef struct file {
  const char *path;
  stamp was;
} file;

/* The image begins with it; its addresses are right once the first four are found to be. */
typedef struct head {
  char magic[8];
  int64_t size; /* bytes of the image */
  stamp program;
  lua_State *(*open)(const char *home); /* where the program has this function */
  const char *home;
  lua_State *L;
  const file *files; /* that it was made of */
  size_t count;
} head;

static bool look(const char *path, stamp *out)
{
  struct stat s;
  if (stat(path, &s) != 0) return false;
  *out = (stamp){ s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec };
  return true;
}

/* Of the program. */
static bool look_at_program(stamp *out)
{
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  if (n < 0) return false;
  path[n] = '\0';
  return look(path, out);
}

static bool is_same(const stamp *now, const stamp *was)
{
  return now->size == was->size && now->s == was->s && now->ns == was->ns;
}

static bool holds(const head *h, int64_t size, const char *home)
{
  stamp now;
  if (memcmp(h->magic, MAGIC, sizeof h->magic) != 0 || h->size != size ||
      h->open != orc_image_open || !look_at_program(&now) || !is_same(&now, &h->program) ||
      strcmp(h->home, home) != 0)
    return false;
  for (size_t i = 0; i < h->count; i++)
    if (!look(h->files[i].path, &now) || !is_same(&now, &h->files[i].was)) return false;
  return true;
}

/* Those streams that Lua's io has from the start are the C library's, which lies elsewhere in each process. */
static void set_streams(lua_State *L, FILE *in, FILE *out, FILE *err)
{
  const struct {
    const char *name;
    FILE *stream;
  } all[] = { { "stdin", in }, { "stdout", out }, { "stderr", err } };
  lua_getglobal(L, LUA_IOLIBNAME);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    lua_getfield(L, -1, all[i].name);
    luaL_Stream *s = lua_touserdata(L, -1);
    s->f = all[i].stream;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* Lua's random numbers are others in each process. */
static void seed(lua_State *L)
{
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  lua_getglobal(L, LUA_MATHLIBNAME);
  lua_getfield(L, -1, "randomseed");
  lua_pushinteger(L, (lua_Integer)t.tv_sec * 1000000000 + t.tv_nsec);
  lua_pushinteger(L, getpid());
  lua_call(L, 2, 0);
  lua_pop(L, 1);
}

lua_State *orc_image_open(const char *home)
{
  char path[PATH_MAX];
  struct stat s;
  const int n = snprintf(path, sizeof path, "%s/build/lua/image", home);
  const int from =
      n > 0 && (size_t)n < sizeof path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
  if (from < 0) return NULL;
  head *h = MAP_FAILED;
  if (fstat(from, &s) == 0 && S_ISREG(s.st_mode) && s.st_size >= (off_t)sizeof *h)
    h = mmap(PLACE, (size_t)s.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_POPULATE, from, 0);
  close(from);
  if (h == MAP_FAILED) return NULL;
  if ((void *)h != PLACE || !holds(h, s.st_size, home)) {
    munmap(h, (size_t)s.st_size);
    return NULL;
  }
  set_streams(h->L, stdin, stdout, stderr);
  seed(h->L);
  return h->L;
}

/* ---- how it is made ---- */

/* require "oracle.command.image"[name](...): [value] -> [what it returns] */
static void ask(lua_State *L, const char *name)
{
  lua_getglobal(L, "require");
  lua_pushliteral(L, "oracle.command.image");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, name);
  lua_replace(L, -2);
  lua_insert(L, -2);
  lua_call(L, 1, 1);
}

/* [head, names] -> []: the modules, and the files that they are of */
static int fill(lua_State *L)
{
  head *h = lua_touserdata(L, 1);
  ask(L, "fill");
  h->count = lua_rawlen(L, -1);
  file *files = lua_newuserdatauv(L, h->count * sizeof *files, 1);
  lua_insert(L, -2);
  for (size_t i = 0; i < h->count; i++) {
    lua_rawgeti(L, -1, (lua_Integer)i + 1);
    files[i].path = lua_tostring(L, -1);
    if (!look(files[i].path, &files[i].was)) orc_bind_fail(L, "%s: not there", files[i].path);
    lua_pop(L, 1);
  }
  lua_setiuservalue(L, -2, 1); /* the paths */
  luaL_ref(L, LUA_REGISTRYINDEX);
  h->files = files;
  orc_bundle_close(L);
  set_streams(L, NULL, NULL, NULL);
  return 0;
}

/* What calls left on the stack, above its top. */
static void wipe_stack(lua_State *L)
{
  enum { DEPTH = 500 };
  luaL_checkstack(L, DEPTH, NULL);
  for (int i = 0; i < DEPTH; i++)
    lua_pushinteger(L, 0);
  lua_settop(L, 0);
}

/*
** Whether a word is an address of something that is neither the program's nor the image's: of a library, the stack, or
** malloc. No number looks like one, except like one of the few that are left near the program (orc_image_write).
*/
static bool leads_out(const head *h, orc_error *e)
{
  FILE *maps = fopen("/proc/self/maps", "re");
  if (maps == NULL) return !orc_fail(e, "/proc/self/maps: cannot be read");
  char line[PATH_MAX + 100];
  bool out = false;
  while (!out && fgets(line, sizeof line, maps) != NULL) {
    char *rest = NULL;
    const uint64_t from = strtoull(line, &rest, 16),
                   to = *rest == '-' ? strtoull(rest + 1, NULL, 16) : 0;
    if (from < (uint64_t)(uintptr_t)PLACE + MOST && strstr(line, "[heap]") == NULL) continue;
    const uint64_t *words = (const uint64_t *)(const void *)h;
    for (size_t i = 0; !out && i < (size_t)h->size / sizeof *words; i++)
      if (words[i] >= from && words[i] < to)
        out = !orc_fail(e, "the word at %zu of the image leads out of it: %s", i * sizeof *words,
                        line);
  }
  fclose(maps);
  return out;
}

static bool write_file(const head *h, orc_error *e)
{
  char path[PATH_MAX], aside[PATH_MAX];
  snprintf(path, sizeof path, "%s/build/lua/image", h->home);
  snprintf(aside, sizeof aside, "%.*s.new", PATH_MAX - 8, path);
  FILE *f = fopen(aside, "we");
  if (f == NULL) return orc_fail(e, "%s: cannot be written", aside);
  const bool written = fwrite(h, 1, (size_t)h->size, f) == (size_t)h->size;
  if (fclose(f) != 0 || !written || rename(aside, path) != 0) {
    remove(aside);
    return orc_fail(e, "%s: cannot be written", path);
  }
  return true;
}

static int modules(lua_State *L)
{
  lua_pushnil(L);
  ask(L, "modules");
  return 1;
}

static void *map_place(void)
{
  void *at =
      mmap(PLACE, MOST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == PLACE ? at : NULL;
}

bool orc_image_write(lua_State *L, const char *home, orc_error *e)
{
  mallopt(M_MMAP_THRESHOLD, 0);
  lua_pushcfunction(L, modules);
  if (lua_pcall(L, 0, 1, 0) != LUA_OK) return orc_fail(e, "%s", orc_bind_said(L));
  head *h = map_place();
  if (h == NULL) return orc_fail(e, "no room for an image at %p", PLACE);
  orc_heap *heap = orc_heap_between(h + 1, (char *)PLACE + MOST);
  *h = (head){ .open = orc_image_open };
  memcpy(h->magic, MAGIC, sizeof h->magic);
  h->L = orc_state_in(heap, home);
  const size_t length = strlen(home) + 1;
  h->home = memcpy(orc_heap_allocate(heap, NULL, 0, length), home, length);
  lua_pushcfunction(h->L, fill);
  lua_pushlightuserdata(h->L, h);
  lua_pushstring(h->L, lua_tostring(L, -1));
  if (lua_pcall(h->L, 2, 0, 0) != LUA_OK) return orc_fail(e, "%s", orc_bind_said(h->L));
  wipe_stack(h->L);
  lua_gc(h->L, LUA_GCCOLLECT);
  lua_gc(h->L, LUA_GCCOLLECT);
  orc_state_rest(h->L);
  h->size = (char *)orc_heap_seal(heap) - (char *)h;
  return look_at_program(&h->program) && !leads_out(h, e) && write_file(h, e);
}
