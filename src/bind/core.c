/* core.c - the Lua module "oracle.core", and what every file of bind/ needs. */
#include "bind/bind.h"

#include <lauxlib.h>
#include <stdarg.h>

static const luaL_Reg parts[] = {
  { "json", orc_bind_json }, { "cost", orc_bind_cost }, { "hist", orc_bind_hist },
  { "sim", orc_bind_sim },   { "net", orc_bind_net },   { "journal", orc_bind_append_file },
  { "list", orc_bind_list }, { "des", orc_bind_des },   { NULL, NULL },
};

int luaopen_oracle_core(lua_State *L)
{
  lua_newtable(L);
  for (const luaL_Reg *p = parts; p->name != NULL; p++) {
    p->func(L);
    lua_setfield(L, -2, p->name);
  }
  return 1;
}

_Noreturn void orc_bind_fail(lua_State *L, const char *format, ...)
{
  va_list args;
  va_start(args, format);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_error(L);
  orc_panic("lua_error returned", __FILE__, __LINE__);
}

_Noreturn void orc_bind_misuse(lua_State *L, const char *format, ...)
{
  va_list args;
  luaL_where(L, 1);
  va_start(args, format);
  lua_pushvfstring(L, format, args);
  va_end(args);
  lua_concat(L, 2);
  lua_error(L);
  orc_panic("lua_error returned", __FILE__, __LINE__);
}

_Noreturn void orc_bind_raise(lua_State *L, const orc_error *e)
{
  orc_bind_fail(L, "%s", e->msg);
}

double orc_bind_number_or(lua_State *L, int index, const char *what, const char *key,
                          double otherwise)
{
  const int type = lua_getfield(L, index, key);
  if (type != LUA_TNIL && type != LUA_TNUMBER)
    orc_bind_fail(L, "%s.%s: a number expected, got a %s", what, key, lua_typename(L, type));
  const double v = type == LUA_TNIL ? otherwise : lua_tonumber(L, -1);
  lua_pop(L, 1);
  return v;
}

double orc_bind_number(lua_State *L, int index, const char *what, const char *key)
{
  if (lua_getfield(L, index, key) == LUA_TNIL)
    orc_bind_fail(L, "%s.%s: missing, a number expected", what, key);
  lua_pop(L, 1);
  return orc_bind_number_or(L, index, what, key, 0.0);
}

int64_t orc_bind_integer_or(lua_State *L, int index, const char *what, const char *key,
                            int64_t otherwise)
{
  int64_t v = otherwise;
  if (lua_getfield(L, index, key) != LUA_TNIL) {
    int exact = 0;
    v = lua_tointegerx(L, -1, &exact);
    if (!exact || lua_type(L, -1) != LUA_TNUMBER)
      orc_bind_fail(L, "%s.%s: a whole number expected", what, key);
  }
  lua_pop(L, 1);
  return v;
}

int64_t orc_bind_integer(lua_State *L, int index, const char *what, const char *key)
{
  if (lua_getfield(L, index, key) == LUA_TNIL)
    orc_bind_fail(L, "%s.%s: missing, a whole number expected", what, key);
  lua_pop(L, 1);
  return orc_bind_integer_or(L, index, what, key, 0);
}

bool orc_bind_bool_or(lua_State *L, int index, const char *what, const char *key, bool otherwise)
{
  const int type = lua_getfield(L, index, key);
  if (type != LUA_TNIL && type != LUA_TBOOLEAN)
    orc_bind_fail(L, "%s.%s: true or false expected", what, key);
  const bool v = type == LUA_TNIL ? otherwise : lua_toboolean(L, -1);
  lua_pop(L, 1);
  return v;
}
