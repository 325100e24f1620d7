/*
** result.h - what a simulation measured, as a table of Lua.
*/
#ifndef ORC_BIND_SIM_RESULT_H
#define ORC_BIND_SIM_RESULT_H

#include "bind/sim/state.h"

/*
** Push the raw results at `end` (ns): requests in flight count as pending.
**   whole   it came to its end
**   csv     their records are written here; NULL: nowhere
*/
void orc_bind_push_result(lua_State *L, const orc_sim *s, bool whole, orc_time end, orc_csv *csv);

#endif
