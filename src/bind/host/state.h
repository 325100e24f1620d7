/*
** state.h - a fresh Lua state with oracle's parts inside: the program's own, and one per thread.
*/
#ifndef ORC_BIND_HOST_STATE_H
#define ORC_BIND_HOST_STATE_H

#include <lua.h>

#include "bind/host/heap.h"

/*
** A state with the standard libraries, lpeg and oracle.core, whose modules come from `home` (the
** folder that holds lua/ and models/). Shares nothing with any other state. Never NULL: without
** memory the program ends. Release with lua_close.
*/
lua_State *orc_state_new(const char *home);

/* The same in a heap that is given; NULL: there was no memory for one. */
lua_State *orc_state_in(orc_heap *heap, const char *home);

/* The collector leaves the next 8 MiB alone. */
void orc_state_rest(lua_State *L);

/* [open] -> []: require(name) calls it. */
void orc_state_preload(lua_State *L, const char *name);

#endif
