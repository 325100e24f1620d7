/* read_file.c - a whole file at once, plain or compressed by gzip, as long as it is not too long. */
#include <errno.h>
#include <lauxlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/base.h"
#include "bind/core.h"

enum { CHUNK = 1 << 16 };

/* The bytes of a file of `size` into `b`; whether it could. If not, the reason is in `why`. */
static bool read_all(gzFile f, off_t size, luaL_Buffer *b, lua_Integer most, orc_error *why)
{
  const unsigned chunk = size > 0 && size < CHUNK ? (unsigned)size + 1 : CHUNK;
  lua_Integer sum = 0;
  int got;
  do {
    got = gzread(f, luaL_prepbuffsize(b, chunk), chunk);
    sum += got;
    if (sum > most) return orc_fail(why, "longer than %lld MiB", (long long)most >> 20);
    luaL_addsize(b, got > 0 ? (size_t)got : 0);
  } while (got == (int)chunk); /* less is the end */
  int code;
  const char *reason = gzerror(f, &code);
  if (got < 0) return orc_fail(why, "%s", code == Z_ERRNO ? strerror(errno) : reason);
  return code != Z_BUF_ERROR || orc_fail(why, "the compressed file is cut short");
}

/* read_file(path, most) -> its text, decompressed; or nil and why it cannot be read. One longer than
   `most` bytes is not read to its end. */
static int read_file(lua_State *L)
{
  const char *path = luaL_checkstring(L, 1);
  const lua_Integer most = luaL_checkinteger(L, 2);
  struct stat s = { 0 };
  orc_error why = { 0 };
  luaL_Buffer b;
  gzFile f = NULL;
  if (stat(path, &s) == 0 && S_ISDIR(s.st_mode))
    orc_fail(&why, "it is a folder");
  else if ((f = gzopen(path, "rbe")) == NULL)
    orc_fail(&why, "%s", strerror(errno));
  luaL_buffinit(L, &b);
  const bool whole = f != NULL && read_all(f, s.st_size, &b, most, &why);
  if (f != NULL) gzclose(f);
  luaL_pushresult(&b);
  if (whole) return 1;
  lua_pushnil(L);
  lua_pushstring(L, why.msg);
  return 2;
}

int orc_bind_read_file(lua_State *L)
{
  lua_pushcfunction(L, read_file);
  return 1;
}
