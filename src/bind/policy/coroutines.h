/*
** coroutines.h - Lua's coroutine.create, resume and wrap as they are, but that a wish to stop, and the watch over a policy,
** follow into the coroutine: what does not return there is stopped there.
*/
#ifndef ORC_BIND_POLICY_COROUTINES_H
#define ORC_BIND_POLICY_COROUTINES_H

#include <lua.h>

/* Put them in place of Lua's own: once per Lua state. */
void orc_coroutines_open(lua_State *L);

#endif
