/*
** json.c - JSON text to Lua values and back: oracle.core.json.
**   decode(text [, name])      value; raises "<name>:<line>: <what>"
**   encode(value [, options])  text; options.indent: spaces per level, absent: one line
**   null                       the value of JSON's null
**   array                      the metatable that marks a table as an array
**   indent                     a text of one line spread over many (indent.c)
*/
#include "bind/json/json.h"

#include <lauxlib.h>

#include "bind/core.h"

static void make_metatable(lua_State *L, const char *name, lua_CFunction gc)
{
  luaL_newmetatable(L, name);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
}

int orc_bind_json(lua_State *L)
{
  static const luaL_Reg functions[] = {
    { "decode", orc_bind_json_decode },
    { "encode", orc_bind_json_encode },
    { "indent", orc_bind_indent },
    { NULL, NULL },
  };
  make_metatable(L, ORC_BIND_JSON_TREE, orc_bind_json_free_tree);
  make_metatable(L, ORC_BIND_JSON_TEXT, orc_bind_json_free_text);
  luaL_newlib(L, functions);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  luaL_newmetatable(L, "json.array");
  lua_setfield(L, -2, "array");
  return 1;
}
