#include "bind/core.h"

#include <lauxlib.h>

static const luaL_Reg parts[] = {
  { "json", orc_bind_json },         { "cost", orc_bind_cost },
  { "hist", orc_bind_hist },         { "sim", orc_bind_sim },
  { "net", orc_bind_net },           { "journal", orc_bind_append_file },
  { "list", orc_bind_list },         { "make_folder", orc_bind_make_folder },
  { "des", orc_bind_des },           { "read_file", orc_bind_read_file },
  { "inflate", orc_bind_inflate },   { "least_squares", orc_bind_least_squares },
  { "new_file", orc_bind_new_file }, { "serve", orc_bind_serve },
  { "exp2", orc_bind_exp2 },         { NULL, NULL },
};

int luaopen_oracle_core(lua_State *L)
{
  orc_bind_real(L);
  lua_newtable(L);
  for (const luaL_Reg *p = parts; p->name != NULL; p++) {
    p->func(L);
    lua_setfield(L, -2, p->name);
  }
  return 1;
}
