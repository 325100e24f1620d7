#include "bind/policy/call.h"

#include <lauxlib.h>
#include <string.h>

#include "bind/policy/source_line.h"

void orc_policy_place(lua_State *L, int function, char *out, size_t size)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, function);
  orc_source_line_function(L, -1, out, size);
  lua_pop(L, 1);
}

/* What was returned is no answer: the line at which the function begins is the nearest there is. */
bool orc_policy_refuse_answer(lua_State *L, int function, const char *policy, const char *what,
                              orc_error *e)
{
  char where[ORC_SOURCE_LINE_SIZE];
  orc_policy_place(L, function, where, sizeof where);
  return orc_fail(e, "policy \"%s\": %s (%s)", policy, what, where);
}

bool orc_policy_took_memory(lua_State *L, int status)
{
  const char *why = lua_tostring(L, -1);
  return status == LUA_ERRMEM || (why != NULL && strcmp(why, "not enough memory") == 0);
}

/* Turn what a protected call left on the stack into an error of the engine; pops it. */
bool orc_policy_refuse(lua_State *L, int status, int function, const char *policy, orc_error *e)
{
  const char *why = lua_tostring(L, -1);
  if (orc_policy_took_memory(L, status)) {
    char where[ORC_SOURCE_LINE_SIZE];
    orc_policy_place(L, function, where, sizeof where);
    orc_fail(e, "policy \"%s\": %s: the policy took more than %d MiB of memory", policy, where,
             ORC_WATCHDOG_MEMORY_MIB);
  } else {
    if (why != NULL)
      orc_fail(e, "policy \"%s\": %s", policy, why);
    else
      orc_policy_refuse_answer(L, function, policy, "an error without a message", e);
  }
  lua_pop(L, 1);
  return false;
}

/* Push a function to be asked, above the handler of its errors. */
void orc_policy_push(lua_State *L, int function)
{
  lua_pushcfunction(L, orc_source_line_handler);
  lua_rawgeti(L, LUA_REGISTRYINDEX, function);
}

/* Call the function below `args` arguments; its draws come from asked.rng. Leaves its results, or
** its error, in place of it and of its handler. */
int orc_policy_ask(orc_lua_policies *p, int args, int results, orc_call_context asked)
{
  /* A verb of one policy may lead to another being asked: what it had is put back. */
  lua_State *L = p->L;
  const orc_call_context before = *p->context;
  const bool within = before.rng != NULL;
  *p->context = asked;
  const int handler = lua_gettop(L) - args - 1;
  if (!within) orc_watchdog_enter(p->watch, L);
  const int status = lua_pcall(L, args, results, handler);
  if (!within) orc_watchdog_leave(p->watch);
  *p->context = before;
  if (status == LUA_OK && results == 0)
    lua_settop(L, handler - 1);
  else
    lua_remove(L, handler);
  return status;
}

/* The same of what forms no batch. */
int orc_policy_call(orc_lua_policies *p, int args, int results, orc_rng *chance)
{
  return orc_policy_ask(p, args, results, (orc_call_context){ .rng = chance });
}

/* ---- reading the tables ---- */

/* A reference to the function `key` of the table on top, LUA_NOREF when it defines none. */
int orc_policy_function(lua_State *L, const char *what, const char *key)
{
  const int type = lua_getfield(L, -1, key);
  if (type != LUA_TNIL && type != LUA_TFUNCTION)
    orc_bind_fail(L, "%s.%s: a function expected, got a %s", what, key, lua_typename(L, type));
  if (type == LUA_TFUNCTION) return luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pop(L, 1);
  return LUA_NOREF;
}

/* The name stays valid as long as the policy's table: the spec holds it. */
const char *orc_policy_name(lua_State *L)
{
  const char *s = lua_getfield(L, -1, "name") == LUA_TSTRING ? lua_tostring(L, -1) : "unnamed";
  lua_pop(L, 1);
  return s;
}

/* The same; tables in it are copied down to `depth` more. */
static void push_copy(lua_State *L, int index, int depth)
{
  const int from = lua_absindex(L, index);
  luaL_checkstack(L, 8, "tables within tables");
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, from) != 0) {
    if (depth > 0 && lua_istable(L, -1)) {
      push_copy(L, -1, depth - 1);
      lua_remove(L, -2);
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
}

void orc_policy_push_copy(lua_State *L, int index)
{
  push_copy(L, index, 0);
}

/* Tables within tables that a policy has copies of. */
enum { DEPTH = 16 };

void orc_policy_push_deep_copy(lua_State *L, int index)
{
  push_copy(L, index, DEPTH);
}

/* A reference to spec.<kind>.params, or to nil. */
int orc_policy_read_params(lua_State *L, int index, const char *kind)
{
  if (lua_getfield(L, index, kind) == LUA_TTABLE)
    lua_getfield(L, -1, "params");
  else
    lua_pushnil(L);
  const int reference = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_pop(L, 1);
  return reference;
}

/* Each has a copy of its own: what one replica writes there no other sees. */
void orc_policy_give_params(lua_State *L, int memory, int params)
{
  lua_rawgeti(L, LUA_REGISTRYINDEX, memory);
  if (lua_rawgeti(L, LUA_REGISTRYINDEX, params) == LUA_TTABLE) {
    orc_policy_push_deep_copy(L, -1);
    lua_remove(L, -2);
  }
  lua_setfield(L, -2, "params");
  lua_pop(L, 1);
}

/* A policy's own table. */
int orc_policy_memory(lua_State *L)
{
  lua_newtable(L);
  return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* The one function of a policy of `kind`; LUA_NOREF without such a policy. */
int orc_policy_read_one(lua_State *L, int index, const char *kind, const char *key,
                        const char **called)
{
  int reference = LUA_NOREF;
  if (lua_getfield(L, index, kind) == LUA_TTABLE) {
    *called = orc_policy_name(L);
    reference = orc_policy_function(L, kind, key);
    if (reference == LUA_NOREF) orc_bind_fail(L, "%s.%s: missing, a function expected", kind, key);
  } else if (!lua_isnil(L, -1)) {
    orc_bind_fail(L, "%s: a policy expected", kind);
  }
  lua_pop(L, 1);
  return reference;
}
