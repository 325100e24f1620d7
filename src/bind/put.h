/*
** put.h - fields of the table on top of the stack, written: what functions that Lua calls return.
*/
#ifndef ORC_BIND_PUT_H
#define ORC_BIND_PUT_H

#include <lua.h>

#include "base/base.h"

static inline void orc_bind_put_number(lua_State *L, const char *key, double value)
{
  lua_pushnumber(L, value);
  lua_setfield(L, -2, key);
}

static inline void orc_bind_put_integer(lua_State *L, const char *key, int64_t value)
{
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

static inline void orc_bind_put_count(lua_State *L, const char *key, uint64_t value)
{
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

static inline void orc_bind_put_bool(lua_State *L, const char *key, bool value)
{
  lua_pushboolean(L, value);
  lua_setfield(L, -2, key);
}

/* NULL: the field stays absent. */
static inline void orc_bind_put_text(lua_State *L, const char *key, const char *value)
{
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

#endif
