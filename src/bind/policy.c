#include "bind/policy.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "bind/policy_call.h"
#include "serve/batch.h"

static const char asking_key; /* its address names the state's orc_asking in the registry */

/* A state's extra space is copied to its later coroutines: it holds an address that stays. */
static void set_asking(lua_State *L, orc_asking *a)
{
  *(orc_asking **)lua_getextraspace(L) = a;
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
  const int status = orc_policy_ask(
      p, 3, 0, (orc_asking){ .chance = &b->replica->chance, .batch = b, .box = box });
  return status == LUA_OK || orc_policy_refuse(L, status, p->step, p->batching.name, e);
}

/* function(r, e, s) of the replica a request is on */
static int call_about(orc_lua_policies *p, int function, const orc_request *r, int results)
{
  lua_State *L = p->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, function);
  void **box = orc_policy_push_box(L, p->request, r);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->knobs);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->state[r->replica]);
  const int status = orc_policy_call(p, 3, results, &p->of->replicas[r->replica].chance);
  *box = NULL;
  return status;
}

static bool order(void *self, const orc_request *r, double *key, orc_error *e)
{
  orc_lua_policies *p = self;
  const int status = call_about(p, p->order, r, 1);
  if (status != LUA_OK) return orc_policy_refuse(p->L, status, p->order, p->batching.name, e);
  int number = 0;
  *key = lua_tonumberx(p->L, -1, &number);
  lua_pop(p->L, 1);
  if (!number || *key != *key)
    return orc_policy_refuse_answer(p->L, p->order, p->batching.name, "order returned no number",
                                    e);
  return true;
}

static bool ended(void *self, const orc_request *r, orc_status status, orc_error *e)
{
  orc_lua_policies *p = self;
  (void)status;
  const int done = call_about(p, p->ended, r, 0);
  return done == LUA_OK || orc_policy_refuse(p->L, done, p->ended, p->batching.name, e);
}

/* function(c, r, s) about an arrival */
static int call_at_arrival(orc_lua_policies *p, int function, int memory, const orc_cluster *c,
                           const orc_request *r)
{
  lua_State *L = p->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, function);
  p->sight = (orc_sight){ .cluster = c };
  void **cluster = orc_policy_push_box(L, p->cluster, &p->sight);
  void **request = orc_policy_push_box(L, p->request, r);
  lua_rawgeti(L, LUA_REGISTRYINDEX, memory);
  const int status =
      orc_policy_call(p, 3, 1, memory == p->routing ? &p->of->routing : &p->chance[0]);
  *cluster = *request = NULL;
  return status;
}

static bool route(void *self, const orc_cluster *c, const orc_request *r, int *replica,
                  orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  const int status = call_at_arrival(p, p->route, p->routing, c, r);
  if (status != LUA_OK) return orc_policy_refuse(L, status, p->route, p->router.name, e);
  int whole = 0;
  const lua_Integer choice = lua_tointegerx(L, -1, &whole);
  lua_pop(L, 1);
  const int most = c->fleet.ready_count + c->fleet.decode_count;
  if (!whole || choice < 1 || choice > most) {
    char where[LUA_IDSIZE + 16];
    orc_policy_place(L, p->route, where, sizeof where);
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
  if (status != LUA_OK) return orc_policy_refuse(L, status, p->decode, p->router.name, e);
  int whole = 0;
  const lua_Integer choice = lua_tointegerx(L, -1, &whole);
  lua_pop(L, 1);
  const int first = c->fleet.ready_count + 1, last = c->fleet.ready_count + c->fleet.decode_count;
  if (!whole || choice < first || choice > last) {
    char where[LUA_IDSIZE + 16];
    orc_policy_place(L, p->decode, where, sizeof where);
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
  if (status != LUA_OK) return orc_policy_refuse(p->L, status, p->admit, p->admission.name, e);
  const bool answered = lua_isboolean(p->L, -1);
  *yes = lua_toboolean(p->L, -1);
  lua_pop(p->L, 1);
  if (!answered)
    return orc_policy_refuse_answer(p->L, p->admit, p->admission.name,
                                    "admit returned neither true nor false", e);
  return true;
}

static bool grade(void *self, const orc_request *r, int *out, orc_error *e)
{
  orc_lua_policies *p = self;
  lua_State *L = p->L;
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->grade);
  void **box = orc_policy_push_box(L, p->request, r);
  lua_rawgeti(L, LUA_REGISTRYINDEX, p->grading);
  const int status = orc_policy_call(p, 2, 1, &p->chance[1]);
  *box = NULL;
  if (status != LUA_OK) return orc_policy_refuse(L, status, p->grade, p->eviction.name, e);
  int whole = 0;
  const lua_Integer n = lua_tointegerx(L, -1, &whole);
  lua_pop(L, 1);
  if (!whole || n < 0 || n >= ORC_PREFIX_GRADES) {
    char where[LUA_IDSIZE + 16];
    orc_policy_place(L, p->grade, where, sizeof where);
    return orc_fail(e, "policy \"%s\": grade returned no whole number from 0 to %d (%s)",
                    p->eviction.name, ORC_PREFIX_GRADES - 1, where);
  }
  *out = (int)n;
  return true;
}

/* ---- reading the tables ---- */

/* The params of batching and router come to the tables that these keep. */
static void give_all_params(const orc_lua_policies *p)
{
  for (int i = 0; i < p->replicas; i++)
    orc_policy_give_params(p->L, p->state[i], p->params);
  orc_policy_give_params(p->L, p->routing, p->routing_params);
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
  p->batching.name = orc_policy_name(L);
  p->batching.self = p;
  p->batching.where = p->where;
  p->batching.every_step = orc_bind_bool_or(L, -1, "batching", "every_step", false);
  p->batching.clairvoyant = orc_bind_bool_or(L, -1, "batching", "clairvoyant", false);
  p->batching.victim = read_victim(L);
  p->step = orc_policy_function(L, "batching", "step");
  p->order = orc_policy_function(L, "batching", "order");
  p->ended = orc_policy_function(L, "batching", "ended");
  p->where[0] = '\0';
  if (p->step != LUA_NOREF) {
    char at[LUA_IDSIZE + 16];
    orc_policy_place(L, p->step, at, sizeof at);
    snprintf(p->where, sizeof p->where, " (%s)", at);
  }
  p->batching.step = p->step != LUA_NOREF ? step : orc_batching_chunked.step;
  p->batching.order = p->order != LUA_NOREF ? order : NULL;
  p->batching.ended = p->ended != LUA_NOREF ? ended : NULL;
  lua_pop(L, 1);
}

static void read_router(orc_lua_policies *p, int index)
{
  lua_State *L = p->L;
  p->route = orc_policy_read_one(L, index, "router", "route", &p->router.name);
  p->decode = LUA_NOREF;
  p->router.self = p;
  if (p->route == LUA_NOREF) return;
  p->router.route = route;
  lua_getfield(L, index, "router");
  p->decode = orc_policy_function(L, "router", "decode");
  p->router.tracks = orc_bind_bool_or(L, lua_gettop(L), "router", "tracks", false);
  lua_pop(L, 1);
  if (p->decode != LUA_NOREF) p->router.decode = decode;
}

/* What order, route and admit see of a request: its output length only for a clairvoyant policy. */
static int request_box(const orc_lua_policies *p)
{
  return orc_policy_box(p->L,
                        p->batching.clairvoyant ? "oracle.request.clairvoyant" : "oracle.request");
}

static void read_admission(orc_lua_policies *p, int index)
{
  p->admit = orc_policy_read_one(p->L, index, "admission", "admit", &p->admission.name);
  p->admission.self = p;
  if (p->admit != LUA_NOREF) p->admission.admit = admit;
}

static void read_others(orc_lua_policies *p, int index)
{
  lua_State *L = p->L;
  read_admission(p, index);
  p->grade = orc_policy_read_one(L, index, "eviction", "grade", &p->eviction.name);
  p->eviction.self = p;
  if (p->grade != LUA_NOREF) p->eviction.grade = grade;
  static const char *const kinds[] = { "admission", "eviction" };
  int *memories[] = { &p->admitting, &p->grading };
  for (int i = 0; i < 2; i++) {
    const int params = orc_policy_read_params(L, index, kinds[i]);
    *memories[i] = orc_policy_memory(L);
    orc_policy_give_params(L, *memories[i], params);
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

void orc_policies_init(orc_lua_policies *p, lua_State *L, int index, orc_policy_room room,
                       orc_watch *watch)
{
  *p = (orc_lua_policies){ .L = L,
                           .asking = asking_of(L),
                           .watch = watch,
                           .step = LUA_NOREF,
                           .order = LUA_NOREF,
                           .ended = LUA_NOREF,
                           .replicas = room.replicas,
                           .pools = room.pools };
  const uint64_t seed = (uint64_t)orc_bind_integer_or(L, index, "spec", "seed", 0);
  /* Replicas number below 2^16, so these streams are nobody else's; scaler.c has more. */
  for (uint64_t i = 0; i < 2; i++)
    p->chance[i] = orc_rng_stream(seed, ORC_FOR_POLICY, ((uint64_t)1 << 32) + 2 * i);
  read_batching(p, index);
  read_router(p, index);
  read_others(p, index);
  p->scalers = orc_scalers_read(p, L, index, p->pools, NULL);
  p->params = orc_policy_read_params(L, index, "batching");
  p->routing_params = orc_policy_read_params(L, index, "router");
  p->routing = orc_policy_memory(L);
  lua_getfield(L, index, "engine");
  p->knobs = luaL_ref(L, LUA_REGISTRYINDEX);
  p->request = request_box(p);
  p->cluster = orc_policy_box(L, "oracle.cluster");
  p->batch = orc_alloc((size_t)p->replicas, sizeof *p->batch);
  p->state = orc_alloc((size_t)p->replicas, sizeof *p->state);
  for (int i = 0; i < p->replicas; i++) {
    p->batch[i] = orc_policy_box(L, "oracle.batch");
    p->state[i] = orc_policy_memory(L);
  }
  give_all_params(p);
}

void orc_policies_done(orc_lua_policies *p)
{
  lua_State *L = p->L;
  if (L == NULL) return;
  const int refs[] = { p->step,   p->order,          p->ended,   p->route,     p->admit,
                       p->knobs,  p->request,        p->cluster, p->admitting, p->routing,
                       p->params, p->routing_params, p->grade,   p->grading,   p->decode };
  for (size_t i = 0; i < sizeof refs / sizeof *refs; i++)
    luaL_unref(L, LUA_REGISTRYINDEX, refs[i]);
  for (int i = 0; i < p->replicas; i++) {
    luaL_unref(L, LUA_REGISTRYINDEX, p->batch[i]);
    luaL_unref(L, LUA_REGISTRYINDEX, p->state[i]);
  }
  free(p->batch);
  free(p->state);
  if (p->scalers != NULL) orc_scalers_free(L, p->scalers, p->pools, NULL);
  p->L = NULL;
}

/* ---- others in their place ---- */

/* Give back what `p` has and `other` has not. */
static void drop(const orc_lua_policies *p, const orc_lua_policies *other)
{
  const int refs[] = { p->step,    p->order,  p->ended,          p->route, p->admit,
                       p->request, p->params, p->routing_params, p->decode };
  for (size_t i = 0; i < sizeof refs / sizeof *refs; i++)
    luaL_unref(p->L, LUA_REGISTRYINDEX, refs[i]);
  if (p->routing != other->routing) luaL_unref(p->L, LUA_REGISTRYINDEX, p->routing);
  if (p->admitting != other->admitting) luaL_unref(p->L, LUA_REGISTRYINDEX, p->admitting);
  orc_scalers_free(p->L, p->scalers, p->pools, other->scalers);
  if (p->state == other->state) return;
  for (int i = 0; i < p->replicas; i++)
    luaL_unref(p->L, LUA_REGISTRYINDEX, p->state[i]);
  free(p->state);
}

/* Tables of their own for policies that are new. */
static void forget(orc_lua_policies *p, unsigned anew)
{
  if (anew & ORC_POLICY_ROUTER) p->routing = orc_policy_memory(p->L);
  if (anew & ORC_POLICY_ADMISSION) p->admitting = orc_policy_memory(p->L);
  if (!(anew & ORC_POLICY_BATCHING)) return;
  p->state = orc_alloc((size_t)p->replicas, sizeof *p->state);
  for (int i = 0; i < p->replicas; i++)
    p->state[i] = orc_policy_memory(p->L);
}

void orc_policies_swap(orc_lua_policies *p, int index, unsigned anew, orc_lua_policies *old)
{
  orc_lua_policies fresh = *p;
  fresh.batching = (orc_batching){ 0 };
  fresh.router = (orc_router){ 0 };
  fresh.admission = (orc_admission){ 0 };
  fresh.step = fresh.order = fresh.ended = LUA_NOREF;
  read_batching(&fresh, index);
  read_router(&fresh, index);
  read_admission(&fresh, index);
  fresh.scalers = orc_scalers_read(p, p->L, index, p->pools, p->scalers);
  fresh.request = request_box(&fresh);
  fresh.params = orc_policy_read_params(p->L, index, "batching");
  fresh.routing_params = orc_policy_read_params(p->L, index, "router");
  if (fresh.batching.self != NULL) fresh.batching.self = p;
  fresh.batching.where = p->where;
  fresh.router.self = fresh.admission.self = p;
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
