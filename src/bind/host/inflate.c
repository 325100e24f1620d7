/* inflate.c - what a gzip file holds: the function oracle.core.inflate. */
#include <lauxlib.h>
#include <string.h>
#include <zlib.h>

#include "bind/core.h"

enum { GZIP = 16 + MAX_WBITS }; /* inflateInit2: a gzip header expected */

static int refuse(lua_State *L, z_stream *z, const char *why)
{
  inflateEnd(z);
  lua_pushnil(L);
  lua_pushstring(L, why);
  return 2;
}

/* The members of a file follow each other. Returns zlib's code. */
static int next_piece(z_stream *z, char *room, size_t size)
{
  z->next_out = (Bytef *)room;
  z->avail_out = (uInt)size;
  int code = inflate(z, Z_NO_FLUSH);
  while (code == Z_STREAM_END && z->avail_in > 0 && z->avail_out > 0) {
    if (inflateReset(z) != Z_OK) break;
    code = inflate(z, Z_NO_FLUSH);
  }
  return code;
}

enum { PIECE = 4096 }; /* bytes that are unpacked at a time */

/* inflate(text, most) -> what is compressed in it; nil and why where it is no gzip file, ends too
   early, or holds more than `most` bytes */
static int inflate_text(lua_State *L)
{
  size_t n;
  const char *text = luaL_checklstring(L, 1, &n);
  const lua_Integer most = luaL_checkinteger(L, 2);
  z_stream z = { .next_in = (z_const Bytef *)text, .avail_in = (uInt)n };
  if (n > UINT32_MAX || inflateInit2(&z, GZIP) != Z_OK) return refuse(L, &z, "too large");
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  lua_Integer got = 0;
  for (;;) {
    char *room = luaL_prepbuffsize(&b, PIECE);
    const int code = next_piece(&z, room, PIECE);
    const size_t filled = PIECE - z.avail_out;
    luaL_addsize(&b, filled);
    got += (lua_Integer)filled;
    if (got > most) return refuse(L, &z, "compressed (gzip), and what it holds is too large");
    if (code == Z_STREAM_END && z.avail_in == 0) break;
    if (code != Z_OK || (filled == 0 && z.avail_in == 0))
      return refuse(L, &z, "compressed (gzip), and damaged");
  }
  inflateEnd(&z);
  luaL_pushresult(&b);
  return 1;
}

int orc_bind_inflate(lua_State *L)
{
  lua_pushcfunction(L, inflate_text);
  return 1;
}
