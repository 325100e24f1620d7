/*
** schedule.h - the schedule of a simulation as a table of Lua.
*/
#ifndef ORC_BIND_SIM_SCHEDULE_H
#define ORC_BIND_SIM_SCHEDULE_H

#include <lua.h>

/* Adds to the methods of a simulation, the table on top. */
void orc_bind_schedule(lua_State *L);

#endif
