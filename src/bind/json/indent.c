/*
** indent.c - JSON of one line spread over many, byte for byte as json.encode indents: so that texts
** made in different threads become one document without being read.
*/
#include <lauxlib.h>
#include <string.h>

#include "base/base.h"
#include "bind/core.h"

/* The end of the string literal that begins at `p`. */
static const char *string_end(const char *p, const char *end)
{
  for (p++; p < end && *p != '"'; p++)
    if (*p == '\\') p++;
  return p < end ? p + 1 : end;
}

static void new_line(luaL_Buffer *b, lua_Integer spaces)
{
  luaL_addchar(b, '\n');
  for (; spaces > 0; spaces--)
    luaL_addchar(b, ' ');
}

static bool opens(char c)
{
  return c == '{' || c == '[';
}

/* indent(text, spaces, depth) -> text: `text` is what json.encode gave on one line, `depth` the
   levels around it. */
int orc_bind_indent(lua_State *L)
{
  size_t n = 0;
  const char *p = luaL_checklstring(L, 1, &n), *end = p + n;
  const lua_Integer spaces = luaL_checkinteger(L, 2);
  lua_Integer depth = luaL_checkinteger(L, 3);
  luaL_argcheck(L, spaces >= 0 && spaces <= 16, 2, "0 to 16 spaces expected");
  luaL_argcheck(L, depth >= 0 && depth <= 200, 3, "0 to 200 levels expected");
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  while (p < end) {
    if (*p == '"') {
      const char *after = string_end(p, end);
      luaL_addlstring(&b, p, (size_t)(after - p));
      p = after;
    } else if (opens(*p) && p + 1 < end && (p[1] == '}' || p[1] == ']')) {
      luaL_addlstring(&b, p, 2);
      p += 2;
    } else if (opens(*p)) {
      luaL_addchar(&b, *p++);
      new_line(&b, spaces * ++depth);
    } else if (*p == '}' || *p == ']') {
      new_line(&b, spaces * --depth);
      luaL_addchar(&b, *p++);
    } else if (*p == ',') {
      luaL_addchar(&b, *p++);
      new_line(&b, spaces * depth);
      if (p < end && *p == ' ') p++;
    } else {
      luaL_addchar(&b, *p++);
    }
  }
  luaL_pushresult(&b);
  return 1;
}
