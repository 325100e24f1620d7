/*
** append_file.c - a file that only grows at its end and survives whatever stops the program:
** oracle.core.journal.
**   open(path)             -> j; or nil and why. Creates the file; one process has it at a time.
**   j:size()               -> bytes
**   j:read(offset, n)      -> text, at most n bytes; or nil and why
**   j:truncate(n)          -> true; or nil and why
**   j:append(text)         -> offset it went to; or nil and why: then the file is as it was before
**   j:sync()               -> true; or nil and why. What is appended now survives a loss of power.
**   j:close()
**   crc32(text [, more])   -> the CRC-32 of zlib, gzip and PNG
**   digest(path)           -> "89abcdef:1234", the CRC-32 of a file and its bytes; nil and why
**   signature(path)        -> a text that is another one once the file has changed; nil and why
*/
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "bind/core.h"
#include "bind/error.h"

static const char type_name[] = "oracle.journal";

typedef struct journal {
  int file; /* -1: closed */
  off_t end;
} journal;

static journal *self(lua_State *L)
{
  journal *j = luaL_checkudata(L, 1, type_name);
  if (j->file < 0) orc_bind_fail(L, "this journal is closed");
  return j;
}

static int refuse(lua_State *L, int why)
{
  char text[128];
  lua_pushnil(L);
  lua_pushstring(L, why == ELOOP ? "a symbolic link" : strerror_r(why, text, sizeof text));
  return 2;
}

/* One that was just killed holds its files a moment longer. */
static bool lock(int file)
{
  const struct timespec moment = { .tv_nsec = 20000000 };
  for (int i = 0; i < 50; i++) {
    if (flock(file, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return true;
    nanosleep(&moment, NULL);
  }
  return false;
}

/* Not where a link leads; those in /dev are the system's. */
static int open_or_create(const char *path)
{
  const int link = strncmp(path, "/dev/", 5) == 0 ? 0 : O_NOFOLLOW;
  const int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | link, 0666);
  return file >= 0 || errno != EEXIST ? file : open(path, O_RDWR | O_CLOEXEC | link);
}

static int open_file(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  journal *j = lua_newuserdatauv(L, sizeof *j, 0);
  j->file = -1;
  luaL_setmetatable(L, type_name);
  struct stat s;
  j->file = open_or_create(path);
  if (j->file < 0) return refuse(L, errno);
  if (!lock(j->file)) {
    lua_pushnil(L);
    lua_pushliteral(L, "in use by another process");
    return 2;
  }
  if (fstat(j->file, &s) != 0) return refuse(L, errno);
  j->end = s.st_size;
  return 1;
}

static int size(lua_State *L)
{
  lua_pushinteger(L, self(L)->end);
  return 1;
}

static int read_at(lua_State *L)
{
  const journal *j = self(L);
  const off_t offset = luaL_checkinteger(L, 2);
  const off_t wanted = luaL_checkinteger(L, 3), left = j->end > offset ? j->end - offset : 0;
  const size_t most = (size_t)(wanted < left ? wanted : left); /* a device may never end */
  luaL_Buffer b;
  char *to = luaL_buffinitsize(L, &b, most);
  size_t got = 0;
  while (got < most) {
    const ssize_t n = pread(j->file, to + got, most - got, offset + (off_t)got);
    if (n == 0) break;
    if (n < 0 && errno != EINTR) return refuse(L, errno);
    if (n > 0) got += (size_t)n;
  }
  luaL_pushresultsize(&b, got);
  return 1;
}

static int truncate_at(lua_State *L)
{
  journal *j = self(L);
  const off_t n = luaL_checkinteger(L, 2);
  if (ftruncate(j->file, n) != 0 && errno != EINVAL) return refuse(L, errno); /* EINVAL: a device */
  j->end = n;
  lua_pushboolean(L, 1);
  return 1;
}

static int append(lua_State *L)
{
  journal *j = self(L);
  size_t length = 0, sent = 0;
  const char *text = luaL_checklstring(L, 2, &length);
  while (sent < length) {
    const ssize_t n = pwrite(j->file, text + sent, length - sent, j->end + (off_t)sent);
    if (n > 0) sent += (size_t)n;
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    const int why = n == 0 ? EIO : errno;
    if (ftruncate(j->file, j->end) != 0)
      return refuse(L, why); /* a torn line is known by its CRC */
    return refuse(L, why);
  }
  lua_pushinteger(L, j->end);
  j->end += (off_t)length;
  return 1;
}

static int sync_file(lua_State *L)
{
  if (fdatasync(self(L)->file) != 0 && errno != EINVAL && errno != EROFS) return refuse(L, errno);
  lua_pushboolean(L, 1);
  return 1;
}

static int close_file(lua_State *L)
{
  journal *j = luaL_checkudata(L, 1, type_name);
  if (j->file >= 0) close(j->file);
  j->file = -1;
  return 0;
}

static int checksum(lua_State *L)
{
  uLong crc = crc32(0, NULL, 0);
  for (int i = 1; i <= lua_gettop(L); i++) {
    size_t n = 0;
    const char *text = luaL_checklstring(L, i, &n);
    crc = crc32_z(crc, (const unsigned char *)text, n);
  }
  lua_pushinteger(L, (lua_Integer)crc);
  return 1;
}

/* A device or a pipe would never end, and is another the next time. */
static int open_plain(const char *path)
{
  struct stat s;
  const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0 || (fstat(file, &s) == 0 && S_ISREG(s.st_mode))) return file;
  close(file);
  errno = EINVAL;
  return -1;
}

static int digest(lua_State *L)
{
  const int file = open_plain(luaL_checkstring(L, 1));
  if (file < 0) return refuse(L, errno);
  unsigned char bytes[1 << 16];
  uLong crc = crc32(0, NULL, 0);
  uint64_t size = 0;
  ssize_t n;
  while ((n = read(file, bytes, sizeof bytes)) > 0 || (n < 0 && errno == EINTR)) {
    if (n < 0) continue;
    crc = crc32_z(crc, bytes, (size_t)n);
    size += (uint64_t)n;
  }
  const int why = errno;
  close(file);
  if (n < 0) return refuse(L, why);
  char text[48];
  snprintf(text, sizeof text, "%08lx:%" PRIu64, crc, size);
  lua_pushstring(L, text);
  return 1;
}

static int signature(lua_State *L)
{
  struct stat s;
  if (stat(luaL_checkstring(L, 1), &s) != 0) return refuse(L, errno);
  char text[128];
  snprintf(text, sizeof text, "%" PRIu64 ":%" PRIu64 ":%" PRId64 ":%" PRId64 ".%09ld",
           (uint64_t)s.st_dev, (uint64_t)s.st_ino, (int64_t)s.st_size, (int64_t)s.st_mtim.tv_sec,
           s.st_mtim.tv_nsec);
  lua_pushstring(L, text);
  return 1;
}

int orc_bind_append_file(lua_State *L)
{
  static const luaL_Reg methods[] = {
    { "size", size },     { "read", read_at },   { "truncate", truncate_at },
    { "append", append }, { "sync", sync_file }, { "close", close_file },
    { NULL, NULL },
  };
  static const luaL_Reg functions[] = { { "open", open_file },
                                        { "crc32", checksum },
                                        { "digest", digest },
                                        { "signature", signature },
                                        { NULL, NULL } };
  luaL_newmetatable(L, type_name); /* [mt] */
  lua_pushcfunction(L, close_file);
  lua_setfield(L, -2, "__gc");
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
