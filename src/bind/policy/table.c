#include "bind/policy/table.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "bind/policy/call.h"
#include "bind/policy/callbacks.h"
#include "bind/policy/scaler.h"
#include "bind/policy/source_line.h"
#include "replica/batch.h"

/* ---- reading the tables ---- */

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
    char at[ORC_SOURCE_LINE_SIZE];
    orc_policy_place(L, p->step, at, sizeof at);
    snprintf(p->where, sizeof p->where, " (%s)", at);
  }
  p->batching.step = p->step != LUA_NOREF ? orc_callback_step : orc_batching_chunked.step;
  p->batching.order = p->order != LUA_NOREF ? orc_callback_order : NULL;
  p->batching.ended = p->ended != LUA_NOREF ? orc_callback_ended : NULL;
  lua_pop(L, 1);
}

static void read_router(orc_lua_policies *p, int index)
{
  lua_State *L = p->L;
  p->route = orc_policy_read_one(L, index, "router", "route", &p->router.name);
  p->decode = LUA_NOREF;
  p->router.self = p;
  if (p->route == LUA_NOREF) return;
  p->router.route = orc_callback_route;
  lua_getfield(L, index, "router");
  p->decode = orc_policy_function(L, "router", "decode");
  p->router.tracks = orc_bind_bool_or(L, lua_gettop(L), "router", "tracks", false);
  lua_pop(L, 1);
  if (p->decode != LUA_NOREF) p->router.decode = orc_callback_decode;
}

/* What order, route and admit see of a request: its output length only for a clairvoyant policy. */
static orc_handles request_boxes(const orc_lua_policies *p)
{
  return orc_handles_make(p->L, p->batching.clairvoyant ? "oracle.request.clairvoyant"
                                                        : "oracle.request");
}

static void read_others(orc_lua_policies *p, int index)
{
  lua_State *L = p->L;
  p->admit = orc_policy_read_one(L, index, "admission", "admit", &p->admission.name);
  p->grade = orc_policy_read_one(L, index, "eviction", "grade", &p->eviction.name);
  p->admission.self = p->eviction.self = p;
  if (p->admit != LUA_NOREF) p->admission.admit = orc_callback_admit;
  if (p->grade != LUA_NOREF) p->eviction.grade = orc_callback_grade;
}

/* References of what the policies at `index` define. */
static void read_policies(orc_lua_policies *p, int index)
{
  read_batching(p, index);
  read_router(p, index);
  read_others(p, index);
}

/* ---- what they keep ---- */

/* scaler.c has those of autoscalers. */
static const char *const kinds[] = { [ORC_POLICY_BATCHING] = "batching",
                                     [ORC_POLICY_ROUTER] = "router",
                                     [ORC_POLICY_ADMISSION] = "admission",
                                     [ORC_POLICY_EVICTION] = "eviction" };

static void read_params(orc_lua_policies *p, int index)
{
  for (int kind = 0; kind < ORC_POLICY_KINDS; kind++)
    p->params[kind] =
        kinds[kind] != NULL ? orc_policy_read_params(p->L, index, kinds[kind]) : LUA_NOREF;
}

static void give_params(const orc_lua_policies *p, int kind)
{
  for (int i = 0; kind == ORC_POLICY_BATCHING && i < p->replicas; i++)
    orc_policy_give_params(p->L, p->state[i], p->params[kind]);
  if (kind != ORC_POLICY_BATCHING && kinds[kind] != NULL)
    orc_policy_give_params(p->L, p->memory[kind], p->params[kind]);
}

static void make_memory(orc_lua_policies *p, int kind)
{
  if (kind != ORC_POLICY_BATCHING) {
    p->memory[kind] = kinds[kind] != NULL ? orc_policy_memory(p->L) : LUA_NOREF;
    return;
  }
  p->state = orc_alloc((size_t)p->replicas, sizeof *p->state);
  for (int i = 0; i < p->replicas; i++)
    p->state[i] = orc_policy_memory(p->L);
}

static void free_memory(const orc_lua_policies *p, int kind)
{
  if (kind != ORC_POLICY_BATCHING) {
    luaL_unref(p->L, LUA_REGISTRYINDEX, p->memory[kind]);
    return;
  }
  for (int i = 0; i < p->replicas; i++)
    luaL_unref(p->L, LUA_REGISTRYINDEX, p->state[i]);
  free(p->state);
}

/* ---- the knobs ---- */

/* Upvalue: what the table is called. */
static int refuse_change(lua_State *L)
{
  orc_bind_misuse(L, "%s.%s: the engine's knobs can be read, not changed",
                  lua_tostring(L, lua_upvalueindex(1)), luaL_tolstring(L, 2, NULL));
}

static int length(lua_State *L)
{
  lua_pushinteger(L, (lua_Integer)lua_rawlen(L, lua_upvalueindex(1)));
  return 1;
}

/* [values] -> [values, view]: a table that shows them and cannot be written, nor those in it. */
static void push_view(lua_State *L, const char *name)
{
  const int values = lua_gettop(L);
  luaL_checkstack(L, 12, name);
  lua_pushnil(L);
  while (lua_next(L, values) != 0) {
    if (lua_istable(L, -1)) {
      lua_pushfstring(L, "%s.%s", name, lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?");
      lua_insert(L, -2);
      push_view(L, lua_tostring(L, -2)); /* [key, name, values, view] */
      lua_pushvalue(L, -4);
      lua_insert(L, -2);
      lua_rawset(L, values);
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
  lua_newtable(L);
  lua_createtable(L, 0, 5);
  lua_pushvalue(L, values);
  lua_setfield(L, -2, "__index");
  lua_pushstring(L, name);
  lua_pushcclosure(L, refuse_change, 1);
  lua_setfield(L, -2, "__newindex");
  lua_pushvalue(L, values);
  lua_pushcclosure(L, length, 1);
  lua_setfield(L, -2, "__len");
  lua_pushliteral(L, "oracle.knobs");
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
}

/* e shows a copy of spec.engine: nothing else reads what a policy does to it, and it can do nothing.
 */
static void make_knobs(orc_lua_policies *p, int index)
{
  lua_State *L = p->L;
  if (lua_getfield(L, index, "engine") == LUA_TTABLE) {
    orc_policy_push_deep_copy(L, -1);
    lua_remove(L, -2);
  } else {
    lua_pop(L, 1);
    lua_newtable(L);
  }
  push_view(L, "e"); /* [values, e] */
  p->knobs = luaL_ref(L, LUA_REGISTRYINDEX);
  p->knob_values = luaL_ref(L, LUA_REGISTRYINDEX);
}

void orc_policies_retune(const orc_lua_policies *p, int index)
{
  lua_State *L = p->L;
  const int from = lua_absindex(L, index);
  if (lua_rawgeti(L, LUA_REGISTRYINDEX, p->knob_values) == LUA_TTABLE) {
    lua_pushnil(L);
    while (lua_next(L, from) != 0) {
      lua_pushvalue(L, -2);
      lua_insert(L, -2);
      lua_rawset(L, -4);
    }
  }
  lua_pop(L, 1);
}

/* ---- all of them ---- */

void orc_policies_init(orc_lua_policies *p, lua_State *L, int index, orc_policy_room room,
                       orc_watchdog *watch)
{
  *p = (orc_lua_policies){ .L = L,
                           .context = orc_call_context_find(L),
                           .watch = watch,
                           .step = LUA_NOREF,
                           .order = LUA_NOREF,
                           .ended = LUA_NOREF,
                           .replicas = room.replicas,
                           .pools = room.pools };
  const uint64_t seed = (uint64_t)orc_bind_integer_or(L, index, "spec", "seed", 0);
  /* Replicas number below 2^16, so no other draws come from these streams; scaler.c has more. */
  for (uint64_t i = 0; i < 2; i++)
    p->rng[i] = orc_rng_stream(seed, ORC_FOR_POLICY, ((uint64_t)1 << 32) + 2 * i);
  read_policies(p, index);
  p->scalers = orc_scalers_read(p, L, index, p->pools, NULL);
  read_params(p, index);
  make_knobs(p, index);
  p->batches = orc_handles_make(L, "oracle.batch");
  p->requests = request_boxes(p);
  p->clusters = orc_handles_make(L, "oracle.cluster");
  for (int kind = 0; kind < ORC_POLICY_KINDS; kind++) {
    make_memory(p, kind);
    give_params(p, kind);
  }
}

/* What a swap makes anew in any case. */
static void drop_read(const orc_lua_policies *p)
{
  const int refs[] = { p->step, p->order, p->ended, p->route, p->decode, p->admit, p->grade };
  for (size_t i = 0; i < sizeof refs / sizeof *refs; i++)
    luaL_unref(p->L, LUA_REGISTRYINDEX, refs[i]);
  for (int kind = 0; kind < ORC_POLICY_KINDS; kind++)
    luaL_unref(p->L, LUA_REGISTRYINDEX, p->params[kind]);
  orc_handles_free(p->L, &p->requests);
}

void orc_policies_done(orc_lua_policies *p)
{
  if (p->L == NULL) return;
  drop_read(p);
  luaL_unref(p->L, LUA_REGISTRYINDEX, p->knobs);
  luaL_unref(p->L, LUA_REGISTRYINDEX, p->knob_values);
  orc_handles_free(p->L, &p->batches);
  orc_handles_free(p->L, &p->clusters);
  for (int kind = 0; kind < ORC_POLICY_KINDS; kind++)
    free_memory(p, kind);
  if (p->scalers != NULL) orc_scalers_free(p->L, p->scalers, p->pools, NULL);
  p->L = NULL;
}

/* ---- others in their place ---- */

static bool same_memory(const orc_lua_policies *p, const orc_lua_policies *other, int kind)
{
  return kind == ORC_POLICY_BATCHING ? p->state == other->state
                                     : p->memory[kind] == other->memory[kind];
}

/* Give back what `p` has and `other` has not. */
static void drop(const orc_lua_policies *p, const orc_lua_policies *other)
{
  drop_read(p);
  for (int kind = 0; kind < ORC_POLICY_KINDS; kind++)
    if (!same_memory(p, other, kind)) free_memory(p, kind);
  orc_scalers_free(p->L, p->scalers, p->pools, other->scalers);
}

static bool same_params(const orc_lua_policies *p, const orc_lua_policies *other, int kind)
{
  lua_rawgeti(p->L, LUA_REGISTRYINDEX, p->params[kind]);
  lua_rawgeti(p->L, LUA_REGISTRYINDEX, other->params[kind]);
  const bool same = lua_rawequal(p->L, -1, -2);
  lua_pop(p->L, 2);
  return same;
}

void orc_policies_swap(orc_lua_policies *p, int index, unsigned anew, orc_lua_policies *old)
{
  orc_lua_policies fresh = *p;
  fresh.batching = (orc_batching){ 0 };
  fresh.router = (orc_router){ 0 };
  fresh.admission = (orc_admission){ 0 };
  fresh.eviction = (orc_eviction){ 0 };
  fresh.step = fresh.order = fresh.ended = LUA_NOREF;
  read_policies(&fresh, index);
  fresh.scalers = orc_scalers_read(p, p->L, index, p->pools, p->scalers);
  if (anew & 1U << ORC_POLICY_AUTOSCALER) orc_scalers_forget(p->L, fresh.scalers, p->pools);
  fresh.requests = request_boxes(&fresh);
  read_params(&fresh, index);
  if (fresh.batching.self != NULL) fresh.batching.self = p;
  fresh.batching.where = p->where;
  fresh.router.self = fresh.admission.self = fresh.eviction.self = p;
  for (int kind = 0; kind < ORC_POLICY_KINDS; kind++)
    if (anew & 1U << kind) make_memory(&fresh, kind);
  *old = *p;
  *p = fresh;
  for (int kind = 0; kind < ORC_POLICY_KINDS; kind++)
    if (anew & 1U << kind || !same_params(p, old, kind)) give_params(p, kind);
}

void orc_policies_keep(const orc_lua_policies *p, const orc_lua_policies *old)
{
  drop(old, p);
}

void orc_policies_revert(orc_lua_policies *p, const orc_lua_policies *old)
{
  const orc_lua_policies refused = *p;
  *p = *old;
  for (int kind = 0; kind < ORC_POLICY_KINDS; kind++)
    if (same_memory(p, &refused, kind) && !same_params(p, &refused, kind)) give_params(p, kind);
  orc_scalers_give(p->L, p->scalers, p->pools);
  drop(&refused, p);
}
