/*
** handle.h - what stands for an object of the engine in Lua: userdata that hold an address during a
** call and nothing afterwards.
*/
#ifndef ORC_BIND_POLICY_HANDLE_H
#define ORC_BIND_POLICY_HANDLE_H

#include <lauxlib.h>

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
void orc_handles_free(lua_State *L, const orc_handles *handles);

/* Push the next one; returns where its address goes. */
void **orc_handles_next(lua_State *L, orc_handles *handles);

/* Push the next one with the address of `what` in it, until the caller empties it. It is untyped, and Lua
** only reads what is const. */
void **orc_handles_push(lua_State *L, orc_handles *handles, const void *what);

/* The object that the handle at stack index 1 stands for; raises where it is none of the metatable at
** `metatable` ("a `what` expected") or is empty ("`what` used outside its call"). */
void *orc_handle_at(lua_State *L, int metatable, const char *what);

/*
** Make the table of verbs on top of the stack raise, for a name that is none of them, one line with the
** nearest verb: "a <what> has no verb "go_on"; did you mean <it>:<verb>?".
**   verbs   its functions; static, as the message refers to them
*/
void orc_handle_strict(lua_State *L, const luaL_Reg *verbs, const char *what, const char *it);

#endif
