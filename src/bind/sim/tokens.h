/*
** tokens.h - when each token of a simulation came, as a table of Lua.
*/
#ifndef ORC_BIND_SIM_TOKENS_H
#define ORC_BIND_SIM_TOKENS_H

#include <lua.h>

/* Adds to the methods of a simulation, the table on top. */
void orc_bind_tokens(lua_State *L);

#endif
