/*
** net.h - topologies that Lua made, for the other files of bind/; what the files of
** oracle.core.net share.
*/
#ifndef ORC_BIND_NET_NET_H
#define ORC_BIND_NET_NET_H

#include "bind/args.h"
#include "net/topology.h"

/*
** The topology at `index`; raises an error when there is something else. It lives as long as the
** Lua value: a file that keeps the pointer keeps the value too.
*/
orc_topology *orc_bind_topology(lua_State *L, int index);

/* Functions of oracle.core.net that net.c lists; its head says what each takes. */
int orc_bind_net_transfers(lua_State *L);
int orc_bind_net_share(lua_State *L);
int orc_bind_net_collective(lua_State *L);
int orc_bind_net_loggp(lua_State *L);
int orc_bind_net_schedule(lua_State *L);
int orc_bind_net_carry_out(lua_State *L);
int orc_bind_net_fit(lua_State *L);
int orc_bind_net_adds_up(lua_State *L);

/*
** Fields of the table at `index`, which messages call `what`. They raise what is not of the type;
** the first needs the field. The texts last as long as the table holds them.
*/
const char *orc_bind_text(lua_State *L, int index, const char *what, const char *key);
const char *orc_bind_text_or(lua_State *L, int index, const char *what, const char *key,
                             const char *otherwise);
int orc_bind_count_or(lua_State *L, int index, const char *what, const char *key, int otherwise);

/* The node of that name; raises where there is none. */
int orc_bind_node(lua_State *L, const orc_topology *t, const char *what, const char *key,
                  const char *name);

/* The array of *n numbers at `index`, in memory that Lua owns, which is pushed. */
double *orc_bind_numbers(lua_State *L, int index, const char *what, int *n);

/* Set a field of the table on top. */
void orc_bind_set_number(lua_State *L, const char *key, double v);
void orc_bind_set_integer(lua_State *L, const char *key, lua_Integer v);
void orc_bind_set_text(lua_State *L, const char *key, const char *v);

/* Push nil and the message; returns 2. */
int orc_bind_refused(lua_State *L, const orc_error *e);

#endif
