#include "bind/policy.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "serve/batch.h"

/* Turn what a protected call left on the stack into an error of the engine; pops it. */
static bool refuse(lua_State *L, const char *policy, orc_error *e)
{
  const char *why = lua_tostring(L, -1);
  orc_fail(e, "policy \"%s\": %s", policy, why != NULL ? why : "an error without a message");
  lua_pop(L, 1);
  return false;
}

static bool step(void *self, orc_batch *b, orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  const int i = b->replica->index;
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->step);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->batch[i]);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->knobs);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->state[i]);
  void **box = lua_touserdata(L, -3);
  *box = b;
  orc_watch_enter(p->watch);
  const int status = lua_pcall(L, 3, 0, 0);
  orc_watch_leave(p->watch);
  *box = NULL;
  return status == LUA_OK || refuse(L, p->batching.name, e);
}

static bool order(void *self, const orc_request *r, double *key, orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->order);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->request);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->knobs);
  union {
    const orc_request *in;
    void *out;
  } view = { .in = r }; /* the box is untyped; Lua only reads */
  void **box = lua_touserdata(L, -2);
  *box = view.out;
  orc_watch_enter(p->watch);
  const int status = lua_pcall(L, 2, 1, 0);
  orc_watch_leave(p->watch);
  *box = NULL;
  if (status != LUA_OK) return refuse(L, p->batching.name, e);
  int number = 0;
  *key = lua_tonumberx(L, -1, &number);
  lua_pop(L, 1);
  if (!number || *key != *key)
    return orc_fail(e, "policy \"%s\": order returned no number", p->batching.name);
  return true;
}

static bool route(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                  orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->route);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->cluster);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->request);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->memory);
  union {
    const void *in;
    void *out;
  } cluster = { .in = c }, request = { .in = r };
  void **cluster_box = lua_touserdata(L, -3), **request_box = lua_touserdata(L, -2);
  *cluster_box = cluster.out;
  *request_box = request.out;
  orc_watch_enter(p->watch);
  const int status = lua_pcall(L, 3, 1, 0);
  orc_watch_leave(p->watch);
  *cluster_box = *request_box = NULL;
  if (status != LUA_OK) return refuse(L, p->router.name, e);
  int whole = 0;
  const lua_Integer choice = lua_tointegerx(L, -1, &whole);
  lua_pop(L, 1);
  if (!whole || choice < 1 || choice > p->replicas)
    return orc_fail(e, "router \"%s\": a replica from 1 to %d expected", p->router.name,
                    p->replicas);
  *replica = (int)choice - 1;
  return true;
}

/* A reference to the function `key` of the table on top, LUA_NOREF when it defines none. */
static int function(lua_State *L, const char *what, const char *key)
{
  const int type = lua_getfield(L, -1, key);
  if (type != LUA_TNIL && type != LUA_TFUNCTION)
    orc_bind_fail(L, "%s.%s: a function expected, got a %s", what, key, lua_typename(L, type));
  if (type == LUA_TFUNCTION) return luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pop(L, 1);
  return LUA_NOREF;
}

/* The name stays valid as long as the policy's table: the spec holds it. */
static const char *name(lua_State *L, const char *otherwise)
{
  const char *s = lua_getfield(L, -1, "name") == LUA_TSTRING ? lua_tostring(L, -1) : otherwise;
  lua_pop(L, 1);
  return s;
}

static int box(lua_State *L, const char *metatable)
{
  void **b = lua_newuserdatauv(L, sizeof *b, 0);
  *b = NULL;
  luaL_setmetatable(L, metatable);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

static int table(lua_State *L)
{
  lua_newtable(L);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

static void read_batching(orc_lua_policies *p, int index)
{
  lua_State *L = p->L;
  if (lua_getfield(L, index, "batching") == LUA_TNIL) {
    p->batching = orc_batching_chunked;
    lua_pop(L, 1);
    return;
  }
  if (!lua_istable(L, -1)) orc_bind_fail(L, "batching: a policy expected");
  p->batching.name = name(L, "unnamed");
  p->batching.self = p;
  p->batching.every_step = orc_bind_bool_or(L, -1, "batching", "every_step", false);
  p->batching.clairvoyant = orc_bind_bool_or(L, -1, "batching", "clairvoyant", false);
  p->step = function(L, "batching", "step");
  p->order = function(L, "batching", "order");
  p->batching.step = p->step != LUA_NOREF ? step : orc_batching_chunked.step;
  p->batching.order = p->order != LUA_NOREF ? order : NULL;
  lua_pop(L, 1);
}

static void read_router(orc_lua_policies *p, int index)
{
  lua_State *L = p->L;
  if (lua_getfield(L, index, "router") == LUA_TTABLE) {
    p->router.name = name(L, "unnamed");
    p->route = function(L, "router", "route");
    if (p->route == LUA_NOREF) orc_bind_fail(L, "router.route: missing, a function expected");
    p->router.self = p;
    p->router.route = route;
  } else if (!lua_isnil(L, -1)) {
    orc_bind_fail(L, "router: a policy expected");
  }
  lua_pop(L, 1);
}

/* What `order` and `route` see of a request: its output length only for a clairvoyant policy. */
static int request_box(const orc_lua_policies *p)
{
  return box(p->L, p->batching.clairvoyant ? "oracle.request.clairvoyant" : "oracle.request");
}

void orc_policies_init(orc_lua_policies *p, lua_State *L, int index, int replicas, orc_watch *watch)
{
  *p = (orc_lua_policies){ .L = L,
                           .watch = watch,
                           .step = LUA_NOREF,
                           .order = LUA_NOREF,
                           .route = LUA_NOREF,
                           .replicas = replicas };
  read_batching(p, index);
  read_router(p, index);
  lua_getfield(L, index, "engine");
  p->knobs = luaL_ref(L, LUA_REGISTRYINDEX);
  p->request = request_box(p);
  p->cluster = box(L, "oracle.cluster");
  p->memory = table(L);
  p->batch = orc_alloc((size_t)replicas, sizeof *p->batch);
  p->state = orc_alloc((size_t)replicas, sizeof *p->state);
  for (int i = 0; i < replicas; i++) {
    p->batch[i] = box(L, "oracle.batch");
    p->state[i] = table(L);
  }
}

void orc_policies_done(orc_lua_policies *p)
{
  lua_State *L = p->L;
  if (L == NULL) return;
  const int refs[] = { p->step, p->order, p->route, p->knobs, p->request, p->cluster, p->memory };
  for (size_t i = 0; i < sizeof refs / sizeof *refs; i++)
    luaL_unref(L, LUA_REGISTRYINDEX, refs[i]);
  for (int i = 0; i < p->replicas; i++) {
    luaL_unref(L, LUA_REGISTRYINDEX, p->batch[i]);
    luaL_unref(L, LUA_REGISTRYINDEX, p->state[i]);
  }
  free(p->batch);
  free(p->state);
  p->L = NULL;
}

static void drop_functions(const orc_lua_policies *p)
{
  const int refs[] = { p->step, p->order, p->route, p->request };
  for (size_t i = 0; i < sizeof refs / sizeof *refs; i++)
    luaL_unref(p->L, LUA_REGISTRYINDEX, refs[i]);
}

void orc_policies_swap(orc_lua_policies *p, int index, orc_lua_policies *old)
{
  orc_lua_policies fresh = *p;
  fresh.batching = (orc_batching){ 0 };
  fresh.router = (orc_router){ 0 };
  fresh.step = fresh.order = fresh.route = LUA_NOREF;
  read_batching(&fresh, index);
  read_router(&fresh, index);
  fresh.request = request_box(&fresh);
  if (fresh.batching.self != NULL) fresh.batching.self = p;
  if (fresh.router.self != NULL) fresh.router.self = p;
  *old = *p;
  *p = fresh;
}

void orc_policies_keep(orc_lua_policies *old)
{
  drop_functions(old);
}

void orc_policies_revert(orc_lua_policies *p, const orc_lua_policies *old)
{
  drop_functions(p);
  *p = *old;
}
