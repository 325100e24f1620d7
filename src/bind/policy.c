#include "bind/policy.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "serve/batch.h"

static const char asking_key; /* its address names the state's orc_asking in the registry */

/* A state's extra space is copied to its later coroutines: it holds an address that stays. */
static void set_asking(lua_State *L, orc_asking *a)
{
  *(orc_asking **)lua_getextraspace(L) = a;
}

/* Memory errors carry no position: they are said to be of the function that was called. */
static void place(lua_State *L, int function, char *out, size_t size)
{
  lua_Debug ar;
  lua_rawgeti(L, LUA_REGISTRYINDEX, function);
  lua_getinfo(L, ">S", &ar);
  snprintf(out, size, "%s:%d", ar.short_src, ar.linedefined);
}

/* What was returned is no answer: the line at which the function begins is the nearest there is. */
static bool refuse_answer(lua_State *L, int function, const char *policy, const char *what,
                          orc_error *e)
{
  char where[LUA_IDSIZE + 16];
  place(L, function, where, sizeof where);
  return orc_fail(e, "policy \"%s\": %s (%s)", policy, what, where);
}

/* Turn what a protected call left on the stack into an error of the engine; pops it. */
static bool refuse(lua_State *L, int status, int function, const char *policy, orc_error *e)
{
  const char *why = lua_tostring(L, -1);
  if (status == LUA_ERRMEM || (why != NULL && strcmp(why, "not enough memory") == 0)) {
    char where[LUA_IDSIZE + 16];
    place(L, function, where, sizeof where);
    orc_fail(e, "policy \"%s\": %s: the policy took more than %d MiB of memory", policy, where,
             ORC_WATCH_MEMORY_MIB);
  } else {
    if (why != NULL)
      orc_fail(e, "policy \"%s\": %s", policy, why);
    else
      refuse_answer(L, function, policy, "an error without a message", e);
  }
  lua_pop(L, 1);
  return false;
}

/* Call the function below `args` arguments; its draws come from asked.chance. */
static int ask(orc_lua_policies *p, int args, int results, orc_asking asked)
{
  /* A verb of one policy may lead to another being asked: what it had is put back. */
  const orc_asking before = *p->asking;
  const bool within = before.chance != NULL;
  *p->asking = asked;
  if (!within) orc_watch_enter(p->watch);
  const int status = lua_pcall(p->L, args, results, 0);
  if (!within) orc_watch_leave(p->watch);
  *p->asking = before;
  return status;
}

/* The same of what forms no batch. */
static int call(orc_lua_policies *p, int args, int results, orc_rng *chance)
{
  return ask(p, args, results, (orc_asking){ .chance = chance });
}

/* Push a box and point it at `what`; it is untyped, and Lua only reads what is const. */
static void **push_box(lua_State *L, int reference, const void *what)
{
  union {
    const void *in;
    void *out;
  } view = { .in = what };
  lua_rawgeti(L, LUA_REGISTRYINDEX, reference);
  void **box = lua_touserdata(L, -1);
  *box = view.out;
  return box;
}

static bool step(void *self, orc_batch *b, orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  const int i = b->replica->index;
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->step);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->batch[i]);
  const void *box = lua_touserdata(L, -1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->knobs);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->state[i]);
  const int status =
      ask(p, 3, 0, (orc_asking){ .chance = &b->replica->chance, .batch = b, .box = box });
  return status == LUA_OK || refuse(L, status, p->step, p->batching.name, e);
}

/* function(r, e, s) of the replica a request is on */
static int call_about(orc_lua_policies *p, int function, const orc_request *r, int results)
{
  lua_State *L = p->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, function);
  void **box = push_box(L, p->request, r);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->knobs);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->state[r->replica]);
  const int status = call(p, 3, results, &p->of->replicas[r->replica].chance);
  *box = NULL;
  return status;
}

static bool order(void *self, const orc_request *r, double *key, orc_error *e)
{
  orc_lua_policies *p = self;
  const int status = call_about(p, p->order, r, 1);
  if (status != LUA_OK) return refuse(p->L, status, p->order, p->batching.name, e);
  int number = 0;
  *key = lua_tonumberx(p->L, -1, &number);
  lua_pop(p->L, 1);
  if (!number || *key != *key)
    return refuse_answer(p->L, p->order, p->batching.name, "order returned no number", e);
  return true;
}

static bool ended(void *self, const orc_request *r, orc_status status, orc_error *e)
{
  orc_lua_policies *p = self;
  (void)status;
  const int done = call_about(p, p->ended, r, 0);
  return done == LUA_OK || refuse(p->L, done, p->ended, p->batching.name, e);
}

/* function(c, r, s) about an arrival */
static int call_at_arrival(orc_lua_policies *p, int function, int memory, const orc_cluster *c,
                           const orc_request *r)
{
  lua_State *L = p->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, function);
  void **cluster = push_box(L, p->cluster, c);
  void **request = push_box(L, p->request, r);
  lua_rawgeti(L, LUA_REGISTRYINDEX, memory);
  const int status = call(p, 3, 1, memory == p->routing ? &p->of->routing : &p->chance[0]);
  *cluster = *request = NULL;
  return status;
}

static bool route(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                  orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  const int status = call_at_arrival(p, p->route, p->routing, c, r);
  if (status != LUA_OK) return refuse(L, status, p->route, p->router.name, e);
  int whole = 0;
  const lua_Integer choice = lua_tointegerx(L, -1, &whole);
  lua_pop(L, 1);
  const int most = c->fleet.ready_count + c->fleet.decode_count;
  if (!whole || choice < 1 || choice > most) {
    char where[LUA_IDSIZE + 16];
    place(L, p->route, where, sizeof where);
    return orc_fail(e, "router \"%s\": a replica from 1 to %d expected (%s)", p->router.name, most,
                    where);
  }
  *replica = (int)choice - 1;
  return true;
}

static bool decode(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                   orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  const int status = call_at_arrival(p, p->decode, p->routing, c, r);
  if (status != LUA_OK) return refuse(L, status, p->decode, p->router.name, e);
  int whole = 0;
  const lua_Integer choice = lua_tointegerx(L, -1, &whole);
  lua_pop(L, 1);
  const int first = c->fleet.ready_count + 1, last = c->fleet.ready_count + c->fleet.decode_count;
  if (!whole || choice < first || choice > last) {
    char where[LUA_IDSIZE + 16];
    place(L, p->decode, where, sizeof where);
    return orc_fail(e, "router \"%s\": decode: a replica from %d to %d expected (%s)",
                    p->router.name, first, last, where);
  }
  *replica = (int)choice - 1;
  return true;
}

static bool admit(void *self, const orc_cluster *c, const orc_request *r, bool *yes, orc_error *e)
{
  orc_lua_policies *p = self;
  const int status = call_at_arrival(p, p->admit, p->admitting, c, r);
  if (status != LUA_OK) return refuse(p->L, status, p->admit, p->admission.name, e);
  const bool answered = lua_isboolean(p->L, -1);
  *yes = lua_toboolean(p->L, -1);
  lua_pop(p->L, 1);
  if (!answered)
    return refuse_answer(p->L, p->admit, p->admission.name, "admit returned neither true nor false",
                         e);
  return true;
}

static bool scale(void *self, const orc_cluster *c, int *wanted, orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->scale);
  void **cluster = push_box(L, p->cluster, c);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->scaling);
  const int status = call(p, 2, 1, &p->chance[1]);
  *cluster = NULL;
  if (status != LUA_OK) return refuse(L, status, p->scale, p->autoscaler.name, e);
  int number = 0;
  const double n = lua_tonumberx(L, -1, &number);
  lua_pop(L, 1);
  if (!number || n != n)
    return refuse_answer(L, p->scale, p->autoscaler.name, "scale returned no number of replicas",
                         e);
  *wanted = n <= 0.0 ? 0 : n >= (double)p->replicas ? p->replicas : (int)(n + 0.5);
  return true;
}

static bool grade(void *self, const orc_request *r, int *out, orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->grade);
  void **box = push_box(L, p->request, r);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->grading);
  const int status = call(p, 2, 1, &p->chance[2]);
  *box = NULL;
  if (status != LUA_OK) return refuse(L, status, p->grade, p->eviction.name, e);
  int whole = 0;
  const lua_Integer n = lua_tointegerx(L, -1, &whole);
  lua_pop(L, 1);
  if (!whole || n < 0 || n >= ORC_PREFIX_GRADES) {
    char where[LUA_IDSIZE + 16];
    place(L, p->grade, where, sizeof where);
    return orc_fail(e, "policy \"%s\": grade returned no whole number from 0 to %d (%s)",
                    p->eviction.name, ORC_PREFIX_GRADES - 1, where);
  }
  *out = (int)n;
  return true;
}

/* ---- reading the tables ---- */

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
static const char *name(lua_State *L)
{
  const char *s = lua_getfield(L, -1, "name") == LUA_TSTRING ? lua_tostring(L, -1) : "unnamed";
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

/* A reference to spec.<kind>.params, or to nil. */
static int read_params(lua_State *L, int index, const char *kind)
{
  if (lua_getfield(L, index, kind) == LUA_TTABLE)
    lua_getfield(L, -1, "params");
  else
    lua_pushnil(L);
  const int reference = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pop(L, 1);
  return reference;
}

static void give_params(lua_State *L, int memory, int params)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, memory);
  lua_rawgeti(L, LUA_REGISTRYINDEX, params);
  lua_setfield(L, -2, "params");
  lua_pop(L, 1);
}

/* A policy's own table. */
static int memory(lua_State *L)
{
  lua_newtable(L);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* The params of batching and router come to the tables that these keep. */
static void give_all_params(const orc_lua_policies *p)
{
  for (int i = 0; i < p->replicas; i++)
    give_params(p->L, p->state[i], p->params);
  give_params(p->L, p->routing, p->routing_params);
}

static orc_victim read_victim(lua_State *L)
{
  static const char *const names[] = { "last", "key", "shortest" };
  const char *victim = lua_getfield(L, -1, "victim") == LUA_TSTRING ? lua_tostring(L, -1) : "last";
  int i = 0;
  while (i < 3 && strcmp(names[i], victim) != 0)
    i++;
  if (i == 3)
    orc_bind_fail(L, "batching.victim: \"last\", \"key\" or \"shortest\" expected, got \"%s\"",
                  victim);
  lua_pop(L, 1);
  return (orc_victim)i;
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
  p->batching.name = name(L);
  p->batching.self = p;
  p->batching.where = p->where;
  p->batching.every_step = orc_bind_bool_or(L, -1, "batching", "every_step", false);
  p->batching.clairvoyant = orc_bind_bool_or(L, -1, "batching", "clairvoyant", false);
  p->batching.victim = read_victim(L);
  p->step = function(L, "batching", "step");
  p->order = function(L, "batching", "order");
  p->ended = function(L, "batching", "ended");
  p->where[0] = '\0';
  if (p->step != LUA_NOREF) {
    char at[LUA_IDSIZE + 16];
    place(L, p->step, at, sizeof at);
    snprintf(p->where, sizeof p->where, " (%s)", at);
  }
  p->batching.step = p->step != LUA_NOREF ? step : orc_batching_chunked.step;
  p->batching.order = p->order != LUA_NOREF ? order : NULL;
  p->batching.ended = p->ended != LUA_NOREF ? ended : NULL;
  lua_pop(L, 1);
}

/* The one function of a policy of `kind`; LUA_NOREF without such a policy. */
static int read_one(lua_State *L, int index, const char *kind, const char *key, const char **called)
{
  int reference = LUA_NOREF;
  if (lua_getfield(L, index, kind) == LUA_TTABLE) {
    *called = name(L);
    reference = function(L, kind, key);
    if (reference == LUA_NOREF) orc_bind_fail(L, "%s.%s: missing, a function expected", kind, key);
  } else if (!lua_isnil(L, -1)) {
    orc_bind_fail(L, "%s: a policy expected", kind);
  }
  lua_pop(L, 1);
  return reference;
}

static void read_router(orc_lua_policies *p, int index)
{
  lua_State *L = p->L;
  p->route = read_one(L, index, "router", "route", &p->router.name);
  p->decode = LUA_NOREF;
  p->router.self = p;
  if (p->route == LUA_NOREF) return;
  p->router.route = route;
  lua_getfield(L, index, "router");
  p->decode = function(L, "router", "decode");
  p->router.tracks = orc_bind_bool_or(L, lua_gettop(L), "router", "tracks", false);
  lua_pop(L, 1);
  if (p->decode != LUA_NOREF) p->router.decode = decode;
}

/* What order, route and admit see of a request: its output length only for a clairvoyant policy. */
static int request_box(const orc_lua_policies *p)
{
  return box(p->L, p->batching.clairvoyant ? "oracle.request.clairvoyant" : "oracle.request");
}

static void read_fleet_policies(orc_lua_policies *p, int index)
{
  lua_State *L = p->L;
  p->admit = read_one(L, index, "admission", "admit", &p->admission.name);
  p->scale = read_one(L, index, "autoscaler", "scale", &p->autoscaler.name);
  p->admission.self = p->autoscaler.self = p;
  if (p->admit != LUA_NOREF) p->admission.admit = admit;
  if (p->scale != LUA_NOREF) p->autoscaler.scale = scale;
}

static void read_others(orc_lua_policies *p, int index)
{
  lua_State *L = p->L;
  read_fleet_policies(p, index);
  p->grade = read_one(L, index, "eviction", "grade", &p->eviction.name);
  p->eviction.self = p;
  if (p->grade != LUA_NOREF) p->eviction.grade = grade;
  static const char *const kinds[] = { "admission", "autoscaler", "eviction" };
  int *memories[] = { &p->admitting, &p->scaling, &p->grading };
  for (int i = 0; i < 3; i++) {
    const int params = read_params(L, index, kinds[i]);
    *memories[i] = memory(L);
    give_params(L, *memories[i], params);
    luaL_unref(L, LUA_REGISTRYINDEX, params);
  }
}

/* The state's own; L may be a coroutine from before the engine was loaded. */
static orc_asking *asking_of(lua_State *L)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &asking_key);
  orc_asking *a = lua_touserdata(L, -1);
  lua_pop(L, 1);
  set_asking(L, a);
  return a;
}

void orc_policies_init(orc_lua_policies *p, lua_State *L, int index, int replicas, orc_watch *watch)
{
  *p = (orc_lua_policies){ .L = L,
                           .asking = asking_of(L),
                           .watch = watch,
                           .step = LUA_NOREF,
                           .order = LUA_NOREF,
                           .ended = LUA_NOREF,
                           .replicas = replicas };
  const uint64_t seed = (uint64_t)orc_bind_integer_or(L, index, "spec", "seed", 0);
  /* Replicas number below 2^16, so these two streams are nobody else's. */
  for (uint64_t i = 0; i < 3; i++)
    p->chance[i] = orc_rng_stream(seed, ORC_FOR_POLICY, ((uint64_t)1 << 32) + i);
  read_batching(p, index);
  read_router(p, index);
  read_others(p, index);
  p->params = read_params(L, index, "batching");
  p->routing_params = read_params(L, index, "router");
  p->routing = memory(L);
  lua_getfield(L, index, "engine");
  p->knobs = luaL_ref(L, LUA_REGISTRYINDEX);
  p->request = request_box(p);
  p->cluster = box(L, "oracle.cluster");
  p->batch = orc_alloc((size_t)replicas, sizeof *p->batch);
  p->state = orc_alloc((size_t)replicas, sizeof *p->state);
  for (int i = 0; i < replicas; i++) {
    p->batch[i] = box(L, "oracle.batch");
    p->state[i] = memory(L);
  }
  give_all_params(p);
}

void orc_policies_done(orc_lua_policies *p)
{
  lua_State *L = p->L;
  if (L == NULL) return;
  const int refs[] = { p->step,    p->order,   p->ended,   p->route,          p->admit,
                       p->scale,   p->knobs,   p->request, p->cluster,        p->admitting,
                       p->scaling, p->routing, p->params,  p->routing_params, p->grade,
                       p->grading, p->decode };
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

/* ---- others in their place ---- */

/* Give back what `p` has and `other` has not. */
static void drop(const orc_lua_policies *p, const orc_lua_policies *other)
{
  const int refs[] = { p->step,  p->order,   p->ended,  p->route,          p->admit,
                       p->scale, p->request, p->params, p->routing_params, p->decode };
  for (size_t i = 0; i < sizeof refs / sizeof *refs; i++)
    luaL_unref(p->L, LUA_REGISTRYINDEX, refs[i]);
  if (p->routing != other->routing) luaL_unref(p->L, LUA_REGISTRYINDEX, p->routing);
  if (p->admitting != other->admitting) luaL_unref(p->L, LUA_REGISTRYINDEX, p->admitting);
  if (p->state == other->state) return;
  for (int i = 0; i < p->replicas; i++)
    luaL_unref(p->L, LUA_REGISTRYINDEX, p->state[i]);
  free(p->state);
}

/* Tables of their own for policies that are new. */
static void forget(orc_lua_policies *p, unsigned anew)
{
  if (anew & ORC_POLICY_ROUTER) p->routing = memory(p->L);
  if (anew & ORC_POLICY_ADMISSION) p->admitting = memory(p->L);
  if (!(anew & ORC_POLICY_BATCHING)) return;
  p->state = orc_alloc((size_t)p->replicas, sizeof *p->state);
  for (int i = 0; i < p->replicas; i++)
    p->state[i] = memory(p->L);
}

void orc_policies_swap(orc_lua_policies *p, int index, unsigned anew, orc_lua_policies *old)
{
  orc_lua_policies fresh = *p;
  fresh.batching = (orc_batching){ 0 };
  fresh.router = (orc_router){ 0 };
  fresh.admission = (orc_admission){ 0 };
  fresh.autoscaler = (orc_autoscaler){ 0 };
  fresh.step = fresh.order = fresh.ended = LUA_NOREF;
  read_batching(&fresh, index);
  read_router(&fresh, index);
  read_fleet_policies(&fresh, index);
  fresh.request = request_box(&fresh);
  fresh.params = read_params(p->L, index, "batching");
  fresh.routing_params = read_params(p->L, index, "router");
  if (fresh.batching.self != NULL) fresh.batching.self = p;
  fresh.batching.where = p->where;
  fresh.router.self = fresh.admission.self = fresh.autoscaler.self = p;
  forget(&fresh, anew);
  *old = *p;
  *p = fresh;
  give_all_params(p);
}

void orc_policies_keep(const orc_lua_policies *p, const orc_lua_policies *old)
{
  drop(old, p);
}

void orc_policies_revert(orc_lua_policies *p, const orc_lua_policies *old)
{
  drop(p, old);
  *p = *old;
  give_all_params(p);
}

/* ---- chance ---- */

int orc_policies_draw(lua_State *L, orc_rng *g, int index)
{
  if (lua_isnoneornil(L, index)) {
    lua_pushnumber(L, orc_rng_uniform(g));
    return 1;
  }
  const bool both = !lua_isnoneornil(L, index + 1);
  const lua_Integer low = both ? luaL_checkinteger(L, index) : 1;
  const lua_Integer high = luaL_checkinteger(L, both ? index + 1 : index);
  luaL_argcheck(L, low <= high, both ? index + 1 : index, "an empty interval");
  const uint64_t span = (uint64_t)high - (uint64_t)low + 1;
  const uint64_t drawn = span == 0 ? orc_rng_next(g) : orc_rng_below(g, span);
  lua_pushinteger(L, low + (lua_Integer)drawn);
  return 1;
}

int orc_policies_random(lua_State *L)
{
  orc_rng *g = orc_policies_asking(L)->chance;
  if (g == NULL) orc_bind_fail(L, "math.random: chance is only to be had inside a policy's call");
  return orc_policies_draw(L, g, 1);
}

void orc_policies_none(lua_State *L)
{
  orc_asking *a = lua_newuserdatauv(L, sizeof *a, 0);
  *a = (orc_asking){ 0 };
  lua_rawsetp(L, LUA_REGISTRYINDEX, &asking_key);
  set_asking(L, a);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  set_asking(lua_tothread(L, -1), a);
  lua_pop(L, 1);
}
