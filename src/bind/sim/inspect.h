/*
** inspect.h - the methods of a simulation in Lua with which one looks into a paused simulation.
*/
#ifndef ORC_BIND_SIM_INSPECT_H
#define ORC_BIND_SIM_INSPECT_H

#include <lua.h>

/* Add them to the method table on top. */
void orc_bind_inspect(lua_State *L);

#endif
