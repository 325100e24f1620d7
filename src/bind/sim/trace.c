#include "bind/sim/trace.h"

#include <lauxlib.h>
#include <math.h>

#include "bind/args.h"
#include "bind/error.h"
#include "bind/put.h"

void orc_bind_read_trace(lua_State *L, orc_sim *s, int index)
{
  if (lua_getfield(L, index, "trace") == LUA_TTABLE) {
    const int t = lua_gettop(L);
    const double from = orc_bind_number_or(L, t, "trace", "from", 0.0);
    const double to = orc_bind_number_or(L, t, "trace", "to", (double)INFINITY);
    const int64_t most = orc_bind_integer_or(L, t, "trace", "events", INT64_MAX);
    orc_error e = { 0 };
    lua_getfield(L, t, "path");
    s->trace = orc_chrome_trace_open(
        &(orc_chrome_trace_options){ .path = luaL_checkstring(L, -1),
                                     .from = orc_time_of(from > 0.0 ? from : 0.0),
                                     .to = isfinite(to) ? orc_time_of(to) : ORC_NEVER,
                                     .most = most < 1 ? 1 : (uint64_t)most },
        &e);
    if (s->trace == NULL) orc_bind_raise(L, &e);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

void orc_bind_put_trace(lua_State *L, orc_sim *s, orc_time end)
{
  orc_chrome_trace_outcome outcome;
  orc_error e = { 0 };
  orc_chrome_trace *trace = s->trace;
  s->trace = NULL;
  if (trace == NULL) return;
  const orc_unit_log *units = &s->cluster->lifecycle.log;
  for (uint32_t i = 0; i < units->count; i++)
    orc_chrome_trace_instant(trace, units->at[i].time, units->at[i].replica,
                             orc_unit_change_name((orc_unit_change)units->at[i].what));
  if (!orc_chrome_trace_close(trace, end, &outcome, &e)) orc_bind_raise(L, &e);
  lua_createtable(L, 0, 2);
  orc_bind_put_count(L, "events", outcome.events);
  if (outcome.cut >= 0) orc_bind_put_number(L, "cut", (double)outcome.cut * 1e-9);
  lua_setfield(L, -2, "trace");
}

void orc_bind_drop_trace(orc_sim *s)
{
  orc_chrome_trace_outcome outcome;
  orc_error e = { 0 };
  if (s->trace != NULL) orc_chrome_trace_close(s->trace, 0, &outcome, &e);
  s->trace = NULL;
}
