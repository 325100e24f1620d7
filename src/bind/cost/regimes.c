#include "bind/cost/regimes.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>

#include "bind/args.h"
#include "bind/error.h"

/* The list on top of the stack. */
static void read_regimes(lua_State *L, const char *what, orc_regimes *r)
{
  if (!lua_istable(L, -1)) orc_bind_fail(L, "%s: a list of regimes expected", what);
  const lua_Unsigned n = lua_rawlen(L, -1);
  if (n > ORC_REGIMES) orc_bind_fail(L, "%s: at most %d regimes", what, (int)ORC_REGIMES);
  r->count = (int)n;
  for (int i = 0; i < r->count; i++) {
    if (lua_rawgeti(L, -1, i + 1) != LUA_TTABLE)
      orc_bind_fail(L, "%s[%d]: { below =, base =, per_byte = } expected", what, i + 1);
    const int at = lua_gettop(L);
    r->of[i] = (orc_regime){ .below = orc_bind_number_or(L, at, what, "below", HUGE_VAL),
                             .base = orc_bind_number(L, at, what, "base"),
                             .per_byte = orc_bind_number(L, at, what, "per_byte") };
    lua_pop(L, 1);
  }
  orc_error e;
  if (!orc_regimes_check(r, &e)) orc_bind_fail(L, "%s%s", what, e.msg);
}

static void read_collective(lua_State *L, const char *name, orc_regimes *r)
{
  char what[64];
  snprintf(what, sizeof what, "layout.measured.%s", name);
  if (lua_getfield(L, -1, name) != LUA_TNIL) read_regimes(L, what, r);
  lua_pop(L, 1);
}

void orc_bind_read_measured(lua_State *L, int index, orc_measured_collectives *m)
{
  const int type = lua_getfield(L, index, "measured");
  if (type != LUA_TNIL && type != LUA_TTABLE)
    orc_bind_fail(L, "layout.measured: lists of regimes by collective expected");
  if (type == LUA_TTABLE) {
    read_collective(L, "all_reduce", &m->all_reduce);
    read_collective(L, "all_gather", &m->all_gather);
    read_collective(L, "reduce_scatter", &m->reduce_scatter);
    read_collective(L, "dispatch", &m->dispatch);
    read_collective(L, "combine", &m->combine);
    m->copies = orc_bind_number_or(L, lua_gettop(L), "layout.measured", "copies", 1.0);
    if (!(m->copies >= 0.0 && m->copies <= 1e6) ||
        (m->dispatch.count > 0) != (m->combine.count > 0))
      orc_bind_fail(L, "layout.measured: copies from 0, and both dispatch and combine, expected");
  }
  lua_pop(L, 1);
}

int orc_bind_measured_time(lua_State *L)
{
  orc_regimes r = { .count = 0 };
  const double bytes = luaL_checknumber(L, 2);
  lua_settop(L, 1);
  read_regimes(L, "regimes", &r);
  if (r.count == 0 || !(bytes >= 0.0))
    orc_bind_fail(L, "regimes, and bytes of 0 or more, expected");
  lua_pushnumber(L, orc_regimes_time(&r, bytes));
  return 1;
}
