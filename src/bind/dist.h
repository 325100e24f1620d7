/*
** dist.h - distributions as plain Lua tables: { kind =, a =, b =, min =, max =, values =, weights
*=,
** parts = }, the fields of base/dist.h; lua/oracle/dist.lua makes them from what users write.
*/
#ifndef ORC_BIND_DIST_H
#define ORC_BIND_DIST_H

#include "base/dist.h"
#include "bind/args.h"

/*
** Read the field `key` of the table at `index`; raises "<what>.<key>: ..." when it is missing or
** wrong. The caller owns *d and must free it with orc_dist_done.
*/
void orc_bind_dist(lua_State *L, int index, const char *what, const char *key, orc_dist *d);

#endif
