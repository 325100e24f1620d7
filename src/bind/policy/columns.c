#include "bind/policy/columns.h"

#include <lauxlib.h>
#include <string.h>

#include "base/spelling.h"
#include "bind/error.h"

/* cols.x where no column x was asked for. Upvalue: "b:columns". */
static int no_column(lua_State *L)
{
  if (lua_type(L, 2) != LUA_TSTRING) return 0;
  const char *maker = lua_tostring(L, lua_upvalueindex(1));
  orc_bind_misuse(L, "no column \"%s\" was asked for in %s", lua_tostring(L, 2), maker);
}

void orc_columns_metatable(lua_State *L, const orc_columns_kind *kind)
{
  if (!luaL_newmetatable(L, kind->type)) return; /* [mt] */
  lua_pushstring(L, kind->maker);
  lua_pushcclosure(L, no_column, 1);
  lua_setfield(L, -2, "__index");
  lua_pushstring(L, kind->type);
  lua_setfield(L, -2, "__metatable"); /* scripts cannot reach it */
}

/* The code of the name on top. */
static int code_of(lua_State *L, const orc_columns_kind *kind)
{
  const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  if (name == NULL)
    orc_bind_misuse(L, "%s: names of columns expected, got a %s", kind->maker,
                    luaL_typename(L, -1));
  for (int i = 0; i < kind->count; i++)
    if (strcmp(kind->names[i], name) == 0) return i;
  const char *near = orc_spelling_nearest(name, kind->names, kind->count);
  if (near != NULL)
    orc_bind_misuse(L, "%s: no column \"%s\"; did you mean \"%s\"?", kind->maker, name, near);
  luaL_Buffer all;
  luaL_buffinit(L, &all);
  for (int i = 0; i < kind->count; i++) {
    if (i > 0) luaL_addstring(&all, ", ");
    luaL_addstring(&all, kind->names[i]);
  }
  luaL_pushresult(&all);
  orc_bind_misuse(L, "%s: no column \"%s\"; there are %s", kind->maker, name, lua_tostring(L, -1));
}

/* The arrays stand in the table twice: by name for the policy, by code for the verbs that fill them. */
int orc_columns_new(lua_State *L, const orc_columns_kind *kind)
{
  if (!lua_istable(L, 2) || lua_rawlen(L, 2) == 0)
    orc_bind_misuse(L, "%s: a list of names of columns expected, such as { \"%s\" }", kind->maker,
                    kind->names[0]);
  const lua_Unsigned n = lua_rawlen(L, 2);
  lua_createtable(L, kind->count, kind->count); /* [columns] */
  for (lua_Unsigned i = 1; i <= n; i++) {
    lua_rawgeti(L, 2, (lua_Integer)i);
    const int code = code_of(L, kind);
    lua_newtable(L);      /* [columns, name, array] */
    lua_pushvalue(L, -1); /* [columns, name, array, array] */
    lua_rawseti(L, -4, code + 1);
    lua_rawset(L, -3); /* [columns] */
  }
  orc_columns_metatable(L, kind);
  lua_setmetatable(L, -2);
  return 1;
}

orc_columns orc_columns_lay(lua_State *L, int metatable, const orc_columns_kind *kind)
{
  if (!lua_istable(L, 2) || !lua_getmetatable(L, 2) || !lua_rawequal(L, -1, metatable))
    orc_bind_misuse(L, "columns expected, as %s { \"%s\" } makes them", kind->maker,
                    kind->names[0]);
  lua_settop(L, 2);
  orc_columns c = { .first = 3 };
  for (int i = 0; i < kind->count; i++) {
    if (lua_rawgeti(L, 2, i + 1) == LUA_TTABLE)
      c.code[c.count++] = (unsigned char)i;
    else
      lua_pop(L, 1);
  }
  return c;
}
