/*
** net.c - networks and collectives: oracle.core.net. All in SI units: s, B, B/s.
**   topology{kind =, hosts =, gpus =, nics =, k =, bandwidth =, latency =, pcie_bandwidth =,
**            pcie_latency =, nic_bandwidth =, nic_latency =, nodes =, links =}
**                         a topology by name (see net/topology.h), or an empty one without `kind`;
**                         then nodes = { { name =, kind = "device"|"host"|"nic"|"switch", host = },
**                         ... } and links = { { id =, from =, to =, bandwidth =, latency = },
**                         ... }, one way each, are added. host counts from 0. Raises what is
**                         wrong
**   t:route(a, b)         { hops =, latency =, bandwidth =, links = { id, ... } }; or nil and why
**   t:links(), t:nodes()  arrays of what is there, with the keys above
**   t:check()             true; or nil and which devices cannot reach each other
**   topologies()          the names of kinds
**   transfers(t, { { at =, from =, to =, bytes = }, ... })
**                         when each has come in (s), and whether any two shared a link
**   share(capacities, { { link, ... }, ... })   max-min fair rates; links count from 1
**   collective{collective =, algorithm = "auto", bytes =, ranks =, latency =, bandwidth =, port =,
**              hosts =, host_latency =, host_bandwidth =, in_switch =}
**                         { seconds =, algorithm =, pieces = }; ranks are those of one host
**   schedule{the same}    array of { round =, from =, to =, bytes = }; ranks from 0, -1: the switch
**   carry_out(t, { device, ... }, {the same} [, hub])
**                         s the schedule takes on an idle t; hub: the switch's name
**   fit({bytes}, {s})     { base =, per_byte =, error =, worst = }; or nil and why
*/
#include "bind/net.h"

#include <lauxlib.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "cost/collective.h"
#include "cost/schedule.h"
#include "net/rounds.h"
#include "net/share.h"

#define TOPOLOGY "oracle.topology"

enum { NET_EVENT = 0, SEND_EVENT = 1 }; /* kinds of events of the small engines below */

typedef struct box {
  orc_topology *topology; /* NULL while it is made, and after it was collected */
} box;

orc_topology *orc_bind_topology(lua_State *L, int index)
{
  const box *b = luaL_checkudata(L, index, TOPOLOGY);
  if (b->topology == NULL) orc_bind_fail(L, "a topology that is gone");
  return b->topology;
}

static int collect(lua_State *L)
{
  box *b = luaL_checkudata(L, 1, TOPOLOGY);
  orc_topology_free(b->topology);
  b->topology = NULL;
  return 0;
}

/* ---- reading ---- */

static const char *text_or(lua_State *L, int index, const char *what, const char *key,
                           const char *otherwise)
{
  const int type = lua_getfield(L, index, key);
  if (type != LUA_TNIL && type != LUA_TSTRING)
    orc_bind_fail(L, "%s.%s: a string expected, got a %s", what, key, lua_typename(L, type));
  const char *s = type == LUA_TNIL ? otherwise : lua_tostring(L, -1);
  lua_pop(L, 1); /* the table keeps it */
  return s;
}

static const char *text(lua_State *L, int index, const char *what, const char *key)
{
  const char *s = text_or(L, index, what, key, NULL);
  if (s == NULL) orc_bind_fail(L, "%s.%s: missing, a string expected", what, key);
  return s;
}

static int count_or(lua_State *L, int index, const char *what, const char *key, int otherwise)
{
  const int64_t v = orc_bind_integer_or(L, index, what, key, otherwise);
  if (v < INT_MIN || v > INT_MAX) orc_bind_fail(L, "%s.%s: out of range", what, key);
  return (int)v;
}

static int node_named(lua_State *L, const orc_topology *t, const char *what, const char *key,
                      const char *name)
{
  const int node = orc_topology_find(t, name);
  if (node < 0)
    orc_bind_fail(L, "%s.%s: unknown node '%s'; the topology has %d nodes", what, key, name,
                  orc_topology_nodes(t));
  return node;
}

/* ---- topologies ---- */

/* Given and 0: a bandwidth is refused, a latency is 0 - which a shape would take as its default. */
static double figure(lua_State *L, int index, const char *key, bool latency)
{
  const bool given = lua_getfield(L, index, key) != LUA_TNIL;
  lua_pop(L, 1);
  if (!given) return 0.0;
  const double v = orc_bind_number(L, index, "network", key);
  if (latency && v == 0.0) return 1e-18;
  if (!(v > 0.0)) orc_bind_fail(L, "network.%s: %f; a number above 0 expected", key, v);
  return v;
}

static orc_topology_shape shape_at(lua_State *L, int index)
{
  return (orc_topology_shape){
    .hosts = count_or(L, index, "network", "hosts", 0),
    .gpus = count_or(L, index, "network", "gpus", 0),
    .nics = count_or(L, index, "network", "nics", 0),
    .k = count_or(L, index, "network", "k", 0),
    .bandwidth = figure(L, index, "bandwidth", false),
    .latency = figure(L, index, "latency", true),
    .pcie_bandwidth = figure(L, index, "pcie_bandwidth", false),
    .pcie_latency = figure(L, index, "pcie_latency", true),
    .nic_bandwidth = figure(L, index, "nic_bandwidth", false),
    .nic_latency = figure(L, index, "nic_latency", true),
  };
}

static const char *const node_kinds[] = { "device", "host", "nic", "switch", NULL };

static orc_node_kind kind_named(lua_State *L, const char *what, const char *name)
{
  for (int i = 0; node_kinds[i] != NULL; i++)
    if (strcmp(node_kinds[i], name) == 0) return (orc_node_kind)i;
  orc_bind_fail(L, "%s.kind: '%s'; device, host, nic or switch expected", what, name);
}

/* The arrays of tables at network.nodes and network.links: `add` sees each on top of the stack. */
static void each(lua_State *L, int index, const char *key, orc_topology *t,
                 void (*add)(lua_State *L, orc_topology *t, const char *what))
{
  const int type = lua_getfield(L, index, key);
  if (type != LUA_TNIL && type != LUA_TTABLE)
    orc_bind_fail(L, "network.%s: an array expected", key);
  for (lua_Integer i = 1; type == LUA_TTABLE && i <= luaL_len(L, -1); i++) {
    const char *what = lua_pushfstring(L, "network.%s[%I]", key, (LUAI_UACINT)i);
    if (lua_geti(L, -2, i) != LUA_TTABLE) orc_bind_fail(L, "%s: a table expected", what);
    add(L, t, what);
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}

static void add_node(lua_State *L, orc_topology *t, const char *what)
{
  orc_error e;
  const orc_node_kind kind = kind_named(L, what, text_or(L, -1, what, "kind", "device"));
  const int host = count_or(L, -1, what, "host", -1);
  if (orc_topology_add_node(t, kind, text(L, -1, what, "name"), host, &e) < 0)
    orc_bind_fail(L, "%s: %s", what, e.msg);
}

static void add_link(lua_State *L, orc_topology *t, const char *what)
{
  orc_error e;
  const orc_edge link = {
    .name = text_or(L, -1, what, "id", NULL),
    .from = node_named(L, t, what, "from", text(L, -1, what, "from")),
    .to = node_named(L, t, what, "to", text(L, -1, what, "to")),
    .bandwidth = orc_bind_number(L, -1, what, "bandwidth"),
    .latency = orc_bind_number(L, -1, what, "latency"),
  };
  if (orc_topology_add_link(t, &link, &e) < 0) orc_bind_fail(L, "%s: %s", what, e.msg);
}

static int topology(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *kind = text_or(L, 1, "network", "kind", NULL);
  box *b = lua_newuserdatauv(L, sizeof *b, 0); /* [..., topology] */
  b->topology = NULL;
  luaL_setmetatable(L, TOPOLOGY);
  if (kind != NULL) {
    orc_error e;
    const orc_topology_shape shape = shape_at(L, 1);
    b->topology = orc_topology_build(kind, &shape, &e);
    if (b->topology == NULL) orc_bind_raise(L, &e);
  } else {
    b->topology = orc_topology_new();
  }
  each(L, 1, "nodes", b->topology, add_node);
  each(L, 1, "links", b->topology, add_link);
  return 1;
}

static int topologies(lua_State *L)
{
  lua_newtable(L);
  const char *const *names = orc_topology_names();
  for (int i = 0; names[i] != NULL; i++) {
    lua_pushstring(L, names[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static void set_number(lua_State *L, const char *key, double v)
{
  lua_pushnumber(L, v);
  lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, lua_Integer v)
{
  lua_pushinteger(L, v);
  lua_setfield(L, -2, key);
}

static void set_text(lua_State *L, const char *key, const char *v)
{
  lua_pushstring(L, v);
  lua_setfield(L, -2, key);
}

static int refused(lua_State *L, const orc_error *e)
{
  lua_pushnil(L);
  lua_pushstring(L, e->msg);
  return 2;
}

/* t:route(a, b) */
static int route(lua_State *L)
{
  orc_error e;
  orc_topology *t = orc_bind_topology(L, 1);
  const int from = node_named(L, t, "route", "from", luaL_checkstring(L, 2));
  const int to = node_named(L, t, "route", "to", luaL_checkstring(L, 3));
  const orc_route *r = orc_topology_route(t, from, to, &e);
  if (r == NULL) return refused(L, &e);
  lua_createtable(L, 0, 4);
  set_integer(L, "hops", r->hops);
  set_number(L, "latency", r->latency);
  set_number(L, "bandwidth", r->bandwidth);
  lua_createtable(L, r->hops, 0);
  for (int h = 0; h < r->hops; h++) {
    lua_pushstring(L, orc_topology_link(t, r->links[h])->name);
    lua_rawseti(L, -2, h + 1);
  }
  lua_setfield(L, -2, "links");
  return 1;
}

/* t:links() */
static int links(lua_State *L)
{
  const orc_topology *t = orc_bind_topology(L, 1);
  lua_createtable(L, orc_topology_links(t), 0);
  for (int i = 0; i < orc_topology_links(t); i++) {
    const orc_edge *l = orc_topology_link(t, i);
    lua_createtable(L, 0, 5);
    set_text(L, "id", l->name);
    set_text(L, "from", orc_topology_node(t, l->from)->name);
    set_text(L, "to", orc_topology_node(t, l->to)->name);
    set_number(L, "bandwidth", l->bandwidth);
    set_number(L, "latency", l->latency);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* t:nodes() */
static int nodes(lua_State *L)
{
  const orc_topology *t = orc_bind_topology(L, 1);
  lua_createtable(L, orc_topology_nodes(t), 0);
  for (int i = 0; i < orc_topology_nodes(t); i++) {
    const orc_node *v = orc_topology_node(t, i);
    lua_createtable(L, 0, 3);
    set_text(L, "name", v->name);
    set_text(L, "kind", node_kinds[v->kind]);
    if (v->host >= 0) set_integer(L, "host", v->host);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* t:check() */
static int check(lua_State *L)
{
  orc_error e;
  if (!orc_topology_check(orc_bind_topology(L, 1), &e)) return refused(L, &e);
  lua_pushboolean(L, true);
  return 1;
}

/* ---- transfers ---- */

typedef struct shipment {
  const orc_route *route;
  double bytes, end; /* B, s; infinite: never */
  orc_time at;
} shipment;

typedef struct harbour {
  orc_engine engine;
  orc_net *net;
  shipment *shipments;
} harbour;

static void arrived(void *self, uint64_t arg)
{
  harbour *h = self;
  h->shipments[arg].end = ((double)h->engine.now + orc_net_rest(h->net)) * 1e-9;
}

static void leave(void *self, uint32_t subject)
{
  harbour *h = self;
  const shipment *s = &h->shipments[subject];
  orc_net_send(h->net, s->route, s->bytes, arrived, h, subject);
}

/* Nothing in here calls Lua, so nothing is lost to an error. */
static bool ship_all(orc_topology *t, shipment *list, uint32_t n)
{
  harbour h = { .shipments = list };
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

static shipment shipment_at(lua_State *L, orc_topology *t, const char *what)
{
  orc_error e;
  const double at = orc_bind_number_or(L, -1, what, "at", 0.0);
  const double bytes = orc_bind_number(L, -1, what, "bytes");
  if (!(at >= 0.0 && at <= 1e9)) orc_bind_fail(L, "%s.at: %f; 0 s or more expected", what, at);
  if (!(bytes >= 0.0 && bytes <= 1e18))
    orc_bind_fail(L, "%s.bytes: %f; 0 or more expected", what, bytes);
  const int from = node_named(L, t, what, "from", text(L, -1, what, "from"));
  const int to = node_named(L, t, what, "to", text(L, -1, what, "to"));
  const orc_route *r = orc_topology_route(t, from, to, &e);
  if (r == NULL) orc_bind_fail(L, "%s: %s", what, e.msg);
  return (shipment){ .route = r, .bytes = bytes, .end = INFINITY, .at = orc_time_of(at) };
}

/* transfers(t, list) */
static int transfers(lua_State *L)
{
  orc_topology *t = orc_bind_topology(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  const lua_Integer n = luaL_len(L, 2);
  shipment *list = lua_newuserdatauv(L, (size_t)n * sizeof *list, 0);
  for (lua_Integer i = 1; i <= n; i++) {
    const char *what = lua_pushfstring(L, "transfer %I", (LUAI_UACINT)i);
    if (lua_geti(L, 2, i) != LUA_TTABLE) orc_bind_fail(L, "%s: a table expected", what);
    list[i - 1] = shipment_at(L, t, what);
    lua_pop(L, 2);
  }
  const bool contended = ship_all(t, list, (uint32_t)n);
  lua_createtable(L, (int)n, 0);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_pushnumber(L, list[i - 1].end);
    lua_rawseti(L, -2, i);
  }
  lua_pushboolean(L, contended);
  return 2;
}

/* ---- shares ---- */

/* The array of numbers at `index` in memory that Lua owns, which is pushed. */
static double *numbers(lua_State *L, int index, const char *what, int *n)
{
  luaL_checktype(L, index, LUA_TTABLE);
  *n = (int)luaL_len(L, index);
  double *v = lua_newuserdatauv(L, (size_t)*n * sizeof *v, 0);
  for (int i = 0; i < *n; i++) {
    if (lua_geti(L, index, i + 1) != LUA_TNUMBER)
      orc_bind_fail(L, "%s[%d]: a number expected", what, i + 1);
    v[i] = lua_tonumber(L, -1);
    lua_pop(L, 1);
  }
  return v;
}

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
static int share(lua_State *L)
{
  enum { FLOWS = 4096 };
  int count = 0;
  const double *capacity = numbers(L, 1, "capacity", &count);
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

/* ---- collectives ---- */

typedef struct wish {
  orc_collective collective;
  orc_algorithm algorithm;
  orc_fabric fabric;
  double bytes;
} wish;

static wish wish_at(lua_State *L, int index)
{
  luaL_checktype(L, index, LUA_TTABLE);
  const char *what = "collective";
  orc_error e;
  wish w = { .bytes = orc_bind_number(L, index, what, "bytes") };
  if (!orc_collective_find(text(L, index, what, "collective"), &w.collective, &e))
    orc_bind_raise(L, &e);
  if (!orc_algorithm_find(text_or(L, index, what, "algorithm", "auto"), &w.algorithm, &e))
    orc_bind_raise(L, &e);
  w.fabric = (orc_fabric){
    .near = { .ranks = (int)orc_bind_integer(L, index, what, "ranks"),
              .latency = orc_bind_number(L, index, what, "latency"),
              .bandwidth = orc_bind_number(L, index, what, "bandwidth") },
    .far = { .ranks = count_or(L, index, what, "hosts", 1),
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
static int collective(lua_State *L)
{
  const wish w = wish_at(L, 1);
  const orc_schedule s = orc_schedule_of(w.collective, w.algorithm, &w.fabric, w.bytes);
  lua_createtable(L, 0, 3);
  set_number(L, "seconds", orc_collective_time(w.collective, w.algorithm, &w.fabric, w.bytes));
  set_text(L, "algorithm", orc_algorithm_name(s.algorithm));
  set_integer(L, "pieces", s.pieces);
  return 1;
}

/* schedule(args) */
static int schedule(lua_State *L)
{
  const wish w = wish_at(L, 1);
  orc_schedule s = orc_schedule_of(w.collective, w.algorithm, &w.fabric, w.bytes);
  orc_transfer t;
  lua_newtable(L);
  for (lua_Integer i = 1; orc_schedule_next(&s, &t); i++) {
    lua_createtable(L, 0, 4);
    set_integer(L, "round", t.round);
    set_integer(L, "from", t.from);
    set_integer(L, "to", t.to);
    set_number(L, "bytes", t.bytes);
    lua_rawseti(L, -2, i);
  }
  return 1;
}

/* As ship_all, for one plan in rounds. */
static double carry(orc_topology *t, const int *devices, int hub, orc_schedule s)
{
  shipment whole = { .end = 0.0 };
  harbour h = { .shipments = &whole };
  h.net = orc_net_new(t, &h.engine, NET_EVENT);
  orc_rounds r = {
    .net = h.net, .nodes = devices, .hub = hub, .next = orc_schedule_next, .plan = &s
  };
  r.done = arrived;
  r.ctx = &h;
  orc_rounds_start(&r);
  while (orc_engine_next(&h.engine) < ORC_NEVER)
    orc_engine_step(&h.engine);
  orc_net_free(h.net);
  orc_engine_done(&h.engine);
  return whole.end;
}

/* carry_out(t, devices, args, hub) */
static int carry_out(lua_State *L)
{
  orc_error e;
  orc_topology *t = orc_bind_topology(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  const wish w = wish_at(L, 3);
  const char *name = luaL_optstring(L, 4, NULL);
  const int hub = name == NULL ? -1 : node_named(L, t, "carry_out", "hub", name);
  const int n = (int)luaL_len(L, 2);
  if (n != orc_fabric_ranks(&w.fabric))
    orc_bind_fail(L, "carry_out: %d devices for %d ranks", n, orc_fabric_ranks(&w.fabric));
  int *devices = lua_newuserdatauv(L, (size_t)n * sizeof *devices, 0);
  for (int i = 0; i < n; i++) {
    lua_geti(L, 2, i + 1);
    devices[i] = node_named(L, t, "carry_out", "devices", luaL_checkstring(L, -1));
    lua_pop(L, 1);
  }
  const orc_schedule s = orc_schedule_of(w.collective, w.algorithm, &w.fabric, w.bytes);
  if (s.algorithm == ORC_ALGORITHM_IN_SWITCH && hub < 0)
    orc_bind_fail(L, "carry_out: the switch's name is missing");
  if (!orc_rounds_check(t, devices, n, hub, &e)) orc_bind_raise(L, &e);
  lua_pushnumber(L, carry(t, devices, hub, s));
  return 1;
}

/* fit(bytes, seconds) */
static int fit(lua_State *L)
{
  orc_error e;
  orc_collective_line line;
  int n = 0, m = 0;
  const double *bytes = numbers(L, 1, "bytes", &n);
  const double *seconds = numbers(L, 2, "seconds", &m);
  if (n != m) orc_bind_fail(L, "fit: %d sizes and %d times", n, m);
  for (int i = 0; i < n; i++)
    if (!(seconds[i] > 0.0)) orc_bind_fail(L, "seconds[%d]: more than 0 expected", i + 1);
  if (!orc_collective_fit(bytes, seconds, n, &line, &e)) return refused(L, &e);
  lua_createtable(L, 0, 4);
  set_number(L, "base", line.base);
  set_number(L, "per_byte", line.per_byte);
  set_number(L, "error", line.error);
  set_number(L, "worst", line.worst);
  return 1;
}

/* ---- the part ---- */

static const luaL_Reg methods[] = {
  { "route", route }, { "links", links }, { "nodes", nodes }, { "check", check }, { NULL, NULL },
};

static const luaL_Reg functions[] = {
  { "topology", topology },
  { "topologies", topologies },
  { "transfers", transfers },
  { "share", share },
  { "collective", collective },
  { "schedule", schedule },
  { "carry_out", carry_out },
  { "fit", fit },
  { NULL, NULL },
};

int orc_bind_net(lua_State *L)
{
  luaL_newmetatable(L, TOPOLOGY); /* [mt] */
  luaL_newlib(L, methods);        /* [mt, methods] */
  lua_setfield(L, -2, "__index"); /* [mt] */
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_pushliteral(L, "topology");
  lua_setfield(L, -2, "__metatable"); /* scripts cannot reach it */
  lua_pop(L, 1);                      /* [] */
  luaL_newlib(L, functions);
  return 1;
}
