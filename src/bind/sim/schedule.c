#include "bind/sim/schedule.h"

#include <lauxlib.h>

#include "bind/sim/state.h"

static void put(lua_State *L, const char *key, lua_Integer value)
{
  lua_pushinteger(L, value);
  lua_setfield(L, -2, key);
}

/* A time in ns; -1 leaves the field out. */
static void put_time(lua_State *L, const char *key, orc_time time)
{
  if (time >= 0) put(L, key, time);
}

static void push_step(lua_State *L, const orc_step_trace_step *step,
                      const orc_step_trace_part *part, const uint64_t *preempted)
{
  lua_createtable(L, 0, 6);
  put(L, "formed", step->formed);
  put(L, "start", step->start);
  put(L, "used", step->used);
  lua_createtable(L, (int)step->parts, 0);
  for (uint32_t i = 0; i < step->parts; i++) {
    lua_createtable(L, 2, 0);
    lua_pushinteger(L, (lua_Integer)part[i].number + 1);
    lua_rawseti(L, -2, 1);
    lua_pushinteger(L, part[i].tokens);
    lua_rawseti(L, -2, 2);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "tokens");
  lua_createtable(L, (int)step->preempted, 0);
  for (uint32_t i = 0; i < step->preempted; i++) {
    lua_pushinteger(L, (lua_Integer)preempted[i] + 1);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "preempted");
}

static void push_request(lua_State *L, const orc_step_trace_request *q)
{
  lua_createtable(L, 0, 8);
  put(L, "client", (lua_Integer)q->client + 1);
  put(L, "turn", q->turn);
  put(L, "prompt", q->prompt);
  put(L, "cached", q->cached);
  put(L, "preemptions", q->preemptions);
  put_time(L, "arrival", q->arrival);
  put_time(L, "first_token", q->first_token);
  put_time(L, "finish", q->finish);
}

/*
** s:schedule() -> { steps = { { formed =, start = (ns), used = KV blocks in use, tokens = {
** { request, tokens }, ... }, preempted = { request, ... } }, ... }, requests = { { client =, turn =,
** prompt =, cached =, preemptions =, arrival =, first_token =, finish = }, ... } };
** requests are numbered from 1 by arrival. nil without spec.schedule.
*/
static int schedule(lua_State *L)
{
  const orc_step_trace *s = orc_bind_idle_sim(L)->schedule;
  if (s == NULL) return 0;
  lua_createtable(L, 0, 2);
  lua_createtable(L, (int)s->step_count, 0);
  const orc_step_trace_part *part = s->parts;
  const uint64_t *preempted = s->preempted;
  for (uint32_t i = 0; i < s->step_count; i++) {
    push_step(L, &s->steps[i], part, preempted);
    part += s->steps[i].parts;
    preempted += s->steps[i].preempted;
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "steps");
  lua_createtable(L, (int)s->request_count, 0);
  for (uint32_t i = 0; i < s->request_count; i++) {
    push_request(L, &s->requests[i]);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_setfield(L, -2, "requests");
  return 1;
}

void orc_bind_schedule(lua_State *L)
{
  lua_pushcfunction(L, schedule);
  lua_setfield(L, -2, "schedule");
}
