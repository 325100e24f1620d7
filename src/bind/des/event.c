/* event.c - events as Lua sees them: timeouts, plain events, conditions. */
#include "bind/des/des.h"

#include <string.h>

orc_des_event *orc_lua_des_event(lua_State *L, int index)
{
  orc_des_event *e = lua_touserdata(L, index);
  if (e != NULL && lua_getmetatable(L, index)) {
    const bool mine = lua_rawequal(L, -1, ORC_DES_EVENTS);
    lua_pop(L, 1);
    if (mine) return e;
    if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING &&
        strcmp(lua_tostring(L, -1), "oracle.des.event") == 0)
      orc_bind_misuse(L, "an event of another environment");
  }
  orc_bind_misuse(L, "an event expected, got %s", luaL_typename(L, index));
}

/* env:timeout(seconds, value) -> an event that happens then */
int orc_lua_des_timeout(lua_State *L)
{
  orc_lua_des *env = orc_lua_des_self(L);
  const orc_time delay = orc_lua_des_delay(L, env, 2);
  lua_settop(L, 3);
  orc_des_event *e = orc_lua_des_new(L, env, ORC_DES_EVENT, sizeof *e, ORC_DES_FIELDS);
  lua_insert(L, 3);
  if (lua_isnil(L, 4))
    lua_pop(L, 1);
  else
    lua_setiuservalue(L, 3, ORC_DES_VALUE);
  orc_des_schedule(e, delay);
  orc_lua_des_keep(L, 3, e);
  return 1;
}

/* env:event(), env:event(fields): a table of the caller's own, which the event then shows */
int orc_lua_des_plain(lua_State *L)
{
  orc_lua_des *env = orc_lua_des_self(L);
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  orc_lua_des_new(L, env, ORC_DES_EVENT, sizeof(orc_des_event), ORC_DES_FIELDS);
  lua_insert(L, 2);
  if (lua_isnil(L, 3))
    lua_pop(L, 1);
  else
    lua_setiuservalue(L, 2, ORC_DES_FIELDS);
  return 1;
}

/* Trigger the event at 1 with the value at 2. */
static int trigger(lua_State *L, bool failed)
{
  orc_lua_des *env = orc_lua_des_of(L);
  orc_des_event *e = orc_lua_des_event(L, 1);
  if (e->kind != ORC_DES_EVENT)
    orc_bind_misuse(L, "only a plain event is triggered by hand, not a process, a condition or a "
                       "request");
  if (e->state != ORC_DES_PENDING) orc_bind_misuse(L, "the event has been triggered already");
  lua_settop(L, 2);
  if (!lua_isnil(L, 2))
    lua_setiuservalue(L, 1, ORC_DES_VALUE);
  else if (failed)
    orc_bind_misuse(L, "event:fail: an error expected");
  lua_settop(L, 1);
  env->L = L;
  orc_des_trigger(e, failed);
  orc_lua_des_keep(L, 1, e);
  return 1;
}

/* event:succeed(value) -> the event */
static int succeed(lua_State *L)
{
  return trigger(L, false);
}

/* event:fail(error) -> the event */
static int fail(lua_State *L)
{
  return trigger(L, true);
}

/* Push what the event's fields, if it has any, have at `key`. */
static bool push_own(lua_State *L, const char *key)
{
  return lua_getiuservalue(L, 1, ORC_DES_FIELDS) == LUA_TTABLE &&
         lua_getfield(L, -1, key) == LUA_TFUNCTION;
}

/* timeout:cancel() -> whether it had yet to happen; of others their field `withdraw` does it */
static int cancel(lua_State *L)
{
  orc_lua_des *env = orc_lua_des_of(L);
  orc_des_event *e = orc_lua_des_event(L, 1);
  lua_settop(L, 1);
  env->L = L;
  if (e->kind == ORC_DES_REQUEST) {
    lua_pushboolean(L, orc_lua_des_request_cancel(L, e));
    return 1;
  }
  if (e->kind == ORC_DES_ASK) {
    lua_pushboolean(L, orc_lua_des_ask_cancel(L, e));
    return 1;
  }
  if (push_own(L, "withdraw")) {
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
  }
  if (e->kind != ORC_DES_EVENT || e->state == ORC_DES_PENDING)
    orc_bind_misuse(L, "only a timeout, a request, a put or a get can be cancelled");
  lua_settop(L, 1);
  lua_pushboolean(L, orc_des_cancel(e));
  return 1;
}

/* local request <close> = ...: where the block ends a request is given back or cancelled; of others
** their field `close` says what is done. */
int orc_lua_des_event_close(lua_State *L)
{
  orc_des_event *e = orc_lua_des_event(L, 1);
  lua_settop(L, 1);
  if (e->kind == ORC_DES_REQUEST) {
    orc_lua_des_request_close(L, e);
    return 0;
  }
  if (e->kind == ORC_DES_ASK) {
    orc_lua_des_ask_cancel(L, e);
    return 0;
  }
  if (!push_own(L, "close")) return 0;
  lua_pushvalue(L, 1);
  lua_call(L, 1, 0);
  return 0;
}

/* event:defuse(): its failure will be dealt with; the run does not stop for it */
static int defuse(lua_State *L)
{
  orc_lua_des_event(L, 1)->defused = true;
  lua_settop(L, 1);
  return 1;
}

const luaL_Reg orc_lua_des_event_methods[] = {
  { "wait", orc_lua_des_wait },
  { "try", orc_lua_des_try },
  { "succeed", succeed },
  { "fail", fail },
  { "cancel", cancel },
  { "defuse", defuse },
  { "interrupt", orc_lua_des_interrupt },
  { "release", orc_lua_des_request_release },
  { NULL, NULL },
};

/* ---- fields ---- */

/* Push what an event knows of itself; false where that is not one of its words. */
static bool push_known(lua_State *L, const orc_des_event *e, const char *key)
{
  const bool triggered = e->state != ORC_DES_PENDING;
  if (strcmp(key, "triggered") == 0)
    lua_pushboolean(L, triggered);
  else if (strcmp(key, "processed") == 0)
    lua_pushboolean(L, e->state == ORC_DES_PROCESSED);
  else if (strcmp(key, "value") == 0)
    lua_getiuservalue(L, 1, ORC_DES_VALUE);
  else if (strcmp(key, "is_alive") == 0)
    lua_pushboolean(L, e->kind == ORC_DES_PROCESS && !triggered);
  else if (strcmp(key, "ok") != 0)
    return orc_lua_des_request_field(L, e, key);
  else if (triggered)
    lua_pushboolean(L, !e->failed);
  else
    lua_pushnil(L);
  return true;
}

int orc_lua_des_event_field(lua_State *L)
{
  lua_pushvalue(L, 2);
  if (lua_rawget(L, ORC_DES_METHODS) != LUA_TNIL) return 1;
  const orc_des_event *e = orc_lua_des_event(L, 1);
  lua_settop(L, 2);
  if (lua_type(L, 2) == LUA_TSTRING && push_known(L, e, lua_tostring(L, 2))) return 1;
  if (lua_getiuservalue(L, 1, ORC_DES_FIELDS) != LUA_TTABLE) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushvalue(L, 2);
  lua_gettable(L, -2);
  return 1;
}

int orc_lua_des_event_set(lua_State *L)
{
  const orc_des_event *e = orc_lua_des_event(L, 1);
  lua_settop(L, 3);
  lua_pushvalue(L, 2);
  if (lua_type(L, 2) == LUA_TSTRING &&
      (lua_rawget(L, ORC_DES_METHODS) != LUA_TNIL || push_known(L, e, lua_tostring(L, 2))))
    orc_bind_misuse(L, "event.%s cannot be set", lua_tostring(L, 2));
  lua_settop(L, 3);
  if (lua_getiuservalue(L, 1, ORC_DES_FIELDS) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, ORC_DES_FIELDS);
  }
  lua_insert(L, 2);
  lua_rawset(L, 2);
  return 0;
}

/* ---- conditions ---- */

/*
** [member, ...] -> [condition]: of all `n` values from `first` on, kept as its list of members.
** Happens when `wanted` of them have.
*/
static int condition(lua_State *L, orc_lua_des *env, int first, uint32_t n, uint32_t wanted)
{
  orc_des_event **events = lua_newuserdatauv(L, (n + 1) * sizeof(orc_des_event *), 0);
  lua_createtable(L, (int)n, 0);
  const int list = lua_gettop(L);
  for (uint32_t i = 0; i < n; i++) {
    events[i] = orc_lua_des_event(L, first + (int)i);
    if (env->current != NULL && wanted == n && events[i] == &env->current->process.end)
      orc_bind_misuse(L, "a process cannot wait for its own end");
    lua_pushvalue(L, first + (int)i);
    lua_rawseti(L, list, (lua_Integer)i + 1);
  }
  orc_des_condition *c =
      orc_lua_des_new(L, env, ORC_DES_CONDITION, orc_des_condition_size(n), ORC_DES_MORE);
  lua_insert(L, list);
  lua_setiuservalue(L, list, ORC_DES_MORE);
  orc_des_hold(&c->event);
  orc_lua_des_keep(L, list, &c->event);
  env->L = L;
  orc_des_condition_begin(c, events, n, wanted);
  lua_settop(L, list);
  return 1;
}

/* Unpack the list at 2, where there is one. Returns the number of arguments after the first. */
static uint32_t spread(lua_State *L)
{
  if (lua_istable(L, 2)) {
    const lua_Unsigned n = lua_rawlen(L, 2);
    if (n > 100000) orc_bind_misuse(L, "a condition of more than 100000 events");
    luaL_checkstack(L, (int)n + LUA_MINSTACK, NULL);
    for (lua_Unsigned i = 1; i <= n; i++)
      lua_rawgeti(L, 2, (lua_Integer)i);
    lua_remove(L, 2);
  }
  return (uint32_t)lua_gettop(L) - 1;
}

/* env:any_of{ event, ... } */
int orc_lua_des_any_of(lua_State *L)
{
  orc_lua_des *env = orc_lua_des_self(L);
  const uint32_t n = spread(L);
  return condition(L, env, 2, n, n > 0);
}

/* env:all_of{ event, ... } */
int orc_lua_des_all_of(lua_State *L)
{
  orc_lua_des *env = orc_lua_des_self(L);
  const uint32_t n = spread(L);
  return condition(L, env, 2, n, n);
}

int orc_lua_des_event_or(lua_State *L)
{
  return condition(L, orc_lua_des_of(L), 1, 2, 1);
}

int orc_lua_des_event_and(lua_State *L)
{
  return condition(L, orc_lua_des_of(L), 1, 2, 2);
}

/* [condition, members] -> [..., table]: those that have happened, in order, and event -> value */
static void push_happened(lua_State *L, int members)
{
  lua_newtable(L);
  const lua_Unsigned n = lua_rawlen(L, members);
  for (lua_Unsigned i = 1; i <= n; i++) {
    lua_rawgeti(L, members, (lua_Integer)i);
    const orc_des_event *e = lua_touserdata(L, -1);
    if (e->state == ORC_DES_PROCESSED && !e->failed) {
      lua_pushvalue(L, -1);
      if (lua_getiuservalue(L, -1, ORC_DES_VALUE) == LUA_TNIL) {
        lua_pop(L, 1);
        lua_pushboolean(L, true);
      }
      lua_rawset(L, -4);
      lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    } else {
      lua_pop(L, 1);
    }
  }
}

static void push_error_of(lua_State *L, int members, const orc_des_event *failed)
{
  lua_Integer i = 1;
  lua_rawgeti(L, members, i);
  while (lua_touserdata(L, -1) != (const void *)failed) {
    lua_pop(L, 1);
    lua_rawgeti(L, members, ++i);
  }
  lua_getiuservalue(L, -1, ORC_DES_VALUE);
}

void orc_lua_des_settle(void *self, orc_des_condition *c, orc_des_event *failed)
{
  lua_State *L = ((orc_lua_des *)self)->L;
  const int top = lua_gettop(L);
  lua_rawgeti(L, ORC_DES_HELD, (lua_Integer)c->event.slot);
  lua_getiuservalue(L, -1, ORC_DES_MORE);
  if (failed != NULL)
    push_error_of(L, top + 2, failed);
  else
    push_happened(L, top + 2);
  lua_setiuservalue(L, top + 1, ORC_DES_VALUE);
  lua_settop(L, top);
}
