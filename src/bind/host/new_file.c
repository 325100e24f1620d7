/*
** new_file.c - files that are written beside the one they are to become, and where a path leads: oracle.core.new_file.
**   create(path)    -> the path of a new, empty file in the folder of `path`, by a name that nobody can know beforehand;
**                      or nil and why. Ends in .gz where `path` does.
**   open(path)      -> a file of Lua's, emptied, for writing; or nil and why. Not where a link leads.
**   streams(path)   -> whether what is there takes bytes as they come and keeps none: a pipe, a socket or a device
**   below(path)     -> whether it lies in the current folder or below it, once all links are followed
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "bind/core.h"

/* A name of chance, so that no one can put a link there first; that it is taken all the same is no accident. */
enum { TRIES = 16, NAME_KEPT = 200 };

static bool is_gz(const char *path)
{
  const size_t n = strlen(path);
  return n > 3 && strcmp(path + n - 3, ".gz") == 0;
}

/* "a/out.csv.gz" -> "a/.out.csv.0123456789abcdef.partial.gz" */
static const char *push_name(lua_State *L, const char *path)
{
  const char *slash = strrchr(path, '/'), *base = slash == NULL ? path : slash + 1;
  size_t kept = strlen(base) - (is_gz(base) ? 3 : 0);
  if (kept > NAME_KEPT) kept = NAME_KEPT;
  unsigned char chance[8];
  if (getrandom(chance, sizeof chance, 0) != (ssize_t)sizeof chance) return NULL;
  char hex[2 * sizeof chance + 1];
  for (size_t i = 0; i < sizeof chance; i++)
    snprintf(hex + 2 * i, 3, "%02x", chance[i]);
  lua_pushlstring(L, path, (size_t)(base - path));
  lua_pushlstring(L, base, kept);
  return lua_pushfstring(L, "%s.%s.%s.partial%s", lua_tostring(L, -2), lua_tostring(L, -1), hex,
                         is_gz(base) ? ".gz" : "");
}

static int create(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  for (int i = 0; i < TRIES; i++) {
    lua_settop(L, 1);
    const char *name = push_name(L, path);
    if (name == NULL) break;
    const int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file >= 0) {
      close(file);
      return 1;
    }
    if (errno != EEXIST && errno != EINTR) break;
  }
  return luaL_fileresult(L, 0, path);
}

static int close_stream(lua_State *L)
{
  luaL_Stream *s = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  return luaL_fileresult(L, fclose(s->f) == 0, NULL);
}

static int open_file(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  luaL_Stream *s = lua_newuserdatauv(L, sizeof *s, 0);
  s->closef = NULL; /* until it is open */
  luaL_setmetatable(L, LUA_FILEHANDLE);
  const int file = open(path, O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC);
  s->f = file < 0 ? NULL : fdopen(file, "w");
  if (s->f == NULL) {
    const int why = errno;
    if (file >= 0) close(file);
    errno = why;
    return luaL_fileresult(L, 0, path);
  }
  s->closef = close_stream;
  return 1;
}

/* A link to one is not: links lead elsewhere than where one was told to write. */
static int streams(lua_State *L)
{
  struct stat is;
  const bool there = lstat(luaL_checkstring(L, 1), &is) == 0;
  lua_pushboolean(L, there && (S_ISFIFO(is.st_mode) || S_ISSOCK(is.st_mode) ||
                               S_ISCHR(is.st_mode) || S_ISBLK(is.st_mode)));
  return 1;
}

/* The whole path of the nearest folder above that is there. */
static bool real_folder(const char *path, char *out)
{
  char part[PATH_MAX];
  const size_t n = strlen(path);
  if (n >= sizeof part) return false;
  memcpy(part, path, n + 1);
  for (;;) {
    char *slash = strrchr(part, '/');
    if (slash == NULL) return realpath(".", out) != NULL;
    slash[slash == part] = '\0';
    if (realpath(part, out) != NULL) return true;
    if (slash == part) return false;
  }
}

static bool climbs(const char *path)
{
  for (const char *p = strstr(path, ".."); p != NULL; p = strstr(p + 2, ".."))
    if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0')) return true;
  return false;
}

/* What does not exist yet cannot be followed: no ".." is allowed in it. */
static int below(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  char here[PATH_MAX], there[PATH_MAX];
  bool is = !climbs(path) && realpath(".", here) != NULL && real_folder(path, there);
  const size_t n = is ? strlen(here) : 0;
  is = is && strncmp(here, there, n) == 0 &&
       (here[n - 1] == '/' || there[n] == '/' || there[n] == '\0');
  lua_pushboolean(L, is);
  return 1;
}

int orc_bind_new_file(lua_State *L)
{
  static const luaL_Reg functions[] = {
    { "create", create }, { "open", open_file }, { "streams", streams },
    { "below", below },   { NULL, NULL },
  };
  luaL_newlib(L, functions);
  return 1;
}
