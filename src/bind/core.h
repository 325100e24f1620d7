/*
** core.h - the Lua module "oracle.core" and its parts.
** Each orc_bind_x(L) pushes one table, the part `x` of the Lua module "oracle.core", and returns 1.
*/
#ifndef ORC_BIND_CORE_H
#define ORC_BIND_CORE_H

#include <lua.h>
#include <stdbool.h>

int luaopen_oracle_core(lua_State *L); /* the module "oracle.core": a table of the parts below */

int orc_bind_json(lua_State *L);        /* json.c: decode, encode */
int orc_bind_cost(lua_State *L);        /* cost.c: memory and step time of a deployment */
int orc_bind_hist(lua_State *L);        /* hist.c: distributions of results */
int orc_bind_sim(lua_State *L);         /* sim.c: a simulation */
int orc_bind_net(lua_State *L);         /* net.c: topologies, transfers, collectives */
int orc_bind_append_file(lua_State *L); /* append_file.c: a file that grows and survives */
int orc_bind_list(lua_State *L);        /* folder.c: the function list */
int orc_bind_des(lua_State *L);         /* des.c: processes on a clock of their own */
int orc_bind_make_folder(lua_State *L); /* folder.c: the function make_folder */
int orc_bind_read_file(lua_State *L);   /* read_file.c: the function read_file */
int orc_bind_inflate(lua_State *L);     /* inflate.c: the function inflate */

int orc_bind_least_squares(lua_State *L); /* fit/least_squares.c: the function least_squares */
int orc_bind_new_file(lua_State *L);      /* new_file.c */
int orc_bind_serve(lua_State *L);         /* serve.new (serve/serve.c) */

/*
** real.c: math.exp and math.log of this state become those of base/real.h. The C library's differ in the last place between
** its versions and between processors with and without fused multiply-add.
*/
void orc_bind_real(lua_State *L);
int orc_bind_exp2(lua_State *L); /* real.c: the function exp2 */

int orc_bind_indent(lua_State *L); /* indent.c: the function json.indent */

/* From a signal handler: the running simulation is to stop and keep what it has, and, where `ends`, the program then.
** The second call ends the process. */
void orc_bind_interrupt(bool ends);

#endif
