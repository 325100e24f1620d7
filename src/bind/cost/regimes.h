/* regimes.h - measured collectives as Lua gives them: part of oracle.core.cost (cost.c). */
#ifndef ORC_BIND_COST_REGIMES_H
#define ORC_BIND_COST_REGIMES_H

#include <lua.h>

#include "cost/layout.h"

/*
** The key `measured` of the layout at `index`; nil: nothing was.
**   measured = { all_reduce = { { below = B, base = s, per_byte = s/B }, ... }, all_gather =,
**   reduce_scatter =, dispatch =, combine =, copies = count }, of each list the last without `below`
** Raises what is wrong.
*/
void orc_bind_read_measured(lua_State *L, int index, orc_measured_collectives *m);

/* measured_time(regimes, bytes) -> s */
int orc_bind_measured_time(lua_State *L);

#endif
