/*
** hist.h - histograms handed to Lua.
*/
#ifndef ORC_BIND_HIST_H
#define ORC_BIND_HIST_H

#include "base/hist.h"
#include "bind/args.h"

/* Push a new, empty histogram owned by Lua; the caller fills it. */
orc_hist *orc_bind_new_hist(lua_State *L);

#endif
