/*
** serve.h - a simulation of Lua's behind an HTTP server (serve/service.h).
*/
#ifndef ORC_BIND_SERVE_SERVE_H
#define ORC_BIND_SERVE_SERVE_H

#include <lua.h>

/* Push core.serve: { new = function }. */
int orc_bind_serve(lua_State *L);

#endif
