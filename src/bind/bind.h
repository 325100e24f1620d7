/*
** bind.h - what the files of bind/ share, and the opaque handle main.c and repl.c get.
** Each orc_bind_x(L) pushes one table, the part `x` of the Lua module "oracle.core", and returns 1.
*/
#ifndef ORC_BIND_BIND_H
#define ORC_BIND_BIND_H

#include <lua.h>

#include "base/base.h"

int luaopen_oracle_core(lua_State *L); /* the module "oracle.core": a table of the parts below */

int orc_bind_json(lua_State *L);        /* json.c: decode, encode */
int orc_bind_cost(lua_State *L);        /* cost.c: memory and step time of a deployment */
int orc_bind_hist(lua_State *L);        /* hist.c: distributions of results */
int orc_bind_sim(lua_State *L);         /* sim.c: a simulation */
int orc_bind_net(lua_State *L);         /* net.c: topologies, transfers, collectives */
int orc_bind_des(lua_State *L);         /* des.c: processes that wait for events */
int orc_bind_append_file(lua_State *L); /* journal.c: a file that grows and survives */
int orc_bind_list(lua_State *L);        /* folder.c: the function list */

int orc_bind_indent(lua_State *L); /* indent.c: the function json.indent */

/* From a signal handler: the running simulation is to stop and keep what it has. The second call
** ends the process. */
void orc_bind_interrupt(void);

/* luaL_error never returns, but its header does not say so; this does. printf-like, Lua's formats.
 */
_Noreturn void orc_bind_fail(lua_State *L, const char *format, ...);

/* The same with the file and line of the Lua function that called the C function. */
_Noreturn void orc_bind_misuse(lua_State *L, const char *format, ...);

/* Raise *e as a Lua error. */
_Noreturn void orc_bind_raise(lua_State *L, const orc_error *e);

/*
** Read fields of the table at `index`; raise "<what>.<key>: <expected>" when absent or wrong.
** The _or forms take a default for nil.
*/
double orc_bind_number(lua_State *L, int index, const char *what, const char *key);
double orc_bind_number_or(lua_State *L, int index, const char *what, const char *key,
                          double otherwise);
int64_t orc_bind_integer(lua_State *L, int index, const char *what, const char *key);
int64_t orc_bind_integer_or(lua_State *L, int index, const char *what, const char *key,
                            int64_t otherwise);
bool orc_bind_bool_or(lua_State *L, int index, const char *what, const char *key, bool otherwise);

#endif
