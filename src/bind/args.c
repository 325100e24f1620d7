#include "bind/args.h"

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
