/*
** net.c - networks and collectives: oracle.core.net. All in SI units: s, B, B/s.
**   topology{kind =, hosts =, gpus =, nics =, k =, bandwidth =, latency =, pcie_bandwidth =,
**            pcie_latency =, nic_bandwidth =, nic_latency =, nodes =, links =, loggp =, overhead =, gap =}
**                         a topology by name (see net/topology.h), or an empty one without `kind`;
**                         then nodes = { { name =, kind =, host = }, ... } of the kinds
**                         device, host, nic, switch and nvswitch (one that adds up), and links = {
*{ id =, from =, to =, bandwidth =, latency =, overhead =, gap = },
**                         ... }, one way each, are added. host counts from 0. loggp = true: formulas go by
**                         LogGP, with overhead and gap for the links of `kind`. Raises what is wrong
**   t:route(a, b)         { hops =, latency =, bandwidth =, links = { id, ... } }; or nil and why
**   t:links(), t:nodes()  arrays of what is there, with the keys above
**   t:adds_up(algorithm, { device, ... })   the links that all-reduces of these devices may use; or
**                         nil and what the algorithm needs and they do not have
**   t:check()             true; or nil and which devices cannot reach each other
**   topologies()          the names of kinds
**   transfers(t, { { at =, from =, to =, bytes = }, ... })
**                         when each has come in (s), and whether any two shared a link
**   share(capacities, { { link, ... }, ... })   max-min fair rates; links count from 1
**   collective{collective =, algorithm = "auto", bytes =, ranks =, latency =, bandwidth =, port =,
**              hosts =, host_latency =, host_bandwidth =, in_switch =}
**                         { seconds =, algorithm =, pieces = }; ranks are those of one host
**   loggp{collective =, algorithm = "auto", bytes =, ranks =, latency =, overhead =, gap =,
**         gap_per_byte =}   s by the LogGP model (cost/collective.h) on one host
**   schedule{those of collective}   array of { round =, from =, to =, bytes = }; ranks from 0,
**                         -1: the switch
**   carry_out(t, { device, ... }, {the same} [, hub])
**                         s the schedule takes on an idle t; hub: the switch's name
**   fit({bytes}, {s})     { base =, per_byte =, error =, worst = }; or nil and why
*/
#include "bind/net/net.h"
#include "bind/core.h"

#include <lauxlib.h>
#include <limits.h>
#include <string.h>

#define TOPOLOGY "oracle.topology"

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

const char *orc_bind_text_or(lua_State *L, int index, const char *what, const char *key,
                             const char *otherwise)
{
  const int type = lua_getfield(L, index, key);
  if (type != LUA_TNIL && type != LUA_TSTRING)
    orc_bind_fail(L, "%s.%s: a string expected, got a %s", what, key, lua_typename(L, type));
  const char *s = type == LUA_TNIL ? otherwise : lua_tostring(L, -1);
  lua_pop(L, 1); /* the table keeps it */
  return s;
}

const char *orc_bind_text(lua_State *L, int index, const char *what, const char *key)
{
  const char *s = orc_bind_text_or(L, index, what, key, NULL);
  if (s == NULL) orc_bind_fail(L, "%s.%s: missing, a string expected", what, key);
  return s;
}

int orc_bind_count_or(lua_State *L, int index, const char *what, const char *key, int otherwise)
{
  const int64_t v = orc_bind_integer_or(L, index, what, key, otherwise);
  if (v < INT_MIN || v > INT_MAX) orc_bind_fail(L, "%s.%s: out of range", what, key);
  return (int)v;
}

int orc_bind_node(lua_State *L, const orc_topology *t, const char *what, const char *key,
                  const char *name)
{
  const int node = orc_topology_find(t, name);
  if (node < 0)
    orc_bind_fail(L, "%s.%s: unknown node '%s'; the topology has %d nodes", what, key, name,
                  orc_topology_nodes(t));
  return node;
}

/* The array of numbers at `index` in memory that Lua owns, which is pushed. */
double *orc_bind_numbers(lua_State *L, int index, const char *what, int *n)
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
    .hosts = orc_bind_count_or(L, index, "network", "hosts", 0),
    .gpus = orc_bind_count_or(L, index, "network", "gpus", 0),
    .nics = orc_bind_count_or(L, index, "network", "nics", 0),
    .k = orc_bind_count_or(L, index, "network", "k", 0),
    .bandwidth = figure(L, index, "bandwidth", false),
    .latency = figure(L, index, "latency", true),
    .pcie_bandwidth = figure(L, index, "pcie_bandwidth", false),
    .pcie_latency = figure(L, index, "pcie_latency", true),
    .nic_bandwidth = figure(L, index, "nic_bandwidth", false),
    .nic_latency = figure(L, index, "nic_latency", true),
  };
}

static const char *const node_kinds[] = { "device", "host", "nic", "switch", "nvswitch", NULL };

static orc_node_kind kind_named(lua_State *L, const char *what, const char *name)
{
  for (int i = 0; node_kinds[i] != NULL; i++)
    if (strcmp(node_kinds[i], name) == 0) return (orc_node_kind)i;
  orc_bind_fail(L, "%s.kind: '%s'; device, host, nic, switch or nvswitch expected", what, name);
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
  const orc_node_kind kind = kind_named(L, what, orc_bind_text_or(L, -1, what, "kind", "device"));
  const int host = orc_bind_count_or(L, -1, what, "host", -1);
  if (orc_topology_add_node(t, kind, orc_bind_text(L, -1, what, "name"), host, &e) < 0)
    orc_bind_fail(L, "%s: %s", what, e.msg);
}

static void add_link(lua_State *L, orc_topology *t, const char *what)
{
  orc_error e;
  const orc_edge link = {
    .name = orc_bind_text_or(L, -1, what, "id", NULL),
    .from = orc_bind_node(L, t, what, "from", orc_bind_text(L, -1, what, "from")),
    .to = orc_bind_node(L, t, what, "to", orc_bind_text(L, -1, what, "to")),
    .bandwidth = orc_bind_number(L, -1, what, "bandwidth"),
    .latency = orc_bind_number(L, -1, what, "latency"),
    .overhead = orc_bind_number_or(L, -1, what, "overhead", 0.0),
    .gap = orc_bind_number_or(L, -1, what, "gap", 0.0),
  };
  if (orc_topology_add_link(t, &link, &e) < 0) orc_bind_fail(L, "%s: %s", what, e.msg);
}

static int topology(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  const char *kind = orc_bind_text_or(L, 1, "network", "kind", NULL);
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
  const double overhead = orc_bind_number_or(L, 1, "network", "overhead", 0.0);
  const double gap = orc_bind_number_or(L, 1, "network", "gap", 0.0);
  if (!(overhead >= 0.0) || !(gap >= 0.0))
    orc_bind_fail(L, "network: overhead, gap: >= 0 expected");
  if (orc_bind_bool_or(L, 1, "network", "loggp", false))
    orc_topology_loggp(b->topology, overhead, gap);
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

void orc_bind_set_number(lua_State *L, const char *key, double v)
{
  lua_pushnumber(L, v);
  lua_setfield(L, -2, key);
}

void orc_bind_set_integer(lua_State *L, const char *key, lua_Integer v)
{
  lua_pushinteger(L, v);
  lua_setfield(L, -2, key);
}

void orc_bind_set_text(lua_State *L, const char *key, const char *v)
{
  lua_pushstring(L, v);
  lua_setfield(L, -2, key);
}

int orc_bind_refused(lua_State *L, const orc_error *e)
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
  const int from = orc_bind_node(L, t, "route", "from", luaL_checkstring(L, 2));
  const int to = orc_bind_node(L, t, "route", "to", luaL_checkstring(L, 3));
  const orc_route *r = orc_topology_route(t, from, to, &e);
  if (r == NULL) return orc_bind_refused(L, &e);
  lua_createtable(L, 0, 4);
  orc_bind_set_integer(L, "hops", r->hops);
  orc_bind_set_number(L, "latency", r->latency);
  orc_bind_set_number(L, "bandwidth", r->bandwidth);
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
    orc_bind_set_text(L, "id", l->name);
    orc_bind_set_text(L, "from", orc_topology_node(t, l->from)->name);
    orc_bind_set_text(L, "to", orc_topology_node(t, l->to)->name);
    orc_bind_set_number(L, "bandwidth", l->bandwidth);
    orc_bind_set_number(L, "latency", l->latency);
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
    orc_bind_set_text(L, "name", v->name);
    orc_bind_set_text(L, "kind", node_kinds[v->kind]);
    if (v->host >= 0) orc_bind_set_integer(L, "host", v->host);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* t:check() */
static int check(lua_State *L)
{
  orc_error e;
  if (!orc_topology_check(orc_bind_topology(L, 1), &e)) return orc_bind_refused(L, &e);
  lua_pushboolean(L, true);
  return 1;
}

/* ---- the part ---- */

static const luaL_Reg methods[] = {
  { "route", route },
  { "links", links },
  { "nodes", nodes },
  { "check", check },
  { "adds_up", orc_bind_net_adds_up },
  { NULL, NULL },
};

static const luaL_Reg functions[] = {
  { "topology", topology },
  { "topologies", topologies },
  { "transfers", orc_bind_net_transfers },
  { "share", orc_bind_net_share },
  { "collective", orc_bind_net_collective },
  { "loggp", orc_bind_net_loggp },
  { "schedule", orc_bind_net_schedule },
  { "carry_out", orc_bind_net_carry_out },
  { "fit", orc_bind_net_fit },
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
