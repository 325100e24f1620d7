/*
** json_write.c - Lua values to JSON text.
*/
#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind/args.h"
#include "bind/json/json.h"

#define MAX_INDENT 16
#define PATH_DEPTH 8 /* levels of a path that a message shows */

/* The text being written, in a userdata so that errors free it. */
typedef struct text {
  char *bytes;
  size_t length, capacity;
} text;

/* Where in the value we are; a list on the C stack, for messages. */
typedef struct place {
  const struct place *up;
  const char *key; /* NULL: an array, see index */
  lua_Integer index;
  int depth;
} place;

typedef struct writer {
  lua_State *L;
  text *out;
  int indent; /* spaces per level; 0: one line */
} writer;

int orc_bind_json_free_text(lua_State *L)
{
  text *t = lua_touserdata(L, 1);
  free(t->bytes);
  *t = (text){ 0 };
  return 0;
}

static void put(writer *w, const char *bytes, size_t n)
{
  text *t = w->out;
  if (n == 0) return;
  if (t->capacity - t->length < n) {
    t->capacity = 2 * t->capacity + n + 256;
    t->bytes = orc_resize(t->bytes, t->capacity, 1);
  }
  ORC_ASSERT(t->bytes != NULL);
  memcpy(t->bytes + t->length, bytes, n);
  t->length += n;
}

static void put_text(writer *w, const char *s)
{
  put(w, s, strlen(s));
}

static void put_line(writer *w, int depth)
{
  if (w->indent == 0) return;
  put(w, "\n", 1);
  for (int i = 0; i < depth * w->indent; i++)
    put(w, " ", 1);
}

/* Leaves the path as a string on the Lua stack: "a.b[3]". */
static const char *push_path(lua_State *L, const place *p) /* NOLINT(misc-no-recursion) */
{
  if (p->up == NULL) return lua_pushliteral(L, "value");
  push_path(L, p->up);
  if (p->key != NULL)
    lua_pushfstring(L, ".%s", p->key);
  else
    lua_pushfstring(L, "[%I]", p->index);
  lua_concat(L, 2);
  return lua_tostring(L, -1);
}

_Noreturn static void fail_place(lua_State *L, const place *p, const char *what)
{
  const bool cut = p->depth > PATH_DEPTH;
  while (p->depth > PATH_DEPTH)
    p = p->up;
  luaL_checkstack(L, 8 + PATH_DEPTH, NULL);
  orc_bind_fail(L, "%s%s: %s", push_path(L, p), cut ? "..." : "", what);
}

/* Bytes of the UTF-8 character at s (of n bytes), or 0 where it is none (RFC 3629). */
static size_t utf8_length(const unsigned char *s, size_t n)
{
  if (s[0] < 0x80) return 1;
  const size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
  if (s[0] < 0xc2 || s[0] > 0xf4 || n < length) return 0;
  for (size_t i = 1; i < length; i++)
    if ((s[i] & 0xc0) != 0x80) return 0;
  if (s[0] == 0xe0 && s[1] < 0xa0) return 0; /* overlong */
  if (s[0] == 0xed && s[1] > 0x9f) return 0; /* surrogates */
  if (s[0] == 0xf0 && s[1] < 0x90) return 0; /* overlong */
  if (s[0] == 0xf4 && s[1] > 0x8f) return 0; /* above U+10FFFF */
  return length;
}

static void put_string(writer *w, const char *s, size_t n)
{
  static const char escapes[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
  put(w, "\"", 1);
  for (size_t i = 0; i < n;) {
    const char c = s[i];
    const size_t length = utf8_length((const unsigned char *)s + i, n - i);
    const char *escape = c == '\0' ? NULL : strchr(escapes, c);
    if (length == 0) {
      put_text(w, "\xef\xbf\xbd"); /* U+FFFD, the replacement character, as Unicode advises */
    } else if (escape != NULL) {
      put(w, "\\", 1);
      put(w, names + (escape - escapes), 1);
    } else if ((unsigned char)c < 0x20) {
      char code[8];
      snprintf(code, sizeof code, "\\u%04x", (unsigned)c);
      put_text(w, code);
    } else {
      put(w, s + i, length);
    }
    i += length == 0 ? 1 : length;
  }
  put(w, "\"", 1);
}

/* The shortest decimal that reads back as the same number. */
static void put_number(writer *w, const place *p)
{
  char digits[40];
  if (lua_isinteger(w->L, -1)) {
    snprintf(digits, sizeof digits, "%lld", (long long)lua_tointeger(w->L, -1));
  } else {
    const double v = lua_tonumber(w->L, -1);
    if (!isfinite(v)) fail_place(w->L, p, "JSON has no infinity and no NaN");
    for (int precision = 15; precision <= 17; precision++) {
      snprintf(digits, sizeof digits, "%.*g", precision, v);
      if (strtod(digits, NULL) == v) break;
    }
  }
  put_text(w, digits);
}

/* NOLINTBEGIN(misc-no-recursion): put_table bounds the depth */
static void put_value(writer *w, const place *p);

static void put_array(writer *w, const place *p, lua_Integer n)
{
  put(w, "[", 1);
  for (lua_Integer i = 1; i <= n; i++) {
    const place in = { .up = p, .index = i, .depth = p->depth + 1 };
    if (i > 1) put_text(w, w->indent > 0 ? "," : ", ");
    put_line(w, in.depth);
    lua_rawgeti(w->L, -1, i);
    put_value(w, &in);
    lua_pop(w->L, 1);
  }
  if (n > 0) put_line(w, p->depth);
  put(w, "]", 1);
}

typedef struct key {
  const char *bytes; /* owned by the table being written */
  size_t length;
} key;

static int compare_keys(const void *a, const void *b)
{
  const key *x = a, *y = b;
  const size_t n = x->length < y->length ? x->length : y->length;
  const int c = memcmp(x->bytes, y->bytes, n);
  return c != 0 ? c : (x->length > y->length) - (x->length < y->length);
}

static void put_member(writer *w, const place *p, const key *k, bool first)
{
  const place in = { .up = p, .key = k->bytes, .depth = p->depth + 1 };
  if (!first) put_text(w, w->indent > 0 ? "," : ", ");
  put_line(w, in.depth);
  put_string(w, k->bytes, k->length);
  put_text(w, ": ");
  lua_pushlstring(w->L, k->bytes, k->length);
  lua_rawget(w->L, -2);
  put_value(w, &in);
  lua_pop(w->L, 1);
}

/* How many entries the table on top has; fails on keys JSON cannot hold. */
static lua_Integer count_keys(const writer *w, const place *p)
{
  lua_Integer n = 0;
  for (lua_pushnil(w->L); lua_next(w->L, -2); n++) {
    lua_pop(w->L, 1);
    if (lua_type(w->L, -1) != LUA_TSTRING)
      fail_place(w->L, p, "a table with keys that are neither strings nor 1..n");
  }
  return n;
}

/*
** [value] -> [value, seen, keys]: gathers all keys into keys[], those of the metatable's __order
** first, the rest sorted. Returns keys[], which lives in a userdata on the stack.
*/
static const key *order_keys(const writer *w, lua_Integer n)
{
  lua_State *L = w->L;
  const int value = lua_gettop(L);
  lua_newtable(L);
  key *keys = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof *keys, 0);
  size_t used = 0;
  if (luaL_getmetafield(L, value, "__order") == LUA_TTABLE) {
    for (lua_Integer i = 1; lua_rawgeti(L, -1, i) == LUA_TSTRING; i++) {
      lua_pushvalue(L, -1);
      const bool here = lua_rawget(L, value) != LUA_TNIL;
      lua_pushvalue(L, -2);
      const bool again = lua_rawget(L, value + 1) != LUA_TNIL;
      lua_pop(L, 2);
      if (here && !again) {
        keys[used].bytes = lua_tolstring(L, -1, &keys[used].length);
        used++;
        lua_pushboolean(L, 1);
        lua_rawset(L, value + 1);
      } else {
        lua_pop(L, 1);
      }
    }
  }
  lua_settop(L, value + 2);
  const size_t ordered = used;
  for (lua_pushnil(L); lua_next(L, value);) {
    lua_pop(L, 1);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, value + 1) == LUA_TNIL) {
      keys[used].bytes = lua_tolstring(L, -2, &keys[used].length);
      used++;
    }
    lua_pop(L, 1);
  }
  qsort(keys + ordered, used - ordered, sizeof *keys, compare_keys);
  return keys;
}

static void put_object(writer *w, const place *p)
{
  const lua_Integer n = count_keys(w, p);
  if (n == 0) {
    put_text(w, "{}");
    return;
  }
  const int value = lua_gettop(w->L);
  const key *keys = order_keys(w, n);
  put(w, "{", 1);
  for (lua_Integer i = 0; i < n; i++) {
    lua_pushvalue(w->L, value);
    put_member(w, p, &keys[i], i == 0);
    lua_pop(w->L, 1);
  }
  lua_settop(w->L, value);
  put_line(w, p->depth);
  put(w, "}", 1);
}

/* The table on top is an array: marked so, or its keys are exactly 1..n with n >= 1. */
static bool is_array(lua_State *L)
{
  if (lua_getmetatable(L, -1)) {
    luaL_getmetatable(L, "json.array");
    const bool marked = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    if (marked) return true;
  }
  const lua_Unsigned n = lua_rawlen(L, -1);
  lua_Unsigned seen = 0;
  if (n == 0) return false;
  for (lua_pushnil(L); lua_next(L, -2); seen++) {
    lua_pop(L, 1);
    if (!lua_isinteger(L, -1) || (lua_Unsigned)lua_tointeger(L, -1) - 1 >= n) {
      lua_pop(L, 1);
      return false;
    }
  }
  return seen == n;
}

static void put_table(writer *w, const place *p)
{
  luaL_checkstack(w->L, 12, "value nested too deep");
  if (p->depth >= ORC_BIND_JSON_DEPTH)
    fail_place(w->L, p, "nested deeper than 200 levels, or in itself");
  if (is_array(w->L))
    put_array(w, p, (lua_Integer)lua_rawlen(w->L, -1));
  else
    put_object(w, p);
}

static void put_value(writer *w, const place *p)
{
  size_t n = 0;
  const char *s = NULL;
  switch (lua_type(w->L, -1)) {
  case LUA_TTABLE:
    put_table(w, p);
    return;
  case LUA_TSTRING:
    s = lua_tolstring(w->L, -1, &n);
    put_string(w, s, n);
    return;
  case LUA_TNUMBER:
    put_number(w, p);
    return;
  case LUA_TBOOLEAN:
    put_text(w, lua_toboolean(w->L, -1) ? "true" : "false");
    return;
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(w->L, -1) != NULL) break;
    put_text(w, "null");
    return;
  case LUA_TNIL:
    if (p->up == NULL) break;
    put_text(w, "null"); /* a hole in a marked array */
    return;
  default:
    break;
  }
  fail_place(w->L, p, lua_pushfstring(w->L, "JSON cannot hold a %s", luaL_typename(w->L, -1)));
}

/* NOLINTEND(misc-no-recursion) */

int orc_bind_json_encode(lua_State *L)
{
  int indent = 0;
  luaL_checkany(L, 1);
  if (!lua_isnoneornil(L, 2)) {
    luaL_checktype(L, 2, LUA_TTABLE);
    indent = (int)orc_bind_integer_or(L, 2, "options", "indent", 0);
    luaL_argcheck(L, indent >= 0 && indent <= MAX_INDENT, 2, "indent of 0 to 16 expected");
  }
  lua_settop(L, 1);
  text *out = lua_newuserdatauv(L, sizeof *out, 0);
  *out = (text){ 0 };
  luaL_setmetatable(L, ORC_BIND_JSON_TEXT);
  lua_pushvalue(L, 1);
  writer w = { .L = L, .out = out, .indent = indent };
  const place top = { .depth = 0 };
  put_value(&w, &top);
  lua_pushlstring(L, out->bytes, out->length);
  free(out->bytes);
  *out = (text){ 0 };
  return 1;
}
