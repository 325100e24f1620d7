/*
** collectives.c - collectives, as formulas and as messages: part of oracle.core.net (net.c).
*/
#include <lauxlib.h>

#include "bind/net/net.h"
#include "cost/collective.h"
#include "cost/schedule.h"
#include "device/tp_group.h"
#include "net/rounds.h"

enum { NET_EVENT = 0 }; /* the kind of events of the small engine below */

/* ---- collectives ---- */

typedef struct request {
  orc_collective collective;
  orc_algorithm algorithm;
  orc_fabric fabric;
  double bytes;
} request;

static request request_at(lua_State *L, int index)
{
  luaL_checktype(L, index, LUA_TTABLE);
  const char *what = "collective";
  orc_error e;
  request w = { .bytes = orc_bind_number(L, index, what, "bytes") };
  if (!orc_collective_find(orc_bind_text(L, index, what, "collective"), &w.collective, &e))
    orc_bind_raise(L, &e);
  if (!orc_algorithm_find(orc_bind_text_or(L, index, what, "algorithm", "auto"), &w.algorithm, &e))
    orc_bind_raise(L, &e);
  w.fabric = (orc_fabric){
    .near = { .ranks = orc_bind_count_or(L, index, what, "ranks", 0),
              .latency = orc_bind_number(L, index, what, "latency"),
              .bandwidth = orc_bind_number(L, index, what, "bandwidth") },
    .far = { .ranks = orc_bind_count_or(L, index, what, "hosts", 1),
             .latency = orc_bind_number_or(L, index, what, "host_latency", 0.0),
             .bandwidth = orc_bind_number_or(L, index, what, "host_bandwidth", 0.0) },
    .port = orc_bind_number_or(L, index, what, "port", 0.0),
    .in_switch = orc_bind_bool_or(L, index, what, "in_switch", false),
  };
  if (!orc_fabric_check(&w.fabric, &e)) orc_bind_fail(L, "%s: %s", what, e.msg);
  if (!(w.bytes >= 0.0 && w.bytes <= 1e18)) orc_bind_fail(L, "%s.bytes: 0 or more expected", what);
  if (!orc_collective_offers(w.collective, w.algorithm, &w.fabric))
    orc_bind_fail(L, "%s: %s is not done by '%s' over %d ranks joined like this", what,
                  orc_collective_name(w.collective), orc_algorithm_name(w.algorithm),
                  orc_fabric_ranks(&w.fabric));
  return w;
}

/* collective(args) */
int orc_bind_net_collective(lua_State *L)
{
  const request w = request_at(L, 1);
  const orc_schedule s = orc_schedule_of(w.collective, w.algorithm, &w.fabric, w.bytes);
  lua_createtable(L, 0, 3);
  orc_bind_set_number(L, "seconds",
                      orc_collective_time(w.collective, w.algorithm, &w.fabric, w.bytes));
  orc_bind_set_text(L, "algorithm", orc_algorithm_name(s.algorithm));
  orc_bind_set_integer(L, "pieces", s.pieces);
  return 1;
}

/* loggp(args) */
int orc_bind_net_loggp(lua_State *L)
{
  const char *what = "loggp";
  orc_error e;
  orc_collective c;
  orc_algorithm a;
  luaL_checktype(L, 1, LUA_TTABLE);
  const orc_loggp l = {
    .latency = orc_bind_number(L, 1, what, "latency"),
    .overhead = orc_bind_number(L, 1, what, "overhead"),
    .gap = orc_bind_number(L, 1, what, "gap"),
    .gap_per_byte = orc_bind_number(L, 1, what, "gap_per_byte"),
  };
  const double bytes = orc_bind_number(L, 1, what, "bytes");
  const orc_fabric f = { .near = { .ranks = orc_bind_count_or(L, 1, what, "ranks", 0),
                                   .latency = l.latency,
                                   .bandwidth = 1.0 / l.gap_per_byte } };
  if (!orc_collective_find(orc_bind_text(L, 1, what, "collective"), &c, &e)) orc_bind_raise(L, &e);
  if (!orc_algorithm_find(orc_bind_text_or(L, 1, what, "algorithm", "auto"), &a, &e))
    orc_bind_raise(L, &e);
  if (!(l.latency >= 0.0) || !(l.overhead >= 0.0) || !(l.gap >= 0.0) || !(bytes >= 0.0) ||
      !(bytes <= 1e18))
    orc_bind_fail(L, "%s: latency, overhead, gap and bytes: 0 or more expected", what);
  if (!orc_fabric_check(&f, &e)) orc_bind_fail(L, "%s: %s", what, e.msg);
  if (!orc_collective_offers(c, a, &f))
    orc_bind_fail(L, "%s: %s is not done by '%s' over %d ranks", what, orc_collective_name(c),
                  orc_algorithm_name(a), f.near.ranks);
  lua_pushnumber(L, orc_collective_loggp(c, a, &l, f.near.ranks, bytes));
  return 1;
}

/* schedule(args) */
int orc_bind_net_schedule(lua_State *L)
{
  const request w = request_at(L, 1);
  orc_schedule s = orc_schedule_of(w.collective, w.algorithm, &w.fabric, w.bytes);
  orc_transfer t;
  lua_newtable(L);
  for (lua_Integer i = 1; orc_schedule_next(&s, &t); i++) {
    lua_createtable(L, 0, 4);
    orc_bind_set_integer(L, "round", t.round);
    orc_bind_set_integer(L, "from", t.from);
    orc_bind_set_integer(L, "to", t.to);
    orc_bind_set_number(L, "bytes", t.bytes);
    lua_rawseti(L, -2, i);
  }
  return 1;
}

/* What a plan is carried out on. */
typedef struct stage {
  orc_engine engine;
  orc_net *net;
  double end; /* s */
} stage;

static void over(void *self, uint64_t arg)
{
  (void)arg;
  stage *h = self;
  h->end = ((double)h->engine.now + orc_net_rest(h->net)) * 1e-9;
}

/* Nothing in here calls Lua, so nothing is lost to an error. */
static double carry(orc_topology *t, const int *devices, int hub, orc_schedule s)
{
  stage h = { .end = 0.0 };
  h.net = orc_net_new(t, &h.engine, NET_EVENT);
  orc_rounds r = {
    .net = h.net, .nodes = devices, .hub = hub, .next = orc_schedule_next, .plan = &s
  };
  r.done = over;
  r.ctx = &h;
  orc_rounds_start(&r);
  while (orc_engine_next(&h.engine) < ORC_NEVER)
    orc_engine_step(&h.engine);
  orc_net_free(h.net);
  orc_engine_done(&h.engine);
  return h.end;
}

/* carry_out(t, devices, args, hub) */
int orc_bind_net_carry_out(lua_State *L)
{
  orc_error e;
  orc_topology *t = orc_bind_topology(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  const request w = request_at(L, 3);
  const char *name = luaL_optstring(L, 4, NULL);
  const int hub = name == NULL ? -1 : orc_bind_node(L, t, "carry_out", "hub", name);
  const int n = (int)luaL_len(L, 2);
  if (n != orc_fabric_ranks(&w.fabric))
    orc_bind_fail(L, "carry_out: %d devices for %d ranks", n, orc_fabric_ranks(&w.fabric));
  int *devices = lua_newuserdatauv(L, (size_t)n * sizeof *devices, 0);
  for (int i = 0; i < n; i++) {
    lua_geti(L, 2, i + 1);
    devices[i] = orc_bind_node(L, t, "carry_out", "devices", luaL_checkstring(L, -1));
    lua_pop(L, 1);
  }
  const orc_schedule s = orc_schedule_of(w.collective, w.algorithm, &w.fabric, w.bytes);
  if (s.algorithm == ORC_ALGORITHM_IN_SWITCH && hub < 0)
    orc_bind_fail(L, "carry_out: the switch's name is missing");
  if (!orc_rounds_check(t, devices, n, hub, &e)) orc_bind_raise(L, &e);
  lua_pushnumber(L, carry(t, devices, hub, s));
  return 1;
}

/* t:adds_up(algorithm, devices) */
int orc_bind_net_adds_up(lua_State *L)
{
  orc_error e;
  orc_algorithm a;
  orc_topology *t = orc_bind_topology(L, 1);
  if (!orc_algorithm_find(luaL_checkstring(L, 2), &a, &e)) return orc_bind_refused(L, &e);
  luaL_checktype(L, 3, LUA_TTABLE);
  const int n = (int)luaL_len(L, 3), links = orc_topology_links(t);
  if (n < 1) orc_bind_fail(L, "adds_up: a device expected");
  int *devices = lua_newuserdatauv(L, (size_t)n * sizeof *devices, 0);
  for (int i = 0; i < n; i++) {
    lua_geti(L, 3, i + 1);
    devices[i] = orc_bind_node(L, t, "adds_up", "devices", luaL_checkstring(L, -1));
    lua_pop(L, 1);
  }
  uint32_t *use = lua_newuserdatauv(L, (size_t)(links + 1) * sizeof *use, 0);
  orc_all_reduce r;
  const orc_tp_group site = orc_tp_group_of(t, devices, n);
  if (!orc_all_reduce_check(a, n, &e) || !orc_tp_group_all_reduce(&site, a, &r, &e))
    return orc_bind_refused(L, &e);
  orc_tp_group_use(&site, &r, use);
  lua_newtable(L);
  lua_Integer count = 0;
  for (int i = 0; i < links; i++) {
    if (use[i] == 0) continue;
    lua_pushstring(L, orc_topology_link(t, i)->name);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

/* fit(bytes, seconds) */
int orc_bind_net_fit(lua_State *L)
{
  orc_error e;
  orc_collective_line line;
  int n = 0, m = 0;
  const double *bytes = orc_bind_numbers(L, 1, "bytes", &n);
  const double *seconds = orc_bind_numbers(L, 2, "seconds", &m);
  if (n != m) orc_bind_fail(L, "fit: %d sizes and %d times", n, m);
  for (int i = 0; i < n; i++)
    if (!(seconds[i] > 0.0)) orc_bind_fail(L, "seconds[%d]: more than 0 expected", i + 1);
  if (!orc_collective_fit(bytes, seconds, n, &line, &e)) return orc_bind_refused(L, &e);
  lua_createtable(L, 0, 4);
  orc_bind_set_number(L, "base", line.base);
  orc_bind_set_number(L, "per_byte", line.per_byte);
  orc_bind_set_number(L, "error", line.error);
  orc_bind_set_number(L, "worst", line.worst);
  return 1;
}
