#include "bind/box.h"

#include <lauxlib.h>

orc_boxes orc_boxes_make(lua_State *L, const char *metatable)
{
  orc_boxes boxes = { .next = 0 };
  for (int i = 0; i < ORC_BOXES; i++) {
    void **b = lua_newuserdatauv(L, sizeof *b, 0);
    *b = NULL;
    luaL_setmetatable(L, metatable);
    boxes.at[i] = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  return boxes;
}

void orc_boxes_free(lua_State *L, const orc_boxes *boxes)
{
  for (int i = 0; i < ORC_BOXES; i++)
    luaL_unref(L, LUA_REGISTRYINDEX, boxes->at[i]);
}

void **orc_boxes_next(lua_State *L, orc_boxes *boxes)
{
  boxes->next = (boxes->next + 1) % ORC_BOXES;
  lua_rawgeti(L, LUA_REGISTRYINDEX, boxes->at[boxes->next]);
  return lua_touserdata(L, -1);
}

void **orc_boxes_push(lua_State *L, orc_boxes *boxes, const void *what)
{
  union {
    const void *in;
    void *out;
  } view = { .in = what };
  void **box = orc_boxes_next(L, boxes);
  *box = view.out;
  return box;
}
