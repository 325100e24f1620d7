/*
** json_read.c - JSON text to Lua values. cJSON parses; what it lets through (1e400, 01, duplicate
** keys, \u0000) is refused here.
*/
#include <cjson/cJSON.h>
#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bind/error.h"
#include "bind/json/json.h"

#define MAX_BYTES ((size_t)64 << 20)

/* ---- the text itself ---- */

/* A place in the text; `end` points at Lua's terminating NUL, so *at may always be read. */
typedef struct scan {
  const char *begin, *at, *end;
  const char *name;
} scan;

_Noreturn static void fail_at(lua_State *L, const scan *s, const char *at, const char *what)
{
  int line = 1;
  for (const char *p = s->begin; p < at; p++)
    line += *p == '\n';
  orc_bind_fail(L, "%s:%d: %s", s->name, line, what);
}

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *p)
{
  while (is_digit(*p))
    p++;
  return p;
}

/* The end of the number at p by JSON's grammar (which strtod does not keep), or NULL. */
static const char *number_end(const char *p)
{
  if (*p == '-') p++;
  if (!is_digit(*p) || (*p == '0' && is_digit(p[1]))) return NULL;
  p = skip_digits(p);
  if (*p == '.') {
    if (!is_digit(p[1])) return NULL;
    p = skip_digits(p + 1);
  }
  if (*p == 'e' || *p == 'E') {
    p += p[1] == '+' || p[1] == '-' ? 2 : 1;
    if (!is_digit(*p)) return NULL;
    p = skip_digits(p);
  }
  return p;
}

/* Past the closing quote of the string that opens at s->at. */
static void skip_string(lua_State *L, scan *s)
{
  const char *open = s->at++;
  for (;;) {
    if (s->at >= s->end)
      fail_at(L, s, open, "a string without closing quote"); /* also past a '\' */
    if (*s->at == '"') break;
    if ((unsigned char)*s->at < 0x20)
      fail_at(L, s, s->at, "a control character in a string; write \\n, \\t, \\u00XX");
    if (s->at[0] == '\\') {
      if (strncmp(s->at, "\\u0000", 6) == 0) fail_at(L, s, s->at, "\\u0000 is not supported");
      s->at++;
    }
    s->at++;
  }
  s->at++;
}

/* Strings and numbers by the letter of RFC 8259, and the depth; the rest is left to cJSON. */
static void check_tokens(lua_State *L, scan *s)
{
  int depth = 0;
  while (s->at < s->end) {
    const char c = *s->at;
    if (c == '"') {
      skip_string(L, s);
      continue;
    }
    if (c == '-' || is_digit(c)) {
      const char *end = number_end(s->at);
      if (end == NULL) fail_at(L, s, s->at, "a malformed number");
      if (end - s->at > 60) fail_at(L, s, s->at, "a number of more than 60 characters");
      if (!isfinite(strtod(s->at, NULL))) fail_at(L, s, s->at, "a number too large for a double");
      s->at = end;
      continue;
    }
    if ((unsigned char)c < ' ' && c != '\n' && c != '\r' && c != '\t')
      fail_at(L, s, s->at, "a control character");
    if ((c == '[' || c == '{') && ++depth > ORC_BIND_JSON_DEPTH)
      fail_at(L, s, s->at, "nested deeper than 200 levels");
    if (c == ']' || c == '}') depth--;
    s->at++;
  }
  s->at = s->begin;
}

/* Move to the next number (`colon` false) or to the colon of the next object member. */
static const char *next_token(scan *s, bool colon)
{
  while (s->at < s->end) {
    if (*s->at == '"') {
      for (s->at++; *s->at != '"'; s->at++)
        if (*s->at == '\\') s->at++;
    } else if (colon ? *s->at == ':' : (*s->at == '-' || is_digit(*s->at))) {
      return s->at;
    }
    s->at++;
  }
  return s->end;
}

/* ---- reading: cJSON's tree to Lua values ---- */

/* Nodes come in the order of the text, so the scans below keep in step with them. */
typedef struct reader {
  lua_State *L;
  scan text;
  scan numbers;    /* just past the last number read */
  int64_t members; /* object members seen, for the line of a duplicate */
} reader;

/* cJSON keeps doubles only; the text tells 5 from 5.0 and holds all 64 bits. */
static void push_number(reader *r)
{
  const char *token = next_token(&r->numbers, false);
  const char *end = number_end(token);
  ORC_ASSERT(end != NULL);
  r->numbers.at = end;
  char *stop = NULL;
  errno = 0;
  const long long whole = strtoll(token, &stop, 10);
  if (stop == end && errno == 0)
    lua_pushinteger(r->L, whole);
  else
    lua_pushnumber(r->L, strtod(token, NULL));
}

_Noreturn static void fail_duplicate(reader *r, const char *key)
{
  scan s = r->text;
  for (int64_t i = 0; i < r->members; i++) {
    next_token(&s, true);
    s.at++;
  }
  const char *what = lua_pushfstring(r->L, "the key \"%s\" is given twice", key);
  fail_at(r->L, &r->text, s.at - 1, what);
}

/* NOLINTBEGIN(misc-no-recursion): check_tokens bounds the depth */
static void push_value(reader *r, const cJSON *v);

static void push_array(reader *r, const cJSON *v)
{
  lua_createtable(r->L, cJSON_GetArraySize(v), 0);
  luaL_getmetatable(r->L, "json.array");
  lua_setmetatable(r->L, -2);
  lua_Integer i = 0;
  for (const cJSON *item = v->child; item != NULL; item = item->next) {
    push_value(r, item);
    lua_rawseti(r->L, -2, ++i);
  }
}

static void push_object(reader *r, const cJSON *v)
{
  lua_createtable(r->L, 0, cJSON_GetArraySize(v));
  for (const cJSON *item = v->child; item != NULL; item = item->next) {
    r->members++;
    lua_pushstring(r->L, item->string);
    lua_pushvalue(r->L, -1);
    if (lua_rawget(r->L, -3) != LUA_TNIL) fail_duplicate(r, item->string);
    lua_pop(r->L, 1);
    push_value(r, item);
    lua_rawset(r->L, -3);
  }
}

static void push_value(reader *r, const cJSON *v)
{
  luaL_checkstack(r->L, 8, "JSON nested too deep");
  if (cJSON_IsObject(v))
    push_object(r, v);
  else if (cJSON_IsArray(v))
    push_array(r, v);
  else if (cJSON_IsNumber(v))
    push_number(r);
  else if (cJSON_IsString(v))
    lua_pushstring(r->L, v->valuestring);
  else if (cJSON_IsNull(v))
    lua_pushlightuserdata(r->L, NULL);
  else
    lua_pushboolean(r->L, cJSON_IsTrue(v));
}

/* NOLINTEND(misc-no-recursion) */

/* The tree lives in a userdata, so it is freed whatever raises an error. */
int orc_bind_json_free_tree(lua_State *L)
{
  cJSON **tree = lua_touserdata(L, 1);
  cJSON_Delete(*tree);
  *tree = NULL;
  return 0;
}

/* cJSON refused the text at `stop`. */
_Noreturn static void fail_parse(lua_State *L, const scan *s, const char *stop)
{
  static const char blanks[] = " \t\r\n";
  if (strspn(s->begin, blanks) == (size_t)(s->end - s->begin))
    fail_at(L, s, s->begin, "empty, JSON expected");
  if (strspn(stop, blanks) < (size_t)(s->end - stop)) fail_at(L, s, stop, "not JSON from here");
  while (strchr(blanks, stop[-1]) != NULL)
    stop--; /* the line where the text breaks off, not the empty one after it */
  fail_at(L, s, stop, "the JSON text breaks off here");
}

int orc_bind_json_decode(lua_State *L)
{
  size_t length = 0;
  const char *text = luaL_checklstring(L, 1, &length);
  const char *name = luaL_optstring(L, 2, "JSON");
  lua_settop(L, 2);
  if (length > MAX_BYTES) orc_bind_fail(L, "%s: larger than 64 MiB", name);
  scan s = { .begin = text, .at = text, .end = text + length, .name = name };
  check_tokens(L, &s);
  cJSON **tree = lua_newuserdatauv(L, sizeof(cJSON *), 0);
  *tree = NULL;
  luaL_setmetatable(L, ORC_BIND_JSON_TREE);
  const char *stop = text;
  *tree = cJSON_ParseWithLengthOpts(text, length + 1, &stop, true);
  if (*tree == NULL) {
    fail_parse(L, &s, stop);
  }
  reader r = { .L = L, .text = s, .numbers = s };
  push_value(&r, *tree);
  cJSON_Delete(*tree);
  *tree = NULL;
  return 1;
}
