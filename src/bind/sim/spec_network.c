#include "bind/sim/spec_network.h"

#include <lauxlib.h>

#include "bind/net/net.h"

/* The level on top of the stack, which goes; nil: otherwise. */
static orc_lod take_level(lua_State *L, const char *otherwise)
{
  static const char *const names[] = { "medium", "high", "auto", NULL };
  const orc_lod lod = (orc_lod)luaL_checkoption(L, -1, otherwise, names);
  lua_pop(L, 1);
  return lod;
}

/* spec.levels -> an array in a userdata that stays on the stack. */
static const orc_lod *read_levels(lua_State *L, int index, int replicas)
{
  if (lua_getfield(L, index, "levels") != LUA_TTABLE) return NULL;
  orc_lod *out = lua_newuserdatauv(L, (size_t)replicas * sizeof *out, 0);
  for (int i = 0; i < replicas; i++) {
    lua_rawgeti(L, -2, i + 1);
    out[i] = take_level(L, "medium");
  }
  return out;
}

/* spec.devices -> node numbers in a userdata that stays on the stack. */
static const int *read_devices(lua_State *L, int index, const orc_topology *t)
{
  if (lua_getfield(L, index, "devices") != LUA_TTABLE)
    orc_bind_fail(L, "devices: a list of names expected");
  const int n = (int)lua_rawlen(L, -1);
  int *out = lua_newuserdatauv(L, (size_t)(n + 1) * sizeof *out, 0);
  for (int i = 0; i < n; i++) {
    lua_rawgeti(L, -2, i + 1);
    out[i] = orc_topology_find(t, luaL_checkstring(L, -1));
    if (out[i] < 0) orc_bind_fail(L, "devices: the network has no \"%s\"", lua_tostring(L, -1));
    lua_pop(L, 1);
  }
  return out;
}

void orc_bind_spec_network(lua_State *L, int index, int replicas, orc_cluster_config *config)
{
  luaL_checkstack(L, 8, NULL);
  lua_getfield(L, index, "lod");
  config->lod = take_level(L, "auto");
  config->levels = read_levels(L, index, replicas);
  if (lua_getfield(L, index, "network") == LUA_TNIL) return;
  config->topology = orc_bind_topology(L, lua_gettop(L));
  config->devices = read_devices(L, index, config->topology);
}

void orc_bind_put_shared(lua_State *L, const orc_cluster *c)
{
  const orc_placement *p = &c->placement;
  lua_newtable(L);
  lua_Integer n = 0;
  for (int i = 0; p->topology != NULL && i < orc_topology_links(p->topology); i++) {
    if (p->crossings[i] < 2) continue;
    lua_pushstring(L, orc_topology_link(p->topology, i)->name);
    lua_rawseti(L, -2, ++n);
  }
  lua_setfield(L, -2, "shared_links");
}
