/*
** transfers.c - transfers and max-min shares: part of oracle.core.net (net.c).
*/
#include <lauxlib.h>
#include <math.h>

#include "bind/net/net.h"
#include "net/flow.h"
#include "net/share.h"

enum { NET_EVENT = 0, SEND_EVENT = 1 }; /* kinds of events of the small engine below */

/* ---- transfers ---- */

typedef struct request {
  const orc_route *route;
  double bytes, end; /* B, s; infinite: never */
  orc_time at;
} request;

typedef struct transfers {
  orc_engine engine;
  orc_net *net;
  request *requests;
} transfers;

static void arrived(void *self, uint64_t arg)
{
  transfers *h = self;
  h->requests[arg].end = ((double)h->engine.now + orc_net_rest(h->net)) * 1e-9;
}

static void leave(void *self, uint32_t subject)
{
  transfers *h = self;
  const request *s = &h->requests[subject];
  orc_net_send(h->net, s->route, s->bytes, arrived, h, subject);
}

/* Nothing in here calls Lua, so nothing is lost to an error. */
static bool send_all(orc_topology *t, request *list, uint32_t n)
{
  transfers h = { .requests = list };
  h.net = orc_net_new(t, &h.engine, NET_EVENT);
  orc_engine_on(&h.engine, SEND_EVENT, leave, &h);
  for (uint32_t i = 0; i < n; i++)
    orc_engine_at(&h.engine, list[i].at, ORC_CLASS_ARRIVAL, SEND_EVENT, i);
  while (orc_engine_next(&h.engine) < ORC_NEVER)
    orc_engine_step(&h.engine);
  const bool contended = orc_net_contended(h.net);
  orc_net_free(h.net);
  orc_engine_done(&h.engine);
  return contended;
}

static request request_at(lua_State *L, orc_topology *t, const char *what)
{
  orc_error e;
  const double at = orc_bind_number_or(L, -1, what, "at", 0.0);
  const double bytes = orc_bind_number(L, -1, what, "bytes");
  if (!(at >= 0.0 && at <= 1e9)) orc_bind_fail(L, "%s.at: %f; 0 s or more expected", what, at);
  if (!(bytes >= 0.0 && bytes <= 1e18))
    orc_bind_fail(L, "%s.bytes: %f; 0 or more expected", what, bytes);
  const int from = orc_bind_node(L, t, what, "from", orc_bind_text(L, -1, what, "from"));
  const int to = orc_bind_node(L, t, what, "to", orc_bind_text(L, -1, what, "to"));
  const orc_route *r = orc_topology_route(t, from, to, &e);
  if (r == NULL) orc_bind_fail(L, "%s: %s", what, e.msg);
  return (request){ .route = r, .bytes = bytes, .end = INFINITY, .at = orc_time_of(at) };
}

/* transfers(t, list) */
int orc_bind_net_transfers(lua_State *L)
{
  orc_topology *t = orc_bind_topology(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  const lua_Integer n = luaL_len(L, 2);
  request *list = lua_newuserdatauv(L, (size_t)n * sizeof *list, 0);
  for (lua_Integer i = 1; i <= n; i++) {
    const char *what = lua_pushfstring(L, "transfer %I", (LUAI_UACINT)i);
    if (lua_geti(L, 2, i) != LUA_TTABLE) orc_bind_fail(L, "%s: a table expected", what);
    list[i - 1] = request_at(L, t, what);
    lua_pop(L, 2);
  }
  const bool contended = send_all(t, list, (uint32_t)n);
  lua_createtable(L, (int)n, 0);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_pushnumber(L, list[i - 1].end);
    lua_rawseti(L, -2, i);
  }
  lua_pushboolean(L, contended);
  return 2;
}

/* ---- shares ---- */

/* The links of flow `i`, in memory that Lua owns, which is pushed. */
static int32_t *links_of(lua_State *L, lua_Integer i, int links_there, int *n)
{
  if (lua_geti(L, 2, i) != LUA_TTABLE || luaL_len(L, -1) < 1)
    orc_bind_fail(L, "flow %I: an array of links expected", (LUAI_UACINT)i);
  *n = (int)luaL_len(L, -1);
  int32_t *v = lua_newuserdatauv(L, (size_t)*n * sizeof *v, 0);
  for (int h = 0; h < *n; h++) {
    lua_geti(L, -2, h + 1);
    const lua_Integer link = lua_tointeger(L, -1);
    lua_pop(L, 1);
    if (link < 1 || link > links_there)
      orc_bind_fail(L, "flow %I: links from 1 to %d expected", (LUAI_UACINT)i, links_there);
    v[h] = (int32_t)(link - 1);
    for (int k = 0; k < h; k++)
      if (v[k] == v[h])
        orc_bind_fail(L, "flow %I: link %I twice", (LUAI_UACINT)i, (LUAI_UACINT)link);
  }
  lua_remove(L, -2);
  return v;
}

/* share(capacities, flows) */
int orc_bind_net_share(lua_State *L)
{
  enum { FLOWS = 4096 };
  int count = 0;
  const double *capacity = orc_bind_numbers(L, 1, "capacity", &count);
  for (int i = 0; i < count; i++)
    if (!(capacity[i] > 0.0)) orc_bind_fail(L, "capacity[%d]: more than 0 expected", i + 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  const lua_Integer n = luaL_len(L, 2);
  if (n > FLOWS) orc_bind_fail(L, "%I flows; up to %d expected", (LUAI_UACINT)n, FLOWS);
  int32_t **routes = lua_newuserdatauv(L, (size_t)n * sizeof *routes, 0);
  int *hops = lua_newuserdatauv(L, (size_t)n * sizeof *hops, 0);
  luaL_checkstack(L, (int)n + 8, "too many flows"); /* each stays on the stack */
  for (lua_Integer i = 0; i < n; i++)
    routes[i] = links_of(L, i + 1, count, &hops[i]);
  lua_createtable(L, (int)n, 0);
  orc_share *s = orc_share_new(capacity, count);
  const uint32_t *changed;
  for (lua_Integer i = 0; i < n; i++)
    orc_share_add(s, (uint32_t)i, routes[i], hops[i]);
  orc_share_solve(s, &changed);
  for (lua_Integer i = 0; i < n; i++) {
    lua_pushnumber(L, orc_share_rate(s, (uint32_t)i));
    lua_rawseti(L, -2, i + 1); /* the table has room: no allocation, no error */
  }
  orc_share_free(s);
  return 1;
}
