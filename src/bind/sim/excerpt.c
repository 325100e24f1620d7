#include "bind/sim/excerpt.h"

#include <math.h>
#include <stdlib.h>

#include "bind/args.h"
#include "bind/error.h"

enum { ROOM_MOST = 1 << 20 }; /* records of a part: some 150 MB */

static uint32_t room(lua_State *L, int t, const char *key)
{
  const int64_t n = orc_bind_integer_or(L, t, "excerpt", key, 1);
  if (n < 1 || n > ROOM_MOST) orc_bind_fail(L, "excerpt.%s: 1 to %d expected", key, ROOM_MOST);
  return (uint32_t)n;
}

void orc_bind_read_excerpt(lua_State *L, orc_sim *s, int index)
{
  if (lua_getfield(L, index, "excerpt") == LUA_TTABLE) {
    const int t = lua_gettop(L);
    const double from = orc_bind_number_or(L, t, "excerpt", "from", 0.0);
    const double to = orc_bind_number_or(L, t, "excerpt", "to", (double)INFINITY);
    const uint32_t rooms[ORC_EXCERPT_PARTS] = { room(L, t, "sample"), room(L, t, "slowest"),
                                                room(L, t, "window") };
    s->excerpt = orc_excerpt_new(rooms, orc_time_of(from > 0.0 ? from : 0.0),
                                 isfinite(to) ? orc_time_of(to) : ORC_NEVER);
  }
  lua_pop(L, 1);
}

/* ---- what was kept ---- */

typedef struct column {
  const char *key;
  void (*push)(lua_State *L, const orc_sim *s, const orc_record *r, uint8_t why);
} column;

static void push_time(lua_State *L, orc_time time)
{
  if (time >= 0)
    lua_pushnumber(L, (double)time * 1e-9);
  else
    lua_pushboolean(L, false);
}

#define COLUMN(name, expression)                                                                   \
  static void name(lua_State *L, const orc_sim *s, const orc_record *r, uint8_t why)               \
  {                                                                                                \
    (void)s, (void)why, (void)r;                                                                   \
    expression;                                                                                    \
  }

COLUMN(number, lua_pushinteger(L, (lua_Integer)r->number + 1))
COLUMN(arrival, push_time(L, r->arrival))
COLUMN(scheduled, push_time(L, r->scheduled))
COLUMN(first_token, push_time(L, r->first_token))
COLUMN(completion, push_time(L, r->completion))
COLUMN(prompt, lua_pushinteger(L, r->prompt))
COLUMN(output, lua_pushinteger(L, r->output))
COLUMN(cached, lua_pushinteger(L, r->cached))
COLUMN(preemptions, lua_pushinteger(L, r->preemptions))
COLUMN(replica, lua_pushinteger(L, r->replica == ORC_NO_REPLICA ? -1 : r->replica))
COLUMN(profile, lua_pushstring(L, s->profiles[r->profile]))
COLUMN(status, lua_pushstring(L, orc_status_name((orc_status)r->status)))
COLUMN(in_sample, lua_pushboolean(L, (why >> ORC_EXCERPT_SAMPLE) & 1))
COLUMN(slowest, lua_pushboolean(L, (why >> ORC_EXCERPT_SLOWEST) & 1))
COLUMN(in_window, lua_pushboolean(L, (why >> ORC_EXCERPT_WINDOW) & 1))

static const column columns[] = {
  { "number", number },           { "arrival", arrival },       { "scheduled", scheduled },
  { "first_token", first_token }, { "completion", completion }, { "prompt", prompt },
  { "output", output },           { "cached", cached },         { "preemptions", preemptions },
  { "replica", replica },         { "profile", profile },       { "status", status },
  { "in_sample", in_sample },     { "slowest", slowest },       { "in_window", in_window },
};

void orc_bind_put_excerpt(lua_State *L, const orc_sim *s)
{
  if (s->excerpt == NULL) return;
  size_t count;
  uint8_t *reasons;
  orc_record *records = orc_excerpt_take(s->excerpt, &count, &reasons);
  lua_createtable(L, 0, 16);
  lua_pushinteger(L, (lua_Integer)s->excerpt->seen);
  lua_setfield(L, -2, "seen");
  for (size_t k = 0; k < sizeof columns / sizeof *columns; k++) {
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
      columns[k].push(L, s, &records[i], reasons[i]);
      lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, columns[k].key);
  }
  lua_setfield(L, -2, "excerpt");
  free(records);
  free(reasons);
}
