/*
** control.h - the methods of a simulation in Lua with which one makes a paused simulation go on, and changes it.
*/
#ifndef ORC_BIND_SIM_CONTROL_H
#define ORC_BIND_SIM_CONTROL_H

#include <lua.h>

/* Add them to the method table on top. */
void orc_bind_control(lua_State *L);

#endif
