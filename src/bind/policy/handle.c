#include "bind/policy/handle.h"

#include <lauxlib.h>

orc_handles orc_handles_make(lua_State *L, const char *metatable)
{
  orc_handles boxes = { .next = 0 };
  for (int i = 0; i < ORC_HANDLES; i++) {
    void **b = lua_newuserdatauv(L, sizeof *b, 0);
    *b = NULL;
    luaL_setmetatable(L, metatable);
    boxes.at[i] = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  return boxes;
}

void orc_handles_free(lua_State *L, const orc_handles *boxes)
{
  for (int i = 0; i < ORC_HANDLES; i++)
    luaL_unref(L, LUA_REGISTRYINDEX, boxes->at[i]);
}

void **orc_handles_next(lua_State *L, orc_handles *boxes)
{
  boxes->next = (boxes->next + 1) % ORC_HANDLES;
  lua_rawgeti(L, LUA_REGISTRYINDEX, boxes->at[boxes->next]);
  return lua_touserdata(L, -1);
}

void **orc_handles_push(lua_State *L, orc_handles *boxes, const void *what)
{
  union {
    const void *in;
    void *out;
  } view = { .in = what };
  void **box = orc_handles_next(L, boxes);
  *box = view.out;
  return box;
}
