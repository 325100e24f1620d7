/*
** box.h - what stands for an object of the engine in Lua: userdata that hold an address during a
** call and nothing afterwards.
*/
#ifndef ORC_BIND_BOX_H
#define ORC_BIND_BOX_H

#include <lua.h>

enum { ORC_BOXES = 16 };

/* Userdata of one kind, taken in turn: one that was kept from a call points at nothing in the next,
** and no call makes garbage. */
typedef struct orc_boxes {
  int at[ORC_BOXES]; /* references */
  int next;
} orc_boxes;

/* Sixteen empty ones of this metatable. */
orc_boxes orc_boxes_make(lua_State *L, const char *metatable);

/* Give the references back. */
void orc_boxes_free(lua_State *L, const orc_boxes *boxes);

/* Push the next one; returns where its address goes. */
void **orc_boxes_next(lua_State *L, orc_boxes *boxes);

/* The same with the address of `what` in it, until the caller empties it. It is untyped, and Lua
** only reads what is const. */
void **orc_boxes_push(lua_State *L, orc_boxes *boxes, const void *what);

#endif
