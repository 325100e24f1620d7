#include "bind/workload/rows.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/spelling.h"
#include "bind/args.h"
#include "bind/error.h"

enum { SESSION_BITS = 48, TOKENS_MOST = INT32_MAX / 2, SPANS_MOST = 64 };

typedef enum field {
  ARRIVAL,
  GAP,
  PROMPT,
  OUTPUT,
  MAX_OUTPUT,
  PRIORITY,
  CLIENT,
  SESSION,
  TIMEOUT,
  CANCEL,
  PREFIX,
  PREFIX_TOKENS,
  TEXT,
  STREAMED,
  ENDS,
  CLASS,
  CONTINUES,
  REPEATS,
  DATA,
  FIELDS
} field;

static const char *const names[FIELDS] = {
  "arrival", "gap",     "prompt",    "output",  "max_output",    "priority", "client",
  "session", "timeout", "cancel",    "prefix",  "prefix_tokens", "text",     "streamed",
  "ends",    "class",   "continues", "repeats", "data",
};

enum { COLUMNS = CLASS + 1 }; /* fields that a block has columns of: the first ones */

uint64_t orc_rows_text(const char *name)
{
  uint64_t hash = 0xcbf29ce484222325u;
  for (; *name != '\0'; name++)
    hash = (hash ^ (unsigned char)*name) * 0x100000001b3u;
  return hash;
}

void orc_rows_init(lua_State *L, orc_rows *r, uint16_t source)
{
  *r = (orc_rows){ .source = source, .classes = LUA_NOREF };
  lua_createtable(L, 0, FIELDS);
  for (int i = 0; i < FIELDS; i++) {
    lua_pushinteger(L, i);
    lua_setfield(L, -2, names[i]);
  }
  r->fields = luaL_ref(L, LUA_REGISTRYINDEX);
}

void orc_rows_done(lua_State *L, const orc_rows *r)
{
  luaL_unref(L, LUA_REGISTRYINDEX, r->fields);
  luaL_unref(L, LUA_REGISTRYINDEX, r->classes);
}

/* ---- values, on top of the stack ---- */

static _Noreturn void wrong(lua_State *L, field f, const char *expected)
{
  if (lua_type(L, -1) == LUA_TNUMBER)
    orc_bind_fail(L, "%s: %s expected, got %f", names[f], expected, lua_tonumber(L, -1));
  orc_bind_fail(L, "%s: %s expected, got a %s", names[f], expected, luaL_typename(L, -1));
}

/* The nearest whole number in a range; `what`: as messages call it. */
static int64_t whole(lua_State *L, field f, int64_t low, int64_t high, const char *what)
{
  if (lua_isinteger(L, -1)) {
    const lua_Integer n = lua_tointeger(L, -1);
    if (n >= low && n <= high) return n;
  } else if (lua_type(L, -1) == LUA_TNUMBER) {
    const double v = floor(lua_tonumber(L, -1) + 0.5);
    if (v >= (double)low && v <= (double)high) return (int64_t)v; /* NaN is not */
  }
  lua_pushfstring(L, "%s from %I to %I", what, (LUAI_UACINT)low, (LUAI_UACINT)high);
  lua_insert(L, -2);
  wrong(L, f, lua_tostring(L, -2));
}

static int32_t tokens(lua_State *L, field f)
{
  return (int32_t)whole(L, f, 1, TOKENS_MOST, "a number of tokens");
}

static double seconds(lua_State *L, field f)
{
  const double v = lua_tonumber(L, -1);
  if (lua_type(L, -1) != LUA_TNUMBER || !(v >= 0.0)) wrong(L, f, "s of at least 0");
  return v;
}

static uint64_t text(lua_State *L, field f)
{
  if (lua_type(L, -1) == LUA_TNUMBER && lua_isinteger(L, -1))
    return orc_prompt_text(0, (uint64_t)lua_tointeger(L, -1), 1);
  if (lua_type(L, -1) != LUA_TSTRING) wrong(L, f, "a name");
  return orc_rows_text(lua_tostring(L, -1));
}

static bool yes(lua_State *L, field f)
{
  if (!lua_isboolean(L, -1)) wrong(L, f, "true or false");
  return lua_toboolean(L, -1);
}

/* "stop", else "length". */
static bool stops(lua_State *L)
{
  const char *how = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  const bool stop = strcmp(how, "stop") == 0;
  if (!stop && strcmp(how, "length") != 0) wrong(L, ENDS, "\"length\" or \"stop\"");
  return stop;
}

static uint64_t session(lua_State *L, const orc_rows *r)
{
  const uint64_t own = (uint64_t)r->source << SESSION_BITS;
  if (lua_isboolean(L, -1)) return lua_toboolean(L, -1) ? own | (uint64_t)(r->drawn + 1) : 0;
  return own |
         (uint64_t)whole(L, SESSION, 1, (INT64_C(1) << SESSION_BITS) - 1, "true, or a number");
}

static uint16_t class_of(lua_State *L, const orc_rows *r)
{
  if (r->classes == LUA_NOREF)
    orc_bind_fail(
        L, "class: the generator has none; classes = { \"name\", ... } beside next names them");
  if (lua_type(L, -1) != LUA_TSTRING) wrong(L, CLASS, "a name");
  lua_rawgeti(L, LUA_REGISTRYINDEX, r->classes);
  lua_pushvalue(L, -2);
  if (lua_rawget(L, -2) != LUA_TNUMBER)
    orc_bind_fail(L, "class: \"%s\": one of the generator's classes expected", lua_tostring(L, -3));
  const uint16_t profile = (uint16_t)lua_tointeger(L, -1);
  lua_pop(L, 2);
  return profile;
}

/* A list of { name, tokens }. */
static void read_spans(lua_State *L, orc_request_block *b, int row)
{
  const lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
  if (n > SPANS_MOST) orc_bind_fail(L, "prefix: at most %d texts expected", SPANS_MOST);
  for (lua_Integer i = 1; i <= n; i++) {
    if (lua_rawgeti(L, -1, i) != LUA_TTABLE) wrong(L, PREFIX, "a list of { name, tokens }");
    lua_rawgeti(L, -1, 1);
    const uint64_t name = text(L, PREFIX);
    lua_rawgeti(L, -2, 2);
    const int64_t length = tokens(L, PREFIX);
    if (b->prefix_tokens[row] + length > TOKENS_MOST)
      wrong(L, PREFIX, "1073741823 tokens in all at most");
    orc_block_begin_with(b, row, name, (int32_t)length);
    lua_pop(L, 3);
  }
}

/* A name, or such a list. */
static void read_prefix(lua_State *L, orc_request_block *b, int row)
{
  if (lua_istable(L, -1))
    read_spans(L, b, row);
  else
    b->prefix[row] = text(L, PREFIX);
}

static double arrival(lua_State *L, const orc_rows *r)
{
  const double at = seconds(L, ARRIVAL);
  if (!r->follows) return at;
  if (at < r->clock - 1e-9)
    orc_bind_fail(L, "arrival: %f s: no earlier than the answer, at %f s, expected", at, r->clock);
  return at > r->clock ? at - r->clock : 0.0;
}

/* The value on top of the stack into a field of a row; it stays. */
static void put(lua_State *L, orc_rows *r, field f, orc_request_block *b, int i)
{
  switch (f) {
  case ARRIVAL:
    b->time[i] = arrival(L, r);
    break;
  case GAP:
    b->time[i] = (r->follows ? 0.0 : r->clock) + seconds(L, f);
    break;
  case PROMPT:
    b->prompt[i] = tokens(L, f);
    break;
  case OUTPUT:
    b->output[i] = tokens(L, f);
    break;
  case MAX_OUTPUT:
    b->max_output[i] = tokens(L, f);
    break;
  case PRIORITY:
    b->priority[i] = (int32_t)whole(L, f, INT32_MIN, INT32_MAX, "a whole number");
    break;
  case CLIENT:
    b->client[i] = (uint32_t)whole(L, f, 0, UINT32_MAX, "a number");
    break;
  case SESSION:
    b->session[i] = session(L, r);
    break;
  case TIMEOUT:
    b->timeout[i] = seconds(L, f);
    break;
  case CANCEL:
    b->cancel[i] = seconds(L, f);
    break;
  case PREFIX:
    read_prefix(L, b, i);
    break;
  case PREFIX_TOKENS:
    b->prefix_tokens[i] = tokens(L, f);
    break;
  case TEXT:
    b->text[i] = text(L, f);
    break;
  case STREAMED:
    b->streamed[i] = yes(L, f);
    break;
  case ENDS:
    b->stops[i] = stops(L);
    break;
  case CLASS:
    b->profile[i] = class_of(L, r);
    break;
  case CONTINUES:
    b->continues[i] = yes(L, f);
    break;
  case REPEATS:
    b->repeats[i] = yes(L, f);
    break;
  default:
    r->has_data = true;
    break;
  }
}

/* ---- one request ---- */

/* The field whose name is at `index`; `fields` is the table of them. */
static field field_of(lua_State *L, int fields, int index)
{
  lua_pushvalue(L, index);
  if (lua_rawget(L, fields) == LUA_TNUMBER) {
    const field f = (field)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return f;
  }
  if (lua_type(L, index) != LUA_TSTRING)
    orc_bind_fail(L, "a request has fields with names, such as prompt; found one of type %s",
                  luaL_typename(L, index));
  const char *name = lua_tostring(L, index), *near = orc_spelling_nearest(name, names, FIELDS);
  if (near != NULL)
    orc_bind_fail(L, "a request has no field \"%s\"; did you mean \"%s\"?", name, near);
  orc_bind_fail(L, "a request has no field \"%s\"; what it remembers goes into data", name);
}

static void check_whole(lua_State *L, const orc_rows *r, unsigned seen)
{
  const bool again = (seen & 1U << REPEATS) != 0;
  if (!(seen & 1U << PROMPT) && !again) orc_bind_fail(L, "prompt: missing; a number of tokens");
  if (!(seen & 1U << OUTPUT)) orc_bind_fail(L, "output: missing; a number of tokens");
  if ((seen & 1U << ARRIVAL) && (seen & 1U << GAP))
    orc_bind_fail(L, "gap: arrival is given too; leave one out");
  if (!r->follows && !(seen & (1U << ARRIVAL | 1U << GAP)))
    orc_bind_fail(L, "gap: missing; s since the arrival before, or arrival, s since the run began");
  if (!r->follows && (seen & (1U << CONTINUES | 1U << REPEATS)))
    orc_bind_fail(L, "continues, repeats: only of what answered returns, which follows a request");
}

void orc_rows_read(lua_State *L, orc_rows *r, orc_request_block *b)
{
  const int row = b->count, top = lua_gettop(L);
  unsigned seen = 0;
  if (!lua_istable(L, top))
    orc_bind_fail(L, "a request { gap =, prompt =, output = } or nil expected, got a %s",
                  luaL_typename(L, top));
  r->has_data = false;
  lua_rawgeti(L, LUA_REGISTRYINDEX, r->fields);
  lua_pushnil(L);
  while (lua_next(L, top) != 0) { /* [request, fields, name, value] */
    const field f = field_of(L, top + 1, top + 2);
    seen |= 1U << f;
    put(L, r, f, b, row);
    lua_settop(L, top + 2);
  }
  lua_settop(L, top);
  check_whole(L, r, seen);
  if (!r->follows) r->clock = b->time[row];
  r->drawn++;
  b->count++;
}

/* ---- columns ---- */

void orc_rows_push_columns(lua_State *L, int room)
{
  lua_createtable(L, 0, COLUMNS + 1);
  lua_pushinteger(L, room);
  lua_setfield(L, -2, "rows");
  for (int f = 0; f < COLUMNS; f++) {
    lua_newtable(L);
    lua_setfield(L, -2, names[f]);
  }
}

/* A column being read, for the protected call. */
typedef struct column {
  orc_rows *rows;
  orc_request_block *block;
  field field;
  int first, count; /* rows of the block from the first on */
  int row;          /* the one being read */
  int there;        /* that have a value */
} column;

/* The number on top of the stack, into a column that every row has; false where it takes more than that. */
static bool put_number(lua_State *L, const column *c, int row)
{
  const double v = lua_tonumber(L, -1);
  const bool is_length = v >= 0.5 && v < (double)TOKENS_MOST; /* NaN is none */
  switch (c->field) {
  case PROMPT:
    if (is_length) c->block->prompt[row] = (int32_t)(v + 0.5);
    return is_length;
  case OUTPUT:
    if (is_length) c->block->output[row] = (int32_t)(v + 0.5);
    return is_length;
  case ARRIVAL:
    if (v >= 0.0) c->block->time[row] = v;
    return v >= 0.0;
  case GAP:
    if (v >= 0.0) c->block->time[row] = c->rows->clock + v;
    return v >= 0.0;
  default:
    return false;
  }
}

/* (column, values): puts each value into its row; raises what is wrong with row c->row. */
static int read_column(lua_State *L)
{
  column *c = lua_touserdata(L, 1);
  const field f = c->field;
  const bool all = f == PROMPT || f == OUTPUT || f == GAP || f == ARRIVAL;
  for (; c->row < c->count; c->row++, c->rows->drawn++) {
    const int row = c->row, type = lua_rawgeti(L, 2, row + 1);
    if (type == LUA_TNIL) {
      if (all) orc_bind_fail(L, "%s: missing in row %d of %d", names[f], row + 1, c->count);
      lua_pop(L, 1);
      continue;
    }
    if (type != LUA_TNUMBER || !put_number(L, c, c->first + row))
      put(L, c->rows, f, c->block, c->first + row);
    if (f == GAP || f == ARRIVAL) c->rows->clock = c->block->time[c->first + row];
    c->there++;
    lua_pop(L, 1);
  }
  return 0;
}

static bool is_empty(lua_State *L, int index)
{
  lua_pushnil(L);
  if (lua_next(L, index) == 0) return true;
  lua_pop(L, 2);
  return false;
}

bool orc_rows_read_columns(lua_State *L, int index, orc_rows *r, int count, orc_request_block *b)
{
  const int columns = lua_absindex(L, index), top = lua_gettop(L);
  unsigned seen = 0;
  bool good = true;
  const int64_t drawn = r->drawn;
  column c = { .rows = r, .block = b, .first = b->count, .count = count };
  for (int f = 0; f < COLUMNS && c.count > 0; f++) {
    if (lua_getfield(L, columns, names[f]) != LUA_TTABLE)
      orc_bind_fail(L, "block.%s: a table expected, got a %s", names[f], luaL_typename(L, -1));
    const int values = lua_gettop(L);
    if (!is_empty(L, values)) {
      c.field = (field)f;
      c.row = c.there = 0;
      r->drawn = drawn;
      lua_pushcfunction(L, read_column);
      lua_pushlightuserdata(L, &c);
      lua_pushvalue(L, values);
      if (lua_pcall(L, 2, 0, 0) != LUA_OK) { /* the rows before it are good */
        good = false;
        c.count = c.row;
        lua_insert(L, top + 1);
        lua_settop(L, top + 1);
      }
      seen |= 1U << f;
      lua_createtable(L, count, 0); /* cheaper than to clear each row of it */
      lua_setfield(L, columns, names[f]);
    }
    lua_settop(L, good ? top : top + 1);
  }
  if (good && count > 0) check_whole(L, r, seen);
  r->drawn = drawn + c.count;
  b->count += c.count;
  return good;
}
