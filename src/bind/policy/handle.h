/*
** handle.h - what stands for an object of the engine in Lua: userdata that hold an address during a
** call and nothing afterwards.
*/
#ifndef ORC_BIND_POLICY_HANDLE_H
#define ORC_BIND_POLICY_HANDLE_H

#include <lua.h>

enum { ORC_HANDLES = 16 };

/* Userdata of one kind, taken in turn: one that was kept from a call points at nothing in the next,
** and no call makes garbage. */
typedef struct orc_handles {
  int at[ORC_HANDLES]; /* references */
  int next;
} orc_handles;

/* Sixteen empty ones of this metatable. */
orc_handles orc_handles_make(lua_State *L, const char *metatable);

/* Give the references back. */
void orc_handles_free(lua_State *L, const orc_handles *boxes);

/* Push the next one; returns where its address goes. */
void **orc_handles_next(lua_State *L, orc_handles *boxes);

/* The same with the address of `what` in it, until the caller empties it. It is untyped, and Lua
** only reads what is const. */
void **orc_handles_push(lua_State *L, orc_handles *boxes, const void *what);

#endif
