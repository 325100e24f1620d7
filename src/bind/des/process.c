/* process.c - processes as coroutines: they start, wait, are interrupted and end. */
#include "bind/des/des.h"

#include <stdio.h>
#include <string.h>

#include "bind/policy/call_context.h"
#include "bind/policy/watchdog.h"

static const char interrupt_name[] = "oracle.des.interrupt";

orc_lua_process *orc_lua_des_current(lua_State *L, const orc_lua_des *env)
{
  orc_lua_process *p = env->current;
  if (p == NULL)
    orc_bind_misuse(L, "only a process of this environment can wait: "
                       "env:process(function() ... end)");
  if (p->T != L) orc_bind_misuse(L, "a coroutine within a process cannot wait; the process can");
  if (!lua_isyieldable(L))
    orc_bind_misuse(L, "a process cannot wait within a function that C calls, such as a filter or "
                       "the order of a sort");
  return p;
}

/* ---- coroutines ---- */

static lua_State *take_thread(lua_State *L, orc_lua_des *env)
{
  if (env->idle_count > 0) return env->idle[--env->idle_count];
  lua_State *T = lua_newthread(L);
  lua_rawsetp(L, ORC_DES_THREADS, T);
  return T;
}

static void drop_thread(lua_State *L, lua_State *T)
{
  lua_pushnil(L);
  lua_rawsetp(L, ORC_DES_THREADS, T);
}

/* env:process(f, ...) -> the process; f(...) begins at this moment, after what runs now */
int orc_lua_des_process(lua_State *L)
{
  orc_lua_des *env = orc_lua_des_self(L);
  if (lua_type(L, 2) != LUA_TFUNCTION)
    orc_bind_misuse(L, "env:process: a function expected, got %s", luaL_typename(L, 2));
  const int n = lua_gettop(L) - 1;
  lua_State *T = take_thread(L, env);
  if (!lua_checkstack(T, n + LUA_MINSTACK)) orc_bind_misuse(L, "env:process: too many arguments");
  orc_lua_process *p = orc_lua_des_new(L, env, ORC_DES_PROCESS, sizeof *p, ORC_DES_MORE);
  p->T = T;
  p->args = n - 1;
  lua_insert(L, 2);
  lua_xmove(L, T, n); /* [env, process] */
  orc_des_start(&p->process);
  orc_lua_des_keep(L, 2, &p->process.end);
  return 1;
}

/* ---- waiting ---- */

static int woken(lua_State *L, int status, lua_KContext context)
{
  orc_lua_des *env = lua_touserdata(L, ORC_DES_ENV);
  (void)status;
  (void)context;
  if (!env->thrown) return 0;
  env->thrown = false;
  return lua_error(L);
}

/* env:sleep(seconds) */
int orc_lua_des_sleep(lua_State *L)
{
  orc_lua_des *env = orc_lua_des_self(L);
  const orc_time delay = orc_lua_des_delay(L, env, 2);
  orc_lua_process *p = orc_lua_des_current(L, env);
  if (!orc_des_sleep(&p->process, delay)) return 0;
  env->waits = true;
  return lua_yieldk(L, 0, 0, woken);
}

/* The running process is to wait for the event at 1. Returns whether it has happened already. */
static bool begin_wait(lua_State *L, orc_lua_des *env)
{
  orc_des_event *e = orc_lua_des_event(L, 1);
  lua_settop(L, 1);
  if (e->state == ORC_DES_PROCESSED) {
    e->defused = true;
    return true;
  }
  orc_lua_process *p = orc_lua_des_current(L, env);
  if (e == &p->process.end) orc_bind_misuse(L, "a process cannot wait for its own end");
  if (orc_des_waits_for(e, &p->process))
    orc_bind_misuse(L, "that process waits for the end of this one; neither would ever end");
  orc_des_wait(&p->process, e);
  env->waits = true;
  return false;
}

/* What waiting gave: the value of the event at 1, or the error that was thrown, on top. Returns
** whether it is a value. */
static bool outcome(lua_State *L, orc_lua_des *env)
{
  if (env->thrown) {
    env->thrown = false;
    return false;
  }
  lua_getiuservalue(L, 1, ORC_DES_VALUE);
  return !((const orc_des_event *)lua_touserdata(L, 1))->failed;
}

static int waited(lua_State *L, int status, lua_KContext context)
{
  (void)status;
  (void)context;
  return outcome(L, lua_touserdata(L, ORC_DES_ENV)) ? 1 : lua_error(L);
}

static int tried(lua_State *L, int status, lua_KContext context)
{
  (void)status;
  (void)context;
  lua_pushboolean(L, outcome(L, lua_touserdata(L, ORC_DES_ENV)));
  lua_insert(L, -2);
  return 2;
}

/* event:wait() -> its value; raises its error, or the interrupt */
int orc_lua_des_wait(lua_State *L)
{
  orc_lua_des *env = orc_lua_des_of(L);
  if (begin_wait(L, env)) return waited(L, LUA_OK, 0);
  return lua_yieldk(L, 0, 0, waited);
}

/* event:try() -> true and its value; false and its error, or the interrupt */
int orc_lua_des_try(lua_State *L)
{
  orc_lua_des *env = orc_lua_des_of(L);
  if (begin_wait(L, env)) return tried(L, LUA_OK, 0);
  return lua_yieldk(L, 0, 0, tried);
}

/* ---- interrupts ---- */

static int interrupt_text(lua_State *L)
{
  lua_getfield(L, 1, "cause");
  lua_pushfstring(L, "interrupted: %s", luaL_tolstring(L, -1, NULL));
  return 1;
}

int orc_lua_des_is_interrupt(lua_State *L)
{
  luaL_getmetatable(L, interrupt_name);
  lua_pushboolean(L, lua_getmetatable(L, 1) && lua_rawequal(L, -1, -2));
  return 1;
}

void orc_lua_des_send(lua_State *L, orc_des_process *p)
{
  const orc_lua_des *env = orc_lua_des_of(L);
  lua_createtable(L, 0, 2);
  lua_insert(L, -2);
  lua_setfield(L, -2, "cause");
  if (env->current != NULL) {
    lua_rawgeti(L, ORC_DES_HELD, (lua_Integer)env->current->process.end.slot);
    lua_setfield(L, -2, "by");
  }
  if (luaL_newmetatable(L, interrupt_name)) {
    lua_pushcfunction(L, interrupt_text);
    lua_setfield(L, -2, "__tostring");
  }
  lua_setmetatable(L, -2);
  lua_rawseti(L, ORC_DES_HELD, (lua_Integer)orc_des_interrupt(p));
}

/* process:interrupt(cause) */
int orc_lua_des_interrupt(lua_State *L)
{
  const orc_lua_des *env = orc_lua_des_of(L);
  orc_des_event *e = orc_lua_des_event(L, 1);
  if (e->kind != ORC_DES_PROCESS) orc_bind_misuse(L, "only a process can be interrupted");
  orc_lua_process *p = (orc_lua_process *)e;
  if (!orc_des_alive(&p->process))
    orc_bind_misuse(L, "the process has ended and cannot be interrupted");
  if (p == env->current) orc_bind_misuse(L, "a process cannot interrupt itself");
  lua_settop(L, 2);
  orc_lua_des_send(L, &p->process);
  return 0;
}

/* ---- running ---- */

/* How many functions T is in. Finding one takes time by its depth, so few are looked for. */
static int depth(lua_State *T)
{
  lua_Debug ar;
  int low = 0, high = 1; /* there are more than low, if any, and at most high */
  if (!lua_getstack(T, 0, &ar)) return 0;
  for (; lua_getstack(T, high, &ar); high *= 2)
    low = high;
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    if (lua_getstack(T, middle, &ar))
      low = middle;
    else
      high = middle;
  }
  return high;
}

/* Push "file:line" of the innermost Lua function of T, or of where its first one is defined. */
static bool push_line(lua_State *L, lua_State *T, bool defined)
{
  enum { LOOKED_AT = 32 };
  lua_Debug ar;
  char at[LUA_IDSIZE + 16] = "?";
  const int last = defined ? depth(T) - 1 : 0, way = defined ? -1 : 1;
  int line = 0;
  for (int i = 0; i < LOOKED_AT && line <= 0; i++) {
    if (last + i * way < 0 || !lua_getstack(T, last + i * way, &ar)) break;
    lua_getinfo(T, "Sl", &ar);
    line = defined ? ar.linedefined : ar.currentline;
  }
  if (line > 0) snprintf(at, sizeof at, "%s:%d", ar.short_src, line);
  lua_pushstring(L, at);
  return line > 0;
}

/* Whether a text begins with a file and a line. */
static bool has_line(const char *text)
{
  const char *colon = strchr(text, ':');
  const size_t digits = colon == NULL ? 0 : strspn(colon + 1, "0123456789");
  return digits > 0 && colon[1 + digits] == ':';
}

/* [process, error] -> [process]: keep the error as its value, and what there is to say of it. */
static void keep_error(lua_State *L, lua_State *T)
{
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, -3, ORC_DES_VALUE);
  const int top = lua_gettop(L);
  const bool says = lua_isstring(L, top) || luaL_getmetafield(L, top, "__tostring") != LUA_TNIL;
  lua_settop(L, top);
  const char *text =
      says ? luaL_tolstring(L, top, NULL) : lua_pushliteral(L, "an error without a message");
  lua_pushliteral(L, "process of ");
  push_line(L, T, true);
  lua_pushliteral(L, ": ");
  if (!has_line(text) && push_line(L, T, false))
    lua_pushliteral(L, ": ");
  else
    lua_pushliteral(L, "");
  lua_pushvalue(L, top + 1);
  lua_concat(L, lua_gettop(L) - top - 1);
  lua_setiuservalue(L, top - 1, ORC_DES_MORE);
  lua_settop(L, top - 1);
}

/* The process returned, failed, or yielded what is nothing to wait for. */
static void end(orc_lua_des *env, orc_lua_process *p, int status, int results)
{
  lua_State *L = env->L, *T = p->T;
  const int top = lua_gettop(L);
  const bool failed = status != LUA_OK;
  p->T = NULL;
  lua_rawgeti(L, ORC_DES_HELD, (lua_Integer)p->process.end.slot);
  if (failed) {
    if (status == LUA_YIELD)
      lua_pushliteral(L, "a process waits with event:wait() or env:sleep(seconds), and yields "
                         "nothing else");
    else
      lua_xmove(T, L, 1);
    keep_error(L, T);
    lua_resetthread(T); /* what it held is given back there */
    env->L = L;
    drop_thread(L, T);
  } else {
    lua_settop(T, lua_gettop(T) - results + 1); /* the first result, or nil */
    lua_xmove(T, L, 1);
    lua_setiuservalue(L, -2, ORC_DES_VALUE);
    lua_settop(T, 0);
    if (env->idle_count < ORC_DES_IDLE)
      env->idle[env->idle_count++] = T;
    else
      drop_thread(L, T);
  }
  lua_settop(L, top);
  orc_des_trigger(&p->process.end, failed);
}

static void resume(void *self, orc_des_process *process, orc_des_wake why, uint32_t slot)
{
  orc_lua_des *env = self;
  orc_lua_process *p = (orc_lua_process *)process;
  lua_State *L = env->L;
  int n = why == ORC_DES_STARTS ? p->args : 0, results;
  if (why == ORC_DES_INTERRUPTED) {
    lua_rawgeti(L, ORC_DES_HELD, (lua_Integer)slot);
    lua_xmove(L, p->T, 1);
    env->thrown = true;
    n = 1;
  }
  env->current = p;
  env->waits = false;
  orc_call_context *context = orc_call_context_find(L);
  orc_rng *before = context->chance;
  context->chance = &env->chance;
  lua_State *watched =
      orc_watchdog_follow(p->T); /* one that never waits is stopped in its coroutine */
  const int status = lua_resume(p->T, L, n, &results);
  if (watched != NULL) orc_watchdog_follow(watched);
  context->chance = before;
  env->L = L;
  env->current = NULL;
  if (status != LUA_YIELD || !env->waits) end(env, p, status, results);
}

static void release(void *self, uint32_t slot)
{
  const orc_lua_des *env = self;
  lua_pushnil(env->L);
  lua_rawseti(env->L, ORC_DES_HELD, (lua_Integer)slot);
}

/* Leaves what is to be raised on top of L's stack. */
static void unhandled(void *self, orc_des_event *e)
{
  orc_lua_des *env = self;
  lua_State *L = env->L;
  if (env->failed) return;
  env->failed = true;
  lua_rawgeti(L, ORC_DES_HELD, (lua_Integer)e->slot);
  const int event = lua_gettop(L);
  const double now = (double)orc_des_now(&env->des) / 1e9;
  const char *what = "";
  if (e->kind == ORC_DES_PROCESS) {
    lua_getiuservalue(L, event, ORC_DES_MORE);
  } else {
    what = "an event failed and nothing waited for it: ";
    lua_getiuservalue(L, event, ORC_DES_VALUE);
  }
  lua_pushfstring(L, "at t=%f s, %s%s", now, what, luaL_tolstring(L, -1, NULL));
}

void orc_lua_des_host(orc_lua_des *env, orc_des_host *host)
{
  *host = (orc_des_host){
    .self = env,
    .resume = resume,
    .settle = orc_lua_des_settle,
    .release = release,
    .unhandled = unhandled,
  };
}
