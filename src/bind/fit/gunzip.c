/*
** gunzip.c - compressed tables of measurements: core.gunzip(text) -> what a gzip file's bytes hold; nil
** and why, where they are none, or hold more than 1 GiB.
*/
#include <lauxlib.h>
#include <zlib.h>

#include "bind/core.h"
#include "bind/error.h"

enum { PIECE = 1 << 16, MOST = 1 << 30, GZIP_ALONE = 16 + MAX_WBITS };

/* Into the buffer what the stream gives; false where it breaks off, is wrong or too long. */
static bool inflate_all(z_stream *z, luaL_Buffer *b)
{
  for (size_t total = 0; total <= MOST;) {
    z->next_out = (Bytef *)luaL_prepbuffsize(b, PIECE);
    z->avail_out = PIECE;
    const int is = inflate(z, Z_NO_FLUSH);
    const size_t got = PIECE - z->avail_out;
    luaL_addsize(b, got);
    total += got;
    if (is == Z_STREAM_END) return true;
    if (is != Z_OK || (got == 0 && z->avail_in == 0)) return false;
  }
  return false;
}

static int gunzip(lua_State *L)
{
  size_t length = 0;
  const char *text = luaL_checklstring(L, 1, &length);
  z_stream z = { .zalloc = Z_NULL };
  union {
    const char *in;
    Bytef *out;
  } bytes = { .in = text }; /* zlib takes its input as not const, and only reads it */
  z.next_in = bytes.out;
  z.avail_in = (uInt)(length < MOST ? length : MOST);
  if (inflateInit2(&z, GZIP_ALONE) != Z_OK) orc_bind_fail(L, "gunzip: no memory");
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  const bool good = inflate_all(&z, &b);
  inflateEnd(&z);
  luaL_pushresult(&b);
  if (good) return 1;
  lua_pushnil(L);
  lua_pushliteral(L, "no gzip file, or one that breaks off");
  return 2;
}

int orc_bind_gunzip(lua_State *L)
{
  lua_pushcfunction(L, gunzip);
  return 1;
}
