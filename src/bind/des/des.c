/* des.c - environments: the clock, the run, and what one is made of. */
#include "bind/des/des.h"

#include <math.h>
#include <string.h>

#include "bind/policy/watchdog.h"

enum {
  CHUNK = 4096,      /* events between two looks at Ctrl-C */
  STILL = 1 << 24,   /* events at one moment that are taken for an endless loop */
  ROOM_OF_HOST = 16, /* stack the calls of the host take */
};

orc_lua_des *orc_lua_des_of(lua_State *L)
{
  orc_lua_des *env = lua_touserdata(L, ORC_DES_ENV);
  if (env->closed) orc_bind_misuse(L, "this environment has been collected");
  return env;
}

orc_lua_des *orc_lua_des_self(lua_State *L)
{
  orc_lua_des *env = orc_lua_des_of(L);
  if (lua_touserdata(L, 1) != (void *)env)
    orc_bind_misuse(L, "an environment expected before the arguments: env:name(...), not env.name");
  return env;
}

void *orc_lua_des_new(lua_State *L, orc_lua_des *env, orc_des_kind kind, size_t size, int values)
{
  orc_des_event *e = lua_newuserdatauv(L, size, values);
  orc_des_event_init(e, &env->des, kind);
  lua_pushvalue(L, ORC_DES_EVENTS);
  lua_setmetatable(L, -2);
  return e;
}

void orc_lua_des_keep(lua_State *L, int index, const orc_des_event *e)
{
  if (e->slot == 0) return;
  lua_pushvalue(L, index);
  lua_rawseti(L, ORC_DES_HELD, (lua_Integer)e->slot);
}

static double seconds(orc_time t)
{
  return (double)t / 1e9;
}

orc_time orc_lua_des_delay(lua_State *L, const orc_lua_des *env, int index)
{
  if (lua_type(L, index) != LUA_TNUMBER)
    orc_bind_misuse(L, "a delay in seconds expected, got %s", luaL_typename(L, index));
  const double delay = lua_tonumber(L, index);
  if (!(delay >= 0.0 && delay < HUGE_VAL))
    orc_bind_misuse(L, "a delay of at least 0 s expected, got %s",
                    isnan(delay) ? "NaN" : luaL_tolstring(L, index, NULL));
  const orc_time t = orc_time_of(delay);
  if (t >= ORC_END - orc_des_now(&env->des))
    orc_bind_misuse(L, "a delay of %f s ends beyond the clock, which has 292 years", delay);
  return t;
}

/* ---- the run ---- */

static void begin_run(lua_State *L, orc_lua_des *env)
{
  if (env->running) orc_bind_misuse(L, "the run is going on already");
  luaL_checkstack(L, ROOM_OF_HOST, NULL);
  env->L = L;
  env->running = true;
  env->failed = false;
  env->des.stop = false;
}

/* Raises what went wrong in the run and nothing waited for. */
static void end_run(lua_State *L, orc_lua_des *env)
{
  env->running = false;
  env->des.until = NULL;
  if (env->failed) lua_error(L);
}

/* A moment that does not end is an endless loop in the model; a run ends when its user wants. */
static void run_before(lua_State *L, orc_lua_des *env, orc_time limit)
{
  orc_time moment = -1;
  uint64_t since = 0;
  while (!orc_des_run(&env->des, limit, CHUNK)) {
    const uint64_t executed = env->des.engine->executed;
    if (orc_des_now(&env->des) != moment) {
      moment = orc_des_now(&env->des);
      since = executed;
    }
    if (executed - since <= STILL && !orc_watchdog_interrupted()) continue;
    env->running = false;
    if (executed - since <= STILL) orc_bind_fail(L, "interrupted");
    orc_bind_fail(L, "at t=%f s: %d events in a row, and the clock stands still", seconds(moment),
                  (int)STILL);
  }
}

/* Where the run is to end, from argument 2; *until where that is an event. */
static orc_time limit_of(lua_State *L, orc_lua_des *env, orc_des_event **until)
{
  if (lua_isnoneornil(L, 2)) return ORC_NEVER;
  if (lua_type(L, 2) != LUA_TNUMBER) {
    *until = orc_lua_des_event(L, 2);
    return ORC_NEVER;
  }
  const double at = lua_tonumber(L, 2), now = seconds(orc_des_now(&env->des));
  if (!(at >= now))
    orc_bind_misuse(L, "env:run(%f): a time from now on expected, and now is %f s", at, now);
  return orc_time_of(at);
}

/* env:run() to the end; env:run(t) before t; env:run(event) -> its value */
static int run(lua_State *L)
{
  orc_lua_des *env = orc_lua_des_self(L);
  orc_des_event *until = NULL;
  const orc_time limit = limit_of(L, env, &until);
  begin_run(L, env);
  lua_settop(L, 2);
  if (until == NULL || until->state != ORC_DES_PROCESSED) {
    if (until != NULL) until->defused = true; /* the failure is told here */
    env->des.until = until;
    run_before(L, env, limit);
  }
  end_run(L, env);
  if (limit < ORC_END && limit > env->des.own.now) env->des.own.now = limit;
  if (until == NULL) return 0;
  if (until->state != ORC_DES_PROCESSED)
    orc_bind_fail(L, "at t=%f s: nothing is left to happen, and the event of env:run has not",
                  seconds(orc_des_now(&env->des)));
  lua_getiuservalue(L, 2, ORC_DES_VALUE);
  if (until->failed) return lua_error(L);
  return 1;
}

/* env:step() -> whether there was an event to handle */
static int step(lua_State *L)
{
  orc_lua_des *env = orc_lua_des_self(L);
  begin_run(L, env);
  const bool any = orc_des_next(&env->des) != ORC_NEVER;
  if (any) orc_des_run(&env->des, ORC_NEVER, 1);
  end_run(L, env);
  lua_pushboolean(L, any);
  return 1;
}

/* env:peek() -> the time of the next event in s, math.huge when there is none */
static int peek(lua_State *L)
{
  const orc_time next = orc_des_next(&orc_lua_des_self(L)->des);
  lua_pushnumber(L, next == ORC_NEVER ? HUGE_VAL : seconds(next));
  return 1;
}

/* ---- what it is made of ---- */

/* env.now and the like: of [methods, key] */
static int field(lua_State *L)
{
  const orc_lua_des *env = orc_lua_des_of(L);
  const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(key, "now") == 0)
    lua_pushnumber(L, seconds(orc_des_now(&env->des)));
  else if (strcmp(key, "seed") == 0)
    lua_pushinteger(L, (lua_Integer)env->seed);
  else if (strcmp(key, "executed") == 0)
    lua_pushinteger(L, (lua_Integer)env->des.engine->executed);
  else if (strcmp(key, "active_process") != 0)
    orc_bind_misuse(L, "an environment has no \"%s\"", key);
  else if (env->current != NULL)
    lua_rawgeti(L, ORC_DES_HELD, (lua_Integer)env->current->process.end.slot);
  else
    lua_pushnil(L);
  return 1;
}

static int collect(lua_State *L)
{
  orc_lua_des *env = lua_touserdata(L, 1);
  if (!env->closed) orc_des_done(&env->des);
  env->closed = true;
  return 0;
}

static int is_environment(lua_State *L)
{
  const bool is = luaL_getmetafield(L, 1, "__name") == LUA_TSTRING;
  lua_pushboolean(L, is && strcmp(lua_tostring(L, -1), "oracle.des.environment") == 0);
  return 1;
}

static const luaL_Reg methods[] = {
  { "run", run },
  { "step", step },
  { "peek", peek },
  { "process", orc_lua_des_process },
  { "sleep", orc_lua_des_sleep },
  { "timeout", orc_lua_des_timeout },
  { "event", orc_lua_des_plain },
  { "any_of", orc_lua_des_any_of },
  { "all_of", orc_lua_des_all_of },
  { "random", orc_lua_des_random },
  { "level", orc_lua_des_level },
  { "tally", orc_lua_des_tally },
  { "resource", orc_lua_des_resource },
  { "priority_resource", orc_lua_des_priority_resource },
  { "preemptive_resource", orc_lua_des_preemptive_resource },
  { "store", orc_lua_des_store },
  { "filter_store", orc_lua_des_filter_store },
  { "priority_store", orc_lua_des_priority_store },
  { NULL, NULL },
};

/* [env, held, events, threads, event methods, resources, stores] stay; the closure is put into the table above. */
static void add_closure(lua_State *L, int base, const char *name, lua_CFunction f)
{
  for (int i = 0; i < ORC_DES_UPVALUES; i++)
    lua_pushvalue(L, base + i);
  lua_pushcclosure(L, f, ORC_DES_UPVALUES);
  lua_setfield(L, -2, name);
}

static void add_closures(lua_State *L, int base, const luaL_Reg *list)
{
  for (const luaL_Reg *m = list; m->name != NULL; m++)
    add_closure(L, base, m->name, m->func);
}

/* Fill the metatable and the methods of events, at base + 2 and base + 4. */
static void make_events(lua_State *L, int base)
{
  static const luaL_Reg meta[] = {
    { "__index", orc_lua_des_event_field }, { "__newindex", orc_lua_des_event_set },
    { "__close", orc_lua_des_event_close }, { "__bor", orc_lua_des_event_or },
    { "__band", orc_lua_des_event_and },    { NULL, NULL },
  };
  lua_pushvalue(L, base + 2);
  add_closures(L, base, meta);
  lua_pushliteral(L, "oracle.des.event");
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, false);
  lua_setfield(L, -2, "__metatable");
  lua_pushvalue(L, base + 4);
  add_closures(L, base, orc_lua_des_event_methods);
  lua_pop(L, 2);
}

/* [..., methods]: those of the table at `index`, too */
static void add_methods(lua_State *L, int index)
{
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
}

/* What the metatable of resources, or of stores, has. */
typedef struct class
{
  const char *name;
  lua_CFunction field, collect;
  const luaL_Reg *methods;
} class;

/* Fill the metatable at `index`; its methods are those of the table at `more`, too, unless that is
** 0. */
static void make_class(lua_State *L, int base, int index, const class *c, int more)
{
  lua_pushvalue(L, index);
  add_closure(L, base, "__index", c->field);
  lua_pushstring(L, c->name);
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, false);
  lua_setfield(L, -2, "__metatable");
  lua_pushcfunction(L, c->collect);
  lua_setfield(L, -2, "__gc");
  lua_newtable(L);
  add_closures(L, base, c->methods);
  if (more != 0) add_methods(L, more);
  lua_rawseti(L, -2, ORC_DES_METHODS_OF);
  lua_pop(L, 1);
}

static const class resources = { "oracle.des.resource", orc_lua_des_resource_field,
                                 orc_lua_des_resource_collect, orc_lua_des_resource_methods };
static const class stores = { "oracle.des.store", orc_lua_des_store_field,
                              orc_lua_des_store_collect, orc_lua_des_store_methods };

/* environment(seed, methods, methods of resources): tables of more than there are here */
static int environment(lua_State *L)
{
  const uint64_t seed = (uint64_t)luaL_checkinteger(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 3);
  orc_lua_des *env = lua_newuserdatauv(L, sizeof *env, 0);
  *env =
      (orc_lua_des){ .seed = seed, .chance = orc_rng_stream(seed, ORC_FOR_DES, 0), .closed = true };
  for (int i = 1; i < ORC_DES_UPVALUES; i++)
    lua_newtable(L);
  make_events(L, 4);
  make_class(L, 4, 4 + 5, &resources, 3);
  make_class(L, 4, 4 + 6, &stores, 0);
  lua_newtable(L); /* metatable of the environment */
  lua_newtable(L); /* its methods */
  add_closures(L, 4, methods);
  add_methods(L, 2);
  lua_newtable(L);
  add_closure(L, 4, "__index", field);
  lua_setmetatable(L, -2);
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "oracle.des.environment");
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, false);
  lua_setfield(L, -2, "__metatable");
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, 4);
  orc_des_host host;
  orc_lua_des_host(env, &host);
  orc_des_init(&env->des, &host);
  env->closed = false;
  lua_settop(L, 4);
  return 1;
}

int orc_bind_des(lua_State *L)
{
  static const luaL_Reg functions[] = {
    { "environment", environment },
    { "is_environment", is_environment },
    { "is_interrupt", orc_lua_des_is_interrupt },
    { NULL, NULL },
  };
  luaL_newlib(L, functions);
  return 1;
}
